"""Slots for decoding uploads and encoding downloads, which take much memory."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from contextlib import contextmanager

from app.fair_slots import FairSlots, NoSlot
from app.sentences import translatable
from app.studio.domain.errors import TooBusy

# For how many seconds a visitor waits for a slot.
SLOT_WITHIN = 20.0
# A large picture takes half a gigabyte meanwhile. One visitor holds one slot of two, and the server's other
# threads are for pages.
_uploads = FairSlots(2, each=1, present=10, present_each=6)
_downloads = FairSlots(2, each=1, present=10, present_each=6)


@contextmanager
def upload_slot(visitor: Hashable) -> Iterator[None]:
    """Hold one of the few slots for decoding an upload.

    Raises:
        TooBusy: no slot became free in time.
    """
    with _slot(_uploads, visitor, SLOT_WITHIN):
        yield


@contextmanager
def download_slot(visitor: Hashable, *, patient: bool = False) -> Iterator[None]:
    """Hold one of the few slots for making a file of a picture.

    Args:
        visitor: the visitor who gets the file.
        patient: wait as long as it takes, for a response that has already begun.

    Raises:
        TooBusy: no slot became free in time.
    """
    with _slot(_downloads, visitor, None if patient else SLOT_WITHIN):
        yield


@contextmanager
def _slot(slots: FairSlots, visitor: Hashable, within: float | None) -> Iterator[None]:
    try:
        with slots.slot(visitor, within):
            yield
    except NoSlot:
        raise TooBusy(translatable("The site is very busy right now. Try again in a moment.")) from None
