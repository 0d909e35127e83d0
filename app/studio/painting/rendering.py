"""Rendering: how a worker paints one render, and what happens to errors.

The row always says how far a render came, whatever happens to the process. A lease that runs out puts the
render back into the queue. After the last attempt the credits return.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import structlog
from flask import Flask
from PIL import Image

from app.accounts.models import User
from app.db import transaction
from app.engine.errors import EngineError, OutOfMemory
from app.errors import DomainError
from app.imaging import decode_photo, encode_png, make_preview
from app.imaging.errors import UnreadablePhoto
from app.storage.base import discard_files
from app.studio.domain import orders
from app.studio.domain.files import PhotoFiles
from app.studio.domain.masks import load_masks
from app.studio.domain.models import Render
from app.studio.domain.thumbnails import keep_thumbnails
from app.studio.painting import leases
from app.studio.painting.failures import kept_failure
from app.studio.painting.notices import done_message
from app.studio.painting.paint_request import PaintRequest
from app.studio.painting.painter import paint
from app.wiring import catalogue, mailer, render_queue, settings, storage

log = structlog.get_logger(__name__)

# How long a failed render waits for its second attempt, and for later ones, in seconds. The cause may pass
# meanwhile: a full disk, or memory that others use.
RETRY_DELAYS = (10.0, 60.0)


class LeaseLost(Exception):
    """Another worker has the render now, or its owner deleted it."""


@dataclass
class Lease:
    """The right to work on one attempt of a render; :meth:`report` renews it."""

    render_id: uuid.UUID
    attempt: int
    duration: timedelta
    progress: float = 0.0

    def report(self, progress: float | None = None) -> None:
        """Renew the lease, and store the progress (0 to 1), each hundredth once.

        Raises:
            LeaseLost: there is no lease to renew.
        """
        if progress is not None:
            stored = int(self.progress * 100)
            self.progress = progress
            if int(progress * 100) == stored:
                return
        with transaction() as session:
            held = leases.report_progress(session, self.render_id, self.attempt, self.progress, self.duration)
        if not held:
            raise LeaseLost


def process_render(app: Flask, render_id: uuid.UUID) -> None:
    """Paint one render if it still waits. Its row and the log tell the outcome.

    Raises only database errors, when the row can be neither read nor changed. The sweep finds the row later:
    it still waits, or its lease has run out.
    """
    with app.app_context(), structlog.contextvars.bound_contextvars(render=str(render_id)):
        lease_time = timedelta(seconds=settings().render_lease_seconds)
        with transaction() as session:
            render = leases.claim(session, render_id, lease_time)
            if render is None:
                log.info("render.not_waiting")
                return
            session.expunge(render)
        lease = Lease(render.id, render.attempt, lease_time)
        try:
            with _heartbeat(app, lease):
                _paint_and_store(render, lease)
            _finish(render)
        except LeaseLost:
            log.warning("render.lease_lost", attempt=render.attempt)
            discard_files(storage(), [render.files.attempt_prefix])
        except (OutOfMemory, UnreadablePhoto):
            # Later there may be room. And the photo could be read when it was uploaded.
            log.exception("render.failed", attempt=render.attempt)
            retry_or_fail(render, delay=_delay_after(render.attempt))
        except (DomainError, EngineError) as error:
            log.warning("render.refused", cause=repr(error.__cause__), sentence=str(error))
            _fail(render, kept_failure(error))
        except Exception:
            log.exception("render.failed", attempt=render.attempt)
            retry_or_fail(render, delay=_delay_after(render.attempt))


def _paint_and_store(render: Render, lease: Lease) -> None:
    """Decode, stylise, encode: no transaction is open meanwhile."""
    picture = paint(catalogue(), _paint_request(render), lambda done: lease.report(0.1 + 0.7 * done))
    lease.report(0.8)
    storage().delete_prefix(render.files.attempt_prefix)
    storage().save(render.files.picture_key, encode_png(picture, dpi=render.dpi))
    storage().save(render.files.preview_key, make_preview(picture))
    keep_thumbnails(storage(), render.files.thumbnail_key, picture)


def _paint_request(render: Render) -> PaintRequest:
    """The request to paint the part of the photo that the render shows."""
    assert render.photo_id, "a photo cannot be deleted before its renders are finished"
    files = PhotoFiles(render.photo_id)
    with storage().open(files.original_key) as file:
        photo: Image.Image = decode_photo(file, max_pixels=settings().upload_max_pixels).image
    masks = load_masks(storage(), files, render.controls)
    return PaintRequest.of(photo, render.controls, masks).framed(render.frame)


def _finish(render: Render) -> None:
    with transaction() as session:
        done = leases.finish(session, render.id, render.attempt)
    if not done:
        raise LeaseLost
    discard_files(storage(), render.files.earlier_prefixes)
    _notify_if_complete(render)
    log.info("render.done", style=render.controls.style, pixels=render.width * render.height)


def _fail(render: Render, failure: str) -> None:
    with transaction() as session:
        owner = session.get(User, render.user_id)
        failed = owner is not None and leases.fail(
            session, render.id, render.attempt, owner.wallet_id, failure
        )
        # A render that could not fail may be finished by now. Then its files are somebody's picture.
        needed = not failed and session.get(Render, render.id) is not None
    if not needed:
        discard_files(storage(), [render.files.attempt_prefix])
    _notify_if_complete(render)


def _notify_if_complete(render: Render) -> None:
    """Mail the owner of a long order after its last picture; failures are logged."""
    try:
        with transaction() as session:
            order = orders.complete_order(session, render.order_id)
            message = order and done_message(session, order)
        if message:
            mailer().send(message)
    except Exception:
        log.exception("order.not_told", order=str(render.order_id))


def _delay_after(attempt: int) -> float:
    """How long a render waits after a failed attempt, in seconds."""
    return RETRY_DELAYS[min(attempt, len(RETRY_DELAYS)) - 1]


def retry_or_fail(render: Render, *, delay: float = 0.0) -> None:
    """Queue a render again in ``delay`` seconds, or fail it after the last attempt."""
    if render.attempt >= settings().render_max_attempts:
        _fail(render, leases.RENDER_FAILED)
        return
    with transaction() as session:
        waiting = leases.requeue(session, render.id, render.attempt)
    if waiting:
        render_queue().submit(render.id, delay=delay)


@contextmanager
def _heartbeat(app: Flask, lease: Lease) -> Iterator[None]:
    """Renew the lease from a thread of its own while the calling thread computes."""
    stop = threading.Event()

    def beat() -> None:
        with app.app_context():
            while not stop.wait(lease.duration.total_seconds() / 4):
                try:
                    lease.report()
                except LeaseLost:
                    return  # the painting thread learns of it at its next report
                except Exception:
                    log.exception("render.heartbeat_failed")

    thread = threading.Thread(target=beat, name="render-heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
