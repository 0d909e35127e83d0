"""Settlement: open purchases end, and money of deleted accounts goes back."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from structlog.testing import capture_logs

from app.accounts.models import User
from app.billing import fulfilment, reversals, settlement
from app.billing.gateway import Gateway
from app.billing.models import LedgerEntry, Purchase, PurchaseState, Wallet
from app.billing.reversals import Dispute, DisputeOutcome, Payment, Refunds
from app.billing.sandbox import payments
from app.config import DEFAULT_PACKS
from app.db import db, transaction, utc_now
from testing.billing import balance, deliver, event_body, pay, place_purchase, state
from testing.site import PASSWORD, MakeUser, create_user, log_in
from testing.together import at_once

PACK = DEFAULT_PACKS[0]
LATER = timedelta(minutes=11)


@pytest.fixture
def ada(make_user: MakeUser) -> User:
    return make_user("ada@example.com")


@pytest.fixture(autouse=True)
def closing_the_sandbox(app: Flask) -> Iterator[None]:
    yield
    app.extensions["sandbox"].close()


def settle(app: Flask, *, after: timedelta = LATER) -> int:
    with app.app_context():
        return settlement.settle_purchases(app.extensions["gateway"], now=utc_now() + after)


def session_status(app: Flask, purchase: Purchase) -> tuple[str, int]:
    """The session's status in the sandbox, and the refunded sum."""
    with app.extensions["sandbox"].store.transaction() as store:
        session = payments.find_session(store, purchase.checkout_session_id or "")
        intent = store.get(session["payment_intent"] or "")
        charge = store.get(intent["latest_charge"]) if intent else None
        return session["status"], charge["amount_refunded"] if charge else 0


def delete_account(client: FlaskClient, user: User) -> None:
    log_in(client, user)
    answer = client.post("/account/delete", data={"password": PASSWORD})
    assert answer.status_code == 303, answer.text


# --- open purchases -----------------------------------------------------------------------------


def test_a_payment_whose_webhook_was_lost_is_credited(app: Flask, ada: User) -> None:
    purchase = place_purchase(app, ada.wallet_id)
    pay(app, purchase)
    assert settle(app) == 1
    assert (state(app, purchase), balance(app, ada)) == (PurchaseState.FULFILLED, PACK.credits)
    assert settle(app, after=timedelta(hours=2)) == 0


def test_a_purchase_is_asked_about_once_an_hour(app: Flask, ada: User) -> None:
    place_purchase(app, ada.wallet_id)
    assert settle(app, after=timedelta(minutes=1)) == 0, "the person may still be paying"
    assert settle(app) == 1
    assert settle(app, after=LATER + timedelta(minutes=30)) == 0
    assert settle(app, after=LATER + timedelta(minutes=61)) == 1


def test_a_session_whose_id_was_lost_is_found_by_its_purchase(app: Flask, ada: User) -> None:
    """The process was killed after Stripe's answer, before the transaction."""
    other = place_purchase(app, ada.wallet_id)
    purchase = place_purchase(app, ada.wallet_id)
    pay(app, purchase)
    with app.app_context(), transaction() as session:
        row = session.get_one(Purchase, purchase.id)
        row.checkout_session_id, row.state = None, PurchaseState.CREATED
    assert settle(app) == 2
    assert (state(app, purchase), balance(app, ada)) == (PurchaseState.FULFILLED, PACK.credits)
    assert state(app, other) is PurchaseState.AWAITING_PAYMENT


def test_a_purchase_without_a_session_has_failed(app: Flask, ada: User) -> None:
    """The process was killed before Stripe was asked."""
    with app.app_context(), transaction() as session:
        purchase = fulfilment.create_purchase(session, ada.wallet_id, PACK, "eur")
        session.expunge(purchase)
    assert settle(app) == 1
    assert state(app, purchase) is PurchaseState.FAILED


def test_one_purchase_that_cannot_be_settled_does_not_stop_the_others(app: Flask, ada: User) -> None:
    lost = place_purchase(app, ada.wallet_id)
    with app.app_context(), transaction() as session:
        session.get_one(Purchase, lost.id).checkout_session_id = "cs_test_of_nobody"
    purchase = place_purchase(app, ada.wallet_id)
    pay(app, purchase)
    assert settle(app) == 2
    assert state(app, lost) is PurchaseState.AWAITING_PAYMENT
    assert state(app, purchase) is PurchaseState.FULFILLED


def test_sweeps_at_once_settle_each_purchase_once(app_on_both: Flask) -> None:
    app = app_on_both
    ada, gone = create_user(app, "ada@example.com"), create_user(app, "gone@example.com")
    bought = [place_purchase(app, ada.wallet_id) for _ in range(4)]
    orphan = place_purchase(app, gone.wallet_id)
    for purchase in (*bought, orphan):
        pay(app, purchase)
    with app.app_context(), transaction() as session:
        session.get_one(Wallet, gone.wallet_id).closed_at = utc_now()
    sweeps = at_once([lambda: settle(app)] * 4)
    assert all(isinstance(settled, int) for settled in sweeps), sweeps
    settle(app, after=timedelta(hours=2))
    assert {state(app, purchase) for purchase in bought} == {PurchaseState.FULFILLED}
    assert balance(app, ada) == 4 * PACK.credits
    assert state(app, orphan) is PurchaseState.REFUNDED
    assert session_status(app, orphan) == ("complete", PACK.amount_minor)
    app.extensions["sandbox"].close()


