"""Order pages: price, progress, and who may see them."""

from __future__ import annotations

import io
import re
import uuid
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from structlog.testing import capture_logs

from app.accounts.models import User
from app.db import transaction
from app.studio.domain.controls import Controls
from app.studio.domain.models import PictureOrder, Render, RenderStatus
from app.studio.painting import leases
from app.studio.painting.queue import RenderQueue
from app.studio.painting.rendering import process_render
from app.studio.painting.sweeper import sweep
from app.wiring import render_queue
from testing.studio import LEASE, balance, mask_png, paint, uploaded


def order_id_of(location: str) -> str:
    found = re.fullmatch(r"/orders/([0-9a-f-]{36})", location)
    assert found, location
    return found[1]


@pytest.fixture
def photos(ada: FlaskClient) -> list[str]:
    return [uploaded(ada), uploaded(ada)]


def test_the_price_is_shown_before_anything_is_charged(
    app: Flask, ada: FlaskClient, user: User, photos: list[str]
) -> None:
    page = ada.get("/orders/new", query_string={"photos": photos, "style": "wave"})
    assert page.status_code == 200
    assert "Paint for 2 credits" in page.text
    more = ada.post("/orders/new", data={"photos": photos, "style": ["wave", "udnie", "la_muse"]})
    assert "6 pictures" in more.text
    assert "You need 3 more." in more.text
    assert balance(app, user) == 3
    with app.app_context(), transaction() as session:
        assert session.query(Render).count() == 0


def test_the_review_keeps_what_the_studio_sent(ada: FlaskClient, photos: list[str]) -> None:
    sent = {"photos": photos[0], "style": "wave", "second_style": "udnie", "mix": "30", "strength": "40"}
    page = ada.get("/orders/new", query_string=sent | {"keep_colors": "y", "brush": "2.5"}).text
    for name, value in (("second_style", "udnie"), ("mix", 30), ("strength", 40), ("keep_colors", "y")):
        assert f'type="hidden" name="{name}" value="{value}"' in page
    assert 'name="brush" value="2.5"' in page
    assert "protect_faces" not in page


def test_an_order_whose_price_was_not_seen_is_shown_first(
    app: Flask, ada: FlaskClient, user: User, photos: list[str]
) -> None:
    """Without scripts a person may tick another style and press the button with the old price."""
    for shown in ({}, {"credits": "1"}):
        answer = paint(ada, *photos, **shown)
        assert answer.status_code == 200
        assert "Paint for 2 credits" in answer.text
    assert balance(app, user) == 3
    assert paint(ada, *photos, credits="2").status_code == 303
    assert balance(app, user) == 1


def test_one_picture_needs_no_review(app: Flask, ada: FlaskClient, user: User, photos: list[str]) -> None:
    assert paint(ada, photos[0]).location.startswith("/pictures/")
    assert balance(app, user) == 2


def test_a_mask_counts_for_the_photo_it_was_painted_over_alone(
    app: Flask, ada: FlaskClient, photos: list[str]
) -> None:
    mask = painted_mask(ada, photos[1])
    ada.post(
        "/orders",
        data={"token": str(uuid.uuid4()), "photos": photos, "style": "wave", "credits": "2", "mask": mask},
    )
    with app.app_context(), transaction() as session:
        masks = {str(render.photo_id): render.controls.mask for render in session.query(Render)}
    assert masks == {photos[0]: None, photos[1]: uuid.UUID(mask)}


def test_a_mask_of_none_of_the_photos_is_said_to_be_lost_before_anything_is_charged(
    app: Flask, ada: FlaskClient, user: User, photos: list[str]
) -> None:
    mask = painted_mask(ada, photos[0])
    sent = {"token": str(uuid.uuid4()), "photos": photos[1], "style": "wave", "credits": "1", "mask": mask}
    page = ada.post("/orders", data=sent)
    assert page.status_code == 200
    assert "belong to another photo" in page.text
    assert mask not in page.text
    assert balance(app, user) == 3
    assert ada.post("/orders", data=sent | {"mask": ""}).status_code == 303
    assert balance(app, user) == 2


