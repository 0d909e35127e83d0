"""Where a tiled pass keeps activations between its stages: in memory, or in a file when they are too many."""

from __future__ import annotations

import math
import os
import tempfile
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

# What TensorFlow's operations expect of an address; memory that has it need not be copied for them.
ALIGNMENT = 64

CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
_copiers = ThreadPoolExecutor(CORES, thread_name_prefix="planes")


class Plane(Protocol):
    """Activations [rows, columns, channels] that are read and written by ranges of rows."""

    rows: int

    def read(self, start: int, stop: int) -> npt.NDArray[Any]: ...

    def write(self, start: int, values: npt.NDArray[Any]) -> None: ...


class PlaneStore:
    """Gives out planes; those beyond ``budget`` bytes lie in temporary files.

    Files are read and written by plain calls, not mapped: the system's cache keeps them in whatever memory
    is free and may drop them, and the process itself stays small.
    """

    def __init__(self, budget: int) -> None:
        self._budget = budget
        self._open: dict[int, Plane] = {}
        # Memory given back is kept for the next plane: a system takes its time to hand out fresh pages.
        self._spare: list[npt.NDArray[np.uint8]] = []
        self._taken = 0

    def new(self, shape: tuple[int, ...], dtype: npt.DTypeLike) -> Plane:
        """A plane of shape [rows, columns, channels] with undefined content."""
        memory = self._take(math.prod(shape) * np.dtype(dtype).itemsize)
        plane: Plane
        kind = np.dtype(dtype)
        plane = _OnDisk(shape, kind) if memory is None else _InMemory(memory, shape, kind)
        self._open[id(plane)] = plane
        return plane

    def _take(self, size: int) -> npt.NDArray[np.uint8] | None:
        """Memory of that many bytes, or None if the budget does not allow it."""
        fitting = [index for index, spare in enumerate(self._spare) if len(spare) >= size]
        if fitting:
            return self._spare.pop(min(fitting, key=lambda index: len(self._spare[index])))
        if self._taken + size > self._budget:
            for spare in self._spare:
                self._taken -= len(spare)
            self._spare.clear()
        if self._taken + size > self._budget:
            return None
        self._taken += size
        return _aligned(size)

    def free(self, plane: Plane) -> None:
        """Give a plane back; it must not be used any more."""
        del self._open[id(plane)]
        if isinstance(plane, _InMemory):
            self._spare.append(plane.memory)
        elif isinstance(plane, _OnDisk):
            plane.close()

    def __enter__(self) -> PlaneStore:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for plane in list(self._open.values()):
            self.free(plane)


def _aligned(size: int) -> npt.NDArray[np.uint8]:
    """That many bytes of undefined content."""
    memory = np.empty(size + ALIGNMENT, np.uint8)
    start = -memory.ctypes.data % ALIGNMENT
    return memory[start : start + size]


class _InMemory:
    def __init__(self, memory: npt.NDArray[np.uint8], shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self.memory = memory
        self._values = memory[: math.prod(shape) * dtype.itemsize].view(dtype).reshape(shape)
        self.rows = shape[0]

    def read(self, start: int, stop: int) -> npt.NDArray[Any]:
        return self._values[start:stop]

    def write(self, start: int, values: npt.NDArray[Any]) -> None:
        target = self._values[start : start + len(values)]
        parts = -(-len(values) // CORES)

        def copy(first: int) -> None:
            target[first : first + parts] = values[first : first + parts]

        # One core alone does not use all of the memory's bandwidth, and nothing else is computed meanwhile.
        list(_copiers.map(copy, range(0, len(values), parts)))


class _OnDisk:
    def __init__(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self.rows = shape[0]
        self._shape = shape[1:]
        self._dtype = dtype
        self._row_bytes = math.prod(self._shape) * dtype.itemsize
        self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - closed by the store

    def read(self, start: int, stop: int) -> npt.NDArray[Any]:
        values = _aligned((stop - start) * self._row_bytes)
        target = values.data
        self._file.seek(start * self._row_bytes)
        done = 0
        while done < len(target):
            count = self._file.readinto(target[done:])
            if not count:
                raise OSError("A temporary file ended before what was written to it.")
            done += count
        return values.view(self._dtype).reshape(stop - start, *self._shape)

    def write(self, start: int, values: npt.NDArray[Any]) -> None:
        source = np.ascontiguousarray(values).data.cast("B")
        self._file.seek(start * self._row_bytes)
        done = 0
        while done < len(source):
            done += self._file.write(source[done:])

    def close(self) -> None:
        self._file.close()
