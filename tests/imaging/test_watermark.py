"""The mark covers every part of a picture but leaves the painting visible."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from app.imaging.watermark import watermark


@pytest.mark.parametrize("size", [(1024, 683), (683, 1024), (256, 171), (60, 256)])
@pytest.mark.parametrize("level", [0, 128, 255])
def test_every_quarter_of_every_picture_is_marked(size: tuple[int, int], level: int) -> None:
    marked = np.asarray(watermark(Image.new("RGB", size, (level,) * 3)), int)
    assert marked.shape == (size[1], size[0], 3)
    changed = np.abs(marked - level).max(axis=2) > 20
    height, width = changed.shape
    for rows in (slice(0, height // 2), slice(height // 2, None)):
        for columns in (slice(0, width // 2), slice(width // 2, None)):
            assert changed[rows, columns].sum() > 20, (rows, columns)
    assert changed.mean() < 0.15, "most of the painting stays as it is"


def test_pixels_without_letters_stay_exactly() -> None:
    noise = np.random.default_rng(1).integers(0, 256, (300, 400, 3), np.uint8)
    marked = np.asarray(watermark(Image.fromarray(noise)))
    assert (marked == noise).all(axis=2).mean() > 0.7


@pytest.mark.parametrize("size", [(1, 1), (3000, 2)])
def test_the_smallest_pictures_do_not_fail(size: tuple[int, int]) -> None:
    assert watermark(Image.new("RGB", size)).size == size
