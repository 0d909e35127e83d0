"""A stolen cookie ends with its session, and cannot change the account."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.accounts.devices import device
from app.accounts.email_changes import sign_undo
from app.accounts.models import LoginSession, User
from app.db import transaction, utc_now
from testing.accounts import NEW_PASSWORD, find, is_logged_in, mailed_link
from testing.site import PASSWORD, create_user, log_in

COOKIES = ("session", "remember_token")


@pytest.fixture
def ada(app: Flask) -> User:
    return create_user(app, "ada@example.com")


@pytest.fixture
def thief(app: Flask, client: FlaskClient, ada: User) -> FlaskClient:
    """A client with a copy of the cookies of ``client``, where Ada is logged in."""
    form = {"email": ada.email, "password": PASSWORD, "remember": "y"}
    assert client.post("/log-in", data=form).status_code == 302
    copy = app.test_client()
    for name in COOKIES:
        cookie = client.get_cookie(name)
        assert cookie is not None
        copy.set_cookie(name, cookie.value)
    assert is_logged_in(copy)
    return copy


def mails(tmp_path: Path) -> list[str]:
    return [path.read_text() for path in sorted((tmp_path / "outbox").glob("*.eml"))]


def test_logging_out_ends_copies_of_the_cookie(client: FlaskClient, thief: FlaskClient) -> None:
    client.post("/log-out")
    assert not is_logged_in(thief)
    thief.delete_cookie("session")
    assert not is_logged_in(thief), "nor does the cookie that remembers"


def test_a_device_can_be_logged_out_from_another(app: Flask, ada: User, thief: FlaskClient) -> None:
    other = app.test_client()
    log_in(other, ada)
    page = other.get("/account/sessions").text
    assert page.count("this device") == 1
    ends = re.findall(r"/account/sessions/[0-9a-f-]{36}/end", page)
    assert len(ends) == 2
    assert other.post(ends[1]).status_code == 303  # its own comes first: it was seen last
    assert not is_logged_in(thief)
    assert is_logged_in(other)
    assert other.post(ends[0]).location.endswith("/")
    assert not is_logged_in(other)


def test_nobody_ends_the_session_of_somebody_else(
    app: Flask, client: FlaskClient, thief: FlaskClient
) -> None:
    eve = app.test_client()
    log_in(eve, create_user(app, "eve@example.com"))
    with app.app_context(), transaction() as session:
        ids = [row.id for row in session.query(LoginSession)]
    for session_id in ids[:1]:
        eve.post(f"/account/sessions/{session_id}/end")
    eve.post("/account/sessions/end-others")
    assert is_logged_in(client)


def test_everywhere_else_can_be_logged_out(app: Flask, client: FlaskClient, ada: User) -> None:
    others = [app.test_client() for _ in range(3)]
    for each in (client, *others):
        log_in(each, ada)
    assert "Log out everywhere else" in client.get("/account/sessions").text
    client.post("/account/sessions/end-others")
    assert is_logged_in(client)
    assert not any(map(is_logged_in, others))
    assert "Log out everywhere else" not in client.get("/account/sessions").text


def test_the_token_is_kept_as_a_hash_and_changes_at_each_log_in(
    app: Flask, client: FlaskClient, ada: User
) -> None:
    tokens = []
    for _ in range(2):
        log_in(client, ada)
        with client.session_transaction() as cookie:
            tokens.append(cookie["_user_id"])
        client.post("/log-out")
    log_in(client, ada)
    assert tokens[0] != tokens[1]
    with app.app_context(), transaction() as session:
        (row,) = session.query(LoginSession)
        assert row.token_hash not in tokens
        assert str(ada.id) not in tokens
        assert ada.fs_uniquifier not in tokens


def test_a_planted_session_is_not_the_one_that_logs_in(app: Flask, client: FlaskClient, ada: User) -> None:
    planted = app.test_client()
    planted.get("/log-in")
    cookie = planted.get_cookie("session")
    assert cookie is not None
    client.set_cookie("session", cookie.value)
    log_in(client, ada)
    assert is_logged_in(client)
    assert not is_logged_in(planted)


@pytest.mark.parametrize(
    ("created", "seen", "lasts"),
    [(1, 1, True), (100, 29, True), (100, 31, False), (179, 1, True), (181, 0, False)],
)
def test_a_session_ends_by_itself(
    app: Flask, client: FlaskClient, ada: User, created: int, seen: int, lasts: bool
) -> None:
    log_in(client, ada)
    with app.app_context(), transaction() as session:
        (row,) = session.query(LoginSession)
        row.created_at, row.last_seen_at = utc_now() - timedelta(created), utc_now() - timedelta(seen)
    assert is_logged_in(client) is lasts
    with app.app_context(), transaction() as session:
        (row,) = session.query(LoginSession)
        assert (utc_now() - row.last_seen_at < timedelta(minutes=1)) is (lasts or seen == 0)


def test_a_new_password_ends_all_other_sessions(client: FlaskClient, thief: FlaskClient) -> None:
    form = {"password": PASSWORD, "new_password": NEW_PASSWORD, "new_password_confirm": NEW_PASSWORD}
    assert client.post("/account/password", data=form).status_code == 302
    assert is_logged_in(client)
    assert not is_logged_in(thief)
    thief.delete_cookie("session")
    assert not is_logged_in(thief)


def test_the_guests_photo_survives_logging_in(client: FlaskClient, ada: User) -> None:
    with client.session_transaction() as cookie:
        cookie["guest_photo"] = {"id": "kept"}
    log_in(client, ada)
    with client.session_transaction() as cookie:
        assert cookie["guest_photo"] == {"id": "kept"}


# --- what a thief cannot change -----------------------------------------------------------------


@pytest.mark.parametrize("minutes", [11, 60, 60 * 23])
def test_an_email_is_not_changed_without_a_fresh_password(
    app: Flask, client: FlaskClient, ada: User, tmp_path: Path, minutes: int
) -> None:
    log_in(client, ada)
    client.get("/account/email")
    with client.session_transaction() as cookie:
        cookie["fs_paa"] -= minutes * 60
    for answer in (
        client.get("/account/email"),
        client.post("/account/email", data={"email": "eve@example.com"}),
    ):
        assert urlsplit(answer.location).path == "/account/verify"
    assert mails(tmp_path) == []


def test_password_and_account_are_not_changed_without_the_password(client: FlaskClient, ada: User) -> None:
    log_in(client, ada)
    form = {"new_password": NEW_PASSWORD, "new_password_confirm": NEW_PASSWORD}
    for wrong in ({}, {"password": "wrong-password"}):
        assert client.post("/account/password", data=form | wrong).status_code == 200
        assert client.post("/account/delete", data=wrong).status_code == 400
    assert is_logged_in(client)


# --- undoing a change ---------------------------------------------------------------------------


@pytest.fixture
def taken_over(client: FlaskClient, thief: FlaskClient, tmp_path: Path) -> str:
    """The undo link, after a thief with the password has changed the email."""
    client.post("/account/email", data={"email": "eve@example.com"})
    client.get(mailed_link(tmp_path, "account/email/"))
    notices = [mail for mail in mails(tmp_path) if "has been changed" in mail]
    assert [re.search(r"^To: (.*)$", mail, re.M)[1] for mail in notices] == [  # type: ignore[index]
        "ada@example.com",
        "eve@example.com",
    ]
    assert "undo-email" not in notices[1]
    link = re.search(r"http://localhost(/account/undo-email/\S+)", notices[0])
    assert link
    return link[1]


def test_the_owner_undoes_a_change_of_the_email(
    app: Flask, client: FlaskClient, thief: FlaskClient, taken_over: str
) -> None:
    owner = app.test_client()
    assert "ada@example.com" in owner.get(taken_over).text
    assert find(app, "eve@example.com"), "looking at the link changes nothing"
    answer = owner.post(taken_over)
    assert answer.status_code == 303
    assert not is_logged_in(client)
    assert not is_logged_in(thief)
    for email in ("ada@example.com", "eve@example.com"):
        client.post("/log-in", data={"email": email, "password": PASSWORD})
        assert not is_logged_in(client), "the old password is known to the thief"
    owner.post(answer.location, data={"password": NEW_PASSWORD, "password_confirm": NEW_PASSWORD})
    assert is_logged_in(owner)
    assert find(app, "ada@example.com")
    assert owner.post(taken_over).status_code == 404, "once"


def test_a_thief_cannot_undo_the_undoing(app: Flask, taken_over: str, ada: User) -> None:
    with app.app_context():
        thiefs = sign_undo(app.config["SECRET_KEY"], ada.id, "eve@example.com")
    app.test_client().post(taken_over)
    assert app.test_client().post(f"/account/undo-email/{thiefs}").status_code == 404
    assert find(app, "ada@example.com")


def test_a_second_change_by_the_thief_keeps_the_owners_link(
    app: Flask, client: FlaskClient, taken_over: str, tmp_path: Path
) -> None:
    client.post("/account/email", data={"email": "eve2@example.com"})
    client.get(mailed_link(tmp_path, "account/email/"))
    assert find(app, "eve2@example.com")
    links = {link for mail in mails(tmp_path) for link in re.findall(r"/account/undo-email/\S+", mail)}
    assert links == {taken_over}, "the thief's first address gets none that could end the owner's"
    assert app.test_client().post(taken_over).status_code == 303
    assert find(app, "ada@example.com")


def test_nobody_takes_the_address_while_its_owner_can_have_it_back(
    app: Flask, client: FlaskClient, taken_over: str, tmp_path: Path
) -> None:
    squatter = app.test_client()
    form = {"email": "ada@example.com", "password": NEW_PASSWORD}
    assert "already has an account" in squatter.post("/sign-up", data=form).text
    other = create_user(app, "other@example.com")
    log_in(squatter, other)
    assert "already has an account" in squatter.post("/account/email", data={"email": "ada@example.com"}).text
    assert app.test_client().post(taken_over).status_code == 303
    assert find(app, "ada@example.com")


def test_a_person_changes_back_by_themselves(
    app: Flask, client: FlaskClient, taken_over: str, tmp_path: Path
) -> None:
    client.post("/account/email", data={"email": "ada@example.com"})
    client.get(mailed_link(tmp_path, "account/email/"))
    assert find(app, "ada@example.com")


def test_a_new_password_of_the_thief_keeps_the_owners_link(
    app: Flask, client: FlaskClient, taken_over: str
) -> None:
    form = {"password": PASSWORD, "new_password": NEW_PASSWORD, "new_password_confirm": NEW_PASSWORD}
    client.post("/account/password", data=form)
    assert app.test_client().post(taken_over).status_code == 303
    assert not is_logged_in(client)


def test_broken_old_and_pointless_links_undo_nothing(
    app: Flask, taken_over: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = app.test_client()
    assert client.post(taken_over[:-3] + "abc").status_code == 404
    create_user(app, "ada@example.com")
    assert client.post(taken_over).status_code == 404, "the address is another account's by now"
    monkeypatch.setattr("app.accounts.email_changes.VALID_FOR", timedelta(seconds=-1))
    assert client.get(taken_over).status_code == 404


def test_the_owner_hears_that_the_account_is_deleted(client: FlaskClient, ada: User, tmp_path: Path) -> None:
    log_in(client, ada)
    client.post("/account/delete", data={"password": PASSWORD})
    (mail,) = mails(tmp_path)
    assert "To: ada@example.com" in mail
    assert "is deleted" in mail


# --- what the page says -------------------------------------------------------------------------

WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64)"


@pytest.mark.parametrize(
    ("user_agent", "said"),
    [
        (f"{WINDOWS} AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0 Safari/537.36", "Chrome on Windows"),
        (f"{WINDOWS} AppleWebKit/537.36 Chrome/130.0 Safari/537.36 Edg/130.0", "Edge on Windows"),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0", "Firefox on Linux"),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0) Version/18.0 Safari/604.1",
            "Safari on iPhone",
        ),
        ("Mozilla/5.0 (Linux; Android 14) Chrome/130.0 Mobile Safari/537.36", "Chrome on Android"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15) Version/18.0 Safari/605.1", "Safari on Mac"),
        ("curl/8.0", "Unknown device"),
        ("<script>alert(1)</script>", "Unknown device"),
        ("", "Unknown device"),
    ],
)
def test_devices_are_named_in_plain_words(app: Flask, user_agent: str, said: str) -> None:
    with app.test_request_context():
        assert device(user_agent) == said
