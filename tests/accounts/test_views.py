"""Every account route: success, bad input, not logged in, links that are old or tampered with."""

from __future__ import annotations

import re
import time
from datetime import timedelta
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.accounts.models import User
from app.billing import ledger
from app.billing.models import EntryReason, LedgerEntry, Wallet
from app.db import transaction
from app.studio.models import Photo, Render
from tests.conftest import PASSWORD, create_user, log_in, make_settings, running_app
from tests.studio.test_views import painted, uploaded
from tests.studio.test_worker import order_picture
from tests.together import run_together

NEW_PASSWORD = "battery-horse-correct"


def sign_up(client: FlaskClient, email: str = "ada@example.com", password: str = PASSWORD) -> TestResponse:
    return client.post("/sign-up", data={"email": email, "password": password})


def mailed_link(tmp_path: Path, part: str) -> str:
    """The path of the newest mailed link that contains ``part``."""
    newest = max((tmp_path / "outbox").glob("*.eml"))
    link = re.search(rf"http://localhost(/\S*{part}\S*)", newest.read_text())
    assert link, newest.read_text()
    return link[1]


def find(app: Flask, email: str) -> User | None:
    with app.app_context(), transaction() as session:
        user = session.query(User).filter_by(email=email).one_or_none()
        if user:
            session.expunge(user)
    return user


def is_logged_in(client: FlaskClient) -> bool:
    return client.get("/account").status_code == 200


# --- sign-up ------------------------------------------------------------------------------------


def test_signing_up_logs_in_and_gives_welcome_credits_once(
    app: Flask, client: FlaskClient, tmp_path: Path
) -> None:
    answer = sign_up(client, "Ada@Example.com")
    assert answer.location.endswith("/studio")
    user = find(app, "Ada@example.com")
    assert user is not None
    assert user.password is not None
    assert user.password.startswith("$argon2id$")
    with app.app_context(), transaction() as session:
        entries = session.query(LedgerEntry).all()
        assert [(entry.amount, entry.reason) for entry in entries] == [(3, EntryReason.WELCOME)]
        assert entries[0].wallet_id == user.wallet_id
    page = client.get("/studio").text
    mail = next((tmp_path / "outbox").glob("*.eml"))
    assert mail.name in page


def test_the_mailed_link_confirms_the_address(app: Flask, client: FlaskClient, tmp_path: Path) -> None:
    sign_up(client)
    assert find(app, "ada@example.com").confirmed_at is None  # type: ignore[union-attr]
    client.get(mailed_link(tmp_path, "confirm"))
    assert find(app, "ada@example.com").confirmed_at is not None  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("email", "password", "sentence"),
    [
        ("not-an-address", PASSWORD, "does not look like an e-mail"),
        ("", PASSWORD, "Enter your e-mail"),
        ("ada@example.com", "short", "at least 8 characters"),
        ("ada@example.com", "", "Enter your password"),
    ],
)
def test_a_bad_sign_up_is_explained(
    app: Flask, client: FlaskClient, email: str, password: str, sentence: str
) -> None:
    assert sentence in sign_up(client, email, password).text
    with app.app_context(), transaction() as session:
        assert session.query(User).count() == 0
        assert session.query(Wallet).count() == 0


def test_an_address_has_one_account_whatever_its_letter_case(app: Flask, client: FlaskClient) -> None:
    create_user(app, "ada@example.com")
    assert "already has an account" in sign_up(client, "ADA@example.com").text
    with app.app_context(), transaction() as session:
        assert session.query(User).count() == 1


def test_two_sign_ups_at_once_make_one_account(app_on_both: Flask) -> None:
    app_on_both.config["WTF_CSRF_ENABLED"] = False
    statuses: list[int] = []
    run_together([lambda: statuses.append(sign_up(app_on_both.test_client()).status_code) for _ in range(6)])
    assert statuses.count(302) == 1
    assert set(statuses) <= {200, 302, 409}
    with app_on_both.app_context(), transaction() as session:
        assert (
            session.query(User).count()
            == session.query(Wallet).count()
            == session.query(LedgerEntry).count()
            == 1
        )


# --- log-in and log-out -------------------------------------------------------------------------


def test_logging_in_and_out(app: Flask, client: FlaskClient) -> None:
    log_in(client, create_user(app, "ada@example.com"))
    assert is_logged_in(client)
    assert client.get("/log-out").status_code == 405
    assert client.post("/log-out").status_code == 302
    assert not is_logged_in(client)


