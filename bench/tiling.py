"""What strips cost: the time per pixel of a large picture beside that of whole ones, measured in turn.

The networks are those of that name with weights by chance.

Every round paints whole pictures of 1024x1024, then a picture of 4000x3000 in strips, so that whatever
else the machine does slows both down.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from bench.machine import PRECISIONS, peak_memory
from bench.networks import architecture
from bench.peers.network import random_checkpoint
from bench.photos import SAMPLES, prepare_photo
from bench.processes import measured_alone

WHOLE, LARGE = (1024, 1024), (4000, 3000)
# The size whose memory is said too: 24 megapixels.
LARGEST = (6000, 4000)
ROUNDS = 3
NETWORKS = ("published", "house_v0", "house")


def measure(network: str, precision: str, folder: Path) -> dict[str, float]:
    """Nanoseconds per pixel of whole pictures and strips, their ratio, and the peak of 24 megapixels."""
    from app.engine.network import Network, Pass, StyleRows
    from app.engine.stylizer import ACTIVATIONS, CPU, configure_tensorflow

    configure_tensorflow()
    checkpoint = random_checkpoint("chance", architecture(network))
    painter = Network(checkpoint, precision=precision, device=CPU)
    style = StyleRows(checkpoint.rows[0])

    def paint(size: tuple[int, int], times: int = 1) -> float:
        photo = np.load(prepare_photo(SAMPLES[0], size, folder))
        start = time.perf_counter()
        for _ in range(times):
            painter.paint(Pass(photo, style, exact=True, budget=ACTIVATIONS))
        return (time.perf_counter() - start) / (times * size[0] * size[1]) * 1e9

    paint(WHOLE, 2)
    paint(LARGE)
    rounds = [(paint(WHOLE, 6), paint(LARGE), paint(WHOLE, 6)) for _ in range(ROUNDS)]
    paint(LARGEST)
    return {
        "whole": statistics.median((first + last) / 2 for first, _, last in rounds),
        "strips": statistics.median(strips for _, strips, _ in rounds),
        "ratio": statistics.median(2 * strips / (first + last) for first, strips, last in rounds),
        "peak_bytes": peak_memory(),
    }


def main() -> None:
    print("Strips beside whole pictures: nanoseconds per pixel, and the peak memory after 6000x4000")
    print(f"{'network':>9} {'precision':>9} {'whole':>7} {'strips':>7} {'ratio':>6} {'peak GB':>8}")
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        for size in (WHOLE, LARGE, LARGEST):
            prepare_photo(SAMPLES[0], size, Path(folder))
        for network in NETWORKS:
            for precision in PRECISIONS:
                figures = measured_alone("bench.tiling", network, precision, folder)
                print(
                    f"{network:>9} {precision:>9} {figures['whole']:7.0f} {figures['strips']:7.0f}"
                    f" {figures['ratio']:6.2f} {figures['peak_bytes'] / 1e9:8.2f}",
                    flush=True,
                )


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1], sys.argv[2], Path(sys.argv[3]))))
