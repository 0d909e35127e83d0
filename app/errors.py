"""Errors with a sentence for the person, and the pages that show them."""

from __future__ import annotations

import math
import time
from contextlib import suppress

import structlog
from flask import Flask, current_app, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext, ngettext
from flask_limiter import RateLimitExceeded
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import HTTPException, SecurityError

from app.extensions import db, limiter
from app.sentences import Plural, in_english, translatable
from app.translation import language

log = structlog.get_logger(__name__)


class DomainError(Exception):
    """Something a person asked for cannot be done.

    ``str(error)`` tells why and what to do, in English, for logs and the command line;
    :func:`in_words` tells it to people.

    Args:
        sentence: marked by :func:`app.sentences.translatable`, in which ``values`` stand as ``%(name)s``.
    """

    status = 400

    def __init__(self, sentence: str | Plural = "", **values: object) -> None:
        super().__init__(in_english(sentence, values))
        self.sentence, self.values = sentence, values


def in_words(error: DomainError) -> str:
    """What an error tells the person, in their language."""
    if isinstance(error.sentence, Plural):
        return str(ngettext(*error.sentence, **error.values))
    return str(gettext(error.sentence, **error.values))


SENTENCES = {
    400: translatable("We could not understand that request. Go back, reload the page and try again."),
    403: translatable("You do not have access to this. Go back, or log in with the account it belongs to."),
    404: translatable(
        "There is nothing here. The page may have moved, or the picture may have been deleted."
    ),
    405: translatable("This page cannot be opened this way. Start again from the home page."),
    413: translatable("That upload is too large. Choose smaller photos, or fewer at once, and try again."),
    500: translatable("Something went wrong on our side. We have logged it. Try again in a moment."),
}


def configure_errors(app: Flask) -> None:
    """Show every error as a page with one clear sentence, and log the cause."""
    app.register_error_handler(DomainError, _domain_error)
    app.register_error_handler(CSRFError, _csrf_error)
    app.register_error_handler(RateLimitExceeded, _too_fast)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Exception, _unexpected_error)


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
    return error_page(in_words(error), error.status)


def _csrf_error(error: CSRFError) -> ResponseReturnValue:
    log.info("request.csrf", reason=error.description)
    return error_page(gettext("This form has expired. Go back, reload the page and send it again."), 400)


def _too_fast(error: RateLimitExceeded) -> ResponseReturnValue:
    hit = limiter.current_limit
    seconds = hit.reset_at - time.time() if hit else error.limit.limit.get_expiry()
    return error_page(_when_again(seconds), 429)


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
    return error_page(gettext(SENTENCES[500]), 500)
