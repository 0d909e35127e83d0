"""Run the benchmarks named on the command line, or all of one's own, and say on what machine.

``peers`` needs an environment beside the project's, takes options, and stands alone; so do ``border``,
``screenshots`` and ``suits``, which make pictures. ``python -m bench.leads``, ``bench.failures``,
``bench.strokes``, ``bench.faces`` and ``bench.blind``, which take a network, and ``bench.added``, which takes
styles, are programs of their own; ``live`` is the site and the browser that others look at.
"""

from __future__ import annotations

import os
import platform
import sys
import traceback
from collections.abc import Callable

from bench import (
    border,
    brush,
    ceiling,
    decoding,
    engine,
    gallery,
    memory,
    pages,
    previews,
    rewriting,
    screenshots,
    site,
    sizes,
    suits,
    tiling,
    upsampling,
    video,
)
from bench.machine import processor
from bench.peers import main as peers

BENCHMARKS: dict[str, Callable[[], None]] = {
    "brush": brush.main,
    "ceiling": ceiling.main,
    "decoding": decoding.main,
    "engine": engine.main,
    "gallery": gallery.main,
    "memory": memory.main,
    "pages": pages.main,
    "previews": previews.main,
    "rewriting": rewriting.main,
    "site": site.main,
    "sizes": sizes.main,
    "tiling": tiling.main,
    "upsampling": upsampling.main,
    "video": video.main,
}
PICTURES: dict[str, Callable[[], None]] = {
    "border": border.main,
    "screenshots": screenshots.main,
    "suits": suits.main,
}


def main() -> None:
    names = sys.argv[1:] or list(BENCHMARKS)
    if names[0] == "peers":
        peers.main(names[1:])
        return
    if names[0] in PICTURES:
        PICTURES[names[0]]()
        return
    print(f"{processor()}, {len(os.sched_getaffinity(0))} cores, Python {platform.python_version()}\n")
    failed = []
    for name in names:
        try:
            BENCHMARKS[name]()
        except Exception:  # the others are of use without it
            traceback.print_exc()
            failed.append(name)
        print()
    if failed:
        raise SystemExit(f"Failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
