"""Where a tiled pass keeps activations between its stages: in memory, or in a file when they are too many."""

from __future__ import annotations

import math
import mmap
import os
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from types import TracebackType
from typing import IO, Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

# What TensorFlow's operations expect of an address; memory that has it need not be copied for them.
ALIGNMENT = 64
# Bytes that are moved from a file into memory at a time.
STEP = 1 << 24

CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
# A file's bytes as part of this process's memory, all of them at once where the system can do that.
_SHARED = mmap.MAP_SHARED | getattr(mmap, "MAP_POPULATE", 0)
_copiers = ThreadPoolExecutor(CORES, thread_name_prefix="planes")


def _on_each_core(move: Callable[[int], None], starts: range) -> None:
    """Move parts of a plane at the same time; all have ended, well or not, when this does."""
    parts = [_copiers.submit(move, start) for start in starts]
    wait(parts)
    for part in parts:
        part.result()


class Plane(Protocol):
    """Activations of shape [rows, columns, channels] that are read and written by ranges of rows."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def rows(self) -> int:
        return self.shape[0]

    @property
    def size(self) -> int:
        """How many bytes it has."""
        return math.prod(self.shape) * self.dtype.itemsize

    def read(self, start: int, stop: int) -> npt.NDArray[Any]: ...

    def write(self, start: int, values: npt.NDArray[Any]) -> None: ...


class Place(NamedTuple):
    """Where in a store's memory a plane lies, in bytes."""

    start: int
    stop: int


