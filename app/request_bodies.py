"""Limits on request bodies: each is refused or accepted before anything reads it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from io import BytesIO
from typing import IO, Any, TypeVar

from flask import Flask, Request, abort, current_app, g, request, session
from flask_wtf.csrf import CSRFError, validate_csrf
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.formparser import FormDataParser
from wtforms.validators import ValidationError

from app.config import Settings
from app.errors import DomainError
from app.extensions import client_network, limiter
from app.fair_slots import FairSlots, NoSlot
from app.sentences import translatable

# The limit for a form without files. A form with every control of the studio takes a few kilobytes.
FORM_MAX_BYTES = 1_000_000
FORM_MAX_FIELDS = 1000

View = TypeVar("View", bound=Callable[..., Any])


class UnreadableForm(DomainError):
    """The body is not a valid form of its declared type."""

    def __init__(self) -> None:
        super().__init__(translatable("We could not read this form. Reload the page and send it again."))


class UnreadableFileName(DomainError):
    """The name of an uploaded file is not UTF-8."""

    def __init__(self) -> None:
        super().__init__(translatable("We could not read the name of a file. Rename the file and try again."))


class ReadersBusy(DomainError):
    """Enough threads read uploads already: the others are for pages."""

    status = 503

    def __init__(self) -> None:
        super().__init__(translatable("The site is very busy right now. Try again in a moment."))


class FormParser(FormDataParser):
    """Werkzeug's parser, but it limits every form's fields and reports bad ones."""

    def parse(
        self,
        stream: IO[bytes],
        mimetype: str,
        content_length: int | None,
        options: dict[str, str] | None = None,
    ) -> Any:
        self.silent = False
        if mimetype == "application/x-www-form-urlencoded":
            data = stream.read()
            if data.count(b"&") >= FORM_MAX_FIELDS:
                raise RequestEntityTooLarge
            stream = BytesIO(data)
        try:
            return super().parse(stream, mimetype, content_length, options)
        except UnicodeDecodeError as error:
            raise (UnreadableFileName if mimetype == "multipart/form-data" else UnreadableForm) from error
        except ValueError as error:
            raise UnreadableForm from error


class SiteRequest(Request):
    """A request whose body is a form, or bytes for Stripe's webhook; never JSON."""

    form_data_parser_class = FormParser

    @property
    def is_json(self) -> bool:
        """False, so no library parses JSON that a stranger sends."""
        return False


def takes_body(limit: Callable[[], int]) -> Callable[[View], View]:
    """Let a view accept bodies of up to ``limit()`` bytes.

    Other views accept ``FORM_MAX_BYTES``.
    """

    def mark(view: View) -> View:
        view.body_limit = limit  # type: ignore[attr-defined]  # decorators around the view copy it
        return view

    return mark


def configure_request_bodies(app: Flask, settings: Settings) -> None:
    """Check the size of a body, then the rate limits, then a token in a header; only then read a body."""
    app.request_class = SiteRequest
    app.config["MAX_CONTENT_LENGTH"] = FORM_MAX_BYTES
    app.config["MAX_FORM_PARTS"] = FORM_MAX_FIELDS
    app.before_request(_check_size)
    app.before_request(_check_rate)
    app.before_request(_check_token_of_large_body)
    # A thread waits for a slow upload. A quarter of the threads may read uploads; a visitor gets a third of
    # those.
    most = max(1, settings.web_threads // 4)
    each = max(1, most // 3)
    readers = FairSlots(most, each=each, present=most, present_each=each)
    app.before_request(partial(_hold_reader, readers))
    app.teardown_request(_free_reader)


def _hold_reader(readers: FairSlots) -> None:
    """Refuse a large body while too many are being read, by this visitor or by all."""
    if (request.content_length or 0) <= FORM_MAX_BYTES:
        return  # it has come already
    held = ExitStack()
    try:
        held.enter_context(readers.slot(client_network(), within=0))
    except NoSlot:
        raise ReadersBusy from None
    g.reader = held


def _free_reader(_error: BaseException | None) -> None:
    if held := g.pop("reader", None):
        held.close()


def _own_limit() -> Callable[[], int] | None:
    view = current_app.view_functions.get(request.endpoint or "")
    return getattr(view, "body_limit", None)


def _check_size() -> None:
    if request.content_length is None and "Transfer-Encoding" in request.headers:
        abort(411)  # browsers always send a length, and a body without one may never end
    own_limit = _own_limit()
    if own_limit is not None:
        request.max_content_length = own_limit()
    most = request.max_content_length
    if most is not None and (request.content_length or 0) > most:
        raise RequestEntityTooLarge


def _check_rate() -> None:
    """Check the view's rate limits now.

    The view's decorator checks them only after CSRFProtect has read the form.
    """
    limiter._check_request_limit(in_middleware=False)  # the decorator's own check has no public name
    g.rate_is_checked = True


@limiter.request_filter
def _rate_is_checked() -> bool:
    return bool(g.get("rate_is_checked"))


def _check_token_of_large_body() -> None:
    """Refuse a large body early if its CSRF token is missing or wrong.

    The token of the session and a token in a header are known before the body is read.
    """
    config = current_app.config
    takes_large = request.method == "POST" and (request.max_content_length or 0) > FORM_MAX_BYTES
    if not takes_large or not config["WTF_CSRF_ENABLED"]:
        return
    if config["WTF_CSRF_FIELD_NAME"] not in session:
        raise CSRFError("The CSRF session token is missing.")
    sent = next(
        (request.headers[name] for name in config["WTF_CSRF_HEADERS"] if name in request.headers), None
    )
    if sent is not None:
        try:
            validate_csrf(sent)
        except ValidationError as error:
            raise CSRFError(error.args[0]) from error
