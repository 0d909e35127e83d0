"""The sweep of purchases: settles with Stripe whatever stayed open.

A killed process, a lost webhook or a deleted account can leave a purchase open.

Each step asks Stripe outside any transaction and stores the answer in a transaction of its own. Steps may
run at any time, in several processes, and repeatedly: a settled purchase does not change.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Select, or_, select, update

from app.billing import fulfilment
from app.billing.fulfilment import Checkout, CheckoutStatus, PaymentMismatch
from app.billing.gateway import Gateway, PaymentUnavailable
from app.billing.models import Purchase, PurchaseState, Wallet
from app.db import transaction, utc_now

log = structlog.get_logger(__name__)

OPEN = (PurchaseState.CREATED, PurchaseState.AWAITING_PAYMENT)
# The return page and the webhook are faster; the sweep handles what they missed.
YOUNGEST = timedelta(minutes=10)
# How long to wait before asking Stripe about the same purchase again.
ASK_AGAIN = timedelta(hours=1)
# The number of purchases per sweep.
AT_ONCE = 50


@dataclass(frozen=True)
class Unsettled:
    """The fields of a purchase that a step needs, read in an earlier transaction."""

    id: uuid.UUID
    created_at: datetime
    checkout_session_id: str | None
    payment_intent_id: str | None


def settle_purchases(gateway: Gateway, *, now: datetime | None = None) -> int:
    """Settle open purchases and return how many.

    For deleted accounts it also closes their sessions and refunds what they paid.

    A purchase whose step fails is logged and left to the next sweep, so one cannot block the others.
    """
    now = now or utc_now()
    expire_sessions_without_owner(gateway, now=now)
    purchases = [*_take(_open_purchases(now), now)]
    for purchase in purchases:
        _attempt(_settle, gateway, purchase)
    due = _read(select(Purchase).where(Purchase.state == PurchaseState.REFUND_DUE).limit(AT_ONCE))
    for purchase in due:
        _attempt(_refund, gateway, purchase)
    return len(purchases) + len(due)


def expire_sessions_without_owner(
    gateway: Gateway, *, wallet_id: uuid.UUID | None = None, now: datetime | None = None
) -> None:
    """Close open sessions of deleted accounts, or only those of ``wallet_id``.

    A session that cannot be closed now is logged. The next sweep closes it or refunds its payment.
    """
    of_closed = (
        select(Purchase)
        .join(Wallet, Wallet.id == Purchase.wallet_id)
        .where(Purchase.state.in_(OPEN), Purchase.checkout_session_id.is_not(None))
        .where(Wallet.closed_at.is_not(None))
    )
    if wallet_id is None:
        unsettled = _take(_due(of_closed, now or utc_now()).limit(AT_ONCE), now or utc_now())
    else:
        unsettled = _read(of_closed.where(Wallet.id == wallet_id))
    for purchase in unsettled:
        _attempt(_expire, gateway, purchase)


def _open_purchases(now: datetime) -> Select[Purchase]:
    waiting = select(Purchase).where(Purchase.state.in_(OPEN), Purchase.created_at < now - YOUNGEST)
    return _due(waiting, now).order_by(Purchase.created_at).limit(AT_ONCE)


def _due(purchases: Select[Purchase], now: datetime) -> Select[Purchase]:
    return purchases.where(or_(Purchase.checked_at.is_(None), Purchase.checked_at < now - ASK_AGAIN))


def _read(purchases: Select[Purchase]) -> list[Unsettled]:
    with transaction() as session:
        return [
            Unsettled(row.id, row.created_at, row.checkout_session_id, row.payment_intent_id)
            for row in session.scalars(purchases)
        ]


def _take(purchases: Select[Purchase], now: datetime) -> list[Unsettled]:
    """Read purchases and mark them as asked about, so that other processes skip them."""
    found = _read(purchases)
    with transaction() as session:
        ids = [purchase.id for purchase in found]
        session.execute(update(Purchase).where(Purchase.id.in_(ids)).values(checked_at=now))
    return found


def _attempt(step: Callable[[Gateway, Unsettled], None], gateway: Gateway, purchase: Unsettled) -> None:
    try:
        step(gateway, purchase)
    except PaymentUnavailable:
        log.warning("purchase.not_settled", purchase=str(purchase.id))  # the gateway logged the cause
    except PaymentMismatch as error:
        log.error("payment.mismatch", purchase=str(purchase.id), reason=error.reason)
    except Exception:
        log.exception("purchase.not_settled", purchase=str(purchase.id))


def _settle(gateway: Gateway, purchase: Unsettled) -> None:
    """Update an open purchase from Stripe."""
    checkout = _find_checkout(gateway, purchase)
    with transaction() as session:
        if checkout is None:
            fulfilment.fail_purchase(session, purchase.id)
            return
        fulfilment.open_checkout(session, purchase.id, checkout.id)
        result = fulfilment.fulfil_purchase(session, purchase.id, checkout)
    log.info("purchase.settled", purchase=str(purchase.id), state=result.state, credited=result.credited)


def _find_checkout(gateway: Gateway, purchase: Unsettled) -> Checkout | None:
    if purchase.checkout_session_id is not None:
        return gateway.find_checkout(purchase.checkout_session_id)
    return gateway.find_checkout_of(purchase.id, purchase.created_at)


def _expire(gateway: Gateway, purchase: Unsettled) -> None:
    assert purchase.checkout_session_id is not None
    if gateway.find_checkout(purchase.checkout_session_id).status is CheckoutStatus.OPEN:
        gateway.expire_checkout(purchase.checkout_session_id)
    _settle(gateway, purchase)


def _refund(gateway: Gateway, purchase: Unsettled) -> None:
    """Refund a payment made after the account was deleted."""
    assert purchase.payment_intent_id is not None
    gateway.refund(purchase.payment_intent_id, purchase.id)
    with transaction() as session:
        fulfilment.note_refund(session, purchase.id)
    log.error("purchase.refunded_without_owner", purchase=str(purchase.id))
