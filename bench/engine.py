"""How long one pass of the house network takes, and how much memory it needs at its peak.

Each size runs in a process of its own, since a process's peak memory never goes down again.
"""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
import time

import numpy as np
from PIL import Image

from app.config import PROJECT_ROOT
from app.engine.catalogue import Catalogue

SIZES = ((512, 512), (1024, 768), (1024, 1024), (2048, 1536), (4000, 3000))
RUNS = 7


def measure(width: int, height: int) -> dict[str, float]:
    """Seconds of the median pass, and bytes of memory that the pass needed per pixel."""
    from app.engine.stylizer import Stylizer

    with Image.open(PROJECT_ROOT / "static" / "samples" / "coffee.jpg") as sample:
        photo = np.asarray(sample.convert("RGB").resize((width, height)))
    stylizer = Stylizer(Catalogue([PROJECT_ROOT / "models"]), max_pixels=width * height)
    stylizer.stylize(np.ascontiguousarray(photo[:64, :64]), "wave")
    before = peak_memory()
    seconds = []
    for _ in range(RUNS if width * height < 4_000_000 else 3):
        start = time.perf_counter()
        stylizer.stylize(photo, "wave")
        seconds.append(time.perf_counter() - start)
    return {
        "seconds": statistics.median(seconds),
        "bytes_per_pixel": (peak_memory() - before) / (width * height),
        "peak_gigabytes": peak_memory() / 1e9,
    }


def peak_memory() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main() -> None:
    print("Engine: one pass of the house network, median")
    print(f"{'size':>12} {'seconds':>9} {'ns/pixel':>9} {'bytes/pixel':>12} {'peak GB':>8}")
    for width, height in SIZES:
        command = [sys.executable, "-m", "bench.engine", str(width), str(height)]
        answer = subprocess.run(command, cwd=PROJECT_ROOT, capture_output=True, text=True, check=True)
        figures = json.loads(answer.stdout.splitlines()[-1])
        nanoseconds = figures["seconds"] / (width * height) * 1e9
        print(
            f"{f'{width}x{height}':>12} {figures['seconds']:9.3f} {nanoseconds:9.0f} "
            f"{figures['bytes_per_pixel']:12.0f} {figures['peak_gigabytes']:8.2f}"
        )


if __name__ == "__main__":
    print(json.dumps(measure(int(sys.argv[1]), int(sys.argv[2]))))
