"""A cache of the values used last."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

# How often, in seconds, a waiting thread calls ``while_waiting``.
LOOK_UP_EVERY = 0.1

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Recent(Generic[Key, Value]):
    """A thread-safe cache that keeps the values used last, up to a fixed number."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._values: OrderedDict[Key, Value] = OrderedDict()
        self._makers: dict[Key, threading.Event] = {}
        self._lock = threading.Lock()

    def get(
        self, key: Key, make: Callable[[], Value], while_waiting: Callable[[], None] = lambda: None
    ) -> Value:
        """The value of ``key``; ``make`` computes it if it is not cached.

        If several threads want one value, one makes it and the others wait. If it fails, the next one tries.
        A waiting thread calls ``while_waiting`` regularly. An error raised there ends the wait.
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
        """Cache a value; if the cache is full, drop the least recently used one."""
        with self._lock:
            self._values[key] = value
            self._values.move_to_end(key)
            if len(self._values) > self._size:
                self._values.popitem(last=False)
