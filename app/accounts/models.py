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
    """An account.

    Mailed links contain ``fs_uniquifier``; changing it invalidates them all.
    """

    __tablename__ = "users"

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(String(255), unique=True)
    password: Mapped[str | None] = mapped_column(String(255))
    active: Mapped[bool] = mapped_column(default=True)
    fs_uniquifier: Mapped[str] = mapped_column(String(64), unique=True)
    confirmed_at: Mapped[datetime | None]
    # Whether to send an email when a long order is ready.
    mail_when_done: Mapped[bool] = mapped_column(default=True, server_default=true())
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    # The address before a change of the email, and until when its owner can have it back. A second change
    # meanwhile keeps both, so whoever took over the account cannot shake the owner off.
    former_email: Mapped[str | None] = mapped_column(String(255), index=True)
    former_email_until: Mapped[datetime | None]
    wallet_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("wallets.id"), unique=True)

    wallet: Mapped[Wallet] = relationship()


class LoginSession(Base):
    """One log-in on one device.

    The cookie has the token; the database has only its hash.
    """

    __tablename__ = "sessions"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    user_agent: Mapped[str] = mapped_column(String(300))
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    last_seen_at: Mapped[datetime] = mapped_column(default=utc_now, index=True)

    user: Mapped[User] = relationship(lazy="joined", innerjoin=True)


class WelcomedAddress(Base):
    """An address that received its free credits.

    Only its keyed hash is stored, and it stays after the account is deleted.
    """

    __tablename__ = "welcomed_addresses"

    address_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
