"""From a purchase to its credits: checks the payment and credits it exactly once.

The functions run in the caller's transaction, take plain values and never call Stripe.
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
from app.billing.models import EntryReason, Purchase, PurchaseState, Wallet, WebhookEvent
from app.billing.transitions import InvalidTransition, PurchaseEvent, next_state
from app.config import CreditPack
from app.db import utc_now
from app.errors import DomainError
from app.sentences import translatable

log = structlog.get_logger(__name__)


class CheckoutStatus(enum.StrEnum):
    """The state of a checkout session; PROCESSING is an unconfirmed bank debit."""

    OPEN = "open"
    PROCESSING = "processing"
    PAID = "paid"
    FAILED = "failed"
    EXPIRED = "expired"


@dataclass(frozen=True)
class Checkout:
    """Stripe's facts on a checkout session.

    ``amount_minor`` is in the currency's smallest unit.
    """

    id: str
    purchase_reference: str | None
    status: CheckoutStatus
    amount_minor: int | None
    currency: str | None
    payment_intent_id: str | None = None


@dataclass(frozen=True)
class FulfilmentResult:
    """The purchase's state now, and the credits that this call added (0 if none)."""

    state: PurchaseState
    credited: int


class UnknownPurchase(Exception):
    """The payment belongs to no purchase of this site."""

    def __init__(self, reference: str | None) -> None:
        self.reason = f"there is no purchase {reference}"
        super().__init__(self.reason)


class PaymentMismatch(DomainError):
    """The payment differs from the purchase; ``reason`` is for the operator."""

    status = 409

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(
            translatable(
                "The payment does not match this purchase, so no credits were added. "
                "We have logged the problem. Please contact us."
            )
        )


def create_purchase(session: Session, wallet_id: uuid.UUID, pack: CreditPack, currency: str) -> Purchase:
    """Store a purchase of ``pack`` at today's price."""
    purchase = Purchase(
        id=uuid.uuid4(),
        wallet_id=wallet_id,
        pack=pack.slug,
        credits=pack.credits,
        amount_minor=pack.amount_minor,
        currency=currency,
    )
    session.add(purchase)
    session.flush()
    return purchase


def open_checkout(session: Session, purchase_id: uuid.UUID, checkout_id: str) -> None:
    """Record a purchase's checkout session.

    Its webhook may already have arrived.
    """
    purchase = lock_purchase(session, purchase_id)
    purchase.checkout_session_id = checkout_id
    if purchase.state is PurchaseState.CREATED:
        purchase.state = next_state(purchase.state, PurchaseEvent.CHECKOUT_OPENED)
    session.flush()


def fulfil_purchase(session: Session, purchase_id: uuid.UUID, checkout: Checkout) -> FulfilmentResult:
    """Update the purchase from its checkout session; credit it if it has been paid.

    It may be repeated and run concurrently. The purchase's row is the lock, and the ledger accepts one
    PURCHASE entry per purchase.

    Raises:
        UnknownPurchase: there is no such purchase.
        PaymentMismatch: the session, its amount or its currency belongs to another purchase.
    """
    purchase = lock_purchase(session, purchase_id)
    _check_reference(purchase, checkout)
    if checkout.status is CheckoutStatus.PAID:
        return _credit(session, purchase, checkout)
    if checkout.status is CheckoutStatus.FAILED:
        _advance(purchase, PurchaseEvent.PAYMENT_FAILED)
    elif checkout.status is CheckoutStatus.EXPIRED:
        _advance(purchase, PurchaseEvent.EXPIRED)
    session.flush()
    return FulfilmentResult(purchase.state, credited=0)


def fail_purchase(session: Session, purchase_id: uuid.UUID) -> FulfilmentResult:
    """Record that the purchase's payment could not be started.

    Raises:
        UnknownPurchase: there is no such purchase.
    """
    purchase = lock_purchase(session, purchase_id)
    _advance(purchase, PurchaseEvent.PAYMENT_FAILED)
    session.flush()
    return FulfilmentResult(purchase.state, credited=0)


