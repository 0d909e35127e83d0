"""Undoing an email change, by a signed link mailed to the old address."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import timedelta

from itsdangerous import BadData, URLSafeTimedSerializer
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.accounts.models import User
from app.accounts.sessions import end_sessions
from app.db import utc_now
from app.errors import DomainError
from app.sentences import translatable

VALID_FOR = timedelta(days=1)


class UndoLinkInvalid(DomainError):
    """The link is broken, expired or used, or another account has its address now."""

    status = 404

    def __init__(self) -> None:
        super().__init__(translatable("This link is not valid any more. Write to us if you need help."))


@dataclass(frozen=True)
class Undo:
    """What a link stands for: whose email was changed, and from which address."""

    user_id: int
    old_email: str


def sign_undo(secret_key: str, user_id: int, old_email: str) -> str:
    """Return the token for a link that gives an account its old email back."""
    return _serializer(secret_key).dumps([user_id, old_email])


def read_undo(secret_key: str, token: str) -> Undo:
    """Read a token.

    Raises:
        UndoLinkInvalid: the signature is wrong or too old.
    """
    try:
        user_id, old_email = _serializer(secret_key).loads(token, max_age=int(VALID_FOR.total_seconds()))
    except (BadData, ValueError, TypeError) as error:
        raise UndoLinkInvalid from error
    return Undo(user_id, old_email)


def note_former_email(user: User, old_email: str) -> bool:
    """Keep the address before a change for its owner; False if an earlier one is kept already."""
    if user.former_email_until and user.former_email_until > utc_now():
        return False
    user.former_email, user.former_email_until = old_email, utc_now() + VALID_FOR
    return True


def is_kept_for_owner(session: Session, email: str, *, but: int | None = None) -> bool:
    """Whether an account other than ``but`` may still get this address back; nobody else may take it."""
    kept = select(User.id).where(
        User.former_email == email, User.former_email_until > utc_now(), User.id != (but or 0)
    )
    return session.scalar(kept.limit(1)) is not None


def find_undone(session: Session, undo: Undo) -> User:
    """The account to which an undo applies.

    Raises:
        UndoLinkInvalid: the undo no longer applies.
    """
    user = session.get(User, undo.user_id)
    if user is None or user.former_email != undo.old_email:
        raise UndoLinkInvalid
    if user.former_email_until is None or user.former_email_until <= utc_now():
        raise UndoLinkInvalid
    holder = session.scalar(select(User.id).where(User.email == undo.old_email))
    if holder not in (None, user.id):
        raise UndoLinkInvalid
    return user


def restore_email(session: Session, undo: Undo) -> User:
    """Restore an account's old email, end its sessions, remove its password.

    Raises:
        UndoLinkInvalid: the link no longer applies.
    """
    user = find_undone(session, undo)
    user.email = undo.old_email
    user.former_email = user.former_email_until = None
    user.password = None  # whoever changed the email knows it
    user.fs_uniquifier = uuid.uuid4().hex
    end_sessions(session, user.id)
    session.flush()
    return user


def _serializer(secret_key: str) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(secret_key, salt="undo-email-change")
