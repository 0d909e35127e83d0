"""The photo strip: each of many photos can be reached, chosen and deleted."""

from __future__ import annotations

import re
import uuid
from datetime import datetime, timedelta
from html import unescape

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import insert

from app.accounts.models import User
from app.db import transaction
from app.studio.domain.models import Photo
from app.studio.pages.studio_page import PHOTOS_SHOWN
from testing.studio import paint

NOW = datetime.fromisoformat("2026-11-21T09:00:00.123456+00:00")


def own(app: Flask, user: User, count: int, *, at_once: int = 1) -> list[str]:
    """Add photos without files, ``at_once`` with equal times; ids, the newest first."""
    rows = [
        {
            "id": uuid.uuid4(),
            "user_id": user.id,
            "name": "beach",
            "media_type": "image/jpeg",
            "width": 40,
            "height": 30,
            "byte_size": 9,
            "created_at": NOW + timedelta(seconds=number // at_once),
        }
        for number in range(count)
    ]
    with app.app_context(), transaction() as session:
        session.execute(insert(Photo), rows)
    rows.sort(key=lambda row: (row["created_at"], row["id"]), reverse=True)
    return [str(row["id"]) for row in rows]


def shown(page: str) -> list[str]:
    return re.findall(r'name="photos" value="([^"]+)" (?:checked)?>', page)


def ticked(page: str) -> list[str]:
    return re.findall(r'name="photos" value="([^"]+)" checked>', page)


def link(page: str, words: str) -> str | None:
    found = re.search(rf'href="([^"]+)"[^>]*>{words}<', page)
    return unescape(found[1]) if found else None


@pytest.mark.parametrize("at_once", [1, 30])
def test_every_photo_is_reached_once(app: Flask, ada: FlaskClient, user: User, at_once: int) -> None:
    photos = own(app, user, 2 * PHOTOS_SHOWN + 3, at_once=at_once)
    page = ada.get("/studio").text
    assert link(page, "Newest photos") is None
    seen = shown(page)
    while older := link(page, "Older photos"):
        page = ada.get(older).text
        seen += shown(page)
    assert seen == photos
    assert link(page, "Newest photos") == "/studio"


def test_few_photos_have_no_pages(app: Flask, ada: FlaskClient, user: User) -> None:
    own(app, user, PHOTOS_SHOWN)
    page = ada.get("/studio").text
    assert link(page, "Older photos") is None
    assert link(page, "Newest photos") is None


def test_an_old_photo_is_chosen_by_its_address(app: Flask, ada: FlaskClient, user: User) -> None:
    photos = own(app, user, PHOTOS_SHOWN + 2)
    page = ada.get("/studio", query_string={"photos": [photos[1], photos[-1]], "style": "wave"}).text
    assert ticked(page) == [photos[-1], photos[1]]
    assert shown(page) == [photos[-1], *photos[:PHOTOS_SHOWN]], "what is not on the page comes before it"
    assert f"/previews/photos/{photos[-1]}/large.jpg" in page
    assert f'type="hidden" name="photos" value="{photos[-1]}"' in page, "searching for a style keeps it"
    assert paint(ada, photos[-1]).status_code == 303


def test_somebody_elses_photo_is_not_chosen(
    app: Flask, ada: FlaskClient, eve: FlaskClient, user: User
) -> None:
    photos = own(app, user, PHOTOS_SHOWN + 1)
    for stranger in (eve, app.test_client()):
        page = stranger.get("/studio", query_string={"photos": photos[-1]}).text
        assert shown(page) == []
        assert f"/photos/{photos[-1]}" not in page


def test_leafing_keeps_what_is_chosen(app: Flask, ada: FlaskClient, user: User) -> None:
    photos = own(app, user, PHOTOS_SHOWN + 2)
    mask = str(uuid.uuid4())
    sent = {"photos": photos[0], "style": "wave", "strength": "40", "mask": mask}
    older = link(ada.get("/studio", query_string=sent).text, "Older photos")
    assert older
    page = ada.get(older).text
    assert (ticked(page), shown(page)) == ([photos[0]], [photos[0], *photos[-2:]])
    assert 'value="40"' in page
    assert mask in page
    back = link(page, "Newest photos")
    assert back
    assert ticked(ada.get(back).text) == [photos[0]]


def test_a_mask_does_not_go_over_to_the_photo_of_another_page(
    app: Flask, ada: FlaskClient, user: User
) -> None:
    """No photo is chosen, so another photo is on the easel there."""
    own(app, user, PHOTOS_SHOWN + 2)
    sent = {"style": "wave", "mask": str(uuid.uuid4())}
    older = link(ada.get("/studio", query_string=sent).text, "Older photos")
    assert older
    assert "style=wave" in older
    assert "mask" not in older


def test_the_last_of_many_is_not_chosen_by_itself(app: Flask, ada: FlaskClient, user: User) -> None:
    photos = own(app, user, PHOTOS_SHOWN + 1)
    older = link(ada.get("/studio").text, "Older photos")
    assert older
    page = ada.get(older).text
    assert (shown(page), ticked(page)) == ([photos[-1]], [])


def test_an_old_photo_is_deleted_and_its_page_with_it(app: Flask, ada: FlaskClient, user: User) -> None:
    photos = own(app, user, PHOTOS_SHOWN + 1)
    older = link(ada.get("/studio").text, "Older photos")
    assert older
    assert f'action="/photos/{photos[-1]}/delete"' in ada.get(older).text
    assert ada.post(f"/photos/{photos[-1]}/delete").status_code == 303
    assert shown(ada.get(older).text) == photos[:-1], "nothing is further back: the newest are shown"


@pytest.mark.parametrize("older", ["", "x", "1-x", f"{10**30}-{'0' * 32}"])
def test_a_place_that_is_none_shows_the_newest(app: Flask, ada: FlaskClient, user: User, older: str) -> None:
    photos = own(app, user, 3)
    assert shown(ada.get("/studio", query_string={"older": older, "_scheme": "x"}).text) == photos
