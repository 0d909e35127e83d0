"""Limits on guessing passwords and flooding mailboxes, from one or many addresses."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.accounts import guessing
from app.accounts.passwords import COMMON_PASSWORDS, is_common
from app.config import Settings
from app.extensions import client_network, limiter
from testing.accounts import NEW_PASSWORD, is_logged_in, sign_up
from testing.site import PASSWORD, create_user, running_app
from testing.waiting import finish_mails


@pytest.fixture
def limited(settings: Settings) -> Iterator[Flask]:
    for app in running_app(settings.model_copy(update={"ratelimit_enabled": True})):
        app.config["WTF_CSRF_ENABLED"] = False
        limiter.storage.reset()
        yield app


def guess(
    client: FlaskClient, number: int, email: str = "ada@example.com", password: str = "wrong-password"
) -> TestResponse:
    """Try a password once, from an address of its own."""
    return client.post(
        "/log-in",
        data={"email": email, "password": password},
        environ_overrides={"REMOTE_ADDR": f"10.0.{number // 256}.{number % 256}"},
    )


def pauses(client: FlaskClient, email: str) -> list[int]:
    """The pauses of a guesser who always waits as long as required."""
    seconds: list[int] = []
    for number in range(40):
        answer = guess(client, number, email)
        if answer.status_code == 429:
            seconds.append(int(answer.headers["Retry-After"]))
            digest = guessing._digest(email)
            limiter.storage.clear(f"guesses/{digest}/anybody/pause")  # ends the pause
    return seconds


@pytest.mark.parametrize("email", ["ada@example.com", "nobody@example.com"])
def test_pauses_grow_and_end(limited: Flask, email: str) -> None:
    create_user(limited, "ada@example.com")
    seconds = pauses(limited.test_client(), email)
    assert seconds[:4] == [2, 4, 8, 16]
    assert seconds == sorted(seconds)
    assert seconds[-1] == guessing.LONGEST_PAUSE


def test_a_pause_checks_no_password(limited: Flask) -> None:
    create_user(limited, "ada@example.com")
    client = limited.test_client()
    statuses = [guess(client, number).status_code for number in range(7)]
    assert statuses == [200] * 6 + [429]
    assert guess(client, 8, password=PASSWORD).status_code == 429
    assert not is_logged_in(client)
    assert guess(client, 9, "ADA@example.com").status_code == 429
    assert guess(client, 10, "eve@example.com").status_code == 200, "only this account has to wait"


def test_strangers_do_not_keep_the_owner_out(limited: Flask) -> None:
    create_user(limited, "ada@example.com")
    owner, stranger = limited.test_client(), limited.test_client()
    guess(owner, 1, password=PASSWORD)
    owner.post("/log-out")
    for number in range(2, 12):
        guess(stranger, number)
    assert guess(stranger, 12, password=PASSWORD).status_code == 429
    assert guess(owner, 13, password=PASSWORD).status_code == 302
    # A browser that is known to one account is a stranger to others.
    create_user(limited, "eve@example.com")
    owner.post("/log-out")
    tries = [guess(owner, number, "eve@example.com").status_code for number in range(20, 27)]
    assert tries[-1] == 429


def test_a_known_browser_counts_for_itself_however_its_cookie_is_written(limited: Flask) -> None:
    create_user(limited, "ada@example.com")
    owner, former = limited.test_client(), limited.test_client()
    for client in (owner, former):
        guess(client, 1, password=PASSWORD)
        client.post("/log-out")
    cookie = former.get_cookie(guessing.COOKIE)
    assert cookie is not None
    tries = []
    for number in range(10):
        former.set_cookie(guessing.COOKIE, cookie.value + "!" * number)
        tries.append(guess(former, 2 + number).status_code)
    assert 429 in tries, "one signature can be written in many ways"
    assert guess(owner, 20, password=PASSWORD).status_code == 302, "another known browser waits for nobody"


def test_the_right_password_starts_anew(limited: Flask) -> None:
    create_user(limited, "ada@example.com")
    for _ in range(3):
        client = limited.test_client()
        assert [guess(client, number).status_code for number in range(5)] == [200] * 5
        assert guess(client, 6, password=PASSWORD).status_code == 302
        client.post("/log-out")


@pytest.mark.parametrize("path", ["/account/verify", "/account/password", "/account/delete"])
def test_a_stolen_session_guesses_no_faster(limited: Flask, path: str) -> None:
    create_user(limited, "ada@example.com")
    client = limited.test_client()
    guess(client, 1, password=PASSWORD)
    form = {
        "password": "wrong-password",
        "new_password": NEW_PASSWORD,
        "new_password_confirm": NEW_PASSWORD,
    }
    statuses = [client.post(path, data=form).status_code for _ in range(8)]
    assert statuses[-1] == 429
    assert 429 not in statuses[:5]


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::9", "2001:db8:1:3::/64"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
        ("unknown", "unknown"),
    ],
)
def test_a_customer_with_many_addresses_is_one(app: Flask, address: str, network: str) -> None:
    with app.test_request_context(environ_overrides={"REMOTE_ADDR": address}):
        assert client_network() == network


def test_one_recipient_gets_a_few_mails_whoever_asks(limited: Flask, tmp_path: Path) -> None:
    create_user(limited, "ada@example.com")
    for number in range(12):
        for path in ("/forgotten-password", "/confirm"):
            answer = limited.test_client().post(
                path,
                data={"email": "ada@example.com"},
                environ_overrides={"REMOTE_ADDR": f"2001:db8:{number:x}::1"},
            )
            assert answer.status_code == 200
        finish_mails()
    assert len(list((tmp_path / "outbox").glob("*.eml"))) == 5


# --- which passwords ----------------------------------------------------------------------------


@pytest.mark.parametrize("password", ["password", "12345678", "Password1", "PASSWORD123", "iloveyou1"])
def test_common_passwords_are_refused(client: FlaskClient, password: str) -> None:
    page = sign_up(client, password=password).text
    assert "guessed first" in page
    assert not is_logged_in(client)


def test_the_list_is_long_and_holds_no_short_ones() -> None:
    passwords = COMMON_PASSWORDS.read_text().splitlines()
    assert len(passwords) > 10_000
    assert all(len(password) >= 8 for password in passwords)
    assert not is_common(PASSWORD)


@pytest.mark.parametrize(("length", "taken"), [(7, False), (8, True), (128, True), (129, False)])
def test_a_password_has_8_to_128_characters(client: FlaskClient, length: int, taken: bool) -> None:
    answer = sign_up(client, password=("kxqzv7w!" * 20)[:length])
    assert is_logged_in(client) is taken
    assert taken or "at least 8 characters, and at most 128" in answer.text
