"""Padding by reflection, and taking it off again."""

from __future__ import annotations

import numpy as np
import pytest

from app.engine.preprocessing import pad_by_reflection


@pytest.mark.parametrize(("height", "width"), [(1, 1), (2, 3), (5, 31), (64, 48), (63, 50)])
@pytest.mark.parametrize(("margin", "least"), [(0, 0), (0, 16), (32, 0)])
def test_padding_mirrors_and_crops_back(height: int, width: int, margin: int, least: int) -> None:
    picture = np.random.default_rng(1).integers(0, 256, (height, width, 3)).astype(np.uint8)
    padded, margins = pad_by_reflection(picture, margin, least)
    assert padded.shape[0] % 4 == padded.shape[1] % 4 == 0
    assert min(padded.shape[:2]) >= least
    assert np.array_equal(margins.crop(padded), picture)
    around = [(margins.top, margins.bottom), (margins.left, margins.right), (0, 0)]
    assert np.array_equal(padded, np.pad(picture, around, mode="reflect"))


def test_what_fits_already_is_not_copied() -> None:
    picture = np.zeros((16, 32, 3), np.uint8)
    assert pad_by_reflection(picture, 0, 16)[0] is picture
