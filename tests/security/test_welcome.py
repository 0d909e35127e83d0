"""Free credits come once for each confirmed address."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.accounts.models import WelcomedAddress
from app.accounts.welcome import address_hash
from app.billing import ledger
from app.db import transaction
from testing.accounts import find, mailed_link, sign_up
from testing.site import PASSWORD, create_user, log_in


def balance(app: Flask, email: str) -> int:
    user = find(app, email)
    assert user is not None
    with app.app_context(), transaction() as session:
        return ledger.balance(session, user.wallet_id)


def confirmed(app: Flask, tmp_path: Path, email: str) -> FlaskClient:
    client = app.test_client()
    sign_up(client, email)
    client.get(mailed_link(tmp_path, "confirm"))
    return client


def test_an_invented_address_gets_nothing(app: Flask, client: FlaskClient) -> None:
    sign_up(client, "nobody@example.com")
    assert balance(app, "nobody@example.com") == 0
    assert "Confirm it to get your 3 free credits" in client.get("/account").text
    assert "Confirm your email to get 3 free credits" in client.get("/credits").text


def test_whoever_has_not_confirmed_can_buy(app: Flask, client: FlaskClient) -> None:
    sign_up(client, "ada@example.com")
    assert "/sandbox/checkout/" in client.post("/checkout", data={"pack": "pack-10"}).location


def test_confirming_brings_the_credits_once(app: Flask, client: FlaskClient, tmp_path: Path) -> None:
    sign_up(client, "ada@example.com")
    link = mailed_link(tmp_path, "confirm")
    assert "Your 3 free credits are here" in client.get(link, follow_redirects=True).text
    client.get(link)
    assert balance(app, "ada@example.com") == 3
    assert "free credits" not in client.get("/credits").text.split("<main")[1].split("</main")[0]


@pytest.mark.parametrize("again", ["ada@example.com", "ADA@Example.com", "ada+2@example.com"])
def test_deleting_and_opening_again_brings_nothing(
    app: Flask, client: FlaskClient, tmp_path: Path, again: str
) -> None:
    first = confirmed(app, tmp_path, "ada@example.com")
    first.post("/account/delete", data={"password": PASSWORD})
    second = confirmed(app, tmp_path, again)
    assert balance(app, again.lower()) == 0
    assert "had its free credits before" in second.get("/account").text
    other = confirmed(app, tmp_path, "eve@example.com")
    assert balance(app, "eve@example.com") == 3
    assert "had its free credits" not in other.get("/account").text


def test_dots_make_no_new_address_where_the_provider_ignores_them() -> None:
    ada = address_hash("key", "ada.lovelace@gmail.com")
    assert address_hash("key", "A.d.a.Lovelace+art@GoogleMail.com") == ada
    assert address_hash("key", "adalovelace@example.com") != address_hash("key", "ada.lovelace@example.com")


def test_changing_the_address_brings_nothing_more(app: Flask, client: FlaskClient, tmp_path: Path) -> None:
    ada = confirmed(app, tmp_path, "ada@example.com")
    ada.post("/account/email", data={"email": "lovelace@example.com"})
    ada.get(mailed_link(tmp_path, "account/email/"))
    assert balance(app, "lovelace@example.com") == 3


def test_a_changed_address_that_is_confirmed_first_brings_the_credits(
    app: Flask, client: FlaskClient, tmp_path: Path
) -> None:
    log_in(client, create_user(app, "ada@example.com"))
    client.post("/account/email", data={"email": "lovelace@example.com"})
    client.get(mailed_link(tmp_path, "account/email/"))
    assert balance(app, "lovelace@example.com") == 3


def test_only_a_keyed_hash_is_remembered(app: Flask, client: FlaskClient, tmp_path: Path) -> None:
    ada = confirmed(app, tmp_path, "ada@example.com")
    ada.post("/account/delete", data={"password": PASSWORD})
    with app.app_context(), transaction() as session:
        (kept,) = session.query(WelcomedAddress)
        assert kept.address_hash == address_hash(app.config["SECRET_KEY"], "ada@example.com")
        assert [column.name for column in WelcomedAddress.__table__.columns] == ["address_hash"]
        assert address_hash("another key", "ada@example.com") != kept.address_hash
