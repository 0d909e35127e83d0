"""The credit ledger: append-only entries; a balance is their sum.

The functions run in the caller's transaction. A function that changes or relies on a balance locks the
wallet's row first. On SQLite ``transaction()`` already holds the one write lock.
"""

from __future__ import annotations

import uuid

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from app.billing.models import EntryReason, LedgerEntry, Wallet
from app.errors import DomainError
from app.sentences import translatable_plural


class InsufficientCredits(DomainError):
    """The wallet has too few credits."""

    status = 402

    def __init__(self, needed: int, balance: int) -> None:
        self.needed, self.balance = needed, balance
        super().__init__(
            translatable_plural(
                "This costs %(num)d credit, and you have %(balance)d. Get more credits to continue.",
                "This costs %(num)d credits, and you have %(balance)d. Get more credits to continue.",
            ),
            num=needed,
            balance=balance,
        )


def lock_wallet(session: Session, wallet_id: uuid.UUID) -> None:
    """Lock the wallet's balance until the transaction ends."""
    session.execute(select(Wallet.id).where(Wallet.id == wallet_id).with_for_update()).one()


def balance(session: Session, wallet_id: uuid.UUID) -> int:
    """The sum of the wallet's entries, in credits."""
    total = session.scalar(select(func.sum(LedgerEntry.amount)).where(LedgerEntry.wallet_id == wallet_id))
    return int(total or 0)


def require_credits(session: Session, wallet_id: uuid.UUID, needed: int) -> None:
    """Check that the wallet has enough credits; the caller holds its lock.

    Raises:
        InsufficientCredits: it has fewer than ``needed``.
    """
    held = balance(session, wallet_id)
    if held < needed:
        raise InsufficientCredits(needed, held)


def grant(
    session: Session,
    wallet_id: uuid.UUID,
    amount: int,
    reason: EntryReason,
    reference: str,
    *,
    note: str = "",
) -> bool:
    """Add an entry of ``amount`` credits, once per (reason, reference).

    A negative amount takes credits away.

    Returns False and changes nothing if that entry exists.
    """
    lock_wallet(session, wallet_id)
    seen = select(LedgerEntry.id).where(LedgerEntry.reason == reason, LedgerEntry.reference == reference)
    if session.scalar(seen) is not None:
        return False
    entry = LedgerEntry(wallet_id=wallet_id, amount=amount, reason=reason, reference=reference, note=note)
    session.add(entry)
    session.flush()
    return True


def reserve_credits(session: Session, wallet_id: uuid.UUID, amount: int, reference: str) -> None:
    """Debit the credits of a render; ``reference`` is the render's id.

    Raises:
        InsufficientCredits: the wallet has too few.
    """
    lock_wallet(session, wallet_id)
    require_credits(session, wallet_id, amount)
    grant(session, wallet_id, -amount, EntryReason.RENDER, reference)


def return_credits(session: Session, wallet_id: uuid.UUID, amount: int, reference: str) -> bool:
    """Give back the credits reserved under ``reference``, once."""
    return grant(session, wallet_id, amount, EntryReason.RENDER_RETURNED, reference)


def history(wallet_id: uuid.UUID) -> Select[LedgerEntry]:
    """Select the wallet's entries, newest first; the caller does the paging."""
    return select(LedgerEntry).where(LedgerEntry.wallet_id == wallet_id).order_by(LedgerEntry.id.desc())
