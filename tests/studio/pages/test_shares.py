"""Sharing by a link: who sees what, for how long, and link previews."""

from __future__ import annotations

import io
import re
import uuid
from html.parser import HTMLParser

import pytest
from flask import Flask
from flask.testing import FlaskClient
from PIL import Image

from app.accounts.models import User
from app.db import transaction
from app.studio.domain.models import Photo, Render
from app.studio.painting.rendering import process_render
from testing.studio import paint, painted, uploaded

WITH_PHOTO = {"shows_photo": "y"}


def shared(client: FlaskClient, picture: str, **fields: str) -> str:
    """Share a picture; return the path of its link from the picture's page."""
    answer = client.post(f"/pictures/{picture}/share", data=fields)
    assert answer.status_code == 303
    assert answer.location.endswith("#share")
    found = re.search(r'value="http://localhost(/s/[^"]+)"', client.get(answer.location).text)
    assert found
    return found[1]


class Metas(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.values: dict[str, str] = {}
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag == "meta" and (name := found.get("property") or found.get("name")):
            assert name not in self.values or name == "theme-color", f"{name} is said twice"
            self.values[name] = found.get("content") or ""


def test_a_stranger_with_the_link_sees_the_picture(app: Flask, ada: FlaskClient) -> None:
    link = shared(ada, painted(app, ada))
    nobody = app.test_client()
    page = nobody.get(link)
    assert page.status_code == 200
    assert page.headers["X-Robots-Tag"].startswith("noindex")
    assert page.headers["Cache-Control"] == "private, no-store"
    answer = nobody.get(f"{link}/picture.jpg")
    assert Image.open(io.BytesIO(answer.data)).size == (160, 120)
    assert "noindex" in answer.headers["X-Robots-Tag"]


def test_the_page_tells_nothing_of_its_owner(app: Flask, ada: FlaskClient, user: User) -> None:
    picture = painted(app, ada)
    link = shared(ada, picture, **WITH_PHOTO)
    with app.app_context(), transaction() as session:
        photo = str(session.query(Photo).one().id)
    page = app.test_client().get(link).text
    for secret in ("My coffee", user.email, picture, photo, "/photos/", "/pictures/"):
        assert secret not in page


def test_nobody_publishes_their_photo_without_saying_so(app: Flask, ada: FlaskClient) -> None:
    page = ada.get(f"/pictures/{painted(app, ada)}").text
    choice = re.search(r'<input[^>]* name="shows_photo"[^>]*>', page)
    assert choice
    assert "checked" not in choice[0]


def test_the_photo_is_shown_only_if_its_owner_wants_it(app: Flask, ada: FlaskClient) -> None:
    picture = painted(app, ada)
    link = shared(ada, picture)
    nobody = app.test_client()
    assert "before-after" not in nobody.get(link).text
    assert nobody.get(f"{link}/before.jpg").status_code == 404
    assert shared(ada, picture, **WITH_PHOTO) == link, "the link that is out stays good"
    assert "before-after" in nobody.get(link).text
    assert Image.open(io.BytesIO(nobody.get(f"{link}/before.jpg").data)).size == (160, 120)
    with app.app_context(), transaction() as session:
        photo = session.query(Photo).one().id
    ada.post(f"/photos/{photo}/delete")
    assert nobody.get(f"{link}/before.jpg").status_code == 404
    page = nobody.get(link)
    assert page.status_code == 200
    assert "before-after" not in page.text


def test_a_withdrawn_link_leads_nowhere_and_never_comes_back(app: Flask, ada: FlaskClient) -> None:
    picture = painted(app, ada)
    link = shared(ada, picture, **WITH_PHOTO)
    assert ada.post(f"/pictures/{picture}/withdraw").status_code == 303
    for path in (link, f"{link}/picture.jpg", f"{link}/before.jpg"):
        assert app.test_client().get(path).status_code == 404
        assert ada.get(path).status_code == 404, "the owner is no exception"
    again = shared(ada, picture)
    assert again != link
    assert app.test_client().get(link).status_code == 404


def test_the_link_goes_with_the_picture(app: Flask, ada: FlaskClient) -> None:
    picture = painted(app, ada)
    link = shared(ada, picture)
    ada.post(f"/pictures/{picture}/delete")
    assert app.test_client().get(link).status_code == 404


def test_only_the_owner_shares_and_only_what_is_painted(
    app: Flask, ada: FlaskClient, eve: FlaskClient
) -> None:
    picture = paint(ada, uploaded(ada)).location.rsplit("/", 1)[1]
    assert ada.post(f"/pictures/{picture}/share").status_code == 404
    process_render(app, uuid.UUID(picture))
    for stranger in (eve, app.test_client()):
        assert stranger.post(f"/pictures/{picture}/share").status_code == 404
    link = shared(ada, picture)
    for stranger in (eve, app.test_client()):
        assert stranger.post(f"/pictures/{picture}/withdraw").status_code == 404
    assert app.test_client().get(link).status_code == 200


def test_links_cannot_be_guessed(app: Flask, ada: FlaskClient) -> None:
    first, second = (shared(ada, painted(app, ada)).removeprefix("/s/") for _ in range(2))
    assert first != second
    assert len(first) >= 128 // 6
    with app.app_context(), transaction() as session:
        assert {render.share_token for render in session.query(Render)} == {first, second}
    for guess in ("", "x", first[:-1], first.swapcase(), "None"):
        assert app.test_client().get(f"/s/{guess}").status_code == 404


def test_a_link_of_what_no_link_is_made_of_leads_nowhere(app_on_both: Flask) -> None:
    for path in ("/s/%00", "/s/a%00b/picture.jpg", "/s/%F0%9F%96%BC", "/s/%FF"):
        assert app_on_both.test_client().get(path).status_code == 404, path


def test_a_pasted_link_shows_well(app: Flask, ada: FlaskClient) -> None:
    link = shared(ada, painted(app, ada))
    metas = Metas(app.test_client().get(link).text).values
    assert metas["og:url"] == f"http://localhost{link}"
    assert metas["og:title"] == "A photo in the style of The Great Wave off Kanagawa"
    assert metas["og:image"] == f"http://localhost{link}/picture.jpg"
    assert metas["twitter:card"] == "summary_large_image"
    assert "noindex" in metas["robots"]
    answer = app.test_client().get(metas["og:image"])
    size = Image.open(io.BytesIO(answer.data)).size
    assert size == (int(metas["og:image:width"]), int(metas["og:image:height"]))
    assert answer.mimetype == metas["og:image:type"]


@pytest.mark.parametrize("path", ["/", "/styles"])
def test_other_pages_keep_their_picture_for_pasting(client: FlaskClient, path: str) -> None:
    metas = Metas(client.get(path).text).values
    assert metas["og:image"].startswith("http://localhost/static/")
    assert "robots" not in metas
