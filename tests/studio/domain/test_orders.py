"""Orders of several pictures: their items and their price, charged once."""

from __future__ import annotations

import uuid

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from app.accounts.models import User
from app.billing import ledger
from app.db import transaction
from app.imaging.prints import Focus, Orientation, find_size
from app.studio.domain import orders
from app.studio.domain.controls import Controls
from app.studio.domain.errors import NotFound, NothingChosen, TooManyPictures
from app.studio.domain.models import PictureOrder, Render, RenderStatus
from app.studio.domain.orders import OrderItem, order_items
from app.studio.domain.pictures import delete_renders
from app.studio.painting import leases
from testing.site import create_user
from testing.studio import LEASE, WAVE, add_photo, submit
from testing.together import at_once, run_together


@pytest.fixture
def user(app: Flask) -> User:
    return create_user(app, "ada@example.com", credits=6)


def test_every_photo_is_wished_for_in_every_style() -> None:
    first, second = uuid.uuid4(), uuid.uuid4()
    items = order_items([first, second, first], ["wave", "udnie", "wave"], Controls(style="wave", brush=2.0))
    assert [(item.photo_id, item.controls.style, item.controls.brush) for item in items] == [
        (first, "wave", 2.0),
        (first, "udnie", 2.0),
        (second, "wave", 2.0),
        (second, "udnie", 2.0),
    ]


def test_an_order_debits_one_entry_per_picture(session: Session, user: User) -> None:
    with transaction():
        photos = [add_photo(session, user), add_photo(session, user)]
        items = order_items(photos, ["wave", "udnie", "la_muse"], WAVE)
        renders = submit(session, user, [], items=items)
        assert [(render.photo_id, render.controls.style) for render in renders] == [
            (item.photo_id, item.controls.style) for item in items
        ]
        assert {render.status for render in renders} == {RenderStatus.QUEUED}
        assert renders[0].order.credits == 6
        assert ledger.balance(session, user.wallet_id) == 0


def test_too_few_credits_make_no_picture_at_all(session: Session, user: User) -> None:
    with transaction():
        photos = [add_photo(session, user) for _ in range(7)]
    with pytest.raises(ledger.InsufficientCredits), transaction():
        submit(session, user, photos)
    with transaction():
        assert session.query(Render).count() == session.query(PictureOrder).count() == 0
        assert ledger.balance(session, user.wallet_id) == 6


def test_the_same_form_twice_is_one_order(session: Session, user: User) -> None:
    with transaction():
        photos = [add_photo(session, user), add_photo(session, user)]
        first = submit(session, user, photos, form_token="t")
        again = submit(session, user, photos, form_token="t")
        assert [render.id for render in first] == [render.id for render in again]
        assert ledger.balance(session, user.wallet_id) == 4


@pytest.mark.parametrize(
    "change",
    [
        {"controls": Controls(style="udnie")},
        {"controls": Controls(style="wave", strength=0.5)},
        {"size": find_size("a4")},
        {"orientation": Orientation.LANDSCAPE},
        {"focus": Focus(0.1, 0.1, 0.5)},
    ],
)
def test_the_same_form_with_another_wish_is_another_order(
    session: Session, user: User, change: dict[str, object]
) -> None:
    with transaction():
        photo = add_photo(session, user)
        item = {"photo_id": photo, "controls": WAVE}
        first = submit(session, user, [], items=[OrderItem(**item)], form_token="t")  # type: ignore[arg-type]
        other = submit(session, user, [], items=[OrderItem(**(item | change))], form_token="t")  # type: ignore[arg-type]
        assert first[0].id != other[0].id
        assert ledger.balance(session, user.wallet_id) == 4


def test_somebody_elses_photo_cannot_be_painted(app: Flask, session: Session, user: User) -> None:
    eve = create_user(app, "eve@example.com", credits=2)
    with transaction():
        photo, hers = add_photo(session, user), add_photo(session, eve)
    with pytest.raises(NotFound), transaction():
        submit(session, eve, [hers, photo])
    with transaction():
        assert session.query(Render).count() == 0
        assert ledger.balance(session, eve.wallet_id) == 2


def test_an_order_needs_a_wish_and_holds_only_so_many(session: Session, user: User) -> None:
    with pytest.raises(NothingChosen), transaction():
        submit(session, user, [])
    sentence = "That makes 3 pictures, and one order can hold 2"
    with pytest.raises(TooManyPictures, match=sentence), transaction():
        submit(session, user, [uuid.uuid4() for _ in range(3)], max_pictures=2)


