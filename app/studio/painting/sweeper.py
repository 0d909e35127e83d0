"""The sweeper: regular chores for lost renders, orphaned files and purchases."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from datetime import timedelta

import structlog
from flask import Flask

from app.billing.settlement import settle_purchases
from app.db import transaction, utc_now
from app.storage.base import discard_files
from app.studio.domain.files import PHOTOS, RENDERS, PhotoFiles
from app.studio.domain.photos import unused_masks
from app.studio.domain.pictures import prefixes_without_row
from app.studio.painting import leases
from app.studio.painting.guests import SAMPLES
from app.studio.painting.rendering import retry_or_fail
from app.wiring import gateway, render_queue, storage

log = structlog.get_logger(__name__)

# An upload or a render takes minutes at most, and a guest's photo is kept for this long. Older files without
# a row never get one.
ORPHAN_AGE = timedelta(days=1)
ORPHAN_INTERVAL = timedelta(hours=1)
ORPHANS_AT_ONCE = 200
# Stripe is asked about few purchases a minute; most are settled by their webhook.
SETTLE_INTERVAL = timedelta(minutes=1)
SAMPLE_PREFIXES = {sample.source.files.prefix for sample in SAMPLES.values()}


def sweep(app: Flask) -> None:
    """Queue lost renders: with an expired lease, or waiting without a message."""
    with app.app_context():
        with transaction() as session:
            expired = list(leases.expired_leases(session, utc_now()))
            for render in expired:
                session.expunge(render)
        for render in expired:
            log.warning("render.lease_expired", render=str(render.id), attempt=render.attempt)
            retry_or_fail(render)  # no delay: it has waited for its lease to expire
        with transaction() as session:
            waiting = leases.queued_renders(session)
        if waiting:
            # A message can be lost between commit and queue. A render that a worker took since the rows were
            # read is sent once more, which is harmless.
            pending = set(render_queue().pending())
            render_queue().submit(*(render_id for render_id in waiting if render_id not in pending))


def discard_orphans(app: Flask) -> None:
    """Remove old files that have no row.

    Either the process was killed during an upload or a render, or a guest opened no account. Samples have no
    row either. Everybody uses their previews, so they stay.
    """
    with app.app_context():
        for folder in (PHOTOS, RENDERS):
            old = [
                prefix for prefix in storage().untouched(folder, ORPHAN_AGE) if prefix not in SAMPLE_PREFIXES
            ]
            for start in range(0, len(old), ORPHANS_AT_ONCE):
                with transaction() as session:
                    orphans = prefixes_without_row(session, old[start : start + ORPHANS_AT_ONCE])
                for prefix in discard_files(storage(), orphans):
                    log.warning("storage.orphan_removed", prefix=prefix)


def discard_masks(app: Flask) -> None:
    """Remove old masks that no render needs: every stroke on a mask stores a new one."""
    with app.app_context():
        for prefix in storage().untouched(PHOTOS, timedelta()):
            files = PhotoFiles.at(prefix)
            found = storage().untouched(files.mask_folder, ORPHAN_AGE)
            # A half-written file of a killed process has another ending. It goes with the photo.
            old = [key for key in found if key.endswith(".png")]
            if not old:
                continue
            with transaction() as session:
                unused = unused_masks(session, files, old)
            if removed := discard_files(storage(), unused):
                log.info("storage.masks_removed", photo=str(files.photo_id), masks=len(removed))


def settle(app: Flask) -> None:
    """Settle purchases that a kill, a lost webhook or a deleted account left open."""
    with app.app_context():
        settle_purchases(gateway())


class Sweeper:
    """Runs :func:`sweep` regularly in its own thread, other chores less often."""

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
                self._try(discard_orphans)
                self._try(discard_masks)
                orphans_at = time.monotonic() + ORPHAN_INTERVAL.total_seconds()
            if time.monotonic() >= settled_at:
                self._try(settle)
                settled_at = time.monotonic() + SETTLE_INTERVAL.total_seconds()
            self._try(sweep)
            if self._stop.wait(self._interval):
                return

    def _try(self, chore: Callable[[Flask], None]) -> None:
        try:
            chore(self._app)
        except Exception:
            log.exception("sweep.failed", chore=chore.__name__)
