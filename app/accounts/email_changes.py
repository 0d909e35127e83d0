"""Undoing a change of the email: a signed link that goes to the address before the change."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

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
    """The link is broken, too old, used, or its address belongs to another account by now."""

    status = 404

    def __init__(self) -> None:
        super().__init__(translatable("This link is not valid any more. Write to us if you need help."))


@dataclass(frozen=True)
class Undo:
    """What a link stands for: whose email was changed, from which address, and when."""

    user_id: int
    old_email: str
    signed_at: datetime


def sign_undo(secret_key: str, user_id: int, old_email: str) -> str:
    """Return the token of a link that gives an account its old email back."""
    return _serializer(secret_key).dumps([user_id, old_email])


def read_undo(secret_key: str, token: str) -> Undo:
    """Read a token.

    Raises:
        UndoLinkInvalid: it is not ours, or too old.
    """
    try:
        (user_id, old_email), signed_at = _serializer(secret_key).loads(
            token, max_age=int(VALID_FOR.total_seconds()), return_timestamp=True
        )
    except (BadData, ValueError, TypeError) as error:
        raise UndoLinkInvalid from error
    return Undo(user_id, old_email, signed_at)


def find_undone(session: Session, undo: Undo) -> User:
    """The account that an undo still applies to.

    Raises:
        UndoLinkInvalid: it applies no more.
    """
    user = session.get(User, undo.user_id)
    # Whoever took over an account may change its email twice: their own link must not undo the owner's.
    if user is None or (user.email_restored_at and undo.signed_at <= user.email_restored_at):
        raise UndoLinkInvalid
    holder = session.scalar(select(User.id).where(User.email == undo.old_email))
    if holder not in (None, user.id):
        raise UndoLinkInvalid
    return user


def restore_email(session: Session, undo: Undo) -> User:
    """Give an account its old email back, end all its sessions and take away its password.

    Raises:
        UndoLinkInvalid: the link applies no more.
    """
    user = find_undone(session, undo)
    user.email = undo.old_email
    user.email_restored_at = utc_now()
    user.password = None  # whoever changed the email knows it
    user.fs_uniquifier = uuid.uuid4().hex
    end_sessions(session, user.id)
    session.flush()
    return user


def _serializer(secret_key: str) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(secret_key, salt="undo-email-change")
