"""Planes: the activations of a tiled pass between stages, in memory or in files."""

from __future__ import annotations

import math
import mmap
import os
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from types import TracebackType
from typing import IO, Any, Protocol

import numpy as np
import numpy.typing as npt

# TensorFlow uses memory without a copy if its address is a multiple of this.
ALIGNMENT = 64
# Bytes that are moved from a file into memory at a time.
STEP = 1 << 24

CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
# How to map a file: where the system can, it reads all pages at once.
_SHARED = mmap.MAP_SHARED | getattr(mmap, "MAP_POPULATE", 0)
_copiers = ThreadPoolExecutor(CORES, thread_name_prefix="planes")


def _on_each_core(move: Callable[[int], None], starts: range) -> None:
    """Move parts of a plane in parallel; return when all have ended or failed."""
    parts = [_copiers.submit(move, start) for start in starts]
    wait(parts)
    for part in parts:
        part.result()


class Plane(Protocol):
    """Activations [rows, columns, channels], read and written by ranges of rows."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def rows(self) -> int:
        return self.shape[0]

    @property
    def size(self) -> int:
        """The number of bytes."""
        return math.prod(self.shape) * self.dtype.itemsize

    def read(self, start: int, stop: int) -> npt.NDArray[Any]: ...

    def write(self, start: int, values: npt.NDArray[Any]) -> None: ...


class PlaneStore:
    """Gives out planes: ``budget`` bytes in memory, the others in temporary files.

    The system caches the files in free memory. Only the rows that are being read are mapped, so the process
    itself stays small. Rows are written by plain calls, which fail when a disk is full.
    """

    def __init__(self, budget: int) -> None:
        self.budget = budget
        # One piece of memory for all planes. Pages cost nothing before a plane touches them. Freed pages are
        # used again, because fresh pages from the system are slow.
        self._pages = _pages(budget)
        self._memory = np.frombuffer(self._pages, np.uint8)[:budget]
        self._open: dict[int, Plane] = {}
        # Files of freed planes, for the next planes: their disk blocks are allocated already.
        self._files: list[IO[bytes]] = []

    def new(self, shape: tuple[int, ...], dtype: npt.DTypeLike, *, resting: bool = False) -> Plane:
        """A plane of shape [rows, columns, channels] with undefined content.

        Other planes may move to make room. Rows read from them before are then invalid. A ``resting`` plane
        lies in a file and leaves the memory to the others.
        """
        kind = np.dtype(dtype)
        offset = None if resting else self._take(math.prod(shape) * kind.itemsize)
        plane: Plane
        if offset is None:
            plane = _OnDisk(self._files.pop() if self._files else _temporary_file(), shape, kind)
        else:
            plane = _InMemory(self._memory, offset, shape, kind)
        self._open[id(plane)] = plane
        return plane

    def succeed(self, plane: Plane, shape: tuple[int, ...], dtype: npt.DTypeLike) -> Plane | None:
        """A plane that overwrites another and frees it, or None if there is no room.

        Both begin at the same byte. Rows of the old plane can be read until they are overwritten. If the new
        plane is no larger, write it from its first row to its last: later rows stay readable. If it is
        larger, write it from its last row to its first: earlier rows stay readable.
        """
        kind = np.dtype(dtype)
        size = math.prod(shape) * kind.itemsize
        successor: Plane
        if isinstance(plane, _InMemory):
            if not self._has_room(plane, size):
                return None
            successor = _InMemory(self._memory, plane.offset, shape, kind)
        elif isinstance(plane, _OnDisk) and self._take(size) is None:
            successor = _OnDisk(plane.file, shape, kind)
        else:
            return None
        del self._open[id(plane)]
        self._open[id(successor)] = successor
        return successor

    def _has_room(self, plane: _InMemory, size: int) -> bool:
        """Whether the plane can grow to ``size`` bytes; may move planes."""
        planes = self._in_memory()
        if plane is planes[-1] and plane.offset + size > len(self._memory):
            self._move_together(planes)
        after = planes[planes.index(plane) + 1 :]
        return plane.offset + size <= (after[0].offset if after else len(self._memory))

    def bring_in(self, plane: Plane) -> Plane:
        """The plane, moved from its file into memory if there is room now."""
        if isinstance(plane, _InMemory) or (offset := self._take(plane.size)) is None:
            return plane
        nearer = _InMemory(self._memory, offset, plane.shape, plane.dtype)
        step = max(1, STEP * plane.rows // plane.size)
        for start in range(0, plane.rows, step):
            nearer.write(start, plane.read(start, min(start + step, plane.rows)))
        self._open[id(nearer)] = nearer
        self.free(plane)
        return nearer

    def _take(self, size: int) -> int | None:
        """The first offset with ``size`` free bytes, or None.

        Moves planes together if no single free piece is large enough, but all together are.
        """
        planes, offset = self._in_memory(), 0
        for plane in planes:
            if plane.offset - offset >= size:
                return offset
            offset = _round_up(plane.end)
        if offset + size > len(self._memory):
            together = sum(_round_up(plane.size) for plane in planes)
            if together + size > len(self._memory):
                return None
            offset = self._move_together(planes)
        return offset

    def _in_memory(self) -> list[_InMemory]:
        """The planes that lie in memory, in the order of their offsets."""
        planes = (plane for plane in self._open.values() if isinstance(plane, _InMemory))
        return sorted(planes, key=lambda plane: (plane.offset, plane.end))

    def _move_together(self, planes: list[_InMemory]) -> int:
        """Move all planes to the memory's beginning; return the first free offset."""
        offset = 0
        for plane in planes:
            if plane.offset != offset:
                plane.move(offset)
            offset = _round_up(plane.end)
        return offset

    def give_back_unused(self) -> None:
        """Give the pages behind the last plane back to the system."""
        planes = self._in_memory()
        page = mmap.PAGESIZE
        start = -(-planes[-1].end // page) * page if planes else 0
        if start < len(self._memory) and hasattr(mmap, "MADV_DONTNEED"):
            self._pages.madvise(mmap.MADV_DONTNEED, start)

    def free(self, plane: Plane) -> None:
        """Free a plane; it must not be used any more."""
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


def _round_up(offset: int) -> int:
    """The next aligned offset."""
    return -(-offset // ALIGNMENT) * ALIGNMENT


def _pages(size: int) -> mmap.mmap:
    """Memory of at least ``size`` bytes; pages cost nothing before they are written."""
    pages = mmap.mmap(-1, max(size, 1), flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if hasattr(mmap, "MADV_HUGEPAGE"):
        pages.madvise(mmap.MADV_HUGEPAGE)
    return pages


class _InMemory(Plane):
    def __init__(
        self, memory: npt.NDArray[np.uint8], offset: int, shape: tuple[int, ...], dtype: np.dtype[Any]
    ) -> None:
        self.offset, self.shape, self.dtype = offset, shape, dtype
        self._memory = memory

    @property
    def end(self) -> int:
        """The offset after its last byte."""
        return self.offset + self.size

    @property
    def _values(self) -> npt.NDArray[Any]:
        return self._memory[self.offset : self.end].view(self.dtype).reshape(self.shape)

    def move(self, offset: int) -> None:
        """Move to another offset; no thread may be reading the plane."""
        self._memory[offset : offset + self.size] = self._memory[self.offset : self.end]
        self.offset = offset

    def read(self, start: int, stop: int) -> npt.NDArray[Any]:
        return self._values[start:stop]

    def write(self, start: int, values: npt.NDArray[Any]) -> None:
        target = self._values[start : start + len(values)]
        parts = -(-len(values) // CORES)

        def copy(first: int) -> None:
            target[first : first + parts] = values[first : first + parts]

        # One core cannot use the memory's whole bandwidth, and the others are idle.
        _on_each_core(copy, range(0, len(values), parts))


def _temporary_file() -> IO[bytes]:
    """A file on a disk: on many systems /tmp lies in memory, /var/tmp never does."""
    large = "/var/tmp"  # noqa: S108 - the file there has no name
    folder = large if "TMPDIR" not in os.environ and os.access(large, os.W_OK) else None
    return tempfile.TemporaryFile(buffering=0, dir=folder)


class _OnDisk(Plane):
    def __init__(self, file: IO[bytes], shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self.file, self.shape, self.dtype = file, shape, dtype
        self._row_bytes = math.prod(shape[1:]) * dtype.itemsize
        if os.fstat(file.fileno()).st_size < self.size:
            os.ftruncate(file.fileno(), self.size)  # only bytes of the file can be mapped

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

        # One part per core: most of the work is copying memory.
        _on_each_core(move, range(0, len(data), part))
