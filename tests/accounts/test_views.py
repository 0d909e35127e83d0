"""Every account route: success, bad input, not logged in, links that are old or tampered with."""

from __future__ import annotations

import re
import threading
from datetime import timedelta
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.accounts.models import LoginSession, User
from app.billing import ledger
from app.billing.models import EntryReason, LedgerEntry, Wallet
from app.db import Base, transaction
from app.studio.domain.models import Photo, Render
from testing.accounts import NEW_PASSWORD, find, is_logged_in, mailed_link, sign_up
from testing.site import PASSWORD, create_user, log_in, make_settings, running_app
from testing.studio import order_picture, painted, uploaded
from testing.together import run_together
from testing.waiting import finish_mails


def form_token(client: FlaskClient, path: str) -> str:
    """The token that the page's form carries against requests forged elsewhere."""
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', client.get(path).text)
    assert token
    return token[1]


# --- sign-up ------------------------------------------------------------------------------------


def test_signing_up_logs_in_and_opens_an_empty_wallet(
    app: Flask, client: FlaskClient, tmp_path: Path
) -> None:
    answer = sign_up(client, "Ada@Example.com")
    assert answer.location.endswith("/studio")
    user = find(app, "ada@example.com")
    assert user is not None
    assert user.password is not None
    assert user.password.startswith("$argon2id$")
    with app.app_context(), transaction() as session:
        assert session.query(LedgerEntry).count() == 0
        assert session.query(Wallet).one().id == user.wallet_id
    page = client.get("/studio").text
    mail = next((tmp_path / "outbox").glob("*.eml"))
    assert mail.name in page


def test_a_broken_link_confirms_nothing(app: Flask, client: FlaskClient, tmp_path: Path) -> None:
    sign_up(client)
    link = mailed_link(tmp_path, "confirm")
    page = client.get(link[:-3] + "abc", follow_redirects=True).text
    assert "This link does not work" in page
    assert find(app, "ada@example.com").confirmed_at is None  # type: ignore[union-attr]


def test_the_mailed_link_confirms_the_address(app: Flask, client: FlaskClient, tmp_path: Path) -> None:
    sign_up(client)
    assert find(app, "ada@example.com").confirmed_at is None  # type: ignore[union-attr]
    client.get(mailed_link(tmp_path, "confirm"))
    assert find(app, "ada@example.com").confirmed_at is not None  # type: ignore[union-attr]
    with app.app_context(), transaction() as session:
        entries = session.query(LedgerEntry).all()
        assert [(entry.amount, entry.reason) for entry in entries] == [(3, EntryReason.WELCOME)]
    again = client.get(mailed_link(tmp_path, "confirm"), follow_redirects=True).text
    assert "already confirmed" in again
    assert "Send a new link" not in again


