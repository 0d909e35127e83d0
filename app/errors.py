"""Errors with a sentence for the person, and the pages that show them."""

from __future__ import annotations

import errno
import math
import sqlite3
import time
from contextlib import suppress

import psycopg
import structlog
from flask import Flask, Response, current_app, make_response, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext, ngettext
from flask_limiter import RateLimitExceeded
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException, SecurityError

from app.db import db
from app.extensions import limiter
from app.sentences import DomainError, Plural, translatable
from app.storage.base import StorageError
from app.translation import language

__all__ = ["SENTENCES", "DomainError", "configure_errors", "error_page", "in_words"]

log = structlog.get_logger(__name__)


def in_words(error: DomainError) -> str:
    """What an error tells the person, in their language."""
    if isinstance(error.sentence, Plural):
        return str(ngettext(*error.sentence, **error.values))
    return str(gettext(error.sentence, **error.values))


# When to ask again after a 503 that names no time of its own, in seconds.
RETRY_SECONDS = 10
# SQLite's codes for a lock that others hold and for a full disk, and the system's for a full disk or quota.
SQLITE_PASSING = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL}
OS_PASSING = {errno.ENOSPC, errno.EDQUOT}

SENTENCES = {
    400: translatable("We could not understand that request. Go back, reload the page and try again."),
    403: translatable("You do not have access to this. Go back, or log in with the account it belongs to."),
    404: translatable(
        "There is nothing here. The page may have moved, or the picture may have been deleted."
    ),
    405: translatable("This page cannot be opened this way. Start again from the home page."),
    413: translatable("That upload is too large. Choose smaller photos, or fewer at once, and try again."),
    500: translatable("Something went wrong on our side. We have logged it. Try again in a moment."),
    503: translatable("The site cannot save anything at the moment. Try again in a minute."),
}


def configure_errors(app: Flask) -> None:
    """Show every error as a page with one clear sentence, and log the cause."""
    app.register_error_handler(DomainError, _domain_error)
    app.register_error_handler(CSRFError, _csrf_error)
    app.register_error_handler(RateLimitExceeded, _too_fast)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Exception, _unexpected_error)

    @app.after_request
    def _say_when_again(response: Response) -> Response:
        if response.status_code == 503:
            response.headers.setdefault("Retry-After", str(RETRY_SECONDS))
        return response


def error_page(sentence: str, status: int) -> ResponseReturnValue:
    """The error page; a request made by a script gets the bare sentence instead."""
    if request.accept_mimetypes.best == "application/json":
        return {"error": sentence}, status
    try:
        return render_template("error.html", sentence=sentence, status=status), status
    except Exception:
        # It shows who is logged in and what is left to them, which a database that is down does not tell.
        log.exception("error_page.failed", path=request.path)
        return _bare_page(sentence), status


def _bare_page(sentence: str) -> str:
    """A page made of nothing but its sentence: what every other page knows is not asked for."""
    template = current_app.jinja_env.get_template("error_bare.html")
    return template.render(sentence=sentence, language=language())


def _domain_error(error: DomainError) -> ResponseReturnValue:
    log.info("request.refused", error=type(error).__name__, sentence=str(error), cause=repr(error.__cause__))
    response = make_response(error_page(in_words(error), error.status))
    if error.retry_after is not None:
        response.headers["Retry-After"] = str(error.retry_after)
    return response


def _csrf_error(error: CSRFError) -> ResponseReturnValue:
    log.info("request.csrf", reason=error.description)
    return error_page(gettext("This form has expired. Go back, reload the page and send it again."), 400)


def _too_fast(error: RateLimitExceeded) -> ResponseReturnValue:
    hit = limiter.current_limit
    seconds = hit.reset_at - time.time() if hit else error.limit.limit.get_expiry()
    response = make_response(error_page(_when_again(seconds), 429))
    response.headers["Retry-After"] = str(max(1, math.ceil(seconds)))
    return response


def _when_again(seconds: float) -> str:
    """How long whoever was too fast has to wait: some limits are counted by the minute, some by the day."""
    minutes = max(1, math.ceil((seconds - 1) / 60))  # the limiter rounds up to the next second but one
    if minutes < 60:
        return str(
            ngettext(
                "That was a lot of requests in a short time. Wait a minute and try again.",
                "That was a lot of requests in a short time. Wait %(num)d minutes and try again.",
                minutes,
            )
        )
    return str(
        ngettext(
            "That was a lot of requests. Try again in an hour.",
            "That was a lot of requests. Try again in %(num)d hours.",
            math.ceil(minutes / 60),
        )
    )


def _http_error(error: HTTPException) -> ResponseReturnValue:
    if isinstance(error, SecurityError):
        return error.get_response()  # a foreign Host header: no address can be made for a page's links
    status = error.code or 500
    if status < 400:
        return error  # a redirect that was raised
    return error_page(gettext(SENTENCES.get(status, SENTENCES[400])), status)


def _unexpected_error(error: Exception) -> ResponseReturnValue:
    log.exception("request.failed", path=request.path)
    with suppress(SQLAlchemyError):  # what is broken may be the connection itself
        db.session.rollback()
    status = 503 if will_pass(error) else 500
    return error_page(gettext(SENTENCES[status]), status)


def will_pass(error: BaseException | None) -> bool:
    """Whether an error comes from a busy or unreachable database, or from a full disk."""
    if isinstance(error, OperationalError):
        cause = error.orig
        code = getattr(cause, "sqlite_errorcode", None)
        return isinstance(cause, psycopg.OperationalError) if code is None else code & 0xFF in SQLITE_PASSING
    if isinstance(error, StorageError):
        return will_pass(error.__cause__)
    return isinstance(error, PoolTimeout) or (isinstance(error, OSError) and error.errno in OS_PASSING)
