"""Measures the free memory for a pass, and gives memory back."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path
from typing import NamedTuple

CONTROL_GROUPS = Path("/sys/fs/cgroup")


class _Group(NamedTuple):
    """The files of one version of control groups: a container's limit and its use."""

    limit: str
    usage: str
    statistics: str
    cache: str


_GROUPS = (
    _Group("memory.max", "memory.current", "memory.stat", "inactive_file"),
    _Group(
        "memory/memory.limit_in_bytes",
        "memory/memory.usage_in_bytes",
        "memory/memory.stat",
        "total_inactive_file",
    ),
)


def available_memory() -> int:
    """Bytes that can be used without swapping, of the machine or of the container.

    The smaller number counts.
    """
    free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                free = int(line.split()[1]) * 1024
    except OSError:
        pass  # not Linux: the free pages are a cautious answer
    for group in _GROUPS:
        try:
            free = min(free, _left(group))
        except (OSError, ValueError):
            continue  # no such version, or "max": no limit
    return max(free, 0)


def _left(group: _Group) -> int:
    """Bytes left below the container's limit; cached files count as free."""
    limit = int((CONTROL_GROUPS / group.limit).read_text())
    usage = int((CONTROL_GROUPS / group.usage).read_text())
    lines = (CONTROL_GROUPS / group.statistics).read_text().splitlines()
    statistics = dict(line.split() for line in lines)
    return limit - usage + int(statistics.get(group.cache, 0))


def release_unused_memory() -> None:
    """Give freed memory back to the system.

    Pictures of many sizes leave glibc's heap full of holes.
    """
    try:
        ctypes.CDLL("libc.so.6").malloc_trim(0)
    except (OSError, AttributeError):
        return  # another C library: it manages by itself
