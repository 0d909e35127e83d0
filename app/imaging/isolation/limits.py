"""Limits on memory and time for decoding one file."""

from __future__ import annotations

import os
import resource
import signal
from typing import NamedTuple

# Memory for every file, plus for each byte of the file and each pixel that its header declares. Pixels with
# transparency and a colour profile cost most: they exist in five copies of up to four bytes.
BYTES, BYTES_PER_FILE_BYTE, BYTES_PER_PIXEL = 96_000_000, 3, 24
# Processor time per file and per million pixels. A noisy HEIC with transparency takes 0.17 seconds.
SECONDS, SECONDS_PER_MEGAPIXEL = 1.5, 0.5
# Elapsed seconds: a base, plus a factor times the processor time, as other work shares the processor.
CLOCK_SECONDS, CLOCK_FACTOR = 5.0, 3.0
OPEN_FILES = 32
# Decoders free memory late. A process that keeps more than this is replaced.
KEPT_BYTES = 128_000_000


class Budget(NamedTuple):
    """One file's limits: bytes, seconds of processor time, elapsed seconds."""

    memory: int
    processor: float
    clock: float


def budget_for(pixels: int, file_bytes: int) -> Budget:
    """The budget of a file with this many pixels."""
    processor = SECONDS + SECONDS_PER_MEGAPIXEL * pixels / 1e6
    memory = BYTES + BYTES_PER_FILE_BYTE * file_bytes + BYTES_PER_PIXEL * pixels
    return Budget(memory, processor, CLOCK_SECONDS + CLOCK_FACTOR * processor)


def limit_process() -> None:
    """Limit this process for good: no written file, no core dump, few open files."""
    for what, most in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, OPEN_FILES),
    ):
        resource.setrlimit(what, (most, most))
    for timer in (signal.SIGPROF, signal.SIGALRM):
        signal.signal(timer, signal.SIG_DFL)


class Meter:
    """Applies a budget to this process; the kernel ends the process beyond it.

    The number of threads has no limit, because the kernel counts the threads of all the user's processes.
    """

    def __init__(self) -> None:
        self._sizes = os.open("/proc/self/statm", os.O_RDONLY | os.O_CLOEXEC)  # files cannot be opened later

    def start(self, budget: Budget) -> None:
        """Start a budget: memory in addition to the present use, time from now."""
        most = self._data_bytes() + budget.memory
        resource.setrlimit(resource.RLIMIT_DATA, (most, resource.RLIM_INFINITY))
        signal.setitimer(signal.ITIMER_PROF, budget.processor)
        signal.setitimer(signal.ITIMER_REAL, budget.clock)

    def stop(self) -> None:
        """End the budget; waiting for the next file costs nothing."""
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)

    def _data_bytes(self) -> int:
        pages = os.pread(self._sizes, 256, 0).split()[5]
        return int(pages) * resource.getpagesize()
