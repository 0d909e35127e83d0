"""Fair slots: visitors share a few slots, and those who wait are served in turn."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Hashable, Iterator
from contextlib import contextmanager


class NoSlot(Exception):
    """No slot became free in time, or too many wait already."""


class FairSlots:
    """Slots for visitors, served round robin.

    So the tenth request of one visitor waits until the first requests of all others are served.

    Args:
        slots: the number of slots.
        each: the number of slots that one visitor may hold.
        present: the number of requests that may hold or await a slot; each keeps a server thread.
        present_each: the same number for one visitor.
    """

    def __init__(self, slots: int, *, each: int, present: int, present_each: int) -> None:
        self._free, self._each = slots, each
        self._present, self._present_each = present, present_each
        self._lock = threading.Lock()
        self._held: Counter[Hashable] = Counter()
        # The visitors in the order of serving, each with their waiting requests, oldest first.
        self._waiting: dict[Hashable, deque[threading.Event]] = {}

    @contextmanager
    def slot(self, visitor: Hashable, within: float | None) -> Iterator[None]:
        """Hold a slot.

        Args:
            visitor: the key of the visitor.
            within: the longest wait in seconds; None waits for ever, however many are present.

        Raises:
            NoSlot: no slot became free.
        """
        self._wait(visitor, within)
        try:
            yield
        finally:
            with self._lock:
                self._held[visitor] -= 1
                if not self._held[visitor]:
                    del self._held[visitor]
                self._free += 1
                self._serve()

    def waiting(self) -> int:
        """The number of requests that wait for a slot."""
        with self._lock:
            return sum(map(len, self._waiting.values()))

    def _wait(self, visitor: Hashable, within: float | None) -> None:
        served = threading.Event()
        with self._lock:
            if within is not None and self._crowded(visitor):
                raise NoSlot
            self._waiting.setdefault(visitor, deque()).append(served)
            self._serve()
        if served.wait(within):
            return
        with self._lock:
            if not served.is_set():  # it may have been served since
                self._waiting[visitor].remove(served)
                self._forget_if_done(visitor)
                raise NoSlot

    def _crowded(self, visitor: Hashable) -> bool:
        everybody = self._held.total() + sum(map(len, self._waiting.values()))
        own = self._held[visitor] + len(self._waiting.get(visitor, ()))
        return everybody >= self._present or own >= self._present_each

    def _serve(self) -> None:
        """Give free slots to waiting requests in turn; the caller holds the lock."""
        while self._free:
            servable = [visitor for visitor in self._waiting if self._held[visitor] < self._each]
            if not servable:
                return
            visitor = servable[0]
            self._free -= 1
            self._held[visitor] += 1
            self._waiting[visitor].popleft().set()
            self._waiting[visitor] = self._waiting.pop(visitor)  # the visitor goes to the end of the line
            self._forget_if_done(visitor)

    def _forget_if_done(self, visitor: Hashable) -> None:
        if not self._waiting[visitor]:
            del self._waiting[visitor]
