"""Measure the time and peak memory of a painting, for sizes up to 100 megapixels.

Each figure comes from a separate process, because a process's peak memory never falls.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from app.config import PROJECT_ROOT
from app.engine.catalogue import Catalogue
from bench.machine import PRECISIONS, peak_memory
from bench.photos import SAMPLES, prepare_photo
from bench.processes import measured_alone

SIZES = ((512, 512), (1024, 768), (1024, 1024), (2048, 1536), (4000, 3000), (6000, 4000), (12000, 8400))
# The measured tasks: the network's own pixels in each precision, and the picture that people get.
WAYS = (*PRECISIONS, "painted")
# The number of pixels to paint for one figure, over all runs.
PIXELS_IN_ALL = 8_000_000


def measure(photo: Path, way: str) -> dict[str, float]:
    """The median run's seconds, and the process's peak memory in bytes."""
    from app.engine.stylizer import Stylizer

    pixels = np.load(photo)
    precision = "auto" if way == "painted" else way
    stylizer = Stylizer(Catalogue([PROJECT_ROOT / "models"]), precision=precision)  # type: ignore[arg-type]
    runs = max(1, PIXELS_IN_ALL // (pixels.size // 3))
    seconds = []
    for _ in range(1 + runs):
        start = time.perf_counter()
        stylizer.stylize(pixels, "wave", exact=way != "painted")
        seconds.append(time.perf_counter() - start)
    # The first run also loads and traces the network.
    return {"seconds": statistics.median(seconds[1:]), "peak_bytes": peak_memory()}


def main() -> None:
    print("Engine: the house network, median")
    print(f"{'size':>12} {'way':>10} {'seconds':>9} {'ns/pixel':>9} {'peak GB':>8}")
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        for size in SIZES:
            photo = prepare_photo(SAMPLES[0], size, Path(folder))
            for way in WAYS:
                figures = measured_alone("bench.engine", str(photo), way)
                nanoseconds = figures["seconds"] / (size[0] * size[1]) * 1e9
                print(
                    f"{f'{size[0]}x{size[1]}':>12} {way:>10} {figures['seconds']:9.3f} {nanoseconds:9.0f} "
                    f"{figures['peak_bytes'] / 1e9:8.2f}",
                    flush=True,
                )
            photo.unlink()


if __name__ == "__main__":
    print(json.dumps(measure(Path(sys.argv[1]), sys.argv[2])))
