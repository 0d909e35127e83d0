"""Free credits: once for each address that somebody has confirmed, however often they open an account."""

from __future__ import annotations

import hashlib
import hmac

from flask import Flask, flash
from flask_babel import gettext, ngettext
from flask_login import current_user
from flask_security import user_confirmed
from flask_security.signals import change_email_confirmed
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.accounts.models import User, WelcomedAddress
from app.billing import ledger
from app.billing.models import EntryReason
from app.config import Settings
from app.db import db


def address_hash(secret_key: str, email: str) -> str:
    """A keyed hash of an address. ``Ada+art@example.com`` and ``ada@example.com`` are one address."""
    name, _, host = email.lower().rpartition("@")
    plain = f"{name.partition('+')[0]}@{host}"
    return hmac.new(secret_key.encode(), b"welcome:" + plain.encode(), hashlib.sha256).hexdigest()


def is_welcomed(session: Session, secret_key: str, email: str) -> bool:
    """Whether an address had its free credits, of this account or an earlier one."""
    return session.get(WelcomedAddress, address_hash(secret_key, email)) is not None


def welcome(session: Session, user: User, free_credits: int, secret_key: str) -> bool:
    """Grant the free credits of an account whose address is confirmed; False if the address had them."""
    if not free_credits or is_welcomed(session, secret_key, user.email):
        return False
    try:
        with session.begin_nested():
            session.add(WelcomedAddress(address_hash=address_hash(secret_key, user.email)))
    except IntegrityError:  # another account with the same address, at this moment
        return False
    return ledger.grant(session, user.wallet_id, free_credits, EntryReason.WELCOME, str(user.wallet_id))


def configure_welcome(app: Flask, settings: Settings) -> None:
    """Grant the free credits when an address is confirmed; let pages say that they wait for that."""
    secret_key = settings.resolved_secret_key()

    def confirmed(_app: Flask, user: User, **_: object) -> None:
        if welcome(db.session(), user, settings.free_credits, secret_key):
            said = ngettext(
                "Your %(num)d free credit is here.",
                "Your %(num)d free credits are here.",
                settings.free_credits,
            )
            flash(said, "success")
        elif settings.free_credits and is_welcomed(db.session(), secret_key, user.email):
            flash(gettext("This address has had its free credits before."), "info")

    def waiting_credits() -> int:
        known = current_user and current_user.is_authenticated and current_user.confirmed_at is None
        welcomed = known and is_welcomed(db.session(), secret_key, current_user.email)
        return settings.free_credits if known and not welcomed else 0

    user_confirmed.connect(confirmed, app, weak=False)
    change_email_confirmed.connect(confirmed, app, weak=False)
    app.context_processor(lambda: {"waiting_credits": waiting_credits})
