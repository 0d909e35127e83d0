"""Taking turns at what takes much memory: whole pictures are decoded by few at a time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from app.sentences import translatable
from app.studio.domain.errors import TooBusy

# How many pictures people send or fetch are decoded at a time, since a large one takes half a gigabyte
# meanwhile; and for how many seconds another waits for its turn.
DECODING_SLOTS = 2
SLOT_WAIT_SECONDS = 10.0
_slots = threading.BoundedSemaphore(DECODING_SLOTS)


@contextmanager
def decoding_slot(*, patient: bool = False) -> Iterator[None]:
    """Decode what somebody sends or fetches while few others do so.

    Args:
        patient: wait as long as it takes, where an answer has begun already and nothing else can be said.

    Raises:
        TooBusy: no turn came in time.
    """
    if not _slots.acquire(timeout=None if patient else SLOT_WAIT_SECONDS):
        raise TooBusy(
            translatable("Many photos and pictures are being sent just now. Try again in a moment.")
        )
    try:
        yield
    finally:
        _slots.release()
