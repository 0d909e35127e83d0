"""The addresses of previews: small ones, the large one, and its masks.

They serve accounts and guests, their photos and the samples. All of them are free, and rate-limited.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from typing import Any, TypeVar

from flask import Blueprint, Response, make_response, request
from flask.typing import ResponseReturnValue

from app.db import db
from app.engine.errors import UnknownStyle
from app.errors import DomainError, error_page, in_words
from app.extensions import limiter
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
from app.studio.painting.preview_source import PreviewSource, discard_if_deleted
from app.studio.painting.previewer import LARGE_SIDES, marked_jpeg
from app.studio.painting.tab_requests import TabRequest
from app.wiring import catalogue, previewer, storage

bp = Blueprint("previews", __name__, url_prefix="/previews/<any(photos, samples):collection>/<name>")

MASK_MAX_BYTES = 4_000_000

View = TypeVar("View", bound=Callable[..., Any])


def _limited(account: str, address: str) -> Callable[[View], View]:
    """Two rate limits: per account (or guest's address), and wider per address."""

    def decorate(view: View) -> View:
        limited: View = limiter.limit(account, key_func=visitor)(limiter.limit(address)(view))
        return limited

    return decorate


@bp.errorhandler(TooBusy)
def _too_busy(error: TooBusy) -> ResponseReturnValue:
    response = make_response(error_page(in_words(error), error.status))
    response.headers["Retry-After"] = "1"
    return response


def _source(collection: str, name: str) -> PreviewSource:
    """The photo that the address names. Ends the transaction: painting takes a while."""
    source = _sample(name) if collection == "samples" else _own(name)
    db.session.rollback()  # the rate limits have read the account, for samples as well
    return source


def _sample(name: str) -> PreviewSource:
    if name not in SAMPLES:
        raise NotFound
    return SAMPLES[name].source


def _own(name: str) -> PreviewSource:
    try:
        return PreviewSource.of(own_photo(db.session(), uuid.UUID(name)))
    except ValueError:
        raise NotFound from None


@bp.get("/<slug>.webp")
@_limited("900/minute;20000/day", "2700/minute")
def small(collection: str, name: str, slug: str) -> Response:
    """The photo in one style, small. The header X-Suits has the suitability."""
    who, source = visitor(), _source(collection, name)
    started = time.perf_counter()
    try:
        preview = previewer().small(source, slug, visitor=who)
    except UnknownStyle:
        raise NotFound from None
    response = private_data(preview.webp, "image/webp")
    response.headers["X-Suits"] = f"{preview.suitability:.4f}"
    return _timed(response, started)


@bp.get("/photo.webp")
@_limited("900/minute", "2700/minute")
def photo(collection: str, name: str) -> Response:
    """The photo itself, in the size of a large preview."""
    picture = previewer().photo(_source(collection, name), LARGE_SIDES[0])
    return private_data(encode_webp(picture, 85), "image/webp")


@bp.get("/large.jpg")
@_limited("900/minute;30000/day", "2700/minute")
def large(collection: str, name: str) -> Response:
    """The photo painted with the controls in the query.

    ``side`` is the largest side wanted, and ``draft`` asks for a quick preview. ``tab`` and ``asked`` are the
    tab and its request number: superseded requests are skipped.
    """
    who, source, controls = visitor(), _source(collection, name), _controls()
    masks = load_masks(storage(), source.files, controls)
    tab_request = TabRequest(request.args.get("tab", "")[:64], request.args.get("asked", 0, int))
    wanted = request.args.get("side", LARGE_SIDES[0], int)
    started = time.perf_counter()
    picture = previewer().large(
        source,
        controls,
        masks=masks,
        tab_request=tab_request,
        draft="draft" in request.args,
        visitor=who,
    )
    side = min((side for side in LARGE_SIDES if side >= wanted), default=LARGE_SIDES[0])
    return _timed(private_data(marked_jpeg(picture, side), "image/jpeg"), started)


def _controls() -> Controls:
    """The controls from the query, which has the fields of the studio's form."""
    form = PaintForm(request.args, meta={"csrf": False})
    form.offer(catalogue())
    if not form.validate():
        wrong = [errors[0] for field, errors in form.errors.items() if field not in ("token", "photos")]
        if wrong:
            raise DomainError(str(wrong[0]))  # the form has translated it
    return form.controls(form.style.data[0])


def _timed(response: Response, started: float) -> Response:
    """Add how long the server worked, for the network view of a browser."""
    response.headers["Server-Timing"] = f"preview;dur={(time.perf_counter() - started) * 1000:.1f}"
    return response


# --- masks --------------------------------------------------------------------------------------


@bp.post("/masks")
@_limited("120/minute;5000/day", "400/minute")
@takes_body(lambda: FORM_MAX_BYTES + MASK_MAX_BYTES)
def add_mask(collection: str, name: str) -> ResponseReturnValue:
    """Store a mask painted over the photo, sent as ``mask``; answer with its id."""
    who, source = visitor(), _source(collection, name)
    sent = request.files.get("mask")
    data = sent.stream.read(MASK_MAX_BYTES + 1) if sent else b""
    if not data:
        raise EmptyFile
    if len(data) > MASK_MAX_BYTES:
        raise FileTooLarge(MASK_MAX_BYTES // 1_000_000)
    with upload_slot(who):
        mask_id = keep_mask(storage(), source.files, data)
    discard_if_deleted(storage(), source)
    return {"id": str(mask_id)}, 201


@bp.get("/masks/<uuid:mask_id>.png")
@_limited("900/minute", "2700/minute")
def mask(collection: str, name: str, mask_id: uuid.UUID) -> Response:
    """A stored mask, to go on painting it."""
    return private_file(_source(collection, name).files.mask_key(mask_id), "image/png")
