"""Addresses of previews: small ones for every style, the large one, and the masks painted on it.

For people with and without an account, for their photos and for ours; all of it free, and limited in number.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from typing import Any, TypeVar

from flask import Blueprint, Response, make_response, request
from flask.typing import ResponseReturnValue

from app.engine.errors import UnknownStyle
from app.errors import DomainError, error_page, in_words
from app.extensions import db, limiter
from app.imaging import encode_webp
from app.imaging.errors import EmptyFile, FileTooLarge
from app.request_bodies import FORM_MAX_BYTES, takes_body
from app.studio.domain.controls import Controls
from app.studio.domain.errors import NotFound, TooBusy
from app.studio.domain.masks import keep_mask, load_masks
from app.studio.domain.slots import upload_slot
from app.studio.pages.forms import PaintForm
from app.studio.pages.responses import private_data, private_file
from app.studio.pages.visitors import visitor
from app.studio.painting.guests import SAMPLES, own_photo
from app.studio.painting.previewer import LARGE_SIDES, Asked, Subject, discard_if_deleted, marked
from app.wiring import catalogue, previewer, storage

bp = Blueprint("previews", __name__, url_prefix="/previews/<any(photos, samples):shelf>/<name>")

MASK_MAX_BYTES = 4_000_000

View = TypeVar("View", bound=Callable[..., Any])


def _limited(account: str, address: str) -> Callable[[View], View]:
    """Two limits: one for each account (or address without one), and a wider one for a whole address."""

    def decorate(view: View) -> View:
        limited: View = limiter.limit(account, key_func=visitor)(limiter.limit(address)(view))
        return limited

    return decorate


@bp.errorhandler(TooBusy)
def _too_busy(error: TooBusy) -> ResponseReturnValue:
    response = make_response(error_page(in_words(error), error.status))
    response.headers["Retry-After"] = "1"
    return response


def _subject(shelf: str, name: str) -> Subject:
    """The photo that the address names. Painting may take a while, so no transaction is left open."""
    subject = _sample(name) if shelf == "samples" else _own(name)
    db.session.rollback()  # whoever is logged in was read for the limits, of samples as well
    return subject


def _sample(name: str) -> Subject:
    if name not in SAMPLES:
        raise NotFound
    return SAMPLES[name].subject


def _own(name: str) -> Subject:
    try:
        return Subject.of(own_photo(db.session(), uuid.UUID(name)))
    except ValueError:
        raise NotFound from None


@bp.get("/<slug>.webp")
@_limited("900/minute;20000/day", "2700/minute")
def small(shelf: str, name: str, slug: str) -> Response:
    """The photo in one style, small; the header X-Suits says how well the style suits it, 0 to 1."""
    who, subject = visitor(), _subject(shelf, name)
    started = time.perf_counter()
    try:
        preview = previewer().small(subject, slug, visitor=who)
    except UnknownStyle:
        raise NotFound from None
    response = private_data(preview.webp, "image/webp")
    response.headers["X-Suits"] = f"{preview.suits:.4f}"
    return _timed(response, started)


@bp.get("/photo.webp")
@_limited("900/minute", "2700/minute")
def photo(shelf: str, name: str) -> Response:
    """The photo itself, as large as a large preview."""
    picture = previewer().photo(_subject(shelf, name), LARGE_SIDES[0])
    return private_data(encode_webp(picture, 85), "image/webp")


@bp.get("/large.jpg")
@_limited("900/minute;30000/day", "2700/minute")
def large(shelf: str, name: str) -> Response:
    """The photo as the controls in the query stand.

    ``side`` is the largest side wanted; ``draft`` asks for a quick one; ``tab`` and ``asked`` say which tab
    asks for the how many-th time, so that nothing is painted for a question that has a newer one behind it.
    """
    who, subject, controls = visitor(), _subject(shelf, name), _controls()
    masks = load_masks(storage(), subject.photo, controls)
    asked = Asked(request.args.get("tab", "")[:64], request.args.get("asked", 0, int))
    wanted = request.args.get("side", LARGE_SIDES[0], int)
    started = time.perf_counter()
    picture = previewer().large(
        subject, controls, masks=masks, asked=asked, draft="draft" in request.args, visitor=who
    )
    side = min((side for side in LARGE_SIDES if side >= wanted), default=LARGE_SIDES[0])
    return _timed(private_data(marked(picture, side), "image/jpeg"), started)


def _controls() -> Controls:
    """The controls as the query names them, in the fields of the studio's form."""
    form = PaintForm(request.args, meta={"csrf": False})
    form.offer(catalogue())
    if not form.validate():
        wrong = [errors[0] for field, errors in form.errors.items() if field not in ("token", "photos")]
        if wrong:
            raise DomainError(str(wrong[0]))  # in the language asked for already, from the form
    return form.controls(form.style.data[0])


def _timed(response: Response, started: float) -> Response:
    """How long the server worked on it, for whoever looks at the network in their browser."""
    response.headers["Server-Timing"] = f"preview;dur={(time.perf_counter() - started) * 1000:.1f}"
    return response


# --- masks --------------------------------------------------------------------------------------


@bp.post("/masks")
@_limited("120/minute;5000/day", "400/minute")
@takes_body(lambda: FORM_MAX_BYTES + MASK_MAX_BYTES)
def add_mask(shelf: str, name: str) -> ResponseReturnValue:
    """Keep a mask painted over the photo, sent as the file ``mask``; its id goes into the controls."""
    who, subject = visitor(), _subject(shelf, name)
    sent = request.files.get("mask")
    data = sent.stream.read(MASK_MAX_BYTES + 1) if sent else b""
    if not data:
        raise EmptyFile
    if len(data) > MASK_MAX_BYTES:
        raise FileTooLarge(MASK_MAX_BYTES // 1_000_000)
    with upload_slot(who):
        mask_id = keep_mask(storage(), subject.photo, data)
    discard_if_deleted(storage(), subject)
    return {"id": str(mask_id)}, 201


@bp.get("/masks/<uuid:mask_id>.png")
@_limited("900/minute", "2700/minute")
def mask(shelf: str, name: str, mask_id: uuid.UUID) -> Response:
    """A mask, to be painted on."""
    return private_file(_subject(shelf, name).photo.mask_key(mask_id), "image/png")
