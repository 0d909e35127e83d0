"""From an order to its credits, whatever Stripe says and however often."""

from __future__ import annotations

import uuid
from dataclasses import replace

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from app.billing import fulfilment, ledger
from app.billing.catalog import UnknownPack, find_pack, format_money
from app.billing.fulfilment import Checkout, CheckoutStatus, PaymentMismatch, UnknownOrder
from app.billing.models import Order, OrderState
from app.config import DEFAULT_PACKS
from app.db import transaction
from app.extensions import db
from tests.billing.conftest import make_wallet
from tests.together import at_once

PACK = DEFAULT_PACKS[0]


def place_order() -> tuple[uuid.UUID, Checkout]:
    """An order with its session opened, and what Stripe says once it has been paid."""
    with transaction() as session:
        order_id = fulfilment.create_order(session, make_wallet(session), PACK, "eur").id
        fulfilment.open_checkout(session, order_id, f"cs_{order_id}")
    paid = Checkout(
        id=f"cs_{order_id}",
        order_reference=str(order_id),
        status=CheckoutStatus.PAID,
        amount_minor=PACK.amount_minor,
        currency="eur",
        payment_intent_id="pi_1",
    )
    return order_id, paid


def held(order_id: uuid.UUID) -> tuple[OrderState, int]:
    """The order's state, and the credits of its wallet."""
    session = db.session()
    session.expire_all()
    order = session.get_one(Order, order_id)
    return order.state, ledger.balance(session, order.wallet_id)


def fulfil(order_id: uuid.UUID, checkout: Checkout) -> int:
    with transaction() as session:
        return fulfilment.fulfil_order(session, order_id, checkout).credited


def test_a_paid_order_is_credited_once(session: Session) -> None:
    order_id, paid = place_order()
    assert held(order_id) == (OrderState.AWAITING_PAYMENT, 0)
    assert [fulfil(order_id, paid) for _ in range(3)] == [10, 0, 0]
    assert held(order_id) == (OrderState.FULFILLED, 10)
    order = session.get_one(Order, order_id)
    assert (order.payment_intent_id, order.fulfilled_at is not None) == ("pi_1", True)


@pytest.mark.parametrize(
    ("status", "state"),
    [
        (CheckoutStatus.OPEN, OrderState.AWAITING_PAYMENT),
        (CheckoutStatus.PROCESSING, OrderState.AWAITING_PAYMENT),
        (CheckoutStatus.FAILED, OrderState.FAILED),
        (CheckoutStatus.EXPIRED, OrderState.EXPIRED),
    ],
)
def test_what_is_not_paid_is_not_credited(app: Flask, status: CheckoutStatus, state: OrderState) -> None:
    with app.app_context():
        order_id, paid = place_order()
        fulfil(order_id, replace(paid, status=status))
        assert held(order_id) == (state, 0)
        # Money that arrives after all counts.
        fulfil(order_id, paid)
        assert held(order_id) == (OrderState.FULFILLED, 10)


@pytest.mark.parametrize("status", [CheckoutStatus.FAILED, CheckoutStatus.EXPIRED])
def test_late_news_takes_nothing_back(app: Flask, status: CheckoutStatus) -> None:
    with app.app_context():
        order_id, paid = place_order()
        fulfil(order_id, paid)
        fulfil(order_id, replace(paid, status=status))
        assert held(order_id) == (OrderState.FULFILLED, 10)


@pytest.mark.parametrize(
    "wrong",
    [
        {"amount_minor": PACK.amount_minor - 1},
        {"amount_minor": None},
        {"currency": "jpy"},
        {"order_reference": str(uuid.UUID(int=1))},
        {"order_reference": None},
        {"id": "cs_of_another_order"},
    ],
)
def test_a_payment_that_is_not_the_orders_credits_nothing(app: Flask, wrong: dict[str, object]) -> None:
    with app.app_context():
        order_id, paid = place_order()
        with pytest.raises(PaymentMismatch, match="does not match this purchase") as refused:
            fulfil(order_id, replace(paid, **wrong))  # type: ignore[arg-type]
        assert str(order_id) in refused.value.reason
        assert held(order_id) == (OrderState.AWAITING_PAYMENT, 0)


def test_an_unknown_order_is_said_to_be_unknown(app: Flask) -> None:
    with app.app_context():
        _order_id, paid = place_order()
        with pytest.raises(UnknownOrder):
            fulfil(uuid.uuid4(), paid)


def test_a_webhook_may_be_faster_than_the_note_of_its_session(app: Flask) -> None:
    with app.app_context():
        with transaction() as session:
            order_id = fulfilment.create_order(session, make_wallet(session), PACK, "eur").id
        checkout = Checkout("cs_fast", str(order_id), CheckoutStatus.PAID, PACK.amount_minor, "eur")
        fulfil(order_id, checkout)
        with transaction() as session:
            fulfilment.open_checkout(session, order_id, "cs_fast")
        assert held(order_id) == (OrderState.FULFILLED, 10)


def test_webhook_and_return_page_at_once_credit_once(app_on_both: Flask) -> None:
    with app_on_both.app_context():
        order_id, paid = place_order()

    def by_webhook() -> int:
        with app_on_both.app_context(), transaction() as session:
            fulfilment.first_sighting(session, "evt_1", "checkout.session.completed")
            return fulfilment.fulfil_order(session, order_id, paid).credited

    def by_return_page() -> int:
        with app_on_both.app_context():
            return fulfil(order_id, paid)

    outcomes = at_once([by_webhook, by_return_page] * 4)
    assert sorted(outcomes, key=str) == [0] * 7 + [10]
    with app_on_both.app_context():
        assert held(order_id) == (OrderState.FULFILLED, 10)


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
