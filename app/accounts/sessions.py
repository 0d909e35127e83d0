"""Sessions that the server knows: a cookie is worth nothing once its session has ended."""

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

# A session that is seen often is written down once in this time.
SEEN_EVERY = timedelta(minutes=5)


@dataclass(frozen=True)
class Lifetime:
    """How long a session lasts: after it was last seen, and after the log-in."""

    idle: timedelta
    most: timedelta

    @property
    def over(self) -> ColumnElement[bool]:
        """The condition that a session has ended by itself."""
        now = utc_now()
        return or_(LoginSession.last_seen_at < now - self.idle, LoginSession.created_at < now - self.most)


def open_session(
    session: Session, user_id: int, user_agent: str, lifetime: Lifetime
) -> tuple[uuid.UUID, str]:
    """Write down a log-in; return its id and the token for the cookie. Clears away what is over."""
    session.execute(delete(LoginSession).where(lifetime.over))
    token = secrets.token_urlsafe(32)
    opened = LoginSession(user_id=user_id, token_hash=_hash(token), user_agent=user_agent[:300])
    session.add(opened)
    session.flush()
    return opened.id, token


def find_session(session: Session, token: str, lifetime: Lifetime) -> LoginSession | None:
    """The session of a token, with its user, unless it has ended."""
    known = select(LoginSession).where(LoginSession.token_hash == _hash(token), ~lifetime.over)
    return session.scalar(known)


def sessions_of(session: Session, user_id: int, lifetime: Lifetime) -> Sequence[LoginSession]:
    """A person's sessions, the one that was seen last first."""
    theirs = select(LoginSession).where(LoginSession.user_id == user_id, ~lifetime.over)
    return session.scalars(theirs.order_by(LoginSession.last_seen_at.desc())).all()


def end_session(session: Session, user_id: int, session_id: uuid.UUID) -> None:
    """End one session of a person, if it is theirs."""
    session.execute(
        delete(LoginSession).where(LoginSession.id == session_id, LoginSession.user_id == user_id)
    )


def end_sessions(session: Session, user_id: int, *, but: uuid.UUID | None = None) -> None:
    """End all sessions of a person, except perhaps one."""
    theirs = delete(LoginSession).where(LoginSession.user_id == user_id)
    session.execute(theirs if but is None else theirs.where(LoginSession.id != but))


def note_seen(session: Session, session_id: uuid.UUID) -> None:
    """Write down that a session is in use."""
    seen = session.get(LoginSession, session_id)
    if seen is not None:
        seen.last_seen_at = utc_now()


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
