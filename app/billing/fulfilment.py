"""From an order to its credits: what was paid is checked against what was ordered, and credited once.

Everything here works in the caller's transaction and takes plain values; nothing here talks to Stripe.
"""

from __future__ import annotations

import enum
import uuid
from dataclasses import dataclass

import structlog
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.billing import ledger
from app.billing.models import EntryReason, Order, OrderState, WebhookEvent
from app.billing.transitions import InvalidTransition, OrderEvent, next_state
from app.config import CreditPack
from app.db import utc_now
from app.errors import DomainError
from app.sentences import translatable

log = structlog.get_logger(__name__)


class CheckoutStatus(enum.StrEnum):
    """How a checkout session stands; PROCESSING is a bank debit that has not been confirmed yet."""

    OPEN = "open"
    PROCESSING = "processing"
    PAID = "paid"
    FAILED = "failed"
    EXPIRED = "expired"


@dataclass(frozen=True)
class Checkout:
    """What Stripe says about a checkout session; ``amount_minor`` is in the currency's smallest unit."""

    id: str
    order_reference: str | None
    status: CheckoutStatus
    amount_minor: int | None
    currency: str | None
    payment_intent_id: str | None = None


@dataclass(frozen=True)
class FulfilmentResult:
    """Where the order stands now, and the credits that this very call added (0 if none)."""

    state: OrderState
    credited: int


class UnknownOrder(Exception):
    """The payment belongs to no order of this site."""

    def __init__(self, reference: str | None) -> None:
        self.reason = f"there is no order {reference}"
        super().__init__(self.reason)


class PaymentMismatch(DomainError):
    """What was paid is not what was ordered; ``reason`` tells the person who has to look at it."""

    status = 409

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(
            translatable(
                "The payment does not match this purchase, so no credits were added. "
                "We have logged the problem. Please contact us."
            )
        )


def create_order(session: Session, wallet_id: uuid.UUID, pack: CreditPack, currency: str) -> Order:
    """Write down what is about to be bought, at today's price."""
    order = Order(
        id=uuid.uuid4(),
        wallet_id=wallet_id,
        pack=pack.slug,
        credits=pack.credits,
        amount_minor=pack.amount_minor,
        currency=currency,
    )
    session.add(order)
    session.flush()
    return order


def open_checkout(session: Session, order_id: uuid.UUID, checkout_id: str) -> None:
    """Note the session in which the order can be paid; its webhook may have been faster than this."""
    order = lock_order(session, order_id)
    order.checkout_session_id = checkout_id
    if order.state is OrderState.CREATED:
        order.state = next_state(order.state, OrderEvent.CHECKOUT_OPENED)
    session.flush()


def fulfil_order(session: Session, order_id: uuid.UUID, checkout: Checkout) -> FulfilmentResult:
    """Bring the order up to date with its checkout session; credit it if it has been paid.

    Safe to repeat and to run concurrently: the order's row is the lock, and the ledger takes one
    PURCHASE entry per order.

    Raises:
        UnknownOrder: there is no such order.
        PaymentMismatch: the session is another order's, or its amount or currency is not the order's.
    """
    order = lock_order(session, order_id)
    _check_reference(order, checkout)
    if checkout.status is CheckoutStatus.PAID:
        return _credit(session, order, checkout)
    if checkout.status is CheckoutStatus.FAILED:
        _advance(order, OrderEvent.PAYMENT_FAILED)
    elif checkout.status is CheckoutStatus.EXPIRED:
        _advance(order, OrderEvent.EXPIRED)
    session.flush()
    return FulfilmentResult(order.state, credited=0)


def fail_order(session: Session, order_id: uuid.UUID) -> FulfilmentResult:
    """Note that the order's payment could not even be started.

    Raises:
        UnknownOrder: there is no such order.
    """
    order = lock_order(session, order_id)
    _advance(order, OrderEvent.PAYMENT_FAILED)
    session.flush()
    return FulfilmentResult(order.state, credited=0)


def lock_order(session: Session, order_id: uuid.UUID) -> Order:
    """Return the order, which nobody else changes until the transaction ends.

    Raises:
        UnknownOrder: there is no such order.
    """
    statement = select(Order).where(Order.id == order_id).with_for_update()
    order = session.scalar(statement, execution_options={"populate_existing": True})
    if order is None:
        raise UnknownOrder(str(order_id))
    return order


def first_sighting(session: Session, event_id: str, event_type: str) -> bool:
    """Note a webhook event; False if it is known already.

    Of two simultaneous deliveries the second waits here until the first has committed.
    """
    if session.get(WebhookEvent, event_id) is not None:
        return False
    try:
        with session.begin_nested():
            session.add(WebhookEvent(id=event_id, type=event_type))
    except IntegrityError:
        return False
    return True


def _check_reference(order: Order, checkout: Checkout) -> None:
    if checkout.order_reference != str(order.id):
        raise PaymentMismatch(f"order {order.id}: session {checkout.id} is for {checkout.order_reference}")
    if order.checkout_session_id not in (None, checkout.id):
        raise PaymentMismatch(f"order {order.id}: expected {order.checkout_session_id}, got {checkout.id}")


def _credit(session: Session, order: Order, checkout: Checkout) -> FulfilmentResult:
    paid, ordered = (checkout.amount_minor, checkout.currency), (order.amount_minor, order.currency)
    if paid != ordered:
        raise PaymentMismatch(f"order {order.id}: ordered {ordered}, paid {paid}")
    if order.state is OrderState.FULFILLED:
        return FulfilmentResult(order.state, credited=0)
    order.state = next_state(order.state, OrderEvent.PAID)
    order.fulfilled_at = utc_now()
    order.checkout_session_id = checkout.id
    order.payment_intent_id = checkout.payment_intent_id
    session.flush()
    ledger.grant(session, order.wallet_id, order.credits, EntryReason.PURCHASE, str(order.id))
    log.info("order.fulfilled", order=str(order.id), credits=order.credits)
    return FulfilmentResult(order.state, credited=order.credits)


def _advance(order: Order, event: OrderEvent) -> None:
    """Move the order on, unless the news comes too late to be true."""
    try:
        order.state = next_state(order.state, event)
    except InvalidTransition as error:
        log.warning("order.late_event", order=str(order.id), reason=str(error))
