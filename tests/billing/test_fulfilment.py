"""From a purchase to its credits, whatever Stripe says and however often."""

from __future__ import annotations

import uuid
from dataclasses import replace

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from app.billing import fulfilment
from app.billing.fulfilment import Checkout, CheckoutStatus, PaymentMismatch, UnknownPurchase
from app.billing.models import Purchase, PurchaseState
from app.billing.packs import UnknownPack, find_pack, format_money
from app.config import DEFAULT_PACKS
from app.db import transaction
from testing.billing import PACK, fulfil, held, make_wallet, record_purchase
from testing.together import at_once


def test_a_paid_purchase_is_credited_once(session: Session) -> None:
    purchase_id, paid = record_purchase()
    assert held(purchase_id) == (PurchaseState.AWAITING_PAYMENT, 0)
    assert [fulfil(purchase_id, paid) for _ in range(3)] == [10, 0, 0]
    assert held(purchase_id) == (PurchaseState.FULFILLED, 10)
    purchase = session.get_one(Purchase, purchase_id)
    assert (purchase.payment_intent_id, purchase.fulfilled_at is not None) == ("pi_1", True)


@pytest.mark.parametrize(
    ("status", "state"),
    [
        (CheckoutStatus.OPEN, PurchaseState.AWAITING_PAYMENT),
        (CheckoutStatus.PROCESSING, PurchaseState.AWAITING_PAYMENT),
        (CheckoutStatus.FAILED, PurchaseState.FAILED),
        (CheckoutStatus.EXPIRED, PurchaseState.EXPIRED),
    ],
)
def test_what_is_not_paid_is_not_credited(app: Flask, status: CheckoutStatus, state: PurchaseState) -> None:
    with app.app_context():
        purchase_id, paid = record_purchase()
        fulfil(purchase_id, replace(paid, status=status))
        assert held(purchase_id) == (state, 0)
        # Money that arrives after all counts.
        fulfil(purchase_id, paid)
        assert held(purchase_id) == (PurchaseState.FULFILLED, 10)


@pytest.mark.parametrize("status", [CheckoutStatus.FAILED, CheckoutStatus.EXPIRED])
def test_late_news_takes_nothing_back(app: Flask, status: CheckoutStatus) -> None:
    with app.app_context():
        purchase_id, paid = record_purchase()
        fulfil(purchase_id, paid)
        fulfil(purchase_id, replace(paid, status=status))
        assert held(purchase_id) == (PurchaseState.FULFILLED, 10)


@pytest.mark.parametrize(
    "wrong",
    [
        {"amount_minor": PACK.amount_minor - 1},
        {"amount_minor": None},
        {"currency": "jpy"},
        {"purchase_reference": str(uuid.UUID(int=1))},
        {"purchase_reference": None},
        {"id": "cs_of_another_purchase"},
    ],
)
def test_a_payment_that_is_not_the_purchases_credits_nothing(app: Flask, wrong: dict[str, object]) -> None:
    with app.app_context():
        purchase_id, paid = record_purchase()
        with pytest.raises(PaymentMismatch, match="does not match this purchase") as refused:
            fulfil(purchase_id, replace(paid, **wrong))  # type: ignore[arg-type]
        assert str(purchase_id) in refused.value.reason
        assert held(purchase_id) == (PurchaseState.AWAITING_PAYMENT, 0)


def test_an_unknown_purchase_is_said_to_be_unknown(app: Flask) -> None:
    with app.app_context():
        _purchase_id, paid = record_purchase()
        with pytest.raises(UnknownPurchase):
            fulfil(uuid.uuid4(), paid)


def test_a_webhook_may_be_faster_than_the_note_of_its_session(app: Flask) -> None:
    with app.app_context():
        with transaction() as session:
            purchase_id = fulfilment.create_purchase(session, make_wallet(session), PACK, "eur").id
        checkout = Checkout("cs_fast", str(purchase_id), CheckoutStatus.PAID, PACK.amount_minor, "eur")
        fulfil(purchase_id, checkout)
        with transaction() as session:
            fulfilment.open_checkout(session, purchase_id, "cs_fast")
        assert held(purchase_id) == (PurchaseState.FULFILLED, 10)


def test_webhook_and_return_page_at_once_credit_once(app_on_both: Flask) -> None:
    with app_on_both.app_context():
        purchase_id, paid = record_purchase()

    def by_webhook() -> int:
        with app_on_both.app_context(), transaction() as session:
            fulfilment.first_sighting(session, "evt_1", "checkout.session.completed")
            return fulfilment.fulfil_purchase(session, purchase_id, paid).credited

    def by_return_page() -> int:
        with app_on_both.app_context():
            return fulfil(purchase_id, paid)

    outcomes = at_once([by_webhook, by_return_page] * 4)
    assert sorted(outcomes, key=str) == [0] * 7 + [10]
    with app_on_both.app_context():
        assert held(purchase_id) == (PurchaseState.FULFILLED, 10)


def test_an_event_is_seen_for_the_first_time_once(app_on_both: Flask) -> None:
    def see() -> bool:
        with app_on_both.app_context(), transaction() as session:
            return fulfilment.first_sighting(session, "evt_1", "checkout.session.completed")

    assert sorted(at_once([see] * 6), key=str) == [False] * 5 + [True]


def test_packs_are_found_by_their_slug() -> None:
    assert find_pack(DEFAULT_PACKS, "pack-50").credits == 50
    with pytest.raises(UnknownPack, match="no longer for sale"):
        find_pack(DEFAULT_PACKS, "pack-1000000")


@pytest.mark.parametrize(
    ("amount_minor", "currency", "text"),
    [
        (490, "eur", "€4.90"),
        (29.5, "usd", "$0.30"),
        (500, "jpy", "¥500"),
        (1_234_500, "chf", "CHF12,345.00"),
        # At Stripe these have decimals, whatever their countries say.
        (49_000, "isk", "ISK490.00"),
        (49_000, "rsd", "RSD490.00"),
        (49_000, "ugx", "UGX490.00"),
        (1_500, "kwd", "KWD1.500"),
    ],
)
def test_money_is_written_as_its_currency_is(amount_minor: float, currency: str, text: str) -> None:
    # A currency's code may be parted from the number by a space that does not break.
    assert format_money(amount_minor, currency).replace("\xa0", "") == text


def test_money_is_written_as_the_language_does() -> None:
    written = [
        format_money(amount, currency, locale="de_DE").replace("\xa0", " ")
        for amount, currency in ((490, "eur"), (500, "jpy"), (1_500, "kwd"), (1_234_500, "isk"))
    ]
    assert written == ["4,90 €", "500 ¥", "1,500 KWD", "12.345,00 ISK"]
