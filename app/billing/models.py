"""Wallets, purchases, the credit ledger and the webhook events already seen."""

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
    """What credits belong to. It names no person, so the books stay whole when an account is deleted.

    Its row is also the lock that serialises everything that changes one balance.
    """

    __tablename__ = "wallets"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    # When its account was deleted. Nobody can spend what arrives later, so that is refunded.
    closed_at: Mapped[datetime | None]


class EntryReason(enum.StrEnum):
    """Why a ledger entry was written; with its reference it is unique, so a cause counts once."""

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
    """One signed movement of credits. Never changed or deleted (the database refuses)."""

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
    """Where a purchase stands; ``transitions.next_state`` is the only way from one to the next."""

    CREATED = "created"
    AWAITING_PAYMENT = "awaiting_payment"
    FULFILLED = "fulfilled"
    FAILED = "failed"
    EXPIRED = "expired"
    # Paid after the account was deleted: the money has to go back, and has gone back.
    REFUND_DUE = "refund_due"
    REFUNDED = "refunded"


class Purchase(Base):
    """One attempt to buy a pack. Its id is the idempotency key and Stripe's client_reference_id."""

    __tablename__ = "orders"
    __table_args__ = (
        CheckConstraint("amount_minor > 0", name="amount_positive"),
        CheckConstraint("credits > 0", name="credits_positive"),
        # What the sweep looks for.
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
    # What Stripe tells of a refund or a dispute names the payment, not the purchase.
    payment_intent_id: Mapped[str | None] = mapped_column(String(255), index=True)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    fulfilled_at: Mapped[datetime | None]
    # When the sweep last asked Stripe about it.
    checked_at: Mapped[datetime | None]


class Reversal(Base):
    """Money of a purchase that went back: all its refunds together, or one dispute.

    The credits due are worked out from these rows after each event, so the order of events does not matter.
    """

    __tablename__ = "reversals"
    __table_args__ = (CheckConstraint("amount_minor >= 0", name="amount_not_negative"),)

    purchase_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("orders.id"), primary_key=True)
    # REFUNDS, or Stripe's id of the dispute.
    source: Mapped[str] = mapped_column(String(255), primary_key=True)
    # What is with the payer now; 0 once a dispute is won.
    amount_minor: Mapped[int]
    # A dispute that was won stays won, whatever an old event says.
    won: Mapped[bool] = mapped_column(default=False)


class WebhookEvent(Base):
    """A Stripe event that was handled; its id goes in together with what it caused."""

    __tablename__ = "webhook_events"

    id: Mapped[str] = mapped_column(String(255), primary_key=True)
    type: Mapped[str] = mapped_column(String(100))
    received_at: Mapped[datetime] = mapped_column(default=utc_now)
