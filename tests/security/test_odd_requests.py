"""Odd input is refused with a reason; passing trouble is no fault of the site."""

from __future__ import annotations

import errno
import io
import json
import sqlite3
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import pytest
import stripe
from flask import Flask
from flask.testing import FlaskClient
from pydantic import SecretStr
from sqlalchemy import event
from structlog.testing import capture_logs
from werkzeug.serving import make_server

from app.config import Settings
from app.db import db
from app.health import check
from app.studio.painting.previewer import PREVIEW_SLOTS
from testing.site import MakeUser, create_user, log_in, make_settings, running_app

HUGE = "9" * 20


# --- numbers ------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [HUGE, "-" + HUGE, "9" * 5000, "0", "1e9", "½"])
def test_no_number_in_an_address_breaks_a_page(
    app_on_both: Flask, number: str, networks_shared: None
) -> None:
    app_on_both.config["WTF_CSRF_ENABLED"] = False
    client = app_on_both.test_client()
    log_in(client, create_user(app_on_both, "ada@example.com"))
    for path in (
        f"/credits?page={number}",
        f"/pictures?before={number}-{'0' * 32}",
        f"/pictures?after={number}-{'0' * 32}",
        f"/studio?strength={number}&mix={number}&brush={number}",
        f"/previews/samples/coffee/large.jpg?style=wave&side={number}&asked={number}&tab=x",
        f"/orders/new?credits={number}&strength={number}",
    ):
        assert client.get(path).status_code in (200, 302, 400, 404), path


# --- when to ask again --------------------------------------------------------------------------


def test_only_refusals_say_when_to_ask_again(settings: Settings) -> None:
    for app in running_app(settings.model_copy(update={"ratelimit_enabled": True})):
        app.config["WTF_CSRF_ENABLED"] = False
        client = app.test_client()
        answers = [client.post("/forgotten-password", data={"email": "ada"}) for _ in range(6)]
        assert all("Retry-After" not in answer.headers for answer in answers[:5])
        assert not any(name.startswith("X-RateLimit") for name, _ in answers[0].headers)
        assert 1 <= int(answers[5].headers["Retry-After"]) <= 61