class PlaneStore:
    """Gives out planes; those that do not fit into ``budget`` bytes together lie in temporary files.

    The system's cache keeps files in whatever memory is free and may drop them. Only the rows that are being
    read are mapped, so that the process itself stays small; writing is plain calls, which say so when a disk
    is full.
    """

    def __init__(self, budget: int) -> None:
        self.budget = budget
        # One piece for all planes: pages that no plane has touched yet cost nothing, and those given back
        # are used again, since a system takes its time to hand out fresh ones.
        self._pages = _pages(budget)
        self._memory = np.frombuffer(self._pages, np.uint8)[:budget]
        self._open: dict[int, Plane] = {}
        # Files of planes given back, for the next ones: the system has room for what they hold already.
        self._files: list[IO[bytes]] = []

    def new(self, shape: tuple[int, ...], dtype: npt.DTypeLike, *, resting: bool = False) -> Plane:
        """A plane of shape [rows, columns, channels] with undefined content.

        Others may be moved to make room: what was read from them before is not valid any more. One that is
        ``resting`` lies in a file, and leaves the memory to those that are read and written meanwhile.
        """
        kind = np.dtype(dtype)
        place = None if resting else self._take(math.prod(shape) * kind.itemsize)
        plane: Plane
        if place is None:
            plane = _OnDisk(self._files.pop() if self._files else _temporary_file(), shape, kind)
        else:
            plane = _InMemory(self._memory, place, shape, kind)
        self._open[id(plane)] = plane
        return plane

    def succeed(self, plane: Plane, shape: tuple[int, ...], dtype: npt.DTypeLike) -> Plane | None:
        """A plane that takes the place of another, which is given back, or None where there is no room.

        Both begin at the same byte. So the other's rows can still be read until they are written over: all
        that follow, while a plane of no more bytes is written from its first row on, and all before, while
        one of more bytes is written from its last row on.
        """
        kind = np.dtype(dtype)
        size = math.prod(shape) * kind.itemsize
        successor: Plane
        if isinstance(plane, _InMemory):
            if not self._has_room(plane, size):
                return None
            place = Place(plane.place.start, plane.place.start + size)
            successor = _InMemory(self._memory, place, shape, kind)
        elif isinstance(plane, _OnDisk) and self._take(size) is None:
            successor = _OnDisk(plane.file, shape, kind)
        else:
            return None
        del self._open[id(plane)]
        self._open[id(successor)] = successor
        return successor

    def _has_room(self, plane: _InMemory, size: int) -> bool:
        """Whether the plane can have ``size`` bytes from where it begins, once others are out of the way."""
        planes = self._in_memory()
        if plane is planes[-1] and plane.place.start + size > len(self._memory):
            self._move_together(planes)
        after = planes[planes.index(plane) + 1 :]
        return plane.place.start + size <= (after[0].place.start if after else len(self._memory))

    def bring_in(self, plane: Plane) -> Plane:
        """The plane, moved from its file into memory if there is room by now."""
        if isinstance(plane, _InMemory) or (place := self._take(plane.size)) is None:
            return plane
        nearer = _InMemory(self._memory, place, plane.shape, plane.dtype)
        step = max(1, STEP * plane.rows // plane.size)
        for start in range(0, plane.rows, step):
            nearer.write(start, plane.read(start, min(start + step, plane.rows)))
        self._open[id(nearer)] = nearer
        self.free(plane)
        return nearer

    def _take(self, size: int) -> Place | None:
        """The first part of the memory that is free and large enough, or None.

        Where what is free lies in several pieces and is enough only together, planes are moved.
        """
        planes, start = self._in_memory(), 0
        for plane in planes:
            if plane.place.start - start >= size:
                return Place(start, start + size)
            start = _round_up(plane.place.stop)
        if start + size > len(self._memory):
            together = sum(_round_up(plane.place.stop - plane.place.start) for plane in planes)
            if together + size > len(self._memory):
                return None
            start = self._move_together(planes)
        return Place(start, start + size)

    def _in_memory(self) -> list[_InMemory]:
        """The planes that lie in memory, in the order in which they do."""
        return sorted((p for p in self._open.values() if isinstance(p, _InMemory)), key=lambda p: p.place)

    def _move_together(self, planes: list[_InMemory]) -> int:
        """Move all planes to the beginning of the memory, and return where what is free begins."""
        start = 0
        for plane in planes:
            if plane.place.start != start:
                plane.move(start)
            start = _round_up(plane.place.stop)
        return start

    def give_back_unused(self) -> None:
        """Give the pages behind the last plane back to the system."""
        planes = self._in_memory()
        page = mmap.PAGESIZE
        start = -(-planes[-1].place.stop // page) * page if planes else 0
        if start < len(self._memory) and hasattr(mmap, "MADV_DONTNEED"):
            self._pages.madvise(mmap.MADV_DONTNEED, start)

    def free(self, plane: Plane) -> None:
        """Give a plane back; it must not be used any more."""
        del self._open[id(plane)]
        if isinstance(plane, _OnDisk):
            self._files.append(plane.file)

    def __enter__(self) -> PlaneStore:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for plane in list(self._open.values()):
            self.free(plane)
        for file in self._files:
            file.close()


def _round_up(place: int) -> int:
    """The next place from there on that is aligned."""
    return -(-place // ALIGNMENT) * ALIGNMENT


def _pages(size: int) -> mmap.mmap:
    """Memory of at least that many bytes, of which none costs anything before it is written."""
    pages = mmap.mmap(-1, max(size, 1), flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if hasattr(mmap, "MADV_HUGEPAGE"):
        pages.madvise(mmap.MADV_HUGEPAGE)
    return pages


class _InMemory(Plane):
    def __init__(
        self, memory: npt.NDArray[np.uint8], place: Place, shape: tuple[int, ...], dtype: np.dtype[Any]
    ) -> None:
        self.place, self.shape, self.dtype = place, shape, dtype
        self._memory = memory

    @property
    def _values(self) -> npt.NDArray[Any]:
        return self._memory[self.place.start : self.place.stop].view(self.dtype).reshape(self.shape)

    def move(self, start: int) -> None:
        """Lie from another place on; nobody may be reading the plane."""
        place = Place(start, start + self.place.stop - self.place.start)
        self._memory[place.start : place.stop] = self._memory[self.place.start : self.place.stop]
        self.place = place

    def read(self, start: int, stop: int) -> npt.NDArray[Any]:
        return self._values[start:stop]

    def write(self, start: int, values: npt.NDArray[Any]) -> None:
        target = self._values[start : start + len(values)]
        parts = -(-len(values) // CORES)

        def copy(first: int) -> None:
            target[first : first + parts] = values[first : first + parts]

        # One core alone does not use all of the memory's bandwidth, and nothing else is computed meanwhile.
        _on_each_core(copy, range(0, len(values), parts))


def _temporary_file() -> IO[bytes]:
    """One on a disk: /tmp is part of the memory on many systems, /var/tmp never is."""
    large = "/var/tmp"  # noqa: S108 - the file there has no name
    folder = large if "TMPDIR" not in os.environ and os.access(large, os.W_OK) else None
    return tempfile.TemporaryFile(buffering=0, dir=folder)


class _OnDisk(Plane):
    def __init__(self, file: IO[bytes], shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self.file, self.shape, self.dtype = file, shape, dtype
        self._row_bytes = math.prod(shape[1:]) * dtype.itemsize
        if os.fstat(file.fileno()).st_size < self.size:
            os.ftruncate(file.fileno(), self.size)  # what is mapped has to lie in the file

    def read(self, start: int, stop: int) -> npt.NDArray[Any]:
        first, last = start * self._row_bytes, stop * self._row_bytes
        page = first // mmap.ALLOCATIONGRANULARITY * mmap.ALLOCATIONGRANULARITY
        window = mmap.mmap(self.file.fileno(), last - page, flags=_SHARED, offset=page)
        values = np.frombuffer(window, self.dtype, offset=first - page)
        return values.reshape(stop - start, *self.shape[1:])

    def write(self, start: int, values: npt.NDArray[Any]) -> None:
        data = np.ascontiguousarray(values).data.cast("B")
        part = -(-len(data) // CORES)

        def move(first: int) -> None:
            last = min(first + part, len(data))
            while first < last:
                first += os.pwrite(self.file.fileno(), data[first:last], start * self._row_bytes + first)

        # A part on each core: most of it is copying memory.
        _on_each_core(move, range(0, len(data), part))
