"""People with an account."""

from __future__ import annotations

import uuid
from datetime import datetime

from flask_security import UserMixin
from sqlalchemy import ForeignKey, String, true
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.billing.models import Wallet
from app.db import Base, utc_now


class User(Base, UserMixin):  # type: ignore[misc]  # Flask-Security is skipped by the type checker
    """An account. ``fs_uniquifier`` is the session's identity: changing it logs out everywhere."""

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
    wallet_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("wallets.id"), unique=True)

    wallet: Mapped[Wallet] = relationship()
