"""The photos for measurements."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from app.config import PROJECT_ROOT

SAMPLES = ("coffee.jpg", "astronaut.jpg", "chelsea.jpg")


def open_sample(name: str) -> Image.Image:
    """A sample photo, RGB."""
    with Image.open(PROJECT_ROOT / "static" / "samples" / name) as sample:
        return sample.convert("RGB")


def prepare_photo(name: str, size: tuple[int, int], folder: Path) -> Path:
    """Write a sample photo as an array in this size (width, height)."""
    path = folder / f"{name}-{size[0]}x{size[1]}.npy"
    if not path.exists():
        np.save(path, np.asarray(open_sample(name).resize(size, Image.Resampling.LANCZOS)))
    return path
