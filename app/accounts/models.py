"""People with an account, and their sessions."""

from __future__ import annotations

import uuid
from datetime import datetime

from flask_security import UserMixin
from sqlalchemy import ForeignKey, String, true
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.billing.models import Wallet
from app.db import Base, utc_now


class User(Base, UserMixin):  # type: ignore[misc]  # Flask-Security is skipped by the type checker
    """An account. ``fs_uniquifier`` stands in mailed links: changing it makes them all invalid."""

    __tablename__ = "users"

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(String(255), unique=True)
    password: Mapped[str | None] = mapped_column(String(255))
    active: Mapped[bool] = mapped_column(default=True)
    fs_uniquifier: Mapped[str] = mapped_column(String(64), unique=True)
    confirmed_at: Mapped[datetime | None]
    # Whether to write when pictures that took long are painted.
    mail_when_done: Mapped[bool] = mapped_column(default=True, server_default=true())
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    # Links that undo a change of the email count only if they were signed after this moment.
    email_restored_at: Mapped[datetime | None]
    wallet_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("wallets.id"), unique=True)

    wallet: Mapped[Wallet] = relationship()


class LoginSession(Base):
    """One log-in on one device. Its cookie carries the token; only the token's hash is kept."""

    __tablename__ = "sessions"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    user_agent: Mapped[str] = mapped_column(String(300))
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    last_seen_at: Mapped[datetime] = mapped_column(default=utc_now, index=True)

    user: Mapped[User] = relationship(lazy="joined", innerjoin=True)


class WelcomedAddress(Base):
    """An address that had its free credits; only its keyed hash is kept, beyond the account's end."""

    __tablename__ = "welcomed_addresses"

    address_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
