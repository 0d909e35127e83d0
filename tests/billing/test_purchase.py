"""Buying on a site that really listens: the sandbox's page, its webhooks, and the way back."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator

import pytest
import requests
from flask import Flask
from sqlalchemy import select

from app.accounts.models import User
from app.billing import ledger
from app.billing.models import Purchase, PurchaseState
from app.db import db, utc_now
from testing.site import PASSWORD, create_user
from testing.waiting import wait_until

CARD = {"number": "4242 4242 4242 4242", "expiry": "12 / 99", "cvc": "123", "name": "Ada Lovelace"}
DECLINED, INSUFFICIENT, AUTHENTICATION = "4000000000000002", "4000000000009995", "4000002500003155"


class Shopper:
    """A person with a browser, as far as HTTP goes."""

    def __init__(self, app: Flask, site: str) -> None:
        self.app, self.site = app, site
        self.user: User = create_user(app, "ada@example.com")
        self.http = requests.Session()
        self.http.trust_env = False
        self.post("/log-in", email=self.user.email, password=PASSWORD)

    def get(self, path: str) -> requests.Response:
        return self.http.get(self._url(path), timeout=30)

    def post(self, path: str, **data: str) -> requests.Response:
        """Send a form and follow no redirect: the tests look where it leads."""
        return self.http.post(self._url(path), data=data, allow_redirects=False, timeout=30)

    def _url(self, path: str) -> str:
        return path if path.startswith("http") else self.site + path

    def go_to_payment(self) -> str:
        answer = self.post("/checkout", pack="pack-10")
        assert (answer.status_code, answer.headers["Location"].startswith(self.site)) == (303, True)
        return answer.headers["Location"]

    def purchase(self) -> Purchase:
        with self.app.app_context():
            return db.session.scalars(select(Purchase)).one()

    def balance(self) -> int:
        with self.app.app_context():
            return ledger.balance(db.session(), self.user.wallet_id)

    def wait_for(self, state: PurchaseState) -> None:
        """Wait for the webhook alone to bring the purchase there."""
        wait_until(lambda: self.purchase().state is state, f"the purchase was {state}")


@pytest.fixture
def shopper(app: Flask, site: str) -> Iterator[Shopper]:
    shopper = Shopper(app, site)
    yield shopper
    shopper.http.close()


def test_paying_by_card(shopper: Shopper) -> None:
    page = shopper.go_to_payment()
    shown = shopper.get(page).text
    assert ("Sandbox: no money moves" in shown, "€4.90" in shown) == (True, True)
    paid = shopper.post(page, **CARD)
    assert paid.headers["Location"] == f"{shopper.site}/checkout/return?order={shopper.purchase().id}"
    shopper.wait_for(PurchaseState.FULFILLED)
    assert "Thank you" in shopper.get(paid.headers["Location"]).text
    assert shopper.balance() == 10
    assert "This is paid" in shopper.get(page).text
    assert shopper.post(page, **CARD).headers["Location"] in page
    assert shopper.balance() == 10


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"number": DECLINED}, "Your card was declined."),
        ({"number": INSUFFICIENT}, "insufficient funds"),
        ({"number": "4242 4242 4242 4241"}, "card number is not valid"),
        ({"expiry": "01 / 20"}, "has expired"),
    ],
)
def test_a_refused_card_says_why_and_another_pays(
    shopper: Shopper, change: dict[str, str], sentence: str
) -> None:
    page = shopper.go_to_payment()
    refused = shopper.post(page, **(CARD | change))
    assert (refused.status_code, sentence in refused.text) == (402, True)
    assert 'value="Ada Lovelace"' in refused.text
    assert (shopper.balance(), shopper.purchase().state) == (0, PurchaseState.AWAITING_PAYMENT)
    shopper.post(page, **CARD)
    shopper.wait_for(PurchaseState.FULFILLED)
    assert shopper.balance() == 10


def test_a_card_that_asks_for_authentication(shopper: Shopper) -> None:
    page = shopper.go_to_payment()
    step = shopper.post(page, **(CARD | {"number": AUTHENTICATION})).headers["Location"]
    assert "Is this you?" in shopper.get(step).text
    assert shopper.balance() == 0
    refused = shopper.post(step, decision="refuse")
    assert (refused.status_code, "was not confirmed" in refused.text) == (402, True)
    assert (shopper.balance(), shopper.purchase().state) == (0, PurchaseState.AWAITING_PAYMENT)
    step = shopper.post(page, **(CARD | {"number": AUTHENTICATION})).headers["Location"]
    assert "/checkout/return" in shopper.post(step, decision="confirm").headers["Location"]
    shopper.wait_for(PurchaseState.FULFILLED)
    assert shopper.balance() == 10


@pytest.mark.parametrize(
    ("decision", "state", "credits", "heading"),
    [
        ("confirm", PurchaseState.FULFILLED, 10, "Thank you"),
        ("refuse", PurchaseState.FAILED, 0, "The payment failed"),
    ],
)
def test_a_bank_debit_is_decided_later(
    shopper: Shopper, decision: str, state: PurchaseState, credits: int, heading: str
) -> None:
    page = shopper.go_to_payment()
    back = shopper.post(page + "/debit").headers["Location"]
    waiting = shopper.get(back).text
    assert "Your bank is at work" in waiting
    assert re.search(r'href="(/sandbox/checkout/[^"]+)"', waiting)
    assert shopper.balance() == 0
    assert "You play the bank" in shopper.get(page).text
    shopper.post(page + "/bank", decision=decision)
    shopper.wait_for(state)
    assert heading in shopper.get(back).text
    assert shopper.balance() == credits


def test_an_expired_checkout_says_so(shopper: Shopper) -> None:
    page = shopper.go_to_payment()
    sandbox = shopper.app.extensions["sandbox"]
    session_id = shopper.purchase().checkout_session_id
    with sandbox.store.transaction() as store:
        session = store.get(session_id)
        session["expires_at"] = int(utc_now().timestamp()) - 1
        store.put(session)
    assert "This payment has expired" in shopper.get(page).text
    shopper.wait_for(PurchaseState.EXPIRED)
    assert "This payment has expired" in shopper.get(f"/checkout/return?order={shopper.purchase().id}").text
    assert shopper.post(page, **CARD).status_code == 303
    assert shopper.balance() == 0


def test_two_presses_make_two_unpaid_purchases_and_one_purchase(shopper: Shopper) -> None:
    first, second = shopper.go_to_payment(), shopper.post("/checkout", pack="pack-10").headers["Location"]
    assert first != second
    shopper.get(shopper.post(second, **CARD).headers["Location"])
    assert shopper.balance() == 10


def test_an_unknown_checkout_is_not_found(shopper: Shopper) -> None:
    for path in ("", "/authentication"):
        assert shopper.get(f"/sandbox/checkout/cs_test_{uuid.uuid4().hex}{path}").status_code == 404
