"""Public pages, addresses for monitoring, and headers of every answer."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from flask import Flask, abort
from flask.testing import FlaskClient
from sqlalchemy import text

from app.config import PROJECT_ROOT, Settings
from app.db import db
from app.errors import _when_again
from app.extensions import limiter
from testing.site import MakeUser, create_user, log_in, make_settings, running_app


def test_the_landing_page_shows_prices_and_leads_on(client: FlaskClient) -> None:
    page = client.get("/").text
    assert "€4.90" in page
    assert 'href="/sign-up"' in page
    assert len(re.findall(r'href="/studio">Paint my photo', page)) == 2


@pytest.mark.parametrize(
    ("free", "cost", "said"),
    [
        (3, 1, "The first 3 pictures are free"),
        (3, 2, "The first picture is free"),
        (3, 4, None),
        (0, 1, None),
    ],
)
def test_the_landing_page_promises_what_is_free_if_anything_is(
    settings: Settings, free: int, cost: int, said: str | None
) -> None:
    changes = {"free_credits": free, "credits_per_picture": cost, "upload_max_megapixels": 24}
    for app in running_app(settings.model_copy(update=changes)):
        page = app.test_client().get("/").text
        assert said in page if said else "No card needed" not in page
        assert "up to 24 megapixels" in page


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
    assert "Something went wrong on our side" in answer.text
    assert "ZeroDivisionError" not in answer.text


@pytest.mark.parametrize("address", ["/account", "/no/such/page", "/"])
def test_without_its_database_the_site_still_says_what_is_wrong(
    app: Flask, client: FlaskClient, make_user: MakeUser, tmp_path: Path, address: str
) -> None:
    log_in(client, make_user())
    with app.app_context():
        db.engine.dispose()
    for file in tmp_path.glob("site.db*"):
        file.write_bytes(b"no database at all" * 1000)
    app.testing = False
    answer = client.get(address)
    assert answer.status_code == 500
    assert "Something went wrong on our side" in answer.text
    assert "<h1>That did not work</h1>" in answer.text
    assert "no database" not in answer.text
    assert client.get(address, headers={"Accept": "application/json"}).json == {
        "error": "Something went wrong on our side. We have logged it. Try again in a moment."
    }
    german = client.get(address, headers={"Accept-Language": "de"})
    assert '<html lang="de">' in german.text
    assert "Das hat nicht geklappt" in german.text
    assert client.get("/static/css/site.css").status_code == 200


def test_a_transaction_that_broke_does_not_break_the_page(app_on_both: Flask) -> None:
    def breaks() -> str:
        db.session.execute(text("SELECT nothing FROM nowhere"))
        return ""

    app_on_both.testing = False
    app_on_both.config["WTF_CSRF_ENABLED"] = False
    app_on_both.add_url_rule("/breaks", view_func=breaks)
    client = app_on_both.test_client()
    log_in(client, create_user(app_on_both, "ada@example.com"))
    answer = client.get("/breaks")
    assert answer.status_code == 500
    assert "ada@example.com" in answer.text, "the page with everything that it shows"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.2, "Wait a minute and"),
        (60.9, "Wait a minute and"),
        (61.5, "Wait 2 minutes and"),
        (1800, "Wait 30 minutes and"),
        (3600.9, "Try again in an hour"),
        (3700, "Try again in 2 hours"),
        (86400, "Try again in 24 hours"),
    ],
)
def test_who_was_too_fast_is_told_how_long_to_wait(app: Flask, seconds: float, said: str) -> None:
    with app.test_request_context():
        assert said in _when_again(seconds)


def test_a_limit_by_the_hour_is_not_over_in_a_minute(tmp_path: Path, sqlite_url: str) -> None:
    settings = make_settings(tmp_path, database_url=sqlite_url, ratelimit_enabled=True)
    for app in running_app(settings):

        @app.get("/by-hour")
        @limiter.limit("100/minute;1/hour")
        def by_hour() -> str:
            return "once"

        @app.get("/by-day")
        @limiter.limit("100/minute;1/day")
        def by_day() -> str:
            return "once"

        client = app.test_client()
        for address, said in (("/by-hour", "in an hour."), ("/by-day", "in 24 hours.")):
            assert client.get(address).text == "once"
            answer = client.get(address)
            assert answer.status_code == 429
            assert f"That was a lot of requests. Try again {said}" in answer.text


def test_pages_are_asked_for_again_when_somebody_goes_back(client: FlaskClient) -> None:
    for path in ("/", "/styles", "/no/such/page", "/log-in"):
        assert client.get(path).headers["Cache-Control"] == "private, no-store"


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
