"""Pages of the gallery: nothing missing, nothing twice, each page at equal cost."""

from __future__ import annotations

import re
import uuid
from datetime import datetime, timedelta
from html import unescape
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import delete, event, insert, select, update
from sqlalchemy.orm import Session

from app.accounts.models import User
from app.db import db, transaction, utc_now
from app.imaging.prints import WHOLE
from app.studio.domain.controls import Controls
from app.studio.domain.errors import NotFound
from app.studio.domain.gallery import Cursor, Page, newest_page, oldest_page, page_after, page_before
from app.studio.domain.models import PictureOrder, Render, RenderStatus
from app.studio.painting import leases
from testing.site import create_user
from testing.studio import uploaded

NOW = datetime.fromisoformat("2026-11-21T09:00:00.123456+00:00")


def add_pictures(session: Session, user_id: int, count: int, *, at_once: int = 1) -> list[uuid.UUID]:
    """Add finished pictures, ``at_once`` with equal times; ids in the gallery's order."""
    order = PictureOrder(
        id=uuid.uuid4(), user_id=user_id, request_key=uuid.uuid4().hex, credits=1, site_address=""
    )
    session.add(order)
    session.flush()
    rows: list[dict[str, Any]] = [
        {
            "id": uuid.uuid4(),
            "user_id": user_id,
            "order_id": order.id,
            "name": "beach",
            "width": 40,
            "height": 30,
            "print_size": "full",
            "crop": WHOLE,
            "controls": Controls(style="wave"),
            "credits": 1,
            "status": RenderStatus.DONE,
            "progress": 1.0,
            "attempt": 1,
            "created_at": NOW + timedelta(microseconds=number // at_once),
        }
        for number in range(count)
    ]
    session.execute(insert(Render), rows)
    # Databases sort ids byte by byte.
    cursors = [Cursor(row["created_at"], row["id"]) for row in rows]
    cursors.sort(key=lambda cursor: (cursor.created_at, cursor.id.bytes), reverse=True)
    return [cursor.id for cursor in cursors]


def ids(page: Page) -> list[uuid.UUID]:
    return [render.id for render in page.renders]


@pytest.mark.parametrize("at_once", [1, 7])
def test_pages_hold_every_picture_once_in_both_directions(app_on_both: Flask, at_once: int) -> None:
    user = create_user(app_on_both, "ada@example.com")
    other = create_user(app_on_both, "eve@example.com")
    with app_on_both.app_context(), transaction() as session:
        pictures = add_pictures(session, user.id, 23, at_once=at_once)
        add_pictures(session, other.id, 5)
        page = newest_page(session, user.id, 5)
        seen = ids(page)
        assert (page.total, page.has_newer, page.has_older) == (23, False, True)
        while page.has_older:
            page = page_before(session, user.id, 5, page.last)
            seen += ids(page)
        assert seen == pictures
        page = oldest_page(session, user.id, 5)
        assert (page.has_newer, page.has_older) == (True, False)
        back = ids(page)
        while page.has_newer:
            page = page_after(session, user.id, 5, page.first)
            back = ids(page) + back
        # The way back ends with a full newest page, which repeats some pictures.
        assert ids(page) == pictures[:5]
        assert back[-20:] == pictures[-20:]


def test_a_full_last_page_leads_no_further(session: Session, app: Flask) -> None:
    user = create_user(app, "ada@example.com")
    with transaction():
        pictures = add_pictures(session, user.id, 10)
        page = page_before(session, user.id, 5, newest_page(session, user.id, 5).last)
        assert (ids(page), page.has_older) == (pictures[5:], False)
        assert ids(oldest_page(session, user.id, 20)) == pictures
        assert oldest_page(session, user.id, 10).has_newer is False


@pytest.mark.parametrize("text", ["", "x", "1-x", "99", "-", f"{10**30}-{'0' * 32}", "1-" + "0" * 31])
def test_a_place_that_is_none_is_not_found(text: str) -> None:
    with pytest.raises(NotFound):
        Cursor.parse(text)


def test_a_place_comes_back_from_an_address() -> None:
    cursor = Cursor(NOW, uuid.uuid4())
    assert Cursor.parse(str(cursor)) == cursor


def test_paging_through_the_gallery(app: Flask, ada: FlaskClient, eve: FlaskClient, user: User) -> None:
    with app.app_context(), transaction() as session:
        pictures = [str(one) for one in add_pictures(session, user.id, 30)]
    first = ada.get("/pictures").text
    assert [one for one in pictures if one in first] == pictures[:24]
    older = re.search(r'href="(/pictures\?before=[^"]+)"', first)
    assert older
    second = ada.get(older[1]).text
    assert [one for one in pictures if one in second] == pictures[24:]
    newer = re.search(r'href="(/pictures\?after=[^"]+)"', second)
    assert newer
    assert ada.get(newer[1]).text.count("picture-card-title") == 24
    assert pictures[-1] in ada.get("/pictures?oldest=").text
    assert ada.get("/pictures?before=nonsense").status_code == 404
    assert "30" in first
    assert "The walls are still bare" in eve.get("/pictures").text


def test_all_cards_that_wait_are_asked_for_at_once(
    app: Flask, ada: FlaskClient, eve: FlaskClient, user: User
) -> None:
    with app.app_context(), transaction() as session:
        pictures = add_pictures(session, user.id, 3)
        unfinished = update(Render).where(Render.id.in_(pictures[:2]))
        session.execute(unfinished.values(status=RenderStatus.QUEUED, progress=0.0))
    page = ada.get("/pictures").text
    assert page.count("hx-get") == page.count('hx-trigger="every 3s"') == 1
    address = unescape(re.findall(r'hx-get="([^"]+)"', page)[0])
    assert {picture for _, picture in parse_qsl(urlsplit(address).query)} == {
        str(one) for one in pictures[:2]
    }
    with app.app_context(), transaction() as session:
        session.execute(update(Render).where(Render.id == pictures[0]).values(status=RenderStatus.DONE))
    first = ada.get(address)
    assert first.headers["Cache-Control"] == "private, no-store"
    cards = re.findall(r'<li class="picture-card" id="picture-([^"]+)" hx-swap-oob="true">', first.text)
    assert cards == [str(one) for one in pictures[:2]]
    again = re.findall(r'hx-get="([^"]+)"', first.text)
    assert again == [f"/pictures/cards?picture={pictures[1]}"], "what is painted is not asked for again"
    with app.app_context(), transaction() as session:
        session.execute(delete(Render).where(Render.id == pictures[1]))
    assert ada.get(again[0]).text.strip() == "", "the last is gone, and nothing asks any more"
    for stranger, status in ((eve, 200), (app.test_client(), 404)):
        answer = stranger.get(address)
        assert (answer.status_code, "picture-card" in answer.text) == (status, False)


def test_a_card_that_failed_says_what_to_do(app: Flask, ada: FlaskClient, user: User) -> None:
    with app.app_context(), transaction() as session:
        add_pictures(session, user.id, 1)
        session.execute(update(Render).values(status=RenderStatus.FAILED, failure=leases.RENDER_FAILED))
        picture = session.scalars(select(Render.id)).one()
    assert "Not painted, nothing charged. Open it to see why." in ada.get("/pictures").text
    page = ada.get(f"/pictures/{picture}").text
    assert "Its photo has been deleted." in page
    assert ">Try again<" not in page
    photo = uuid.UUID(uploaded(ada))
    with app.app_context(), transaction() as session:
        session.execute(update(Render).values(photo_id=photo))
    assert "Not painted, nothing charged. Open it to try again." in ada.get("/pictures").text
    assert ">Try again<" in ada.get(f"/pictures/{picture}").text


def test_where_nothing_is_painted_one_button_leads_to_the_studio(
    app: Flask, ada: FlaskClient, user: User
) -> None:
    assert "Paint another" not in ada.get("/pictures").text
    with app.app_context(), transaction() as session:
        add_pictures(session, user.id, 1)
    assert "Paint another" in ada.get("/pictures").text


def test_a_page_of_a_deleted_end_says_so(app: Flask, ada: FlaskClient, user: User) -> None:
    with app.app_context(), transaction() as session:
        add_pictures(session, user.id, 3)
    before = Cursor(NOW - timedelta(days=1), uuid.uuid4())
    assert "Nothing older" in ada.get(f"/pictures?before={before}").text


def test_the_pages_are_cut_out_of_the_index(app_on_both: Flask) -> None:
    """The database's query plan neither sorts nor scans, at both ends of the gallery."""
    user = create_user(app_on_both, "ada@example.com")
    with app_on_both.app_context(), transaction() as session:
        for _ in range(10):
            add_pictures(session, user.id, 500)
        on_sqlite = db.engine.dialect.name == "sqlite"
        session.connection().exec_driver_sql("ANALYZE")
        statements: list[tuple[str, object]] = []

        def note(_connection, _cursor, statement, parameters, *_rest):  # type: ignore[no-untyped-def]
            statements.append((statement, parameters))

        event.listen(db.engine, "before_cursor_execute", note)
        cursor = Cursor(utc_now(), uuid.uuid4())
        page_before(session, user.id, 24, cursor)
        page_after(session, user.id, 24, Cursor(NOW, uuid.UUID(int=0)))
        oldest_page(session, user.id, 24)
        event.remove(db.engine, "before_cursor_execute", note)
        pages = [item for item in statements if "LIMIT" in item[0]]
        assert len(pages) >= 3
        for statement, parameters in pages:
            explain = "EXPLAIN QUERY PLAN " if on_sqlite else "EXPLAIN "
            plan = "\n".join(
                str(tuple(row))
                for row in session.connection().exec_driver_sql(explain + statement, parameters)  # type: ignore[arg-type]
            )
            assert "ix_renders_user_id_created_at_id" in plan, plan
            assert "TEMP B-TREE" not in plan, plan
            assert "Sort" not in plan, plan
