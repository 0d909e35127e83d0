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
from app.billing.fulfilment import PaymentMismatch, UnknownOrder, lock_order
from app.billing.models import EntryReason, LedgerEntry, Order
from app.errors import DomainError
from app.sentences import translatable

log = structlog.get_logger(__name__)

REASONS = (EntryReason.REFUND, EntryReason.DISPUTE, EntryReason.DISPUTE_WON)
REFERENCE_LENGTH = 64


@dataclass(frozen=True)
class Payment:
    """The payment that money goes back from; ``order_reference`` is what this site wrote on it."""

    intent_id: str | None
    order_reference: str | None
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
    """Money goes back before the order was credited with it: the news is to be told again later."""

    status = 503

    def __init__(self) -> None:
        super().__init__(translatable("This payment has not been credited yet. Tell us again later."))


def take_back_refunded(session: Session, refunds: Refunds) -> int:
    """Take the credits that were refunded; return how many this very call took.

    Stripe tells the sum of all refunds, so what is told late or twice takes nothing more. A part of a credit
    stays with the person until the rest of it is refunded.

    Raises:
        PaymentNotCredited: the order has not been credited with the payment yet.
        UnknownOrder: the payment belongs to no order of this site.
        PaymentMismatch: it is in another currency than the order.
    """
    order = _lock_paid_order(session, refunds.payment)
    refunded = taken_back_by_order(session, order.wallet_id, [EntryReason.REFUND])[order.id]
    due = _credits_for(order, refunds.amount_minor) - refunded
    return _take(session, order, due, EntryReason.REFUND, str(refunds.amount_minor))


def settle_dispute(session: Session, dispute: Dispute) -> int:
    """Take the credits of a dispute, once, or return them if it was won; return how many moved.

    Raises:
        PaymentNotCredited, UnknownOrder, PaymentMismatch: as for :func:`take_back_refunded`.
    """
    order = _lock_paid_order(session, dispute.payment)
    if dispute.outcome is DisputeOutcome.TAKEN:
        due = _credits_for(order, dispute.amount_minor)
        return _take(session, order, due, EntryReason.DISPUTE, dispute.id)
    if dispute.outcome is DisputeOutcome.WON:
        return _return(session, order, dispute.id)
    return 0


def credits_taken_back(session: Session, order: Order) -> int:
    """How many of an order's credits went back with the money."""
    return taken_back_by_order(session, order.wallet_id)[order.id]


def taken_back_by_order(
    session: Session, wallet_id: uuid.UUID, reasons: Sequence[EntryReason] = REASONS
) -> Counter[uuid.UUID]:
    """How many credits of each order of a wallet went back with the money; most orders are not named."""
    entries = session.execute(
        select(LedgerEntry.reference, LedgerEntry.amount).where(
            LedgerEntry.wallet_id == wallet_id, LedgerEntry.reason.in_(reasons)
        )
    )
    taken: Counter[uuid.UUID] = Counter()
    for reference, amount in entries:
        taken[uuid.UUID(reference.partition(":")[0])] -= amount
    return taken


def _lock_paid_order(session: Session, payment: Payment) -> Order:
    order_id = session.scalar(
        select(Order.id).where(Order.payment_intent_id == payment.intent_id, Order.fulfilled_at.is_not(None))
    )
    if order_id is None:
        if _is_ours(session, payment):
            raise PaymentNotCredited
        raise UnknownOrder(f"{payment.order_reference} with payment {payment.intent_id}")
    order = lock_order(session, order_id)
    if order.currency != payment.currency:
        raise PaymentMismatch(f"order {order.id}: paid in {order.currency}, returned in {payment.currency}")
    return order


def _is_ours(session: Session, payment: Payment) -> bool:
    try:
        order_id = uuid.UUID(payment.order_reference or "")
    except ValueError:
        return False
    return session.get(Order, order_id) is not None


def _credits_for(order: Order, amount_minor: int) -> int:
    """The order's credits that a part of its price stands for, rounded down: all of it stands for all."""
    return order.credits * amount_minor // order.amount_minor


def _reference(order: Order, cause: str) -> str:
    """The order comes first, so that the entries of one order can be found."""
    return f"{order.id.hex}:{cause}"[:REFERENCE_LENGTH]


def _take(session: Session, order: Order, due: int, reason: EntryReason, cause: str) -> int:
    """Take what is due, but never more in all than the order had brought."""
    ledger.lock_wallet(session, order.wallet_id)
    amount = min(due, order.credits - credits_taken_back(session, order))
    if amount <= 0 or not ledger.grant(session, order.wallet_id, -amount, reason, _reference(order, cause)):
        return 0
    left = ledger.balance(session, order.wallet_id)
    log.info("order.credits_taken_back", order=str(order.id), reason=reason, credits=amount, balance=left)
    return amount


def _return(session: Session, order: Order, dispute_id: str) -> int:
    reference = _reference(order, dispute_id)
    taken = session.scalar(
        select(LedgerEntry.amount).where(
            LedgerEntry.reason == EntryReason.DISPUTE, LedgerEntry.reference == reference
        )
    )
    if taken is None or not ledger.grant(
        session, order.wallet_id, -taken, EntryReason.DISPUTE_WON, reference
    ):
        return 0
    log.info("order.credits_returned", order=str(order.id), credits=-taken)
    return int(-taken)
