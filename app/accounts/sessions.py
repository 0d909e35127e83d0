"""Sessions on the server: a cookie is worthless once its session has ended."""

from __future__ import annotations

import hashlib
import secrets
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import ColumnElement, delete, or_, select
from sqlalchemy.orm import Session

from app.accounts.models import LoginSession
from app.db import utc_now

# The shortest time between two updates of ``last_seen``.
SEEN_EVERY = timedelta(minutes=5)


@dataclass(frozen=True)
class Lifetime:
    """How long a session lasts, from when it was last seen and from the log-in."""

    idle: timedelta
    most: timedelta

    @property
    def over(self) -> ColumnElement[bool]:
        """The SQL condition for an expired session."""
        now = utc_now()
        return or_(LoginSession.last_seen_at < now - self.idle, LoginSession.created_at < now - self.most)


def open_session(
    session: Session, user_id: int, user_agent: str, lifetime: Lifetime
) -> tuple[uuid.UUID, str]:
    """Store a log-in; return its id and the cookie's token.

    It also deletes expired sessions.
    """
    session.execute(delete(LoginSession).where(lifetime.over))
    token = secrets.token_urlsafe(32)
    opened = LoginSession(user_id=user_id, token_hash=_hash(token), user_agent=user_agent[:300])
    session.add(opened)
    session.flush()
    return opened.id, token


def find_session(session: Session, token: str, lifetime: Lifetime) -> LoginSession | None:
    """The session that belongs to a token, with its user, unless it has ended."""
    known = select(LoginSession).where(LoginSession.token_hash == _hash(token), ~lifetime.over)
    return session.scalar(known)


def sessions_of(session: Session, user_id: int, lifetime: Lifetime) -> Sequence[LoginSession]:
    """A person's sessions, most recently seen first."""
    theirs = select(LoginSession).where(LoginSession.user_id == user_id, ~lifetime.over)
    return session.scalars(theirs.order_by(LoginSession.last_seen_at.desc())).all()


def end_session(session: Session, user_id: int, session_id: uuid.UUID) -> None:
    """End a session if it belongs to this person."""
    session.execute(
        delete(LoginSession).where(LoginSession.id == session_id, LoginSession.user_id == user_id)
    )


def end_sessions(session: Session, user_id: int, *, but: uuid.UUID | None = None) -> None:
    """End all of a person's sessions, except ``but``."""
    theirs = delete(LoginSession).where(LoginSession.user_id == user_id)
    session.execute(theirs if but is None else theirs.where(LoginSession.id != but))


def note_seen(session: Session, session_id: uuid.UUID) -> None:
    """Record that a session is in use."""
    seen = session.get(LoginSession, session_id)
    if seen is not None:
        seen.last_seen_at = utc_now()


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
