"""The states of a render and the credits that go with them, on real databases."""

from __future__ import annotations

import threading
import time
import uuid
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import update
from sqlalchemy.orm import Session

from app.accounts.models import User
from app.billing import ledger
from app.db import transaction, utc_now
from app.studio.domain import orders
from app.studio.domain.controls import Controls
from app.studio.domain.errors import BeingPainted, NotFound
from app.studio.domain.models import Photo, Render, RenderStatus
from app.studio.domain.orders import OrderItem
from app.studio.domain.photos import delete_photo
from app.studio.domain.pictures import delete_renders, find_render
from app.studio.painting import leases
from tests.conftest import create_user
from tests.together import at_once, run_together

LEASE = timedelta(seconds=20)
WAVE = Controls(style="wave")


def add_photo(session: Session, user: User) -> uuid.UUID:
    photo = Photo(
        id=uuid.uuid4(),
        user_id=user.id,
        name="beach",
        media_type="image/jpeg",
        width=40,
        height=30,
        byte_size=9,
    )
    session.add(photo)
    session.flush()
    return photo.id


def submit(session: Session, user: User, photo_ids: list[uuid.UUID], **options: object) -> list[Render]:
    """Order the photos in one style and return the renders."""
    arguments: dict[str, object] = {
        "user_id": user.id,
        "wallet_id": user.wallet_id,
        "items": [OrderItem(photo_id, WAVE) for photo_id in photo_ids],
        "credits_each": 1,
        "max_pictures": 10,
        "form_token": uuid.uuid4().hex,
        "site_address": "http://localhost/",
    }
    return orders.place_order(session, **(arguments | options)).renders  # type: ignore[arg-type]


@pytest.fixture
def user(app: Flask) -> User:
    return create_user(app, "ada@example.com", credits=2)


def test_the_way_of_a_render(session: Session, user: User) -> None:
    with transaction():
        render = submit(session, user, [add_photo(session, user)])[0]
        claimed = leases.claim(session, render.id, LEASE)
        assert claimed is not None
        assert (claimed.status, claimed.attempt) == (RenderStatus.RUNNING, 1)
        assert leases.claim(session, render.id, LEASE) is None
        assert leases.report_progress(session, render.id, 1, 0.5, LEASE)
        assert leases.finish(session, render.id, 1)
        session.refresh(render)
        assert (render.status, render.progress, render.lease_expires_at) == (RenderStatus.DONE, 1.0, None)
        assert not leases.finish(session, render.id, 1)


def test_a_worker_that_lost_its_lease_changes_nothing(session: Session, user: User) -> None:
    with transaction():
        render = submit(session, user, [add_photo(session, user)])[0]
        leases.claim(session, render.id, LEASE)
        assert leases.requeue(session, render.id, 1)
        leases.claim(session, render.id, LEASE)
        assert not leases.report_progress(session, render.id, 1, 0.5, LEASE)
        assert not leases.finish(session, render.id, 1)
        assert not leases.fail(session, render.id, 1, user.wallet_id, "late")
        assert leases.finish(session, render.id, 2)
        assert ledger.balance(session, user.wallet_id) == 1


def test_a_failure_returns_the_credit_once(session: Session, user: User) -> None:
    with transaction():
        render = submit(session, user, [add_photo(session, user)])[0]
        leases.claim(session, render.id, LEASE)
        assert leases.fail(session, render.id, 1, user.wallet_id, "The brush broke.")
        assert not leases.fail(session, render.id, 1, user.wallet_id, "The brush broke.")
        session.refresh(render)
        assert (render.status, render.failure) == (RenderStatus.FAILED, "The brush broke.")
        assert ledger.balance(session, user.wallet_id) == 2


def test_expired_leases_are_found(session: Session, user: User) -> None:
    with transaction():
        render = submit(session, user, [add_photo(session, user)])[0]
        leases.claim(session, render.id, LEASE)
        assert list(leases.expired_leases(session, utc_now())) == []
        assert [late.id for late in leases.expired_leases(session, utc_now() + 2 * LEASE)] == [render.id]


def test_taking_back_a_waiting_render_returns_its_credit(session: Session, user: User) -> None:
    with transaction():
        render = submit(session, user, [add_photo(session, user)])[0]
        prefixes = delete_renders(session, user.id, user.wallet_id, [render.id])
        assert prefixes == [f"renders/{render.id}"]
        assert ledger.balance(session, user.wallet_id) == 2
    with pytest.raises(NotFound), transaction():
        find_render(session, user.id, render.id)


