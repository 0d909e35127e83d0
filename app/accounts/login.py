"""Ties Flask-Login to the server's sessions: cookies carry a session's token, not an account's id."""

from __future__ import annotations

import uuid
from datetime import timedelta

import structlog
from flask import Flask, Response, g, request
from flask import session as browser_session
from flask_login import user_logged_in, user_logged_out
from flask_security import password_changed, password_reset
from flask_security.utils import set_request_attr
from sqlalchemy import delete
from sqlalchemy.exc import SQLAlchemyError

from app.accounts.guessing import remember_device
from app.accounts.models import LoginSession, User
from app.accounts.sessions import (
    SEEN_EVERY,
    Lifetime,
    end_sessions,
    find_session,
    note_seen,
    open_session,
)
from app.config import Settings
from app.db import db, transaction, utc_now

log = structlog.get_logger(__name__)

# Where Flask-Login keeps what its cookies carry.
TOKEN_KEY = "_user_id"  # noqa: S105 - the name of a place, not a secret


def lifetime(settings: Settings) -> Lifetime:
    """How long sessions last on this site."""
    return Lifetime(timedelta(days=settings.session_idle_days), timedelta(days=settings.session_most_days))


def this_session() -> uuid.UUID | None:
    """The id of the session that this request belongs to."""
    found: uuid.UUID | None = g.get("login_session")
    return found


def configure_login(app: Flask, settings: Settings) -> None:
    """Open a session at log-in, find it by the cookie's token, end it at log-out."""
    lasts = lifetime(settings)

    def load(token: str) -> User | None:
        found = find_session(db.session(), token, lasts)
        if found is None or not found.user.active:
            return None
        g.login_session = found.id
        g.login_session_is_due = utc_now() - found.last_seen_at > SEEN_EVERY
        # What Flask-Security's own loader notes: how the person was recognised, and their last password.
        set_request_attr("fs_authn_via", "session")
        set_request_attr("fs_paa", browser_session.get("fs_paa", 0))
        return found.user

    def logged_in(_app: Flask, user: User, **_: object) -> None:
        _leave()
        remember_device(user.email)
        agent = request.headers.get("User-Agent", "")
        g.login_session, browser_session[TOKEN_KEY] = open_session(db.session(), user.id, agent, lasts)

    app.login_manager.user_loader(load)  # type: ignore[attr-defined]  # Flask-Login adds the attribute
    # People log in by the form. The library's own loader looks for a token in the body of every request.
    app.login_manager.request_loader(None)  # type: ignore[attr-defined]
    user_logged_in.connect(logged_in, app, weak=False)
    user_logged_out.connect(_logged_out, app, weak=False)
    for changed in (password_changed, password_reset):
        changed.connect(_password_changed, app, weak=False)
    app.after_request(_note_seen)


def _leave() -> None:
    """End the session of this request, in the caller's transaction."""
    if left := g.pop("login_session", None):
        db.session.execute(delete(LoginSession).where(LoginSession.id == left))


def _logged_out(_app: Flask, **_: object) -> None:
    with transaction():
        _leave()


def _password_changed(_app: Flask, user: User, **_: object) -> None:
    end_sessions(db.session(), user.id, but=this_session())


def _note_seen(response: Response) -> Response:
    if g.pop("login_session_is_due", False) and (current := this_session()):
        try:
            with transaction() as session:
                note_seen(session, current)
        except SQLAlchemyError as error:
            log.warning("session.not_noted", error=type(error).__name__)  # the answer is ready all the same
    return response
