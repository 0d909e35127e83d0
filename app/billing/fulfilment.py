"""From a purchase to its credits: what was paid is checked against what was ordered, and credited once.

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
from app.billing.models import EntryReason, Purchase, PurchaseState, Wallet, WebhookEvent
from app.billing.transitions import InvalidTransition, PurchaseEvent, next_state
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
    purchase_reference: str | None
    status: CheckoutStatus
    amount_minor: int | None
    currency: str | None
    payment_intent_id: str | None = None


@dataclass(frozen=True)
class FulfilmentResult:
    """Where the purchase stands now, and the credits that this very call added (0 if none)."""

    state: PurchaseState
    credited: int


class UnknownPurchase(Exception):
    """The payment belongs to no purchase of this site."""

    def __init__(self, reference: str | None) -> None:
        self.reason = f"there is no purchase {reference}"
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


def create_purchase(session: Session, wallet_id: uuid.UUID, pack: CreditPack, currency: str) -> Purchase:
    """Write down what is about to be bought, at today's price."""
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
    """Note the session in which the purchase can be paid; its webhook may have been faster than this."""
    purchase = lock_purchase(session, purchase_id)
    purchase.checkout_session_id = checkout_id
    if purchase.state is PurchaseState.CREATED:
        purchase.state = next_state(purchase.state, PurchaseEvent.CHECKOUT_OPENED)
    session.flush()


def fulfil_purchase(session: Session, purchase_id: uuid.UUID, checkout: Checkout) -> FulfilmentResult:
    """Bring the purchase up to date with its checkout session; credit it if it has been paid.

    Safe to repeat and to run concurrently: the purchase's row is the lock, and the ledger takes one
    PURCHASE entry per purchase.

    Raises:
        UnknownPurchase: there is no such purchase.
        PaymentMismatch: the session is another purchase's, or its amount or currency is not the purchase's.
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
    """Note that the purchase's payment could not even be started.

    Raises:
        UnknownPurchase: there is no such purchase.
    """
    purchase = lock_purchase(session, purchase_id)
    _advance(purchase, PurchaseEvent.PAYMENT_FAILED)
    session.flush()
    return FulfilmentResult(purchase.state, credited=0)


def note_refund(session: Session, purchase_id: uuid.UUID) -> None:
    """Note that the money of a purchase without an owner has gone back.

    Raises:
        UnknownPurchase: there is no such purchase.
        InvalidTransition: no refund was due.
    """
    purchase = lock_purchase(session, purchase_id)
    purchase.state = next_state(purchase.state, PurchaseEvent.REFUNDED)
    session.flush()


def lock_purchase(session: Session, purchase_id: uuid.UUID) -> Purchase:
    """Return the purchase, which nobody else changes until the transaction ends.

    Raises:
        UnknownPurchase: there is no such purchase.
    """
    statement = select(Purchase).where(Purchase.id == purchase_id).with_for_update()
    purchase = session.scalar(statement, execution_options={"populate_existing": True})
    if purchase is None:
        raise UnknownPurchase(str(purchase_id))
    return purchase


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
    ledger.lock_wallet(session, purchase.wallet_id)  # an account deleted at this moment closes it
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
    """Move the purchase on, unless the news comes too late to be true."""
    try:
        purchase.state = next_state(purchase.state, event)
    except InvalidTransition as error:
        log.warning("purchase.late_event", purchase=str(purchase.id), reason=str(error))
