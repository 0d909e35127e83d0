"""What decoding in a process of its own costs, and what hostile files cost.

Photos are flat colours under noise, so their files are as large as those of cameras.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from statistics import median

import numpy as np
from PIL import Image

from app.imaging.decode import decode_here
from app.imaging.errors import ImageError
from app.imaging.isolation.pool import Decoders
from testing import hostile

LIMIT = 60_000_000
SIZES = {"12 megapixels": (4000, 3000), "48 megapixels": (8000, 6000)}
ROUNDS = 9


def photo(size: tuple[int, int]) -> bytes:
    """A JPEG of a blurred picture with a little noise, as cameras make it."""
    chance = np.random.default_rng(1)
    coarse = Image.fromarray(chance.integers(0, 255, (30, 40, 3), np.uint8)).resize(size)
    noise = Image.fromarray(chance.integers(120, 136, (600, 800, 3), np.uint8)).resize(size)
    buffer = BytesIO()
    Image.blend(coarse, noise, 0.4).save(buffer, "JPEG", quality=92)
    return buffer.getvalue()


def seconds_of(decode: Callable[[], object]) -> float:
    started = time.perf_counter()
    decode()
    return time.perf_counter() - started


def compare() -> None:
    """Print the medians of both ways; they take turns, so that other work slows both."""
    print(f"{'JPEG':16}{'in process':>14}{'isolated':>14}{'more':>10}   medians of {ROUNDS}, ms")
    decoders = Decoders(processes=1)
    for name, size in SIZES.items():
        data = photo(size)
        ways = {
            "in process": lambda data=data: decode_here(BytesIO(data), max_pixels=LIMIT),
            "isolated": lambda data=data: decoders.decode(BytesIO(data), LIMIT),
        }
        times: dict[str, list[float]] = {way: [] for way in ways}
        for _ in range(ROUNDS + 1):
            for way, decode in ways.items():
                times[way].append(1000 * seconds_of(decode))
        here, isolated = (median(times[way][1:]) for way in ways)  # the first one starts the process
        print(f"{name:16}{here:14.0f}{isolated:14.0f}{isolated - here:10.0f}   {len(data) / 1e6:.1f} MB")
    decoders.close()


def attack() -> None:
    """Print what each hostile file costs in a fresh process."""
    print(f"\n{'hostile file':24}{'bytes':>12}{'seconds':>10}{'peak MB':>10}  answer")
    for name, build in hostile.BOMBS.items():
        data = build()
        decoders = Decoders(processes=1)
        decoders.decode(BytesIO(hostile.samples("PNG")[0]), LIMIT)
        (process,) = decoders._all
        started = time.perf_counter()
        try:
            decoders.decode(BytesIO(data), LIMIT)
            answer = "accepted"
        except ImageError as error:
            answer = type(error).__name__
        seconds, peak = time.perf_counter() - started, _peak_bytes(process.pid)
        decoders.close()
        print(f"{name:24}{len(data):12,}{seconds:10.3f}{peak / 1e6:10.0f}  {answer}")


def _peak_bytes(pid: int) -> int:
    """The most memory that a process ever held; what all ended ones did where it has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except FileNotFoundError:
        return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


def main() -> None:
    """Compare both ways of decoding, then attack."""
    compare()
    attack()
