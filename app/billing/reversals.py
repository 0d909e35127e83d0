"""From money that goes back to the credits that go with it: refunds, and payments disputed with a bank.

Everything here works in the caller's transaction and takes plain values; nothing here talks to Stripe. What
is taken may have been spent: then the balance is negative, and the next credits bought make up for it.
"""

from __future__ import annotations

import enum
import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.billing import ledger
from app.billing.fulfilment import PaymentMismatch, UnknownPurchase, lock_purchase
from app.billing.models import EntryReason, LedgerEntry, Purchase
from app.errors import DomainError
from app.sentences import translatable

log = structlog.get_logger(__name__)

REASONS = (EntryReason.REFUND, EntryReason.DISPUTE, EntryReason.DISPUTE_WON)
REFERENCE_LENGTH = 64


@dataclass(frozen=True)
class Payment:
    """The payment that money goes back from; ``purchase_reference`` is what this site wrote on it."""

    intent_id: str | None
    purchase_reference: str | None
    currency: str


@dataclass(frozen=True)
class Refunds:
    """What has been given back of a payment up to now, in all."""

    payment: Payment
    amount_minor: int


class DisputeOutcome(enum.StrEnum):
    """Where the money of a dispute is: never taken, taken from this site, or taken and returned to it."""

    OPEN = "open"
    TAKEN = "taken"
    WON = "won"


@dataclass(frozen=True)
class Dispute:
    """What Stripe says about a payment that its payer disputes with the bank."""

    id: str
    payment: Payment
    amount_minor: int
    outcome: DisputeOutcome


class PaymentNotCredited(DomainError):
    """Money goes back before the purchase was credited with it: the news is to be told again later."""

    status = 503

    def __init__(self) -> None:
        super().__init__(translatable("This payment has not been credited yet. Tell us again later."))


def take_back_refunded(session: Session, refunds: Refunds) -> int:
    """Take the credits that were refunded; return how many this very call took.

    Stripe tells the sum of all refunds, so what is told late or twice takes nothing more. A part of a credit
    stays with the person until the rest of it is refunded.

    Raises:
        PaymentNotCredited: the purchase has not been credited with the payment yet.
        UnknownPurchase: the payment belongs to no purchase of this site.
        PaymentMismatch: it is in another currency than the purchase.
    """
    purchase = _lock_paid_purchase(session, refunds.payment)
    refunded = taken_back_by_purchase(session, purchase.wallet_id, [EntryReason.REFUND])[purchase.id]
    due = _credits_for(purchase, refunds.amount_minor) - refunded
    return _take(session, purchase, due, EntryReason.REFUND, str(refunds.amount_minor))


def settle_dispute(session: Session, dispute: Dispute) -> int:
    """Take the credits of a dispute, once, or return them if it was won; return how many moved.

    Raises:
        PaymentNotCredited, UnknownPurchase, PaymentMismatch: as for :func:`take_back_refunded`.
    """
    purchase = _lock_paid_purchase(session, dispute.payment)
    if dispute.outcome is DisputeOutcome.TAKEN:
        due = _credits_for(purchase, dispute.amount_minor)
        return _take(session, purchase, due, EntryReason.DISPUTE, dispute.id)
    if dispute.outcome is DisputeOutcome.WON:
        return _return(session, purchase, dispute.id)
    return 0


def credits_taken_back(session: Session, purchase: Purchase) -> int:
    """How many of a purchase's credits went back with the money."""
    return taken_back_by_purchase(session, purchase.wallet_id)[purchase.id]


def taken_back_by_purchase(
    session: Session, wallet_id: uuid.UUID, reasons: Sequence[EntryReason] = REASONS
) -> Counter[uuid.UUID]:
    """The credits of each purchase of a wallet that went back with the money; most purchases are absent."""
    entries = session.execute(
        select(LedgerEntry.reference, LedgerEntry.amount).where(
            LedgerEntry.wallet_id == wallet_id, LedgerEntry.reason.in_(reasons)
        )
    )
    taken: Counter[uuid.UUID] = Counter()
    for reference, amount in entries:
        taken[uuid.UUID(reference.partition(":")[0])] -= amount
    return taken


def _lock_paid_purchase(session: Session, payment: Payment) -> Purchase:
    purchase_id = session.scalar(
        select(Purchase.id).where(
            Purchase.payment_intent_id == payment.intent_id, Purchase.fulfilled_at.is_not(None)
        )
    )
    if purchase_id is None:
        if _is_ours(session, payment):
            raise PaymentNotCredited
        raise UnknownPurchase(f"{payment.purchase_reference} with payment {payment.intent_id}")
    purchase = lock_purchase(session, purchase_id)
    if purchase.currency != payment.currency:
        raise PaymentMismatch(
            f"purchase {purchase.id}: paid in {purchase.currency}, returned in {payment.currency}"
        )
    return purchase


def _is_ours(session: Session, payment: Payment) -> bool:
    try:
        purchase_id = uuid.UUID(payment.purchase_reference or "")
    except ValueError:
        return False
    return session.get(Purchase, purchase_id) is not None


def _credits_for(purchase: Purchase, amount_minor: int) -> int:
    """The purchase's credits that a part of its price stands for, rounded down: all of it stands for all."""
    return purchase.credits * amount_minor // purchase.amount_minor


def _reference(purchase: Purchase, cause: str) -> str:
    """The purchase comes first, so that the entries of one purchase can be found."""
    return f"{purchase.id.hex}:{cause}"[:REFERENCE_LENGTH]


def _take(session: Session, purchase: Purchase, due: int, reason: EntryReason, cause: str) -> int:
    """Take what is due, but never more in all than the purchase had brought."""
    ledger.lock_wallet(session, purchase.wallet_id)
    amount = min(due, purchase.credits - credits_taken_back(session, purchase))
    if amount <= 0 or not ledger.grant(
        session, purchase.wallet_id, -amount, reason, _reference(purchase, cause)
    ):
        return 0
    left = ledger.balance(session, purchase.wallet_id)
    log.info(
        "purchase.credits_taken_back", purchase=str(purchase.id), reason=reason, credits=amount, balance=left
    )
    return amount


def _return(session: Session, purchase: Purchase, dispute_id: str) -> int:
    reference = _reference(purchase, dispute_id)
    taken = session.scalar(
        select(LedgerEntry.amount).where(
            LedgerEntry.reason == EntryReason.DISPUTE, LedgerEntry.reference == reference
        )
    )
    if taken is None or not ledger.grant(
        session, purchase.wallet_id, -taken, EntryReason.DISPUTE_WON, reference
    ):
        return 0
    log.info("purchase.credits_returned", purchase=str(purchase.id), credits=-taken)
    return int(-taken)
