"""Money that goes back takes its credits along: once, in proportion, and in whatever order it is told."""

from __future__ import annotations

import json
import uuid
from dataclasses import replace

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.accounts.models import User
from app.billing import fulfilment, ledger, reversals
from app.billing.fulfilment import PaymentMismatch, UnknownPurchase
from app.billing.gateway import Gateway
from app.billing.models import EntryReason, LedgerEntry, Purchase
from app.billing.reversals import Dispute, DisputeOutcome, Payment, PaymentNotCredited, Refunds
from app.billing.sandbox import payments
from app.billing.sandbox.store import JsonObject
from app.db import db, transaction
from testing.billing import (
    PACK,
    balance,
    deliver,
    event_body,
    fulfil,
    held,
    pay,
    place_purchase,
    record_purchase,
)
from testing.site import MakeUser, log_in
from testing.together import at_once

FULL = PACK.amount_minor


def paid_purchase() -> tuple[uuid.UUID, Payment]:
    """A purchase that was paid and credited, and its payment."""
    purchase_id, checkout = record_purchase()
    intent = f"pi_{purchase_id.hex}"
    fulfil(purchase_id, replace(checkout, payment_intent_id=intent))
    return purchase_id, Payment(intent, str(purchase_id), "eur")


def refund(payment: Payment, amount_minor: int) -> int:
    with transaction() as session:
        return reversals.take_back_refunded(session, Refunds(payment, amount_minor))


def dispute(payment: Payment, outcome: DisputeOutcome, amount_minor: int = FULL) -> int:
    with transaction() as session:
        return reversals.settle_dispute(
            session, Dispute("du_1MtJUT2eZvKYlo2CNaw2HvEv", payment, amount_minor, outcome)
        )


def left(purchase_id: uuid.UUID) -> int:
    return held(purchase_id)[1]


# --- refunds ------------------------------------------------------------------------------------


@pytest.mark.usefixtures("session")
def test_a_full_refund_takes_all_credits_once() -> None:
    purchase_id, payment = paid_purchase()
    assert [refund(payment, FULL) for _ in range(3)] == [PACK.credits, 0, 0]
    assert left(purchase_id) == 0


