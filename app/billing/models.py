"""Wallets, purchases, the credit ledger and the handled webhook events."""

from __future__ import annotations

import enum
import uuid
from datetime import datetime
from typing import cast

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Table, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.billing import triggers
from app.db import Base, text_enum, utc_now


class Wallet(Base):
    """The owner of credits. It names no person, so it outlives a deleted account.

    Its row is also the lock for every change of its balance.
    """

    __tablename__ = "wallets"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    # When its account was deleted. Nobody can spend later credits, so later payments are refunded.
    closed_at: Mapped[datetime | None]


class EntryReason(enum.StrEnum):
    """Why a ledger entry exists.

    (reason, reference) is unique, so a cause counts once.
    """

    WELCOME = "welcome"
    PURCHASE = "purchase"
    REFUND = "refund"
    DISPUTE = "dispute"
    DISPUTE_WON = "dispute_won"
    RENDER = "render"
    RENDER_RETURNED = "render_returned"
    ADJUSTMENT = "adjustment"
    ACCOUNT_CLOSED = "account_closed"


class LedgerEntry(Base):
    """One signed movement of credits. The database refuses to change or delete it."""

    __tablename__ = "ledger_entries"
    __table_args__ = (
        UniqueConstraint("reason", "reference"),
        CheckConstraint("amount <> 0", name="amount_not_zero"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    wallet_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("wallets.id"), index=True)
    amount: Mapped[int]
    reason: Mapped[EntryReason] = mapped_column(text_enum(EntryReason, 32))
    reference: Mapped[str] = mapped_column(String(64))
    note: Mapped[str] = mapped_column(String(200), default="")
    created_at: Mapped[datetime] = mapped_column(default=utc_now)


triggers.attach(cast(Table, LedgerEntry.__table__))


class PurchaseState(enum.StrEnum):
    """The state of a purchase; only ``transitions.next_state`` changes it."""

    CREATED = "created"
    AWAITING_PAYMENT = "awaiting_payment"
    FULFILLED = "fulfilled"
    FAILED = "failed"
    EXPIRED = "expired"
    # Paid after the account was deleted: the refund is due, and then done.
    REFUND_DUE = "refund_due"
    REFUNDED = "refunded"


class Purchase(Base):
    """One attempt to buy a pack.

    Its id is the idempotency key and Stripe's client_reference_id.
    """

    __tablename__ = "orders"
    __table_args__ = (
        CheckConstraint("amount_minor > 0", name="amount_positive"),
        CheckConstraint("credits > 0", name="credits_positive"),
        # For the sweep's query.
        Index(None, "state", "created_at"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    wallet_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("wallets.id"), index=True)
    pack: Mapped[str] = mapped_column(String(64))
    credits: Mapped[int]
    amount_minor: Mapped[int]
    currency: Mapped[str] = mapped_column(String(3))
    state: Mapped[PurchaseState] = mapped_column(text_enum(PurchaseState, 32), default=PurchaseState.CREATED)
    checkout_session_id: Mapped[str | None] = mapped_column(String(255), unique=True)
    # Events of refunds and disputes name the payment, not the purchase.
    payment_intent_id: Mapped[str | None] = mapped_column(String(255), index=True)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    fulfilled_at: Mapped[datetime | None]
    # When the sweep last asked Stripe about it.
    checked_at: Mapped[datetime | None]


class Reversal(Base):
    """Returned money of a purchase: all its refunds together, or one dispute.

    After each event the site computes the credits due from these rows, so the order of events is irrelevant.
    """

    __tablename__ = "reversals"
    __table_args__ = (CheckConstraint("amount_minor >= 0", name="amount_not_negative"),)

    purchase_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("orders.id"), primary_key=True)
    # REFUNDS, or Stripe's id of the dispute.
    source: Mapped[str] = mapped_column(String(255), primary_key=True)
    # The amount that the payer has back; 0 once a dispute is won.
    amount_minor: Mapped[int]
    # A won dispute stays won; older events may arrive later.
    won: Mapped[bool] = mapped_column(default=False)


class WebhookEvent(Base):
    """A handled Stripe event; its id is stored in one transaction with its effects."""

    __tablename__ = "webhook_events"

    id: Mapped[str] = mapped_column(String(255), primary_key=True)
    type: Mapped[str] = mapped_column(String(100))
    received_at: Mapped[datetime] = mapped_column(default=utc_now)
