"""Run the named benchmarks, or all of the project, and print the machine.

``peers`` needs its own environment, takes options and runs alone. ``border``, ``screenshots`` and ``suits``
make pictures and also run alone. ``python -m bench.leads``, ``bench.failures``, ``bench.strokes``,
``bench.faces`` and ``bench.blind`` take a network, and ``bench.added`` takes styles; these are separate
programs. ``live`` is the site and browser for other benchmarks.
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
    optimization,
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
    "optimization": optimization.main,
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
        except Exception:  # the other benchmarks are still useful
            traceback.print_exc()
            failed.append(name)
        print()
    if failed:
        raise SystemExit(f"Failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
