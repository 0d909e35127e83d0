"""Measure the cost of strips: time per pixel in strips / time per pixel whole.

The networks have the shipped architectures with random weights.

Every round paints whole pictures of 1024x1024, a large one in strips, and whole ones again, so that other
work on the machine slows both. The large picture is painted twice, and the second time counts, as the whole
pictures are also warm: on a virtual machine that returns free pages to its host, the first use of memory
costs as much as the work on it.
"""

from __future__ import annotations

import itertools
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

WHOLE = (1024, 1024)
# Sizes in strips, and the number of rounds for each.
LARGE = {(4000, 3000): 3, (6000, 4000): 3, (12000, 8400): 1}
NETWORKS = ("published", "house_v0", "house")


def measure(network: str, precision: str, large: tuple[int, int], folder: Path) -> dict[str, float]:
    """Nanoseconds per pixel whole and in strips, their ratio, the peak memory."""
    from app.engine.network import Network, Pass, StyleRows
    from app.engine.stylizer import CPU, activations, configure_tensorflow

    configure_tensorflow()
    checkpoint = random_checkpoint("chance", architecture(network))
    painter = Network(checkpoint, precision=precision, device=CPU)
    style = StyleRows(checkpoint.rows[0])

    def paint(size: tuple[int, int], times: int = 1) -> float:
        photo = np.load(prepare_photo(SAMPLES[0], size, folder))
        pixels = size[0] * size[1]
        start = time.perf_counter()
        for _ in range(times):
            painter.paint(Pass(photo, style, exact=True, budget=activations(pixels)))
        return (time.perf_counter() - start) / (times * pixels) * 1e9

    def paint_again(size: tuple[int, int]) -> float:
        paint(size)
        return paint(size)

    paint(WHOLE, 2)
    rounds = [(paint(WHOLE, 6), paint_again(large), paint(WHOLE, 6)) for _ in range(LARGE[large])]
    return {
        "whole": statistics.median((first + last) / 2 for first, _, last in rounds),
        "strips": statistics.median(strips for _, strips, _ in rounds),
        "ratio": statistics.median(2 * strips / (first + last) for first, strips, last in rounds),
        "peak_bytes": peak_memory(),
    }


def main() -> None:
    print("Strips beside whole pictures of 1024x1024: nanoseconds per pixel, and the process's peak memory")
    print(
        f"{'network':>9} {'precision':>9} {'strips of':>10} {'whole':>7} {'strips':>7} {'ratio':>6} {'GB':>6}"
    )
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        for sides in (WHOLE, *LARGE):
            prepare_photo(SAMPLES[0], sides, Path(folder))
        for network, precision, (height, width) in itertools.product(NETWORKS, PRECISIONS, LARGE):
            size = f"{height}x{width}"
            figures = measured_alone("bench.tiling", network, precision, size, folder)
            print(
                f"{network:>9} {precision:>9} {size:>10} {figures['whole']:7.0f} {figures['strips']:7.0f}"
                f" {figures['ratio']:6.2f} {figures['peak_bytes'] / 1e9:6.2f}",
                flush=True,
            )


if __name__ == "__main__":
    height, width = (int(side) for side in sys.argv[3].split("x"))
    print(json.dumps(measure(sys.argv[1], sys.argv[2], (height, width), Path(sys.argv[4]))))
