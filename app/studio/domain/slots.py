"""Decoding slots: few requests decode at a time, since it takes much memory."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from app.sentences import translatable
from app.studio.domain.errors import TooBusy

# How many requests may decode at a time; a large picture takes half a gigabyte. And how long another request
# waits for a slot, in seconds.
DECODING_SLOTS = 2
SLOT_WAIT_SECONDS = 10.0
_slots = threading.BoundedSemaphore(DECODING_SLOTS)


@contextmanager
def decoding_slot(*, patient: bool = False) -> Iterator[None]:
    """Hold one of the few slots for decoding.

    Args:
        patient: wait as long as it takes, for a response that has already begun.

    Raises:
        TooBusy: no slot became free in time.
    """
    if not _slots.acquire(timeout=None if patient else SLOT_WAIT_SECONDS):
        raise TooBusy(translatable("The site is very busy right now. Try again in a moment."))
    try:
        yield
    finally:
        _slots.release()
