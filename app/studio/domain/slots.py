"""Taking turns at what takes much memory: whole pictures are decoded by few at a time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from app.sentences import translatable
from app.studio.domain.errors import TooBusy

# How many pictures people send or fetch are decoded at a time, since a large one takes half a gigabyte
# meanwhile; and for how many seconds another waits for its turn.
DECODED_AT_ONCE = 2
TURN_WITHIN = 10.0
_turns = threading.BoundedSemaphore(DECODED_AT_ONCE)


@contextmanager
def decoding_turn(*, patient: bool = False) -> Iterator[None]:
    """Decode what somebody sends or fetches while few others do so.

    Args:
        patient: wait as long as it takes, where an answer has begun already and nothing else can be said.

    Raises:
        TooBusy: no turn came in time.
    """
    if not _turns.acquire(timeout=None if patient else TURN_WITHIN):
        raise TooBusy(translatable("The site is very busy right now. Try again in a moment."))
    try:
        yield
    finally:
        _turns.release()
