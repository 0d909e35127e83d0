"""Run the benchmarks named on the command line, or all of them, and say on what machine."""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path

from bench import engine, memory, site

BENCHMARKS = {"engine": engine.main, "memory": memory.main, "site": site.main}


def processor() -> str:
    """The processor's name as the system knows it."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor()


def main() -> None:
    names = sys.argv[1:] or list(BENCHMARKS)
    print(f"{processor()}, {len(os.sched_getaffinity(0))} cores, Python {platform.python_version()}\n")
    for name in names:
        BENCHMARKS[name]()
        print()


if __name__ == "__main__":
    main()