@pytest.mark.parametrize(
    ("email", "password", "sentence"),
    [
        ("not-an-address", PASSWORD, "does not look like an email"),
        ("", PASSWORD, "Enter your email"),
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


def test_sign_ups_at_once_make_one_account(app_on_both: Flask) -> None:
    app_on_both.config["WTF_CSRF_ENABLED"] = False
    emails = ["ada@example.com", "ADA@example.com", "Ada@Example.com"] * 2
    answers: list[TestResponse] = []
    run_together(
        [lambda email=email: answers.append(sign_up(app_on_both.test_client(), email)) for email in emails]  # type: ignore[misc]
    )
    refused = [answer for answer in answers if answer.status_code != 302]
    assert len(refused) == len(emails) - 1
    assert {answer.status_code for answer in refused} <= {200, 409}
    assert all("already has an account" in answer.text for answer in refused)
    with app_on_both.app_context(), transaction() as session:
        assert [user.email for user in session.query(User)] == ["ada@example.com"]
        assert session.query(Wallet).count() == 1
        assert session.query(LoginSession).count() == 1


def test_who_is_logged_in_needs_no_sign_up(app: Flask, client: FlaskClient) -> None:
    log_in(client, create_user(app, "ada@example.com"))
    assert sign_up(client, "eve@example.com").status_code == 302
    assert find(app, "eve@example.com") is None


# --- log-in and log-out -------------------------------------------------------------------------


def test_logging_in_and_out(app: Flask, client: FlaskClient) -> None:
    log_in(client, create_user(app, "ada@example.com"))
    assert is_logged_in(client)
    assert client.get("/log-out").status_code == 405
    answer = client.post("/log-out")
    assert (answer.status_code, answer.headers["Clear-Site-Data"]) == (302, '"cache"')
    assert not is_logged_in(client)
    assert "Clear-Site-Data" not in client.post("/log-out").headers, "nobody has left"


def test_log_in_does_not_tell_whether_an_account_exists(app: Flask, client: FlaskClient) -> None:
    create_user(app, "ada@example.com")
    answers = [
        client.post("/log-in", data={"email": email, "password": "wrong-password"})
        for email in ("ada@example.com", "eve@example.com")
    ]
    assert answers[0].status_code == answers[1].status_code == 200
    assert answers[0].text.replace("ada@", "eve@") == answers[1].text
    assert "Wrong email or password." in answers[0].text


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


def test_letter_case_does_not_keep_anybody_out(app: Flask, client: FlaskClient) -> None:
    create_user(app, "ada@example.com")
    client.post("/log-in", data={"email": "ADA@Example.COM", "password": PASSWORD})
    assert is_logged_in(client)


@pytest.mark.parametrize("remember", [True, False])
def test_a_device_is_remembered_on_request(app: Flask, client: FlaskClient, remember: bool) -> None:
    create_user(app, "ada@example.com")
    data = {"email": "ada@example.com", "password": PASSWORD} | ({"remember": "y"} if remember else {})
    client.post("/log-in", data=data)
    client.delete_cookie("session")  # as a browser does when it is closed
    assert is_logged_in(client) is remember


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/account")]
    + [
        (method, f"/account/{page}")
        for page in ("delete", "password", "email", "verify")
        for method in ("GET", "POST")
    ],
)
def test_account_pages_ask_to_log_in(client: FlaskClient, method: str, path: str) -> None:
    answer = client.open(path, method=method)
    assert answer.status_code == 302
    assert urlsplit(answer.location).path == "/log-in"


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


def test_a_foreign_host_gets_no_link_mailed(tmp_path: Path, sqlite_url: str) -> None:
    settings = make_settings(tmp_path, database_url=sqlite_url, site_url="https://art.example.com")
    for app in running_app(settings):
        app.config["WTF_CSRF_ENABLED"] = False
        create_user(app, "ada@example.com")
        client = app.test_client()
        form = {"email": "ada@example.com"}
        refused = client.post("/forgotten-password", base_url="https://evil.example", data=form)
        assert refused.status_code == 400
        assert not (tmp_path / "outbox").exists()
        served = client.post("/forgotten-password", base_url="https://art.example.com", data=form)
        assert served.status_code == 200
        finish_mails()
        mail = next((tmp_path / "outbox").glob("*.eml")).read_text()
        assert "https://art.example.com/forgotten-password/" in mail


def test_guessing_is_slowed_down(tmp_path: Path, sqlite_url: str) -> None:
    for app in running_app(make_settings(tmp_path, database_url=sqlite_url, ratelimit_enabled=True)):
        app.config["WTF_CSRF_ENABLED"] = False
        client = app.test_client()
        mails = [client.post("/forgotten-password", data={"email": "ada@example.com"}) for _ in range(6)]
        assert [answer.status_code for answer in mails] == [200] * 5 + [429]
        assert "Wait a minute" in mails[-1].text
        assert client.get("/forgotten-password").status_code == 200
        # What is refused by its form counts as well, and takes no time to hash.
        for path, allowed in (("/log-in", 20), ("/sign-up", 10), ("/account/delete", 20)):
            statuses = [client.post(path).status_code for _ in range(allowed + 1)]
            assert 429 not in statuses[:-1], path
            assert statuses[-1] == 429, path


@pytest.mark.parametrize("path", ["/log-in", "/sign-up", "/forgotten-password", "/confirm"])
def test_forms_need_their_token(app: Flask, path: str, tmp_path: Path) -> None:
    create_user(app, "ada@example.com")
    client = app.test_client()
    form = {"email": "ada@example.com", "password": PASSWORD}
    refused = client.post(path, data=form)
    assert refused.status_code == 400
    assert "This form has expired" in refused.text
    assert not (tmp_path / "outbox").exists()
    assert client.post(path, data=form | {"csrf_token": form_token(client, path)}).status_code in (200, 302)


def test_account_forms_need_their_token(app: Flask) -> None:
    create_user(app, "ada@example.com")
    client = app.test_client()
    form = {"email": "ada@example.com", "password": PASSWORD, "csrf_token": form_token(client, "/log-in")}
    client.post("/log-in", data=form)
    for path in ("/account/delete", "/account/password", "/account/email", "/account/verify", "/log-out"):
        assert client.post(path, data={"password": PASSWORD}).status_code == 400, path
    assert is_logged_in(client)
    client.post(
        "/account/delete", data={"password": PASSWORD, "csrf_token": form_token(client, "/account/delete")}
    )
    assert find(app, "ada@example.com") is None


# --- forgotten password -------------------------------------------------------------------------


def test_a_forgotten_password_is_set_anew_once(app: Flask, client: FlaskClient, tmp_path: Path) -> None:
    user = create_user(app, "ada@example.com")
    other = app.test_client()
    log_in(other, user)
    client.post("/forgotten-password", data={"email": "ada@example.com"})
    link = mailed_link(tmp_path, "forgotten-password/")
    assert "Set a new password" in client.get(link, follow_redirects=True).text
    answer = client.post(link, data={"password": NEW_PASSWORD, "password_confirm": NEW_PASSWORD})
    assert answer.status_code == 302
    assert is_logged_in(client)
    assert not is_logged_in(other)
    fresh = app.test_client()
    log_in(fresh, user, NEW_PASSWORD)
    assert is_logged_in(fresh)
    again = app.test_client().post(link, data={"password": PASSWORD, "password_confirm": PASSWORD})
    assert again.status_code == 302
    assert "/forgotten-password" in again.location


def test_recovery_does_not_tell_whether_an_account_exists(tmp_path: Path, sqlite_url: str) -> None:
    # Nobody listens there: the failure is logged, and the page does not wait for it.
    settings = make_settings(tmp_path, database_url=sqlite_url, smtp_host="127.0.0.1", smtp_port=1)
    for app in running_app(settings):
        app.config["WTF_CSRF_ENABLED"] = False
        create_user(app, "ada@example.com")
        for path in ("/forgotten-password", "/confirm"):
            known, unknown = (
                app.test_client().post(path, data={"email": email})
                for email in ("ada@example.com", "eve@example.com")
            )
            assert known.status_code == unknown.status_code == 200
            assert "on its way" in known.text
            assert known.text.replace("ada@", "eve@") == unknown.text
    finish_mails()
    for thread in threading.enumerate():
        if thread.name == "smtp":
            thread.join()


def test_an_unknown_address_gets_no_mail(client: FlaskClient, tmp_path: Path) -> None:
    client.post("/forgotten-password", data={"email": "eve@example.com"})
    client.post("/confirm", data={"email": "eve@example.com"})
    finish_mails()
    assert not (tmp_path / "outbox").exists()


def test_tampered_and_old_links_set_no_password(app: Flask, client: FlaskClient, tmp_path: Path) -> None:
    user = create_user(app, "ada@example.com")
    client.post("/forgotten-password", data={"email": "ada@example.com"})
    link = mailed_link(tmp_path, "forgotten-password/")
    data = {"password": NEW_PASSWORD, "password_confirm": NEW_PASSWORD}
    assert "no longer works" in client.post(link[:-3] + "abc", data=data, follow_redirects=True).text
    app.config["SECURITY_RESET_PASSWORD_WITHIN"] = timedelta(seconds=-1)  # every link is too old
    assert "This link is older" in client.post(link, data=data, follow_redirects=True).text
    log_in(client, user)


@pytest.mark.parametrize(
    ("password", "again", "sentence"),
    [("short", "short", "at least 8 characters"), (NEW_PASSWORD, PASSWORD, "The two passwords do not match")],
)
def test_a_bad_new_password_is_explained(
    app: Flask, client: FlaskClient, tmp_path: Path, password: str, again: str, sentence: str
) -> None:
    create_user(app, "ada@example.com")
    client.post("/forgotten-password", data={"email": "ada@example.com"})
    link = mailed_link(tmp_path, "forgotten-password/")
    assert sentence in client.post(link, data={"password": password, "password_confirm": again}).text
    assert not is_logged_in(client)


# --- changes ------------------------------------------------------------------------------------


def test_changing_the_password_logs_out_other_devices(app: Flask, client: FlaskClient) -> None:
    user = create_user(app, "ada@example.com")
    other = app.test_client()
    log_in(client, user)
    log_in(other, user)
    wrong = {"password": "wrong-password", "new_password": NEW_PASSWORD, "new_password_confirm": NEW_PASSWORD}
    assert "Wrong password. Try again." in client.post("/account/password", data=wrong).text
    answer = client.post("/account/password", data=wrong | {"password": PASSWORD})
    assert answer.location.endswith("/account")
    assert is_logged_in(client)
    assert not is_logged_in(other)


def test_the_owner_hears_of_a_changed_password(app: Flask, client: FlaskClient, tmp_path: Path) -> None:
    log_in(client, create_user(app, "ada@example.com"))
    data = {"password": PASSWORD, "new_password": NEW_PASSWORD, "new_password_confirm": NEW_PASSWORD}
    client.post("/account/password", data=data)
    assert mailed_link(tmp_path, "forgotten-password") == "/forgotten-password"


def test_changing_the_address_counts_once_its_link_is_opened(
    app: Flask, client: FlaskClient, tmp_path: Path
) -> None:
    log_in(client, create_user(app, "ada@example.com"))
    client.post("/account/email", data={"email": "Lovelace@example.com"})
    assert find(app, "ada@example.com")
    link = mailed_link(tmp_path, "account/email/")
    client.get(link)
    user = find(app, "lovelace@example.com")
    assert user is not None
    assert user.confirmed_at is not None
    assert find(app, "ada@example.com") is None
    assert "no longer works" in client.get(link, follow_redirects=True).text


def test_a_taken_address_is_refused(app: Flask, client: FlaskClient, tmp_path: Path) -> None:
    log_in(client, create_user(app, "ada@example.com"))
    create_user(app, "taken@example.com")
    answer = client.post("/account/email", data={"email": "Taken@example.com"})
    assert "already has an account" in answer.text
    assert "We sent a link" not in answer.text
    assert not (tmp_path / "outbox").exists()


def test_an_address_taken_meanwhile_is_refused(app: Flask, client: FlaskClient, tmp_path: Path) -> None:
    log_in(client, create_user(app, "ada@example.com"))
    client.post("/account/email", data={"email": "lovelace@example.com"})
    link = mailed_link(tmp_path, "account/email/")
    sign_up(app.test_client(), "lovelace@example.com")
    assert "no longer works" in client.get(link, follow_redirects=True).text
    assert find(app, "ada@example.com")


def test_a_log_in_long_ago_is_asked_for_the_password_again(app: Flask, client: FlaskClient) -> None:
    log_in(client, create_user(app, "ada@example.com"))
    with client.session_transaction() as cookie:
        cookie["fs_paa"] = 0.0  # when the password was entered last, in seconds since 1970
    asked = client.get("/account/email")
    assert asked.status_code == 302
    assert urlsplit(asked.location).path == "/account/verify"
    assert (
        "Wrong password. Try again." in client.post(asked.location, data={"password": "wrong-password"}).text
    )
    answer = client.post(asked.location, data={"password": PASSWORD})
    assert urlsplit(answer.location).path == "/account/email"
    assert client.get("/account/email").status_code == 200


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
    assert "Wrong password. Try again." in wrong.text
    answer = client.post("/account/delete", data={"password": PASSWORD})
    assert answer.status_code == 303
    assert answer.headers["Clear-Site-Data"] == '"cache"'
    assert not is_logged_in(client)
    assert [path for path in (tmp_path / "storage").rglob("*") if path.is_file()] == []
    with app.app_context(), transaction() as session:
        assert (
            session.query(User).count() == session.query(Photo).count() == session.query(Render).count() == 0
        )
        assert session.query(Wallet).one().id == user.wallet_id
        assert ledger.balance(session, user.wallet_id) == 0
        assert session.query(LedgerEntry).count() == 4
        for table in Base.metadata.sorted_tables:
            kept = repr(session.execute(table.select()).all())
            assert "ada@example.com" not in kept
            assert user.fs_uniquifier not in kept
    assert sign_up(client).status_code == 302
    assert find(app, "ada@example.com").wallet_id != user.wallet_id  # type: ignore[union-attr]


def test_somebody_elses_things_stay(app: Flask, client: FlaskClient) -> None:
    eve = create_user(app, "eve@example.com", credits=1)
    order_picture(app, eve)
    log_in(client, create_user(app, "ada@example.com"))
    client.post("/account/delete", data={"password": PASSWORD})
    with app.app_context(), transaction() as session:
        assert session.query(Render).one().user_id == eve.id
        assert session.query(Photo).one().user_id == eve.id