def painted_mask(client: FlaskClient, photo: str) -> str:
    data = {"mask": (io.BytesIO(mask_png()), "mask.png")}
    return str(client.post(f"/previews/photos/{photo}/masks", data=data).json["id"])


def test_an_order_is_placed_once_however_often_it_is_sent(
    app: Flask, ada: FlaskClient, user: User, photos: list[str]
) -> None:
    token = str(uuid.uuid4())
    first, again = (paint(ada, *photos, token=token, credits="2").location for _ in range(2))
    assert order_id_of(first) == order_id_of(again)
    assert balance(app, user) == 1
    with app.app_context(), transaction() as session:
        assert session.query(PictureOrder).one().site_address == "http://localhost/"
        assert session.query(Render).count() == 2


def test_an_order_stands_though_the_queue_is_not_there(
    app: Flask, ada: FlaskClient, user: User, photos: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody pays twice: the sweep queues the rows when the queue is back."""
    tried: list[str] = []

    def refuse(_self: RenderQueue, render_id: str, _pause: float) -> None:
        tried.append(render_id)
        raise ConnectionError("nobody listens")

    with monkeypatch.context() as patched, capture_logs() as logs:
        patched.setattr(RenderQueue, "_send", refuse)
        answer = paint(ada, *photos, credits="2")
    assert (answer.status_code, len(tried), balance(app, user)) == (303, 1, 1)
    assert [entry["event"] for entry in logs if entry["log_level"] == "error"] == ["queue.unreachable"]
    assert "0 of 2 painted" in ada.get(answer.location).text
    sweep(app)
    with app.app_context(), transaction() as session:
        waiting = sorted(render.id for render in session.query(Render))
        assert (sorted(render_queue().pending()), len(waiting)) == (waiting, 2)


def test_too_few_credits_are_said_and_nothing_is_charged(
    app: Flask, ada: FlaskClient, user: User, photos: list[str]
) -> None:
    answer = paint(ada, *photos, style=["wave", "udnie"], credits="4")
    assert answer.status_code == 402
    assert "This costs 4 credits, and you have 3" in answer.text
    assert balance(app, user) == 3


def test_too_many_pictures_are_refused(app: Flask, ada: FlaskClient, photos: list[str]) -> None:
    app.extensions["settings"].order_max_pictures = 3
    sent = {"photos": photos, "style": ["wave", "udnie"]}
    assert "One order can hold 3 pictures" in ada.get("/orders/new", query_string=sent).text
    assert paint(ada, *photos, style=["wave", "udnie"], credits="4").status_code == 400


def test_what_is_missing_is_said(ada: FlaskClient, photos: list[str]) -> None:
    assert "Choose a style." in ada.get("/orders/new", query_string={"photos": photos}).text
    assert "Choose at least one photo" in ada.get("/orders/new").text


def test_enlarging_is_said_honestly(ada: FlaskClient, photos: list[str]) -> None:
    sent = {"photos": photos[0], "style": "wave"}
    as_it_is = ada.get("/orders/new", query_string=sent).text
    assert ("Paint for 1 credit" in as_it_is, "we enlarge it" in as_it_is) == (True, False)
    page = ada.get("/orders/new", query_string=sent | {"size": "a3"}).text
    assert "has 160 × 113 pixels. This size needs 4961 × 3508, so we enlarge it 31.0 times." in page


def test_what_a_print_shows_is_kept_with_the_picture(app: Flask, ada: FlaskClient, photos: list[str]) -> None:
    part = {f"left-{photos[0]}": "25", f"top-{photos[0]}": "10", f"width-{photos[0]}": "50"}
    assert paint(ada, photos[0], size="square", **part).status_code == 303
    with app.app_context(), transaction() as session:
        render = session.query(Render).one()
        assert (render.width, render.height, render.print_size) == (1080, 1080, "square")
        assert render.crop.box((160, 120)) == pytest.approx((40, 12, 120, 92))


@pytest.mark.parametrize("bad", ["", "lots", "nan", "inf", "-4", "400"])
def test_numbers_that_make_no_sense_show_the_middle(
    app: Flask, ada: FlaskClient, photos: list[str], bad: str
) -> None:
    part = {f"left-{photos[0]}": bad, f"top-{photos[0]}": "0", f"width-{photos[0]}": bad}
    assert paint(ada, photos[0], size="square", **part).status_code == 303
    with app.app_context(), transaction() as session:
        assert session.query(Render).one().crop.box((160, 120)) == pytest.approx((20, 0, 140, 120))


def test_watching_an_order(app: Flask, ada: FlaskClient, photos: list[str]) -> None:
    location = paint(ada, *photos, credits="2").location
    page = ada.get(location).text
    assert "0 of 2 painted" in page
    assert "Next in line" in page
    assert "1 ahead of this one" in page
    assert "http-equiv" in page, "without scripts the page reloads itself"
    with app.app_context():
        assert len(render_queue().pending()) == 2
        with transaction() as session:
            ids = [render.id for render in session.query(Render).order_by(Render.created_at)]
            assert leases.claim(session, ids[0], LEASE)
            leases.report_progress(session, ids[0], 1, 0.4, LEASE)
            leases.finish(session, ids[0], 1)
    status = ada.get(f"{location}/status")
    assert "1 of 2 painted" in status.text
    assert "hx-get" in status.text
    assert 'hx-trigger="every 3s"' in status.text, "each answer waits, and one that is lost is not the last"
    assert status.headers["Cache-Control"] == "private, no-store"
    process_render(app, ids[1])
    done = ada.get(f"{location}/status").text
    assert "All done" in done
    assert "hx-get" not in done


def test_a_failure_in_an_order_is_said(app: Flask, ada: FlaskClient, user: User, photos: list[str]) -> None:
    location = paint(ada, *photos, credits="2").location
    with app.app_context(), transaction() as session:
        first, second = session.query(Render).order_by(Render.created_at)
        leases.claim(session, first.id, LEASE)
        leases.fail(session, first.id, 1, user.wallet_id, "The brush broke.")
        leases.claim(session, second.id, LEASE)
        leases.finish(session, second.id, 1)
    page = ada.get(location).text
    assert "1 of 2 painted. 1 failed and cost nothing." in page
    assert "2 pictures for 1 credit<" in page, "what failed has cost nothing"
    assert re.search(
        r'<h1[^>]* hx-swap-oob="true">2 pictures for 1 credit<', ada.get(f"{location}/status").text
    )
    page = ada.get(location, headers={"Accept-Language": "de"}).text
    assert "1 von 2 gemalt. 1 misslang und kostet nichts." in page


def test_deleting_an_order_takes_back_what_was_not_begun(
    app: Flask, ada: FlaskClient, eve: FlaskClient, user: User, photos: list[str], tmp_path: Path
) -> None:
    """The picture that a worker paints stays, and can be deleted when it is done."""
    location = paint(ada, photos[0], style=["wave", "udnie", "la_muse"], credits="3").location
    assert eve.post(f"{location}/delete").status_code == 404
    with app.app_context(), transaction() as session:
        finished, in_hand, _ = (
            render.id for render in session.query(Render).order_by(Render.created_at).all()
        )
    process_render(app, finished)
    with app.app_context(), transaction() as session:
        leases.claim(session, in_hand, LEASE)
    answer = ada.post(f"{location}/delete")
    assert (answer.status_code, answer.location) == (303, location)
    assert balance(app, user) == 1, "the one that was not begun is taken back"
    page = ada.get(location).text
    assert "Deleted, except one picture that is still being painted" in page
    assert "1 picture for 1 credit" in page
    with app.app_context(), transaction() as session:
        assert [render.id for render in session.query(Render)] == [in_hand]
        assert not (tmp_path / "storage" / "renders" / str(finished)).exists()
        leases.finish(session, in_hand, 1)
    answer = ada.post(f"{location}/delete", follow_redirects=True)
    assert "The order and its pictures are deleted." in answer.text
    assert balance(app, user) == 1, "what was painted is paid"
    assert ada.get(location).status_code == 404
    with app.app_context(), transaction() as session:
        assert session.query(Render).count() == session.query(PictureOrder).count() == 0


def test_an_order_of_which_all_is_in_hand_cannot_be_deleted(
    app: Flask, ada: FlaskClient, user: User, photos: list[str]
) -> None:
    location = paint(ada, *photos, credits="2").location
    with app.app_context(), transaction() as session:
        for render in session.query(Render).all():
            leases.claim(session, render.id, LEASE)
    answer = ada.post(f"{location}/delete")
    assert answer.status_code == 409
    assert "This is still being painted" in answer.text
    assert balance(app, user) == 1
    assert ada.get(location).status_code == 200


def test_chosen_pictures_are_deleted_all_or_none(
    app: Flask, ada: FlaskClient, user: User, photos: list[str]
) -> None:
    location = paint(ada, *photos, credits="2").location
    with app.app_context(), transaction() as session:
        ids = [render.id for render in session.query(Render).order_by(Render.created_at)]
        leases.claim(session, ids[0], LEASE)
    assert ada.post("/pictures/delete", data={"picture": [str(one) for one in ids]}).status_code == 409
    assert balance(app, user) == 1
    assert "0 of 2 painted" in ada.get(location).text


def test_orders_are_private(app: Flask, ada: FlaskClient, eve: FlaskClient, photos: list[str]) -> None:
    location = paint(ada, *photos, credits="2").location
    assert eve.get(location).status_code == 404
    assert eve.get(f"{location}/status").status_code == 404
    assert eve.get("/orders/new", query_string={"photos": photos}).status_code == 404
    nobody = app.test_client()
    assert nobody.get(location).status_code == 302
    assert nobody.get(f"{location}/status").status_code == 404
    assert nobody.get("/orders/new").status_code == 302
    assert nobody.post(f"{location}/delete").status_code == 404


def test_the_picture_page_tells_the_settings_in_words(
    app: Flask, ada: FlaskClient, photos: list[str]
) -> None:
    location = paint(
        ada, photos[0], second_style="udnie", mix="25", strength="80", brush="2", keep_colors="y", size="a4"
    ).location
    page = re.sub(r"\s+", " ", ada.get(location).text)
    for words in (
        "75% The Great Wave off Kanagawa with 25% Udnie",
        "80%",
        "from the photo",
        "2 × larger",
        "A4, 3508 × 2480 pixels",
    ):
        assert words in page
    with app.app_context(), transaction() as session:
        assert session.query(Render).one().status is RenderStatus.QUEUED


def test_painting_one_photo_leads_to_its_picture(app: Flask, ada: FlaskClient, user: User) -> None:
    answer = paint(ada, uploaded(ada), strength="70", keep_colors="y")
    assert answer.status_code == 303
    with app.app_context(), transaction() as session:
        render = session.query(Render).one()
        assert render.status is RenderStatus.QUEUED
        assert render.controls == Controls(style="wave", strength=0.7, keep_colors=True)
        assert answer.location == f"/pictures/{render.id}"
        assert render_queue().pending() == [render.id]
    assert balance(app, user) == 2


def test_a_double_click_paints_once(app: Flask, ada: FlaskClient, user: User) -> None:
    photo, token = uploaded(ada), str(uuid.uuid4())
    first = paint(ada, photo, token=token)
    second = paint(ada, photo, token=token)
    assert first.location == second.location
    assert balance(app, user) == 2


@pytest.mark.parametrize(
    "fields",
    [
        {"style": "no_such_style"},
        {"style": ""},
        {"photos": []},
        {"photos": ["not-a-uuid"]},
        {"strength": "151"},
        {"strength": "lots"},
        {"style": ["wave", "no_such_style"]},
        {"second_style": "no_such_style"},
        {"mix": "101"},
        {"brush": "5"},
        {"brush": "nan"},
        {"mask": "me.png"},
        {"size": "a0"},
        {"orientation": "askew"},
        {"token": "x"},
    ],
)
def test_bad_choices_are_refused_with_a_sentence(
    app: Flask, ada: FlaskClient, user: User, fields: dict[str, object]
) -> None:
    answer = paint(ada, uploaded(ada), **fields)
    assert answer.status_code == 400
    assert balance(app, user) == 3


def test_strangers_cannot_paint_a_photo(app: Flask, ada: FlaskClient, eve: FlaskClient) -> None:
    photo = uploaded(ada)
    assert paint(eve, photo).status_code == 404
    assert paint(app.test_client(), photo).status_code == 302