def test_what_is_being_painted_cannot_be_deleted(session: Session, user: User) -> None:
    with transaction():
        photo = add_photo(session, user)
        render = submit(session, user, [photo])[0]
        leases.claim(session, render.id, LEASE)
        with pytest.raises(BeingPainted):
            delete_photo(session, user.id, photo)
        with pytest.raises(BeingPainted):
            delete_renders(session, user.id, user.wallet_id, [render.id])


def test_a_picture_outlives_its_photo(session: Session, user: User) -> None:
    with transaction():
        photo = add_photo(session, user)
        render = submit(session, user, [photo])[0]
        leases.claim(session, render.id, LEASE)
        leases.finish(session, render.id, 1)
        delete_photo(session, user.id, photo)
        session.refresh(render)
        assert render.photo is None
        assert render.name == "beach"


@pytest.mark.parametrize("step", ["delete", "fail"])
def test_credits_are_returned_in_the_order_of_locks(app_on_both: Flask, step: str) -> None:
    """Who waits for the wallet holds no picture that the wallet's holder may need."""
    user = create_user(app_on_both, "ada@example.com", credits=1)
    with app_on_both.app_context(), transaction() as session:
        render_id = submit(session, user, [add_photo(session, user)])[0].id
        if step == "fail":
            leases.claim(session, render_id, LEASE)
    holds_wallet = threading.Event()

    def hold() -> None:
        with app_on_both.app_context(), transaction() as session:
            ledger.lock_wallet(session, user.wallet_id)
            holds_wallet.set()
            time.sleep(0.5)  # the other one waits for the wallet by now
            session.execute(update(Render).where(Render.id == render_id).values(name="held"))

    def return_credits() -> None:
        holds_wallet.wait()
        with app_on_both.app_context(), transaction() as session:
            if step == "fail":
                assert leases.fail(session, render_id, 1, user.wallet_id, "The brush broke.")
            else:
                delete_renders(session, user.id, user.wallet_id, [render_id])

    run_together([hold, return_credits])
    with app_on_both.app_context(), transaction() as session:
        assert ledger.balance(session, user.wallet_id) == 1


def test_a_photo_that_is_being_ordered_cannot_be_deleted(app_on_both: Flask) -> None:
    """Whoever deletes it waits for the order, and then finds that it is needed."""
    user = create_user(app_on_both, "ada@example.com", credits=1)
    with app_on_both.app_context(), transaction() as session:
        photo = add_photo(session, user)
    ordered = threading.Event()

    def order() -> None:
        with app_on_both.app_context(), transaction() as session:
            submit(session, user, [photo])
            ordered.set()
            time.sleep(0.5)  # the other one waits for the photo by now

    def delete() -> None:
        assert ordered.wait(60)
        with app_on_both.app_context(), transaction() as session:
            delete_photo(session, user.id, photo)

    outcomes = at_once([order, delete])
    assert [type(outcome) for outcome in outcomes] == [type(None), BeingPainted]
    with app_on_both.app_context(), transaction() as session:
        assert session.query(Render).one().photo_id == photo


def test_a_photo_that_is_being_deleted_cannot_be_ordered(app_on_both: Flask) -> None:
    """Whoever orders waits for it to be gone, and is told so."""
    user = create_user(app_on_both, "ada@example.com", credits=1)
    with app_on_both.app_context(), transaction() as session:
        photo = add_photo(session, user)
    deleted = threading.Event()

    def delete() -> None:
        with app_on_both.app_context(), transaction() as session:
            delete_photo(session, user.id, photo)
            deleted.set()
            time.sleep(0.5)

    def order() -> None:
        assert deleted.wait(60)
        with app_on_both.app_context(), transaction() as session:
            submit(session, user, [photo])

    outcomes = at_once([delete, order])
    assert [type(outcome) for outcome in outcomes] == [type(None), NotFound]
    with app_on_both.app_context(), transaction() as session:
        assert ledger.balance(session, user.wallet_id) == 1


def test_only_one_worker_claims_a_render(app_on_both: Flask) -> None:
    user = create_user(app_on_both, "ada@example.com", credits=1)
    with app_on_both.app_context(), transaction() as session:
        render_id = submit(session, user, [add_photo(session, user)])[0].id
    winners: list[int] = []

    def take(number: int) -> None:
        with app_on_both.app_context(), transaction() as session:
            if leases.claim(session, render_id, LEASE):
                winners.append(number)

    run_together([lambda number=number: take(number) for number in range(8)])
    assert len(winners) == 1
