"""Fair slots: visitors share a few slots, and waiting visitors take turns."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Hashable, Iterator
from contextlib import contextmanager


class NoSlot(Exception):
    """No slot became free in time, or too many wait already."""


class _Waiter(threading.Event):
    """A request that waits; set when it is served, or when it is sent away."""

    def __init__(self, *, patient: bool) -> None:
        super().__init__()
        self.patient, self.sent_away = patient, False


class FairSlots:
    """Slots for visitors, served round robin.

    So the tenth request of one visitor waits until the first requests of all others are served.

    When all places are taken, a newcomer gets that of the visitor who has most waiting.

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
        # Visitors in the order in which they are served; each with those who wait, the first one first.
        self._waiting: dict[Hashable, deque[_Waiter]] = {}

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
                if visitor in self._waiting:  # whoever waits for a first slot comes before
                    self._waiting[visitor] = self._waiting.pop(visitor)
                self._serve()

    def waiting(self) -> int:
        """The number of requests that wait for a slot."""
        with self._lock:
            return sum(map(len, self._waiting.values()))

    def _wait(self, visitor: Hashable, within: float | None) -> None:
        waiter = _Waiter(patient=within is None)
        with self._lock:
            if not waiter.patient and not self._find_place(visitor):
                raise NoSlot
            self._waiting.setdefault(visitor, deque()).append(waiter)
            self._serve()
        if not waiter.wait(within):
            with self._lock:
                if not waiter.is_set():  # it may have been served since
                    self._waiting[visitor].remove(waiter)
                    self._forget_if_done(visitor)
                    raise NoSlot
        if waiter.sent_away:
            raise NoSlot

    def _find_place(self, visitor: Hashable) -> bool:
        """Whether a visitor may wait, if need be in another's place; call it with the lock held."""
        everybody = self._held.total() + sum(map(len, self._waiting.values()))
        own = self._present_of(visitor)
        if own >= self._present_each:
            return False
        return everybody < self._present or self._send_away(own + 1)

    def _present_of(self, visitor: Hashable) -> int:
        return self._held[visitor] + len(self._waiting.get(visitor, ()))

    def _send_away(self, more_than: int) -> bool:
        """Send away the last request of the visitor with most of them, if there are more than so many."""
        crowding = max(self._waiting, key=self._present_of, default=None)
        if crowding is None or self._present_of(crowding) <= more_than:
            return False
        waiters = self._waiting[crowding]
        last = next((waiter for waiter in reversed(waiters) if not waiter.patient), None)
        if last is None:
            return False
        waiters.remove(last)
        self._forget_if_done(crowding)
        last.sent_away = True
        last.set()
        return True

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
