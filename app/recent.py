"""Remembering what was used last."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

# Seconds after which who waits for a value looks up.
LOOK_UP_EVERY = 0.1

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Recent(Generic[Key, Value]):
    """What was used last, up to a number of values; safe to use from several threads."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._values: OrderedDict[Key, Value] = OrderedDict()
        self._makers: dict[Key, threading.Event] = {}
        self._lock = threading.Lock()

    def get(
        self, key: Key, make: Callable[[], Value], while_waiting: Callable[[], None] = lambda: None
    ) -> Value:
        """The value of ``key``, made now if it is not remembered.

        Of several threads that want it one makes it and the others wait; if it fails, the next one tries.
        Who waits calls ``while_waiting`` now and then, and gives up by raising there.
        """
        while True:
            with self._lock:
                if key in self._values:
                    self._values.move_to_end(key)
                    return self._values[key]
                maker = self._makers.get(key)
                if maker is None:
                    mine = self._makers[key] = threading.Event()
                    break
            while not maker.wait(LOOK_UP_EVERY):
                while_waiting()
        try:
            value = make()
            self.put(key, value)
            return value
        finally:
            with self._lock:
                del self._makers[key]
            mine.set()

    def put(self, key: Key, value: Value) -> None:
        """Remember a value, and forget the one that was not used for longest."""
        with self._lock:
            self._values[key] = value
            self._values.move_to_end(key)
            if len(self._values) > self._size:
                self._values.popitem(last=False)