# --- deleted accounts ---------------------------------------------------------------------------


def test_nobody_can_pay_for_a_deleted_account(app: Flask, client: FlaskClient, ada: User) -> None:
    purchase = place_purchase(app, ada.wallet_id)
    delete_account(client, ada)
    assert session_status(app, purchase) == ("expired", 0)
    assert state(app, purchase) is PurchaseState.EXPIRED


def test_what_was_paid_for_a_deleted_account_goes_back(app: Flask, client: FlaskClient, ada: User) -> None:
    purchase = place_purchase(app, ada.wallet_id)
    pay(app, purchase)  # the webhook has not come yet
    with capture_logs() as logs:
        delete_account(client, ada)
        assert deliver(app, event_body(purchase))[0] == 200
        settle(app)
        settle(app)
    assert session_status(app, purchase) == ("complete", PACK.amount_minor)
    assert (state(app, purchase), balance(app, ada)) == (PurchaseState.REFUNDED, 0)
    errors = [entry["event"] for entry in logs if entry["log_level"] == "error"]
    assert errors == ["purchase.paid_without_owner", "purchase.refunded_without_owner"]


def test_the_refund_told_by_stripe_takes_no_credits(app: Flask, client: FlaskClient, ada: User) -> None:
    purchase = place_purchase(app, ada.wallet_id)
    pay(app, purchase)
    delete_account(client, ada)
    settle(app)
    with app.app_context():
        intent = db.session.get_one(Purchase, purchase.id).payment_intent_id
        with transaction() as session:
            payment = Payment(intent, str(purchase.id), "eur")
            assert reversals.take_back_refunded(session, Refunds(payment, PACK.amount_minor)) == 0
        assert db.session.scalar(select(func.count()).select_from(LedgerEntry)) == 0


def test_while_stripe_is_down_the_account_is_deleted_and_the_sweep_expires_its_session(
    app: Flask, client: FlaskClient, ada: User
) -> None:
    purchase = place_purchase(app, ada.wallet_id)
    working, secret = app.extensions["gateway"], app.extensions["sandbox"].webhook_secret
    app.extensions["gateway"] = Gateway("sk_test_1", secret, lambda: "http://127.0.0.1:9")
    delete_account(client, ada)
    assert session_status(app, purchase) == ("open", 0)
    app.extensions["gateway"] = working
    settle(app, after=timedelta(0))
    assert session_status(app, purchase) == ("expired", 0)


def test_a_refund_that_was_made_and_not_noted_is_not_made_twice(
    app: Flask, client: FlaskClient, ada: User
) -> None:
    purchase = place_purchase(app, ada.wallet_id)
    pay(app, purchase)
    delete_account(client, ada)
    with app.app_context():
        intent = db.session.get_one(Purchase, purchase.id).payment_intent_id
        app.extensions["gateway"].refund(intent, purchase.id)
    settle(app)
    assert session_status(app, purchase) == ("complete", PACK.amount_minor)
    assert state(app, purchase) is PurchaseState.REFUNDED


# --- what is due, in any order ------------------------------------------------------------------


def paid(app: Flask) -> tuple[uuid.UUID, Payment]:
    with transaction() as session:
        wallet = Wallet(id=uuid.uuid4())
        session.add(wallet)
        session.flush()
        purchase_id = fulfilment.create_purchase(session, wallet.id, PACK, "eur").id
        checkout = fulfilment.Checkout(
            "cs_1", str(purchase_id), fulfilment.CheckoutStatus.PAID, PACK.amount_minor, "eur", "pi_1"
        )
        fulfilment.fulfil_purchase(session, purchase_id, checkout)
    return purchase_id, Payment("pi_1", str(purchase_id), "eur")


FULL, HALF = PACK.amount_minor, PACK.amount_minor // 2


@pytest.mark.parametrize(
    ("steps", "left"),
    [
        (["taken full", "refund full", "won full"], 0),
        (["refund full", "taken full", "won full"], 0),
        (["taken full", "won full", "refund full"], 0),
        (["taken full", "refund half", "won full"], 5),
        (["taken half", "refund half"], 0),
        (["taken half", "refund half", "won half"], 5),
        (["taken full", "won full", "taken full"], 10),
        (["taken half", "taken full"], 0),
        (["taken full", "refund full", "won full", "refund full", "won full"], 0),
    ],
)
@pytest.mark.usefixtures("session")
def test_what_is_due_follows_from_all_that_went_back(app: Flask, steps: list[str], left: int) -> None:
    purchase_id, payment = paid(app)
    amounts = {"full": FULL, "half": HALF}
    for step in steps:
        kind, amount = step.split()
        with transaction() as session:
            if kind == "refund":
                reversals.take_back_refunded(session, Refunds(payment, amounts[amount]))
            else:
                dispute = Dispute("du_1", payment, amounts[amount], DisputeOutcome(kind))
                reversals.settle_dispute(session, dispute)
    total = db.session.scalar(select(func.sum(LedgerEntry.amount)))
    assert total == left
    purchase = db.session.get_one(Purchase, purchase_id)
    assert reversals.credits_taken_back(db.session(), purchase) == PACK.credits - left
