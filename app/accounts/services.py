"""Opening and closing accounts, in the caller's transaction."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.accounts.models import User
from app.billing import ledger
from app.billing.models import EntryReason, Wallet
from app.db import utc_now
from app.errors import DomainError
from app.sentences import translatable

# Deletes what another part of the site keeps for a user; returns the storage prefixes to discard afterwards.
AccountCloser = Callable[[Session, int], list[str]]


class EmailTaken(DomainError):
    """Two sign-ups with one address met: the form's own check had not seen the other yet."""

    status = 409

    def __init__(self) -> None:
        super().__init__(
            translatable("This email already has an account. Log in instead, or ask for a new password.")
        )


def open_account(session: Session, *, email: str, password_hash: str) -> User:
    """Create a user with an empty wallet.

    Raises:
        EmailTaken: the address has an account.
    """
    user = User(
        email=email,
        password=password_hash,
        active=True,
        fs_uniquifier=uuid.uuid4().hex,
        wallet=Wallet(id=uuid.uuid4()),
    )
    session.add(user)
    try:
        session.flush()
    except IntegrityError as error:
        session.rollback()
        raise EmailTaken from error
    return user


def close_account(session: Session, user: User, closers: Iterable[AccountCloser]) -> list[str]:
    """Delete a user and everything of theirs; return the storage prefixes to discard after the commit.

    The wallet with its entries and purchases stays: the books must stay whole, and they name nobody. A
    payment that arrives for a closed wallet is refunded (:mod:`app.billing.settlement`).
    """
    ledger.lock_wallet(session, user.wallet_id)  # an order placed at this moment must not spend what is taken
    remaining = ledger.balance(session, user.wallet_id)
    if remaining:
        ledger.grant(session, user.wallet_id, -remaining, EntryReason.ACCOUNT_CLOSED, str(user.wallet_id))
    user.wallet.closed_at = utc_now()
    prefixes = [prefix for close in closers for prefix in close(session, user.id)]
    session.delete(user)
    session.flush()
    return prefixes
