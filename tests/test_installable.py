"""The parts of an installable site: manifest, icons, service worker."""

from __future__ import annotations

import io
import json

import pytest
from flask import Flask
from flask.testing import FlaskClient
from PIL import Image

from testing.site import MakeUser, log_in

Manifest = dict[str, list[dict[str, str]]]


@pytest.fixture
def manifest(client: FlaskClient) -> Manifest:
    answer = client.get("/manifest.webmanifest")
    assert answer.mimetype == "application/manifest+json"
    return dict(json.loads(answer.text))


def icon(client: FlaskClient, address: str) -> Image.Image:
    image = Image.open(io.BytesIO(client.get(address).data))
    image.load()
    return image


def test_icons_are_what_the_manifest_says(
    client: FlaskClient, manifest: dict[str, list[dict[str, str]]]
) -> None:
    offered = {(one.get("purpose", "any"), one["sizes"]) for one in manifest["icons"]}
    assert {(purpose, f"{side}x{side}") for purpose in ("any", "maskable") for side in (192, 512)} <= offered
    for one in manifest["icons"]:
        if one["type"] == "image/png":
            image = icon(client, one["src"])
            assert "{}x{}".format(*image.size) == one["sizes"]
            assert image.format == "PNG"


def test_the_manifest_is_in_the_language_of_the_pages(client: FlaskClient) -> None:
    for language, word in (("en", "photo"), ("de", "gemalt")):
        answer = client.get("/manifest.webmanifest", headers={"Accept-Language": language})
        assert answer.json is not None
        assert answer.json["lang"] == language
        assert word in answer.json["description"]
        assert "Accept-Language" in answer.headers["Vary"]


@pytest.mark.parametrize("name", ["icon-maskable-192", "icon-maskable-512", "apple-touch-icon"])
def test_a_phone_may_cut_these_icons_to_any_shape(client: FlaskClient, name: str) -> None:
    """Icons fill their square, and the stroke lies in a circle of 80 % of its width."""
    image = icon(client, f"/static/icons/{name}.png")
    assert image.mode == "RGB"
    side = image.width
    green = image.getchannel("G")  # separates the brush from the seal
    drawn = [(x, y) for x in range(side) for y in range(side) if green.getpixel((x, y)) > 120]  # type: ignore[operator]
    farthest = max(((x - side / 2) ** 2 + (y - side / 2) ** 2) ** 0.5 for x, y in drawn)
    assert 0.25 * side < farthest <= 0.4 * side


def test_pages_lead_to_manifest_and_touch_icon(client: FlaskClient) -> None:
    page = client.get("/").text
    for address in ("/manifest.webmanifest", "/static/icons/apple-touch-icon.png"):
        assert f'href="{address}"' in page
        assert client.get(address).status_code == 200


def test_the_worker_serves_the_whole_site_and_is_asked_for_anew(client: FlaskClient) -> None:
    answer = client.get("/service-worker.js")
    assert answer.mimetype == "text/javascript"
    assert answer.headers["Cache-Control"] == "no-cache"
    assert "script-src" not in answer.headers["Content-Security-Policy"]  # default-src 'self' covers workers
    assert client.get("/service-worker.js").text == answer.text


def test_the_worker_changes_with_what_it_keeps(app: Flask, client: FlaskClient) -> None:
    before = client.get("/service-worker.js").text
    german = client.get("/service-worker.js", headers={"Accept-Language": "de"}).text
    assert german != before


def test_the_offline_page_names_nobody(client: FlaskClient, make_user: MakeUser) -> None:
    stranger = client.get("/offline").text
    log_in(client, make_user("ada@example.com"))
    assert client.get("/offline").text == stranger
    assert "Try again" in stranger
