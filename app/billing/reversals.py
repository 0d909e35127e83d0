"""From returned money to the credits to take back: refunds and payment disputes.

The functions run in the caller's transaction, take plain values and never call Stripe. The person may have
spent the credits. Then the balance becomes negative, and the next purchase makes up for it.
"""

from __future__ import annotations

import enum
import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import structlog
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.billing import ledger
from app.billing.fulfilment import PaymentMismatch, UnknownPurchase, lock_purchase
from app.billing.models import EntryReason, LedgerEntry, Purchase, PurchaseState, Reversal
from app.errors import DomainError
from app.sentences import translatable

log = structlog.get_logger(__name__)

REASONS = (EntryReason.REFUND, EntryReason.DISPUTE, EntryReason.DISPUTE_WON)
REFERENCE_LENGTH = 64
# The source of the row that has the sum of all refunds.
REFUNDS = "refunds"
WITHOUT_OWNER = (PurchaseState.REFUND_DUE, PurchaseState.REFUNDED)


@dataclass(frozen=True)
class Payment:
    """The payment behind a refund or dispute.

    Stripe stores ``purchase_reference`` with the payment.
    """

    intent_id: str | None
    purchase_reference: str | None
    currency: str


@dataclass(frozen=True)
class Refunds:
    """The total refunded from a payment so far."""

    payment: Payment
    amount_minor: int


class DisputeOutcome(enum.StrEnum):
    """Where a dispute's money is: not taken, taken from this site, or returned."""

    OPEN = "open"
    TAKEN = "taken"
    WON = "won"


@dataclass(frozen=True)
class Dispute:
    """Stripe's facts on a payment that its payer disputes with the bank."""

    id: str
    payment: Payment
    amount_minor: int
    outcome: DisputeOutcome


class PaymentNotCredited(DomainError):
    """Money was returned before the purchase was credited.

    Stripe must send the event again later.
    """

    status = 503

    def __init__(self) -> None:
        super().__init__(translatable("This payment has not been credited yet. Tell us again later."))


def take_back_refunded(session: Session, refunds: Refunds) -> int:
    """Take back the refunded credits; return how many this call took.

    Stripe reports the sum of all refunds, so a late or repeated event takes nothing more. A partly refunded
    credit stays with the person until the rest is refunded.

    Raises:
        PaymentNotCredited: the purchase has not been credited yet.
        UnknownPurchase: the payment belongs to no purchase of this site.
        PaymentMismatch: the currency differs from the purchase's.
    """
    purchase = _lock_paid_purchase(session, refunds.payment)
    if purchase.fulfilled_at is None:
        return 0  # refunded because the wallet has no owner: it never got credits
    row = _reversal(session, purchase, REFUNDS)
    row.amount_minor = max(row.amount_minor, refunds.amount_minor)
    return -_adjust(session, purchase, EntryReason.REFUND, str(refunds.amount_minor))


def settle_dispute(session: Session, dispute: Dispute) -> int:
    """Take a dispute's credits, or return them if it was won; return how many moved.

    Raises:
        PaymentNotCredited, UnknownPurchase, PaymentMismatch: as for :func:`take_back_refunded`.
    """
    purchase = _lock_paid_purchase(session, dispute.payment)
    if purchase.fulfilled_at is None or dispute.outcome is DisputeOutcome.OPEN:
        return 0
    row = _reversal(session, purchase, dispute.id)
    row.won = row.won or dispute.outcome is DisputeOutcome.WON
    row.amount_minor = 0 if row.won else dispute.amount_minor
    reason = EntryReason.DISPUTE_WON if row.won else EntryReason.DISPUTE
    return abs(_adjust(session, purchase, reason, dispute.id))


def credits_taken_back(session: Session, purchase: Purchase) -> int:
    """The credits of a purchase that were taken back."""
    return taken_back_by_purchase(session, purchase.wallet_id)[purchase.id]


def taken_back_by_purchase(
    session: Session, wallet_id: uuid.UUID, reasons: Sequence[EntryReason] = REASONS
) -> Counter[uuid.UUID]:
    """The credits taken back, by purchase of a wallet; most purchases have no entry."""
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
    if payment.intent_id is None:  # it would match every purchase whose payment is not known
        raise UnknownPurchase(payment.purchase_reference)
    paid = Purchase.fulfilled_at.is_not(None) | Purchase.state.in_(WITHOUT_OWNER)
    purchase_id = session.scalar(
        select(Purchase.id).where(Purchase.payment_intent_id == payment.intent_id, paid)
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


def _reversal(session: Session, purchase: Purchase, source: str) -> Reversal:
    """The row for a source of reversals, created if missing.

    The purchase's lock guards it.
    """
    row = session.get(Reversal, (purchase.id, source), populate_existing=True)
    if row is None:
        row = Reversal(purchase_id=purchase.id, source=source, amount_minor=0, won=False)
        session.add(row)
    return row


def credits_due(session: Session, purchase: Purchase) -> int:
    """The credits to take back: floor(credits * returned / price), at most all.

    ``returned`` is the sum of the refunds and of the disputes that are not won.
    """
    returned = session.scalar(
        select(func.sum(Reversal.amount_minor)).where(Reversal.purchase_id == purchase.id)
    )
    return min(purchase.credits, purchase.credits * int(returned or 0) // purchase.amount_minor)


def _adjust(session: Session, purchase: Purchase, reason: EntryReason, cause: str) -> int:
    """Bring the ledger to the credits due; return the change (negative if taken)."""
    session.flush()
    ledger.lock_wallet(session, purchase.wallet_id)
    amount = credits_taken_back(session, purchase) - credits_due(session, purchase)
    if amount == 0:
        return 0
    ledger.grant(session, purchase.wallet_id, amount, reason, _reference(session, purchase, reason, cause))
    log.info(
        "purchase.credits_adjusted",
        purchase=str(purchase.id),
        reason=reason,
        credits=amount,
        balance=ledger.balance(session, purchase.wallet_id),
    )
    return amount


def _reference(session: Session, purchase: Purchase, reason: EntryReason, cause: str) -> str:
    """The reference ``PURCHASE:CAUSE``; it makes a purchase's entries easy to find.

    If one cause moves credits again (a dispute that grows), the reference ends with a number.
    """
    reference = f"{purchase.id.hex}:{cause}"[:REFERENCE_LENGTH]
    number = 1
    while session.scalar(
        select(LedgerEntry.id).where(LedgerEntry.reason == reason, LedgerEntry.reference == reference)
    ):
        number += 1
        suffix = f":{number}"
        reference = f"{purchase.id.hex}:{cause}"[: REFERENCE_LENGTH - len(suffix)] + suffix
    return reference