def note_refund(session: Session, purchase_id: uuid.UUID) -> None:
    """Record the refund of a purchase whose account was deleted.

    Raises:
        UnknownPurchase: there is no such purchase.
        InvalidTransition: no refund was due.
    """
    purchase = lock_purchase(session, purchase_id)
    purchase.state = next_state(purchase.state, PurchaseEvent.REFUNDED)
    session.flush()


def lock_purchase(session: Session, purchase_id: uuid.UUID) -> Purchase:
    """Return the purchase, locked until the transaction ends.

    Raises:
        UnknownPurchase: there is no such purchase.
    """
    statement = select(Purchase).where(Purchase.id == purchase_id).with_for_update()
    purchase = session.scalar(statement, execution_options={"populate_existing": True})
    if purchase is None:
        raise UnknownPurchase(str(purchase_id))
    return purchase


def first_sighting(session: Session, event_id: str, event_type: str) -> bool:
    """Store a webhook event; return False if it was stored before.

    If two deliveries arrive at once, the second waits here until the first has committed.
    """
    if session.get(WebhookEvent, event_id) is not None:
        return False
    try:
        with session.begin_nested():
            session.add(WebhookEvent(id=event_id, type=event_type))
    except IntegrityError:
        return False
    return True


def _check_reference(purchase: Purchase, checkout: Checkout) -> None:
    if checkout.purchase_reference != str(purchase.id):
        raise PaymentMismatch(
            f"purchase {purchase.id}: session {checkout.id} is for {checkout.purchase_reference}"
        )
    if purchase.checkout_session_id not in (None, checkout.id):
        raise PaymentMismatch(
            f"purchase {purchase.id}: expected {purchase.checkout_session_id}, got {checkout.id}"
        )


def _credit(session: Session, purchase: Purchase, checkout: Checkout) -> FulfilmentResult:
    paid, ordered = (checkout.amount_minor, checkout.currency), (purchase.amount_minor, purchase.currency)
    if paid != ordered:
        raise PaymentMismatch(f"purchase {purchase.id}: ordered {ordered}, paid {paid}")
    if purchase.state in (PurchaseState.FULFILLED, PurchaseState.REFUND_DUE, PurchaseState.REFUNDED):
        return FulfilmentResult(purchase.state, credited=0)
    ledger.lock_wallet(session, purchase.wallet_id)  # an account that is deleted now closes it
    purchase.checkout_session_id = checkout.id
    purchase.payment_intent_id = checkout.payment_intent_id
    if _is_closed(session, purchase.wallet_id):
        purchase.state = next_state(purchase.state, PurchaseEvent.PAID_WITHOUT_OWNER)
        session.flush()
        log.error("purchase.paid_without_owner", purchase=str(purchase.id), session=checkout.id)
        return FulfilmentResult(purchase.state, credited=0)
    purchase.state = next_state(purchase.state, PurchaseEvent.PAID)
    purchase.fulfilled_at = utc_now()
    session.flush()
    ledger.grant(session, purchase.wallet_id, purchase.credits, EntryReason.PURCHASE, str(purchase.id))
    log.info("purchase.fulfilled", purchase=str(purchase.id), credits=purchase.credits)
    return FulfilmentResult(purchase.state, credited=purchase.credits)


def _is_closed(session: Session, wallet_id: uuid.UUID) -> bool:
    closed = select(Wallet.id).where(Wallet.id == wallet_id, Wallet.closed_at.is_not(None))
    return session.scalar(closed) is not None


def _advance(purchase: Purchase, event: PurchaseEvent) -> None:
    """Apply ``event`` to the purchase; ignore an event that its state rules out."""
    try:
        purchase.state = next_state(purchase.state, event)
    except InvalidTransition as error:
        log.warning("purchase.late_event", purchase=str(purchase.id), reason=str(error))