def test_a_print_has_the_size_of_its_paper_and_shows_what_was_chosen(session: Session, user: User) -> None:
    with transaction():
        photo = add_photo(session, user)  # 40 by 30
        a4 = find_size("a4")
        item = OrderItem(photo, WAVE, a4, Orientation.PORTRAIT, Focus(0.2, 0.0, 0.1))
        render = submit(session, user, [], items=[item])[0]
        session.expire_all()
        assert (render.width, render.height, render.dpi) == (2480, 3508, 300)
        left, top, right, bottom = render.crop.box((40, 30))
        assert (left, top) == (pytest.approx(8), 0)
        assert (bottom - top) / (right - left) == pytest.approx(3508 / 2480)


def test_queue_positions_count_what_came_before_whoever_asked(
    app: Flask, session: Session, user: User
) -> None:
    eve = create_user(app, "eve@example.com", credits=2)
    with transaction():
        hers = submit(session, eve, [add_photo(session, eve)])
        mine = submit(session, user, [add_photo(session, user) for _ in range(3)])
        last = submit(session, eve, [add_photo(session, eve)])
        leases.claim(session, hers[0].id, LEASE)
        assert [orders.queue_positions(session, mine)[render.id] for render in mine] == [1, 2, 3]
        assert orders.queue_positions(session, last) == {last[0].id: 4}
        leases.finish(session, hers[0].id, 1)
        session.expire_all()
        assert [orders.queue_positions(session, mine)[render.id] for render in mine] == [0, 1, 2]
        assert orders.queue_positions(session, hers) == {}


def test_an_order_goes_with_its_last_picture(session: Session, user: User) -> None:
    with transaction():
        renders = submit(session, user, [add_photo(session, user), add_photo(session, user)])
        first, second = (render.id for render in renders)
        delete_renders(session, user.id, user.wallet_id, [first])
        assert session.query(PictureOrder).count() == 1
        delete_renders(session, user.id, user.wallet_id, [second])
        assert session.query(PictureOrder).count() == 0
        assert ledger.balance(session, user.wallet_id) == 6


def test_orders_are_private(app: Flask, session: Session, user: User) -> None:
    eve = create_user(app, "eve@example.com")
    with transaction():
        order = submit(session, user, [add_photo(session, user)])[0].order
        assert orders.find_order(session, user.id, order.id) is order
        with pytest.raises(NotFound):
            orders.find_order(session, eve.id, order.id)


def test_two_orders_cannot_spend_the_same_credits(app_on_both: Flask) -> None:
    user = create_user(app_on_both, "ada@example.com", credits=7)
    with app_on_both.app_context(), transaction() as session:
        photos = [add_photo(session, user) for _ in range(2)]
    outcomes: list[str] = []

    def order() -> None:
        with app_on_both.app_context():
            try:
                with transaction() as session:
                    submit(session, user, photos)
                outcomes.append("painted")
            except ledger.InsufficientCredits:
                outcomes.append("refused")

    run_together([order] * 6)
    assert sorted(outcomes) == ["painted"] * 3 + ["refused"] * 3
    with app_on_both.app_context(), transaction() as session:
        assert ledger.balance(session, user.wallet_id) == 1
        assert session.query(Render).count() == 6


def test_a_form_sent_many_times_at_once_is_one_order(app_on_both: Flask) -> None:
    user = create_user(app_on_both, "ada@example.com", credits=9)
    with app_on_both.app_context(), transaction() as session:
        photos = [add_photo(session, user) for _ in range(3)]

    def order() -> uuid.UUID:
        with app_on_both.app_context(), transaction() as session:
            return submit(session, user, photos, form_token="t")[0].order_id

    assert len(set(at_once([order] * 6))) == 1
    with app_on_both.app_context(), transaction() as session:
        assert ledger.balance(session, user.wallet_id) == 6
        assert session.query(Render).count() == 3


def test_deleting_and_claiming_at_once_never_loses_a_credit(app_on_both: Flask) -> None:
    """Either the picture is deleted and its credit returns, or a worker has it and it stays."""
    user = create_user(app_on_both, "ada@example.com", credits=8)
    with app_on_both.app_context(), transaction() as session:
        ids = [render.id for render in submit(session, user, [add_photo(session, user) for _ in range(8)])]

    def delete(render_id: uuid.UUID) -> None:
        with app_on_both.app_context(), transaction() as session:
            delete_renders(session, user.id, user.wallet_id, [render_id])

    def claim(render_id: uuid.UUID) -> bool:
        with app_on_both.app_context(), transaction() as session:
            return leases.claim(session, render_id, LEASE) is not None

    outcomes = at_once(
        [lambda action=action, one=one: action(one) for one in ids for action in (delete, claim)]
    )
    for deleted, claimed in zip(outcomes[::2], outcomes[1::2], strict=True):
        assert (deleted is None) == (claimed is False), (deleted, claimed)
    with app_on_both.app_context(), transaction() as session:
        left = session.query(Render).count()
        assert ledger.balance(session, user.wallet_id) == 8 - left
