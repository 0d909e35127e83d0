"""How much memory there is for a pass, and giving memory back."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

_CGROUP_FILES = (
    (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")),
    (
        Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
        Path("/sys/fs/cgroup/memory/memory.usage_in_bytes"),
    ),
)


def available_memory() -> int:
    """Bytes that can still be used without swapping: the machine's, or the container's if that is less."""
    free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                free = int(line.split()[1]) * 1024
    except OSError:
        pass  # not Linux: the free pages are a cautious answer
    for limit, usage in _CGROUP_FILES:
        try:
            free = min(free, int(limit.read_text()) - int(usage.read_text()))
        except (OSError, ValueError):
            continue  # no such cgroup version, or "max": no limit
    return max(free, 0)


def release_unused_memory() -> None:
    """Give freed memory back to the system: pictures of many sizes leave glibc's heap full of holes."""
    try:
        ctypes.CDLL("libc.so.6").malloc_trim(0)
    except (OSError, AttributeError):
        return  # another C library: it manages by itself
