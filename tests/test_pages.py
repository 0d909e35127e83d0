"""The pages that anybody sees, the addresses for monitoring, and the headers on everything."""

from __future__ import annotations

import re

import pytest
from flask import Flask, abort
from flask.testing import FlaskClient

from app.config import PROJECT_ROOT


def test_the_landing_page_shows_prices_and_leads_on(client: FlaskClient) -> None:
    page = client.get("/").text
    assert "€4.90" in page
    assert 'href="/sign-up"' in page
    assert len(re.findall(r'href="/studio">Paint my photo', page)) == 2


def test_errors_say_what_to_do_next(app: Flask) -> None:
    app.add_url_rule("/refused/<int:code>", view_func=abort)
    for status, way_on in ((403, "log in with the account"), (413, "Choose smaller photos")):
        answer = app.test_client().get(f"/refused/{status}")
        assert answer.status_code == status
        assert way_on in answer.text


def test_every_style_is_shown(client: FlaskClient) -> None:
    page = client.get("/styles").text
    for slug in ("la_muse", "rain_princess", "the_scream", "the_shipwreck_of_the_minotaur", "udnie", "wave"):
        assert f'id="{slug}"' in page
    assert page.count("style-card-title") == len(client.application.extensions["catalogue"].styles)


@pytest.mark.parametrize("path", ["/", "/styles", "/privacy", "/log-in", "/sign-up", "/forgotten-password"])
def test_nothing_on_a_page_is_inline_or_from_elsewhere(client: FlaskClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 200
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert not re.search(r"<script(?![^>]*src=)|<style|\sstyle=|\son[a-z]+=", answer.text)
    assert not re.search(r"(?:src|href|action)=\"(?:https?:)?//", answer.text)


def test_every_file_that_a_page_names_exists(client: FlaskClient) -> None:
    for path in ("/", "/styles", "/sign-up"):
        for address in set(
            re.findall(r"(?:src|href)=\"(/static/[^\"#?]+|/styles/[^\"#?]+webp)", client.get(path).text)
        ):
            assert client.get(address).status_code == 200, address


def test_an_unknown_page_is_a_friendly_one(client: FlaskClient) -> None:
    answer = client.get("/no/such/page")
    assert answer.status_code == 404
    assert "There is nothing here" in answer.text
    assert client.get("/no/such/page", headers={"Accept": "application/json"}).json == {
        "error": "There is nothing here. The page may have moved, or the picture may have been deleted."
    }


def test_an_unexpected_error_is_a_page_and_tells_nothing_of_its_cause(app: Flask) -> None:
    app.testing = False
    app.add_url_rule("/breaks", view_func=lambda: 1 / 0)
    answer = app.test_client().get("/breaks")
    assert answer.status_code == 500
    assert "Something broke on our side" in answer.text
    assert "ZeroDivisionError" not in answer.text


def test_pages_are_asked_for_again_when_somebody_goes_back(client: FlaskClient) -> None:
    for path in ("/", "/styles", "/no/such/page"):
        assert client.get(path).headers["Cache-Control"] == "private, no-cache"
    assert client.get("/log-in").headers["Cache-Control"] == "private, no-store"


@pytest.mark.parametrize("path", ["css/site.css", "js/site.js", "vendor/lucide/sprite.svg"])
def test_what_a_new_version_changes_is_asked_after_each_time(client: FlaskClient, path: str) -> None:
    first = client.get(f"/static/{path}")
    assert first.headers["Cache-Control"] == "no-cache"
    again = client.get(f"/static/{path}", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


@pytest.mark.parametrize("path", ["vendor/fraunces/fraunces-latin-wght-normal.woff2", "samples/coffee.jpg"])
def test_fonts_and_pictures_are_kept_for_a_day(client: FlaskClient, path: str) -> None:
    assert client.get(f"/static/{path}").cache_control.max_age == 86400


def test_monitoring(client: FlaskClient) -> None:
    assert client.get("/healthz").json == {"status": "ok"}
    assert client.get("/readyz").json == {"status": "ready"}


def test_vendored_packages_come_with_their_licences() -> None:
    vendor = PROJECT_ROOT / "static" / "vendor"
    record = (vendor / "VENDORED.md").read_text()
    for folder in (path for path in vendor.iterdir() if path.is_dir()):
        assert (folder / "LICENSE").is_file()
        assert f"| {folder.name}/ |" in record
