"""Does a mix of sizes cost memory or tracing? 1,000 photos of random sizes, one after the other.

Every fiftieth is large enough to be painted in strips.
"""

from __future__ import annotations

import random
import time

import numpy as np

from app.config import PROJECT_ROOT
from app.engine.catalogue import Catalogue
from app.engine.typing import Pixels
from bench.memory import resident_memory
from bench.photos import open_sample

REQUESTS = 1000
LEAST, MOST = 64, 512
LARGE = (1400, 1200)
TELL = (1, 10, 100, 250, 500, 750, 1000)


def main() -> None:
    from app.engine.stylizer import Stylizer

    catalogue = Catalogue([PROJECT_ROOT / "models"])
    stylizer, styles = Stylizer(catalogue), [style.slug for style in catalogue.styles]
    chance, sizes = random.Random(1), set[tuple[int, int]]()
    print(f"Sizes: {REQUESTS} photos of {LEAST} to {MOST} pixels a side, every fiftieth of 1400x1200")
    print(f"{'photos':>7} {'sizes':>6} {'traces':>7} {'memory':>8} {'ms each':>8}")
    start = time.perf_counter()
    for number in range(1, REQUESTS + 1):
        size = LARGE if number % 50 == 2 else (chance.randint(LEAST, MOST), chance.randint(LEAST, MOST))
        stylizer.stylize(photo(size), chance.choice(styles))
        sizes.add(size)
        if number in TELL:
            each = (time.perf_counter() - start) / number * 1000
            print(
                f"{number:>7} {len(sizes):>6} {stylizer.count_traces():>7} {resident_memory():>5.0f} MB"
                f" {each:>8.0f}",
                flush=True,
            )


def photo(size: tuple[int, int]) -> Pixels:
    return np.asarray(open_sample("coffee.jpg").resize(size))


if __name__ == "__main__":
    main()
