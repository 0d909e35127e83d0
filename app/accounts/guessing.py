"""Slows down whoever guesses the password of one account, from however many addresses.

After some tries each further one has to wait, longer each time. A browser that has logged in to the account
before waits for its own tries alone, so strangers cannot keep the owner out.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from flask import Response, after_this_request, current_app, request
from itsdangerous import BadSignature, URLSafeSerializer

from app.errors import DomainError
from app.extensions import limiter
from app.sentences import translatable_plural

FREE_TRIES = 5
LONGEST_PAUSE = 300
COUNTED_FOR = 24 * 3600
COOKIE = "known_device"
COOKIE_LASTS = timedelta(days=365)


class TooManyGuesses(DomainError):
    """The account's next try comes too soon."""

    status = 429

    def __init__(self, seconds: int) -> None:
        self.retry_after = seconds
        super().__init__(
            translatable_plural(
                "Too many wrong passwords. Wait %(num)d second, then try again.",
                "Too many wrong passwords. Wait %(num)d seconds, then try again.",
            ),
            num=seconds,
        )


class Attempt:
    """One try at an account's password."""

    succeeded = False


@contextmanager
def attempt(email: str) -> Iterator[Attempt]:
    """Count a try before the password is checked; set ``succeeded`` if it was right.

    Raises:
        TooManyGuesses: a pause is not over.
    """
    key = _key(email)
    if limiter.enabled:
        _count(key)
    tried = Attempt()
    yield tried
    if tried.succeeded and limiter.enabled:
        limiter.storage.clear(f"{key}/tries")
        limiter.storage.clear(f"{key}/pause")


def remember_device(email: str) -> None:
    """Let this browser count for itself from now on."""

    def set_cookie(response: Response) -> Response:
        response.set_cookie(
            COOKIE,
            _serializer().dumps(_digest(email)),
            max_age=COOKIE_LASTS,
            secure=bool(current_app.config["SESSION_COOKIE_SECURE"]),
            httponly=True,
            samesite="Lax",
        )
        return response

    after_this_request(set_cookie)


def _count(key: str) -> None:
    storage = limiter.storage
    if storage.get(f"{key}/pause"):
        raise TooManyGuesses(max(1, round(storage.get_expiry(f"{key}/pause") - time.time())))
    tries = storage.incr(f"{key}/tries", COUNTED_FOR)
    if tries > FREE_TRIES:
        storage.incr(f"{key}/pause", min(2 ** min(tries - FREE_TRIES, 20), LONGEST_PAUSE))


def _key(email: str) -> str:
    """Whose tries are counted together: those of everybody, or those of a browser that is known."""
    cookie = request.cookies.get(COOKIE, "")
    try:
        known = _serializer().loads(cookie) == _digest(email)
    except BadSignature:
        known = False
    return f"guesses/{_digest(email)}/{_digest(cookie) if known else 'anybody'}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.strip().lower().encode()).hexdigest()[:32]


def _serializer() -> URLSafeSerializer:
    return URLSafeSerializer(current_app.config["SECRET_KEY"], salt="known-device")
