"""A few slots that many visitors share: each holds few of them, and those who wait are served in turn."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Hashable, Iterator
from contextlib import contextmanager


class NoSlot(Exception):
    """No slot came in time, or too many wait already."""


class FairSlots:
    """Slots for visitors. Those who wait are served round robin: one visitor's tenth waits for others' first.

    Args:
        slots: how many are held at a time.
        each: how many of them one visitor holds.
        present: how many may hold a slot or wait for one; each of them keeps a thread of the server.
        present_each: how many of one visitor.
    """

    def __init__(self, slots: int, *, each: int, present: int, present_each: int) -> None:
        self._free, self._each = slots, each
        self._present, self._present_each = present, present_each
        self._lock = threading.Lock()
        self._held: Counter[Hashable] = Counter()
        # Visitors in the order in which they are served; each with those who wait, the first one first.
        self._waiting: dict[Hashable, deque[threading.Event]] = {}

    @contextmanager
    def slot(self, visitor: Hashable, within: float | None) -> Iterator[None]:
        """Hold a slot.

        Args:
            visitor: who needs it.
            within: for how many seconds to wait; None waits as long as it takes, however many are present.

        Raises:
            NoSlot: none came.
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
        """Give the free slots to those who wait, in turn; call it with the lock held."""
        while self._free:
            servable = [visitor for visitor in self._waiting if self._held[visitor] < self._each]
            if not servable:
                return
            visitor = servable[0]
            self._free -= 1
            self._held[visitor] += 1
            self._waiting[visitor].popleft().set()
            self._waiting[visitor] = self._waiting.pop(visitor)  # it comes last from now on
            self._forget_if_done(visitor)

    def _forget_if_done(self, visitor: Hashable) -> None:
        if not self._waiting[visitor]:
            del self._waiting[visitor]
