"""The worker: takes render ids from the queue, paints, and keeps the row true at every step.

Whatever happens to the process, the row says how far a render came: a lease that runs out puts it
back into the queue, and after the last attempt the credit returns.
"""

from __future__ import annotations

import math
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import structlog
from flask import Flask
from huey.consumer import Consumer
from PIL import Image

from app.accounts.models import User
from app.billing.settlement import settle_purchases
from app.db import transaction, utc_now
from app.engine.catalogue import Catalogue
from app.engine.errors import EngineError, OutOfMemory
from app.errors import DomainError
from app.imaging import decode_photo, encode_png, make_preview
from app.imaging.errors import UnreadablePhoto
from app.storage.base import discard_files
from app.studio.domain import orders
from app.studio.domain.masks import load_masks
from app.studio.domain.models import Photo, Render
from app.studio.domain.photos import unnamed_masks
from app.studio.domain.pictures import without_row
from app.studio.domain.thumbnails import keep_thumbnails
from app.studio.painting import leases
from app.studio.painting.failures import kept_failure
from app.studio.painting.guests import SAMPLES
from app.studio.painting.notices import done_message
from app.studio.painting.painter import paint, warm_up
from app.wiring import catalogue, gateway, mailer, render_queue, settings, storage

log = structlog.get_logger(__name__)

# An upload or a render takes minutes at most, and a visitor without an account may keep a photo for so long:
# what is older and has no row never gets one.
ORPHAN_AGE = timedelta(days=1)
ORPHAN_INTERVAL = timedelta(hours=1)
ORPHANS_AT_ONCE = 200
# Stripe is asked about few purchases a minute; most are settled by their webhook.
SETTLE_INTERVAL = timedelta(minutes=1)
SHIPPED = {sample.subject.photo.storage_prefix for sample in SAMPLES.values()}
# How long a render that failed waits for its second attempt and for later ones, in seconds: what went wrong
# (a disk that is full, memory that others use) may pass.
RETRY_PAUSES = (10.0, 60.0)


class LeaseLost(Exception):
    """Somebody else has the render now, or its owner deleted it: the work is not wanted any more."""


@dataclass
class Lease:
    """The right to work on one attempt of a render, kept alive by :meth:`report`."""

    render_id: uuid.UUID
    attempt: int
    duration: timedelta
    progress: float = 0.0

    def report(self, progress: float | None = None) -> None:
        """Prolong the lease, noting the progress (0 to 1) if there is any; each hundredth is noted once.

        Raises:
            LeaseLost: there is nothing to prolong.
        """
        if progress is not None:
            noted = int(self.progress * 100)
            self.progress = progress
            if int(progress * 100) == noted:
                return
        with transaction() as session:
            held = leases.report_progress(session, self.render_id, self.attempt, self.progress, self.duration)
        if not held:
            raise LeaseLost


