"""Caching headers of every route: no browser and no proxy keeps private answers."""

from __future__ import annotations

import io
import re
import uuid
from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient
from PIL import Image
from werkzeug.routing import Rule

from app.caching import ASK_EACH_TIME, NEVER, PUBLIC_ENDPOINTS
from testing.site import MakeUser, log_in
from testing.studio import painted

pytestmark = pytest.mark.usefixtures("networks_shared")

# The browser keeps pictures, but revalidates them on every use.
PICTURES = {
    "pictures.full",
    "pictures.photo_before",
    "pictures.preview",
    "pictures.thumbnail",
    "previews.large",
    "previews.mask",
    "previews.photo",
    "previews.small",
    "shares.photo",
    "shares.picture",
    "studio.photo_preview",
    "studio.photo_thumbnail",
}


@pytest.fixture
def ada(client: FlaskClient, make_user: MakeUser) -> FlaskClient:
    log_in(client, make_user(credits=5))
    return client


@pytest.fixture
def addresses(app: Flask, ada: FlaskClient) -> dict[str, str]:
    """An existing address for each GET route, by endpoint."""
    picture = painted(app, ada)
    page = ada.get(f"/pictures/{picture}").text
    order = re.search(r"/orders/([0-9a-f-]{36})", ada.get("/pictures").text + page)
    photo = re.search(r"/photos/([0-9a-f-]{36})", ada.get("/studio").text)
    assert photo
    shared = ada.post(f"/pictures/{picture}/share", data={"shows_photo": "y"}, follow_redirects=True).text
    link = re.search(r"/s/([\w-]+)", shared)
    assert link
    mask = io.BytesIO()
    Image.new("L", (40, 30), 255).save(mask, "PNG")
    mask.seek(0)
    kept = ada.post(f"/previews/photos/{photo[1]}/masks", data={"mask": (mask, "mask.png")}).json
    values = {
        "picture_id": picture,
        "order_id": order[1] if order else str(uuid.uuid4()),
        "photo_id": photo[1],
        "mask_id": kept["id"],
        "token": link[1],
        "collection": "photos",
        "name": photo[1],
        "slug": "wave",
        "filename": "css/site.css",
    }
    with app.test_request_context():
        return dict(built(app, values))


def built(app: Flask, values: dict[str, str]) -> Iterator[tuple[str, str]]:
    for rule in app.url_map.iter_rules():
        if "GET" in (rule.methods or ()):
            yield rule.endpoint, address(app, rule, values)


def address(app: Flask, rule: Rule, values: dict[str, str]) -> str:
    given = {name: values.get(name, str(uuid.uuid4())) for name in rule.arguments}
    query = {"style": "wave"} if rule.endpoint == "previews.large" else {}
    return app.url_for(rule.endpoint, **given, **query)


def test_every_route_is_private(ada: FlaskClient, addresses: dict[str, str]) -> None:
    kept: set[str] = set()
    for endpoint, path in addresses.items():
        answer = ada.get(path)
        header = answer.headers["Cache-Control"]
        if endpoint in PUBLIC_ENDPOINTS:
            assert answer.status_code == 200, endpoint
        elif header == ASK_EACH_TIME:
            kept.add(endpoint)
        else:
            assert header == NEVER, (endpoint, header)
            assert "Expires" not in answer.headers
    assert kept == PICTURES


def test_kept_pictures_are_asked_for_each_time(ada: FlaskClient, addresses: dict[str, str]) -> None:
    for endpoint in PICTURES:
        first = ada.get(addresses[endpoint])
        assert first.status_code == 200, endpoint
        again = ada.get(addresses[endpoint], headers={"If-None-Match": first.headers["ETag"]})
        assert (again.status_code, again.data) == (304, b""), endpoint
        assert again.headers["Cache-Control"] == ASK_EACH_TIME


def test_what_was_kept_is_not_shown_after_leaving(
    app: Flask, ada: FlaskClient, addresses: dict[str, str]
) -> None:
    private = PICTURES - {"shares.picture", "shares.photo"}
    tags = {endpoint: ada.get(addresses[endpoint]).headers["ETag"] for endpoint in private}
    ada.post("/log-out")
    for endpoint, tag in tags.items():
        answer = ada.get(addresses[endpoint], headers={"If-None-Match": tag})
        assert answer.status_code == 404, endpoint
        assert answer.headers["Cache-Control"] == NEVER


def test_a_withdrawn_link_shows_nothing_that_was_kept(
    app: Flask, ada: FlaskClient, addresses: dict[str, str]
) -> None:
    stranger = app.test_client()
    tag = stranger.get(addresses["shares.picture"]).headers["ETag"]
    picture = re.search(r"/pictures/([0-9a-f-]{36})", addresses["pictures.preview"])
    assert picture
    ada.post(f"/pictures/{picture[1]}/withdraw")
    assert stranger.get(addresses["shares.picture"], headers={"If-None-Match": tag}).status_code == 404


@pytest.mark.parametrize("path", ["/static/nothing.css", "/styles/nothing/preview.webp"])
def test_an_error_at_a_public_address_is_private(ada: FlaskClient, path: str) -> None:
    answer = ada.get(path)
    assert answer.status_code == 404
    assert answer.headers["Cache-Control"] == NEVER