def test_log_in_does_not_tell_whether_an_account_exists(app: Flask, client: FlaskClient) -> None:
    create_user(app, "ada@example.com")
    answers = [
        client.post("/log-in", data={"email": email, "password": "wrong-password"})
        for email in ("ada@example.com", "eve@example.com")
    ]
    assert answers[0].status_code == answers[1].status_code == 200
    assert answers[0].text.replace("ada@", "eve@") == answers[1].text
    assert "do not fit together" in answers[0].text


@pytest.mark.parametrize(
    "target",
    [
        "//evil.com",
        "/\\evil.com",
        "\\\\evil.com",
        "https:evil.com",
        "https://evil.com",
        "///evil.com",
        "/\t/evil.com",
    ],
)
def test_log_in_leads_nowhere_else(app: Flask, client: FlaskClient, target: str) -> None:
    create_user(app, "ada@example.com")
    answer = client.post(
        "/log-in",
        query_string={"next": target},
        data={"email": "ada@example.com", "password": PASSWORD, "next": target},
    )
    location = answer.headers.get("Location", "/")
    assert "\\" not in location
    assert urlsplit(urljoin("http://localhost/log-in", location)).netloc == "localhost"


def test_log_in_leads_back_to_where_it_was_asked_for(app: Flask, client: FlaskClient) -> None:
    create_user(app, "ada@example.com")
    answer = client.post(
        "/log-in", data={"email": "ada@example.com", "password": PASSWORD, "next": "/credits"}
    )
    assert answer.location.endswith("/credits")


def test_pages_ask_to_log_in(client: FlaskClient) -> None:
    for path in (
        "/account",
        "/account/delete",
        "/account/password",
        "/account/email",
        "/studio",
        "/pictures",
    ):
        answer = client.get(path)
        assert answer.status_code == 302, path
        assert "/log-in" in answer.location, path


def test_cookies_are_secure_where_the_site_is(tmp_path: Path, sqlite_url: str) -> None:
    settings = make_settings(tmp_path, database_url=sqlite_url, site_url="https://art.example.com")
    for app in running_app(settings):
        app.config["WTF_CSRF_ENABLED"] = False
        client = app.test_client()
        create_user(app, "ada@example.com")
        answer = client.post(
            "/log-in",
            base_url="https://art.example.com",
            data={"email": "ada@example.com", "password": PASSWORD, "remember": "y"},
        )
        cookies = answer.headers.getlist("Set-Cookie")
        assert {cookie.split("=")[0] for cookie in cookies} >= {"session", "remember_token"}
        for cookie in cookies:
            assert "Secure" in cookie
            assert "HttpOnly" in cookie
            assert "SameSite=Lax" in cookie
        assert answer.headers["Strict-Transport-Security"]
        assert client.get("/log-in", base_url="https://evil.example").status_code == 400


def test_guessing_is_slowed_down(tmp_path: Path, sqlite_url: str) -> None:
    for app in running_app(make_settings(tmp_path, database_url=sqlite_url, ratelimit_enabled=True)):
        app.config["WTF_CSRF_ENABLED"] = False
        client = app.test_client()
        answers = [client.post("/forgotten-password", data={"email": "ada@example.com"}) for _ in range(6)]
        assert [answer.status_code for answer in answers] == [200] * 5 + [429]
        assert "Wait a minute" in answers[-1].text
        assert client.get("/forgotten-password").status_code == 200


def test_forms_carry_a_token(app: Flask) -> None:
    create_user(app, "ada@example.com")
    client = app.test_client()
    for path in ("/log-in", "/sign-up", "/forgotten-password"):
        data = {"email": "ada@example.com", "password": PASSWORD}
        assert client.post(path, data=data).status_code in (200, 400), path
    assert not is_logged_in(client)


# --- forgotten password -------------------------------------------------------------------------


def test_a_forgotten_password_is_set_anew_once(app: Flask, client: FlaskClient, tmp_path: Path) -> None:
    user = create_user(app, "ada@example.com")
    client.post("/forgotten-password", data={"email": "ada@example.com"})
    link = mailed_link(tmp_path, "forgotten-password/")
    assert "Set a new password" in client.get(link, follow_redirects=True).text
    answer = client.post(link, data={"password": NEW_PASSWORD, "password_confirm": NEW_PASSWORD})
    assert answer.status_code == 302
    fresh = app.test_client()
    log_in(fresh, user, NEW_PASSWORD)
    assert is_logged_in(fresh)
    again = app.test_client().post(link, data={"password": PASSWORD, "password_confirm": PASSWORD})
    assert again.status_code == 302
    assert "/forgotten-password" in again.location


