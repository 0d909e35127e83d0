"""Run the benchmarks named on the command line, or all of one's own, and say on what machine.

``peers`` needs an environment beside the project's, takes options, and stands alone; so does ``screenshots``,
which measures nothing.
"""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable

from bench import (
    brush,
    engine,
    gallery,
    memory,
    pages,
    previews,
    screenshots,
    site,
    sizes,
    tiling,
    upsampling,
    video,
)
from bench.machine import processor
from bench.peers import main as peers

BENCHMARKS: dict[str, Callable[[], None]] = {
    "brush": brush.main,
    "engine": engine.main,
    "gallery": gallery.main,
    "memory": memory.main,
    "pages": pages.main,
    "previews": previews.main,
    "site": site.main,
    "sizes": sizes.main,
    "tiling": tiling.main,
    "upsampling": upsampling.main,
    "video": video.main,
}


def main() -> None:
    names = sys.argv[1:] or list(BENCHMARKS)
    if names[0] == "peers":
        peers.main(names[1:])
        return
    if names == ["screenshots"]:
        screenshots.main()
        return
    print(f"{processor()}, {len(os.sched_getaffinity(0))} cores, Python {platform.python_version()}\n")
    for name in names:
        BENCHMARKS[name]()
        print()


if __name__ == "__main__":
    main()