def process_render(app: Flask, render_id: uuid.UUID) -> None:
    """Paint one render, if it still waits. The outcome is in its row and in the log.

    Raises only what the database raises when the row can be neither read nor changed: the sweep finds it
    later, still waiting or with a lease that has run out.
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
            _settle(render)
        except LeaseLost:
            log.warning("render.lease_lost", attempt=render.attempt)
            discard_files(storage(), [render.attempt_prefix])
        except (OutOfMemory, UnreadablePhoto):
            # There may be room a little later; the photo could be read when it was uploaded.
            log.exception("render.failed", attempt=render.attempt)
            _retry_or_fail(render, pause=_pause_after(render.attempt))
        except (DomainError, EngineError) as error:
            log.warning("render.refused", cause=repr(error.__cause__), sentence=str(error))
            _fail(render, kept_failure(error))
        except Exception:
            log.exception("render.failed", attempt=render.attempt)
            _retry_or_fail(render, pause=_pause_after(render.attempt))


def _paint_and_store(render: Render, lease: Lease) -> None:
    """Decode, stylise, encode: no transaction is open while this works."""
    photo = Photo(id=render.photo_id)
    with storage().open(photo.original_key) as file:
        image = decode_photo(file, max_pixels=settings().upload_max_pixels).image
    picture = paint(
        catalogue(),
        image,
        render.controls,
        frame=render.frame,
        masks=load_masks(storage(), photo, render.controls),
        on_progress=lambda done: lease.report(0.1 + 0.7 * done),
    )
    lease.report(0.8)
    storage().delete_prefix(render.attempt_prefix)
    _store(render, picture)


def _store(render: Render, picture: Image.Image) -> None:
    storage().save(render.result_key("picture.png"), encode_png(picture, dpi=render.dpi))
    storage().save(render.result_key("preview.jpg"), make_preview(picture))
    keep_thumbnails(storage(), render.result_key("thumbnail.webp"), picture)


def _settle(render: Render) -> None:
    with transaction() as session:
        done = leases.finish(session, render.id, render.attempt)
    if not done:
        raise LeaseLost
    earlier = [f"{render.storage_prefix}/{attempt}" for attempt in range(1, render.attempt)]
    discard_files(storage(), earlier)
    _tell_if_complete(render)
    log.info("render.done", style=render.controls.style, pixels=render.width * render.height)


def _fail(render: Render, failure: str) -> None:
    with transaction() as session:
        owner = session.get(User, render.user_id)
        failed = owner is not None and leases.fail(
            session, render.id, render.attempt, owner.wallet_id, failure
        )
        # What did not fail here may have been finished meanwhile: its files are somebody's picture.
        kept = not failed and session.get(Render, render.id) is not None
    if not kept:
        discard_files(storage(), [render.attempt_prefix])
    _tell_if_complete(render)


def _tell_if_complete(render: Render) -> None:
    """Write to the owner of a long order when its last picture is finished. A mail is no reason to fail."""
    try:
        with transaction() as session:
            order = orders.complete_order(session, render.order_id)
            message = order and done_message(session, order)
        if message:
            mailer().send(message)
    except Exception:
        log.exception("order.not_told", order=str(render.order_id))


def _pause_after(attempt: int) -> float:
    """How long a render waits after an attempt that failed, in seconds."""
    return RETRY_PAUSES[min(attempt, len(RETRY_PAUSES)) - 1]


def _retry_or_fail(render: Render, *, pause: float = 0.0) -> None:
    if render.attempt >= settings().render_max_attempts:
        _fail(render, leases.RENDER_FAILED)
        return
    with transaction() as session:
        waiting = leases.give_back(session, render.id, render.attempt)
    if waiting:
        render_queue().submit(render.id, pause=pause)


@contextmanager
def _heartbeat(app: Flask, lease: Lease) -> Iterator[None]:
    """Prolong the lease from a thread of its own while the calling thread is busy computing."""
    stop = threading.Event()

    def beat() -> None:
        with app.app_context():
            while not stop.wait(lease.duration.total_seconds() / 4):
                try:
                    lease.report()
                except LeaseLost:
                    return  # the working thread finds out at its next report
                except Exception:
                    log.exception("render.heartbeat_failed")

    thread = threading.Thread(target=beat, name="render-heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


# --- the sweep ----------------------------------------------------------------------------------


def sweep(app: Flask) -> None:
    """Pick up what a killed process left behind: expired leases, and renders that no message stands for."""
    with app.app_context():
        with transaction() as session:
            expired = list(leases.expired_leases(session, utc_now()))
            for render in expired:
                session.expunge(render)
        for render in expired:
            log.warning("render.lease_expired", render=str(render.id), attempt=render.attempt)
            _retry_or_fail(render)  # its lease was pause enough
        with transaction() as session:
            waiting = leases.queued_renders(session)
        if waiting:
            # Messages can be lost between the commit and the queue. Those taken since the rows were read
            # are sent once more, which is harmless.
            asked_for = set(render_queue().asked_for())
            render_queue().submit(*(render_id for render_id in waiting if render_id not in asked_for))


def discard_orphans(app: Flask) -> None:
    """Remove files whose row never came.

    The process was killed in the middle of an upload or a render, or a visitor opened no account. Photos that
    ship have no row either: what was painted of them is everybody's, and stays.
    """
    with app.app_context():
        for folder in ("photos", "renders"):
            old = [prefix for prefix in storage().untouched(folder, ORPHAN_AGE) if prefix not in SHIPPED]
            for start in range(0, len(old), ORPHANS_AT_ONCE):
                with transaction() as session:
                    orphans = without_row(session, old[start : start + ORPHANS_AT_ONCE])
                for prefix in discard_files(storage(), orphans):
                    log.warning("storage.orphan_removed", prefix=prefix)


def discard_masks(app: Flask) -> None:
    """Remove old masks that no picture is painted with: every stroke on a mask keeps a new one."""
    with app.app_context():
        for prefix in storage().untouched("photos", timedelta()):
            photo = Photo(id=uuid.UUID(prefix.rpartition("/")[2]))
            found = storage().untouched(photo.mask_folder, ORPHAN_AGE)
            # What a killed process left half written has another ending, and goes with the photo.
            old = [key for key in found if key.endswith(".png")]
            if not old:
                continue
            with transaction() as session:
                unnamed = unnamed_masks(session, photo, old)
            if removed := discard_files(storage(), unnamed):
                log.info("storage.masks_removed", photo=str(photo.id), masks=len(removed))


def settle(app: Flask) -> None:
    """Settle purchases that a kill, a lost webhook or a deleted account left open."""
    with app.app_context():
        settle_purchases(gateway())


class Sweeper:
    """Runs :func:`sweep`, and less often what looks through files, at once and again, in its own thread."""

    def __init__(self, app: Flask, interval_seconds: float) -> None:
        self._app = app
        self._interval = interval_seconds
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sweeper", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        orphans_at = settled_at = -math.inf
        while True:
            if time.monotonic() >= orphans_at:
                self._attempt(discard_orphans)
                self._attempt(discard_masks)
                orphans_at = time.monotonic() + ORPHAN_INTERVAL.total_seconds()
            if time.monotonic() >= settled_at:
                self._attempt(settle)
                settled_at = time.monotonic() + SETTLE_INTERVAL.total_seconds()
            self._attempt(sweep)
            if self._stop.wait(self._interval):
                return

    def _attempt(self, chore: Callable[[Flask], None]) -> None:
        try:
            chore(self._app)
        except Exception:
            log.exception("sweep.failed", chore=chore.__name__)


def _warm_up(offered: Catalogue) -> None:
    try:
        warm_up(offered)
    except Exception:
        log.exception("warm_up.failed")  # the first render will say what is wrong


class EmbeddedWorker:
    """The worker as threads of the web process: one command runs the whole site."""

    def __init__(self, app: Flask) -> None:
        with app.app_context():
            self._consumer: Consumer = render_queue().consumer(embedded=True)
            self._sweeper = Sweeper(app, settings().sweep_interval_seconds)
            offered = catalogue()
        self._warm_up = threading.Thread(target=_warm_up, args=(offered,), name="warm-up", daemon=True)

    def start(self) -> None:
        self._warm_up.start()
        self._consumer.start()
        self._sweeper.start()

    def stop(self) -> None:
        """Let the picture in hand be finished, then stop."""
        self._sweeper.stop()
        self._consumer.stop(graceful=True)


def run_worker(app: Flask) -> None:
    """Work until a signal says stop: the worker as a process of its own."""
    with app.app_context():
        consumer = render_queue().consumer(embedded=False)
        sweeper = Sweeper(app, settings().sweep_interval_seconds)
        _warm_up(catalogue())
    sweeper.start()
    consumer.run()
    sweeper.stop()