def test_a_busy_preview_says_in_a_second(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.studio.painting.previewer.SLOT_WITHIN", 0.05)
    slots = client.application.extensions["previewer"].slots
    with ExitStack() as held:
        for number in range(PREVIEW_SLOTS):
            held.enter_context(slots.slot(f"visitor-{number}", 0))
        answer = client.get("/previews/samples/coffee/wave.webp")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")


# --- addresses in mails -------------------------------------------------------------------------


def test_mails_name_the_sites_own_address(tmp_path: Path, sqlite_url: str) -> None:
    settings = make_settings(tmp_path, database_url=sqlite_url, site_url="https://art.example.com")
    for app in running_app(settings):
        app.config["WTF_CSRF_ENABLED"] = False
        # Locally the site also answers at 127.0.0.1, but the readers of its mails cannot reach that address.
        app.test_client().post(
            "/sign-up",
            base_url="http://127.0.0.1:8000",
            data={"email": "ada@example.com", "password": "correct-horse-battery"},
        )
        mail = next((tmp_path / "outbox").glob("*.eml")).read_text()
        assert "https://art.example.com/confirm/" in mail
        assert "127.0.0.1" not in mail


def test_production_answers_to_its_own_name_alone(settings: Settings) -> None:
    production = {
        "app_env": "production",
        "site_url": "http://art.example.com",
        "smtp_host": "127.0.0.1",
        "secret_key": SecretStr("x" * 32),
    }
    for app in running_app(settings.model_copy(update=production)):
        server = make_server("127.0.0.1", 0, app, threaded=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            check(str(server.server_port), "http://art.example.com")
            with pytest.raises(HTTPError, match="400") as refused:
                check(str(server.server_port), None)
            refused.value.close()
        finally:
            server.shutdown()
            thread.join()
            server.server_close()


# --- a database or a disk that cannot just now --------------------------------------------------


@pytest.fixture
def impatient(app: Flask, client: FlaskClient, make_user: MakeUser) -> FlaskClient:
    """A logged-in client of a site that does not wait for locks."""
    log_in(client, make_user())
    with app.app_context():
        engine = db.engine
        engine.dispose()

    @event.listens_for(engine, "connect")
    def _hurry(connection: Any, _record: Any) -> None:
        connection.execute("PRAGMA busy_timeout = 20")

    app.testing = False
    return client


def test_a_locked_database_is_told_apart_from_a_fault(impatient: FlaskClient, tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "site.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    answer = impatient.post("/account/mail")
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) >= 1
    assert "Try again in a minute" in answer.text
    other.execute("ROLLBACK")
    other.close()
    assert impatient.post("/account/mail").status_code == 303


def test_a_full_database_is_told_apart_from_a_fault(app: Flask, impatient: FlaskClient) -> None:
    with app.app_context():
        engine = db.engine

    @event.listens_for(engine, "connect")
    def _fill(connection: Any, _record: Any) -> None:
        connection.execute("PRAGMA max_page_count = 1")  # SQLite rounds it up to the current size

    long_name = "x" * 200 + "@example.com"
    statuses = set()
    for number in range(60):
        data = {"email": f"{number}{long_name[-60:]}", "password": "correct-horse-battery"}
        statuses.add(app.test_client().post("/sign-up", data=data).status_code)
    assert statuses == {302, 503}


def test_a_full_disk_is_told_apart_from_a_fault(
    impatient: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("app.storage.local.write_new", full)
    photo = (Path("static/samples/coffee.jpg").read_bytes(), "a.jpg")
    answer = impatient.post(
        "/photos",
        data={"photos": (io.BytesIO(photo[0]), photo[1])},
        headers={"Accept": "application/json"},
    )
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "10")
    assert "cannot save" in answer.json["errors"][0]["sentence"]


# --- events that are no events ------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        "null",
        "[]",
        "3",
        '"text"',
        "{}",
        "not json",
        "[" * 100_000,
        '{"id": "evt_1", "type": "charge.refunded"}',
        '{"id": "evt_1", "type": "charge.refunded", "data": null}',
        '{"id": "evt_1", "type": "charge.refunded", "data": {"object": []}}',
        '{"id": "evt_1", "type": "charge.refunded", "data": {"object": {}}}',
        '{"id": 1, "type": "charge.refunded", "data": {"object": {"id": "ch_1"}}}',
        '{"id": "evt_1", "type": "charge.dispute.created", "data": {"object": {"id": ["du_1"]}}}',
        '{"id": "evt_1", "type": "checkout.session.completed", "data": {"object": {"id": null}}}',
        json.dumps({"id": "e" * 300, "type": "t", "data": {"object": {}}}),
    ],
)
def test_a_signed_event_of_an_odd_shape_is_refused(app: Flask, body: str) -> None:
    secret = app.extensions["sandbox"].webhook_secret
    moment = int(time.time())
    signature = stripe.WebhookSignature._compute_signature(f"{moment}.{body}", secret)
    header = f"t={moment},v1={signature}"
    with capture_logs() as logs:
        answer = app.test_client().post("/webhooks/stripe", data=body, headers={"Stripe-Signature": header})
    assert answer.status_code == 400
    assert [entry["error"] for entry in logs if entry["event"] == "request.refused"] == ["MalformedEvent"]


@pytest.mark.parametrize("path", ["/log-in", "/account/verify", "/account/password", "/account/delete"])
@pytest.mark.parametrize("email", ["ada@example.com", "nobody@example.com"])
def test_a_password_of_any_length_is_only_wrong(
    app: Flask, client: FlaskClient, path: str, email: str
) -> None:
    ada = create_user(app, "ada@example.com")
    if path != "/log-in":
        log_in(client, ada)
    form = {"email": email, "password": "\ufdfa" * 5_000, "new_password": "x", "new_password_confirm": "x"}
    answer = client.post(path, data=form)
    assert answer.status_code < 500
    assert "Wrong" in answer.text