@pytest.mark.usefixtures("session")
@pytest.mark.parametrize(
    ("steps", "taken"),
    [
        ([FULL // 2, FULL], [5, 5]),
        ([FULL // 3, 2 * FULL // 3, FULL], [3, 3, 4]),
        ([1, 2, FULL - 1], [0, 0, 9]),
        ([FULL, FULL // 2], [10, 0]),
        ([FULL // 2, FULL // 2, FULL // 4], [5, 0, 0]),
        ([2 * FULL], [10]),
    ],
    ids=["halves", "thirds", "cents", "out-of-order", "repeated", "too-much"],
)
def test_refunds_in_parts_take_their_share(steps: list[int], taken: list[int]) -> None:
    purchase_id, payment = paid_purchase()
    assert [refund(payment, step) for step in steps] == taken
    assert left(purchase_id) == PACK.credits - sum(taken)


def test_spent_credits_are_taken_all_the_same(session: Session) -> None:
    purchase_id, payment = paid_purchase()
    with transaction():
        ledger.reserve_credits(session, session.get_one(Purchase, purchase_id).wallet_id, 8, "render-1")
    assert refund(payment, FULL) == 10
    assert left(purchase_id) == -8


def test_other_purchases_of_the_wallet_keep_their_credits(session: Session) -> None:
    purchase_id, payment = paid_purchase()
    with transaction():
        wallet_id = session.get_one(Purchase, purchase_id).wallet_id
        other = fulfilment.create_purchase(session, wallet_id, PACK, "eur").id
    checkout = fulfilment.Checkout(
        "cs_other", str(other), fulfilment.CheckoutStatus.PAID, FULL, "eur", "pi_other"
    )
    fulfil(other, checkout)
    refund(payment, FULL)
    assert left(purchase_id) == PACK.credits
    refund(Payment("pi_other", str(other), "eur"), FULL)
    assert left(purchase_id) == 0
    purchases = [session.get_one(Purchase, each) for each in (purchase_id, other)]
    assert [reversals.credits_taken_back(session, purchase) for purchase in purchases] == [10, 10]


@pytest.mark.usefixtures("session")
def test_a_refund_before_its_payment_is_to_be_told_again() -> None:
    purchase_id, checkout = record_purchase()
    payment = Payment("pi_1", str(purchase_id), "eur")
    with pytest.raises(PaymentNotCredited) as refused:
        refund(payment, FULL)
    assert refused.value.status == 503
    fulfil(purchase_id, checkout)
    assert refund(payment, FULL) == PACK.credits


@pytest.mark.usefixtures("session")
@pytest.mark.parametrize("reference", [None, "somebody else's", str(uuid.UUID(int=1))])
def test_payments_of_others_are_unknown(reference: str | None) -> None:
    paid_purchase()
    with pytest.raises(UnknownPurchase):
        refund(Payment("pi_of_others", reference, "eur"), FULL)
    with pytest.raises(UnknownPurchase):
        refund(Payment(None, reference, "eur"), FULL)


@pytest.mark.usefixtures("session")
def test_another_currency_takes_nothing() -> None:
    purchase_id, payment = paid_purchase()
    with pytest.raises(PaymentMismatch):
        refund(replace(payment, currency="jpy"), FULL)
    assert left(purchase_id) == PACK.credits


def test_refunds_told_at_once_take_their_credits_once(app_on_both: Flask) -> None:
    with app_on_both.app_context():
        purchase_id, payment = paid_purchase()

    def told(amount_minor: int) -> int:
        with app_on_both.app_context():
            return refund(payment, amount_minor)

    outcomes = at_once([lambda: told(FULL // 2), lambda: told(FULL)] * 4)
    assert sum(outcomes) == PACK.credits  # type: ignore[arg-type]
    with app_on_both.app_context():
        assert left(purchase_id) == 0


# --- disputes -----------------------------------------------------------------------------------


@pytest.mark.usefixtures("session")
def test_a_dispute_takes_the_credits_once_and_returns_them_when_it_is_won() -> None:
    purchase_id, payment = paid_purchase()
    assert dispute(payment, DisputeOutcome.OPEN) == 0
    assert [dispute(payment, DisputeOutcome.TAKEN) for _ in range(3)] == [10, 0, 0]
    assert left(purchase_id) == 0
    assert [dispute(payment, DisputeOutcome.WON) for _ in range(3)] == [10, 0, 0]
    assert dispute(payment, DisputeOutcome.TAKEN) == 0, "an old event comes late"
    assert left(purchase_id) == PACK.credits


@pytest.mark.usefixtures("session")
def test_a_dispute_that_took_nothing_returns_nothing() -> None:
    purchase_id, payment = paid_purchase()
    assert dispute(payment, DisputeOutcome.WON) == 0
    assert left(purchase_id) == PACK.credits


@pytest.mark.usefixtures("session")
def test_refund_and_dispute_together_take_no_more_than_there_was() -> None:
    purchase_id, payment = paid_purchase()
    assert refund(payment, FULL // 2) == 5
    assert dispute(payment, DisputeOutcome.TAKEN) == 5
    assert refund(payment, FULL) == 0
    assert left(purchase_id) == 0


# --- what Stripe tells --------------------------------------------------------------------------


def told(kind: str, subject: JsonObject, event_id: str) -> str:
    return json.dumps({"id": event_id, "object": "event", "type": kind, "data": {"object": subject}})


def refund_at_stripe(app: Flask, purchase: Purchase, amount: int) -> JsonObject:
    with app.extensions["sandbox"].store.transaction() as store:
        return payments.refund(
            store, payments.find_session(store, purchase.checkout_session_id or ""), amount
        )


def dispute_at_stripe(
    app: Flask, purchase: Purchase, amount: int, status: str = "needs_response"
) -> JsonObject:
    with app.extensions["sandbox"].store.transaction() as store:
        session = payments.find_session(store, purchase.checkout_session_id or "")
        return payments.dispute(store, session, amount, status)


@pytest.fixture
def ada(client: FlaskClient, make_user: MakeUser) -> User:
    user = make_user("ada@example.com")
    log_in(client, user)
    return user


@pytest.fixture
def purchase(app: Flask, ada: User) -> Purchase:
    """A purchase that has been paid in the sandbox, of which the site does not know yet."""
    purchase = place_purchase(app, ada.wallet_id)
    pay(app, purchase)
    return purchase


def test_a_refund_told_by_stripe_shows_in_the_history_and_on_the_purchase(
    client: FlaskClient, app: Flask, ada: User, purchase: Purchase
) -> None:
    assert deliver(app, event_body(purchase))[0] == 200
    first = refund_at_stripe(app, purchase, FULL // 2)
    assert deliver(app, told("charge.refunded", first, "evt_2"))[0] == 200
    assert balance(app, ada) == 5
    part = client.get(f"/checkout/return?order={purchase.id}").text
    assert "Part of the payment was returned" in part
    assert "5 credits were taken back. You have 5 now." in part
    assert "Payment partly returned" in client.get("/credits").text
    whole = refund_at_stripe(app, purchase, FULL // 2)
    for event_id in ("evt_3", "evt_3", "evt_4"):
        assert deliver(app, told("charge.refunded", whole, event_id))[0] == 200
    assert balance(app, ada) == 0
    page = client.get("/credits").text
    assert page.count("Payment refunded, credits taken back") == 2
    assert "Payment returned" in page
    assert "Its 10 credits were taken back" in client.get(f"/checkout/return?order={purchase.id}").text


def test_refunds_are_believed_only_as_far_as_the_charge_says(
    app: Flask, ada: User, purchase: Purchase
) -> None:
    deliver(app, event_body(purchase))
    charge = refund_at_stripe(app, purchase, FULL // 2)
    assert deliver(app, told("charge.refunded", charge | {"amount_refunded": FULL}, "evt_2"))[0] == 200
    assert balance(app, ada) == 5


def test_a_refund_told_before_the_payment_is_asked_for_again(
    app: Flask, ada: User, purchase: Purchase
) -> None:
    charge = refund_at_stripe(app, purchase, FULL)
    assert deliver(app, told("charge.refunded", charge, "evt_2"))[0] == 503
    assert deliver(app, event_body(purchase))[0] == 200
    assert balance(app, ada) == 10
    assert deliver(app, told("charge.refunded", charge, "evt_2"))[0] == 200
    assert balance(app, ada) == 0


def test_a_dispute_told_by_stripe(client: FlaskClient, app: Flask, ada: User, purchase: Purchase) -> None:
    deliver(app, event_body(purchase))
    inquiry = dispute_at_stripe(app, purchase, FULL, "warning_needs_response")
    assert deliver(app, told("charge.dispute.created", inquiry, "evt_2"))[0] == 200
    assert balance(app, ada) == 10, "nothing was withdrawn"
    opened = dispute_at_stripe(app, purchase, FULL)
    for event_id, kind in (("evt_3", "created"), ("evt_4", "funds_withdrawn")):
        assert deliver(app, told(f"charge.dispute.{kind}", opened, event_id))[0] == 200
    assert balance(app, ada) == 0
    assert "Payment disputed with the bank, credits taken back" in client.get("/credits").text
    with app.extensions["sandbox"].store.transaction() as store:
        payments.close_dispute(store, opened, won=True)
    assert deliver(app, told("charge.dispute.closed", opened, "evt_5"))[0] == 200
    assert balance(app, ada) == 10
    assert "Dispute settled, credits returned" in client.get("/credits").text
    assert "Thank you" in client.get(f"/checkout/return?order={purchase.id}").text


def test_a_lost_dispute_keeps_what_it_took(app: Flask, ada: User, purchase: Purchase) -> None:
    deliver(app, event_body(purchase))
    opened = dispute_at_stripe(app, purchase, FULL)
    with app.extensions["sandbox"].store.transaction() as store:
        payments.close_dispute(store, opened, won=False)
    assert deliver(app, told("charge.dispute.closed", opened, "evt_2"))[0] == 200
    assert balance(app, ada) == 0
    with app.app_context():
        entry = db.session.scalars(select(LedgerEntry).where(LedgerEntry.amount < 0)).one()
        assert (entry.reason, entry.reference) == (EntryReason.DISPUTE, f"{purchase.id.hex}:{opened['id']}")


def test_refunds_of_payments_of_others_are_taken_and_do_nothing(
    app: Flask, ada: User, purchase: Purchase
) -> None:
    deliver(app, event_body(purchase))
    charge = refund_at_stripe(app, purchase, FULL)
    with app.extensions["sandbox"].store.transaction() as store:
        intent = store.get(charge["payment_intent"])
        other = store.put(intent | {"id": "pi_of_others", "metadata": {}})
        charge = store.put(charge | {"id": "ch_of_others", "payment_intent": other["id"]})
    assert deliver(app, told("charge.refunded", charge, "evt_2"))[0] == 200
    assert balance(app, ada) == 10


def test_refunds_are_asked_for_again_while_stripe_is_down(app: Flask, ada: User, purchase: Purchase) -> None:
    deliver(app, event_body(purchase))
    charge = refund_at_stripe(app, purchase, FULL)
    working, secret = app.extensions["gateway"], app.extensions["sandbox"].webhook_secret
    app.extensions["gateway"] = Gateway("sk_test_1", secret, lambda: "http://127.0.0.1:9")
    assert deliver(app, told("charge.refunded", charge, "evt_2"))[0] == 503
    app.extensions["gateway"] = working
    assert deliver(app, told("charge.refunded", charge, "evt_2"))[0] == 200
    assert balance(app, ada) == 0


def test_the_sandbox_delivers_a_refund_to_the_site(app: Flask, ada: User, purchase: Purchase) -> None:
    deliver(app, event_body(purchase))
    refund_at_stripe(app, purchase, FULL)
    with app.extensions["sandbox"].store.transaction() as store:
        waiting = []
        while event := store.claim_delivery():
            waiting.append(event["type"])
    assert waiting == ["checkout.session.completed", "charge.refunded"]
