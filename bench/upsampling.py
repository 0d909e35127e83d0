"""Compare the ways to a large picture: cut-outs at 100 per cent, time and memory.

It writes docs/engine/upsampling.webp: the photo, the network's own pixels, the guided enlargement and the
cascade. Each is painted twice, and the second time counts.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import numpy as np

from app.config import PROJECT_ROOT
from app.engine.cascade import resize
from app.engine.catalogue import Catalogue
from bench.brush import LONG_SIDE, scaled, write_sheet
from bench.machine import peak_memory
from bench.photos import open_sample
from bench.processes import measured_alone

SAMPLE, PLACE = "coffee.jpg", (0.40, 0.40)
STYLES = ("starry_night", "la_muse")
LARGEST = (4000, 6000)
WAYS: dict[str, dict[str, Any]] = {
    "exact": {"exact": True},
    "guided": {"upsampling": "guided"},
    "cascade": {"upsampling": "cascade"},
}


def write_pictures() -> None:
    from app.engine.stylizer import Stylizer

    stylizer = Stylizer(Catalogue([PROJECT_ROOT / "models"]))
    small = np.asarray(open_sample(SAMPLE))
    photo = resize(small, *scaled(small, LONG_SIDE))
    rows = []
    for style in STYLES:
        row = [("photo", photo)]
        for way, options in WAYS.items():
            for _ in range(2):
                start = time.perf_counter()
                painted = stylizer.stylize(photo, style, **options)
                seconds = time.perf_counter() - start
            row.append((f"{way}, {seconds:.1f} s", painted))
        rows.append(row)
        print(f"{style} at {photo.shape[1]}x{photo.shape[0]}:", "; ".join(label for label, _ in row[1:]))
    corner = (int(PLACE[0] * photo.shape[1]), int(PLACE[1] * photo.shape[0]))
    write_sheet(PROJECT_ROOT / "docs" / "engine" / "upsampling.webp", [(corner, row) for row in rows])


def measure(way: str) -> dict[str, float]:
    """Seconds and peak memory of a large picture in a fresh process, network loaded."""
    from app.engine.stylizer import Stylizer

    stylizer, small = Stylizer(Catalogue([PROJECT_ROOT / "models"])), np.asarray(open_sample(SAMPLE))
    stylizer.stylize(small, STYLES[0], **WAYS[way])
    photo = resize(small, *LARGEST)
    start = time.perf_counter()
    stylizer.stylize(photo, STYLES[0], **WAYS[way])
    return {"seconds": time.perf_counter() - start, "peak_bytes": peak_memory()}


def main() -> None:
    write_pictures()
    for way in WAYS:
        figures = measured_alone("bench.upsampling", way)
        print(
            f"{way} at {LARGEST[1]}x{LARGEST[0]}: {figures['seconds']:.1f} s,"
            f" peak {figures['peak_bytes'] / 1e9:.2f} GB",
            flush=True,
        )


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1])))