def test_recovery_does_not_tell_whether_an_account_exists(
    app: Flask, client: FlaskClient, tmp_path: Path
) -> None:
    create_user(app, "ada@example.com")
    answer = client.post("/forgotten-password", data={"email": "eve@example.com"})
    assert "If there is an account with eve@example.com" in answer.text
    assert not (tmp_path / "outbox").exists()


def test_tampered_and_old_links_are_refused(app: Flask, client: FlaskClient, tmp_path: Path) -> None:
    create_user(app, "ada@example.com")
    client.post("/forgotten-password", data={"email": "ada@example.com"})
    link = mailed_link(tmp_path, "forgotten-password/")
    data = {"password": NEW_PASSWORD, "password_confirm": NEW_PASSWORD}
    assert "/forgotten-password" in client.post(link[:-3] + "abc", data=data).location
    app.config["SECURITY_RESET_PASSWORD_WITHIN"] = timedelta(seconds=0)
    time.sleep(1.1)
    assert "/forgotten-password" in client.post(link, data=data).location
    log_in(client, create_user(app, "eve@example.com"))


# --- changes ------------------------------------------------------------------------------------


def test_changing_the_password_logs_out_other_devices(app: Flask, client: FlaskClient) -> None:
    user = create_user(app, "ada@example.com")
    other = app.test_client()
    log_in(client, user)
    log_in(other, user)
    wrong = {"password": "wrong-password", "new_password": NEW_PASSWORD, "new_password_confirm": NEW_PASSWORD}
    assert "This is not your password" in client.post("/account/password", data=wrong).text
    answer = client.post("/account/password", data=wrong | {"password": PASSWORD})
    assert answer.location.endswith("/account")
    assert is_logged_in(client)
    assert not is_logged_in(other)


def test_changing_the_address_counts_once_its_link_is_opened(
    app: Flask, client: FlaskClient, tmp_path: Path
) -> None:
    log_in(client, create_user(app, "ada@example.com"))
    create_user(app, "taken@example.com")
    client.post("/account/email", data={"email": "taken@example.com"})
    assert not (tmp_path / "outbox").exists()
    client.post("/account/email", data={"email": "lovelace@example.com"})
    assert find(app, "ada@example.com")
    client.get(mailed_link(tmp_path, "account/email/"))
    assert find(app, "lovelace@example.com")
    assert find(app, "ada@example.com") is None


def test_a_new_confirmation_link_can_be_had(app: Flask, client: FlaskClient, tmp_path: Path) -> None:
    log_in(client, create_user(app, "ada@example.com"))
    assert "Not confirmed yet" in client.get("/account").text
    client.post("/confirm", data={"email": "ada@example.com"})
    client.get(mailed_link(tmp_path, "confirm"))
    assert "Not confirmed yet" not in client.get("/account").text


# --- leaving ------------------------------------------------------------------------------------


def test_deleting_the_account_deletes_everything_but_the_books(
    app: Flask, client: FlaskClient, tmp_path: Path
) -> None:
    user = create_user(app, "ada@example.com", credits=3)
    log_in(client, user)
    painted(app, client)
    order_picture(app, user)
    uploaded(client)
    wrong = client.post("/account/delete", data={"password": "wrong-password"})
    assert wrong.status_code == 400
    assert "not your password" in wrong.text
    answer = client.post("/account/delete", data={"password": PASSWORD})
    assert answer.status_code == 303
    assert not is_logged_in(client)
    assert [path for path in (tmp_path / "storage").rglob("*") if path.is_file()] == []
    with app.app_context(), transaction() as session:
        assert (
            session.query(User).count() == session.query(Photo).count() == session.query(Render).count() == 0
        )
        assert session.query(Wallet).one().id == user.wallet_id
        assert ledger.balance(session, user.wallet_id) == 0
        assert session.query(LedgerEntry).count() == 4
    assert sign_up(client).status_code == 302


def test_somebody_elses_things_stay(app: Flask, client: FlaskClient) -> None:
    eve = create_user(app, "eve@example.com", credits=1)
    order_picture(app, eve)
    log_in(client, create_user(app, "ada@example.com"))
    client.post("/account/delete", data={"password": PASSWORD})
    with app.app_context(), transaction() as session:
        assert session.query(Render).one().user_id == eve.id
        assert session.query(Photo).one().user_id == eve.id
