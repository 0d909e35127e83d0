"""Mixing in linear light, and the photo's chroma with the painting's luma."""

from __future__ import annotations

import numpy as np
import pytest

from app.engine.color import blend, combine, combine_fine, keep_photo_colors
from app.engine.typing import Pixels


def random_picture(seed: int, low: int = 0, high: int = 256) -> Pixels:
    return np.random.default_rng(seed).integers(low, high, (300, 20, 3)).astype(np.uint8)


def to_light(levels: np.ndarray) -> np.ndarray:
    """sRGB's transfer function."""
    values = levels / 255
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


@pytest.mark.parametrize("strength", [0.1, 0.5, 0.93, 1.2, 1.5])
def test_light_is_mixed_not_levels(strength: float) -> None:
    photo, painted = random_picture(1), random_picture(2)
    light = np.clip((1 - strength) * to_light(photo) + strength * to_light(painted), 0, 1)
    levels = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055) * 255
    assert np.abs(blend(photo, painted, strength) - levels).max() <= 0.51


def test_a_mask_scales_the_strength_pixel_by_pixel() -> None:
    photo, painted = random_picture(1), random_picture(2)
    mask = np.random.default_rng(3).integers(0, 256, photo.shape[:2]).astype(np.uint8)
    shares = 0.8 * mask[..., None] / 255
    light = (1 - shares) * to_light(photo) + shares * to_light(painted)
    levels = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055) * 255
    assert np.abs(blend(photo, painted, 0.8, mask) - levels).max() <= 0.52
    nowhere, everywhere = np.zeros_like(mask), np.full_like(mask, 255)
    assert np.array_equal(blend(photo, painted, 0.8, nowhere), photo)
    assert np.array_equal(blend(photo, painted, 1.0, everywhere), painted)


def test_the_ends_are_exact() -> None:
    photo, painted = random_picture(1), random_picture(2)
    assert np.array_equal(blend(photo, painted, 0.0), photo)
    assert np.array_equal(blend(photo, painted, 1.0), painted)
    for strength in (0.2, 0.7):
        assert np.array_equal(blend(photo, photo, strength), photo)


def test_black_and_white_mix_to_half_the_light() -> None:
    black, white = np.zeros((2, 2, 3), np.uint8), np.full((2, 2, 3), 255, np.uint8)
    assert (blend(black, white, 0.5) == 188).all()


def ycbcr(picture: Pixels) -> np.ndarray:
    """Y', Cb and Cr of ITU-R BT.601 in full range."""
    matrix = np.array([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]])
    return picture @ matrix.T


def test_chroma_comes_from_the_photo_and_luma_from_the_painting() -> None:
    photo, painted = random_picture(3, 110, 146), random_picture(4, 90, 166)
    result = ycbcr(keep_photo_colors(photo, painted))
    assert np.abs(result[..., 0] - ycbcr(painted)[..., 0]).max() <= 1
    assert np.abs(result[..., 1:] - ycbcr(photo)[..., 1:]).max() <= 1


def test_a_grey_photo_stays_grey() -> None:
    grey = np.repeat(random_picture(5)[..., :1], 3, axis=2)
    result = keep_photo_colors(grey, random_picture(6))
    assert (result == result[..., :1]).all()


@pytest.mark.parametrize("strength", [0.0, 0.3, 1.0, 1.4])
@pytest.mark.parametrize("keep_colors", [False, True])
@pytest.mark.parametrize("masked", [False, True])
def test_sixteen_bits_are_the_same_picture_more_finely(
    strength: float, keep_colors: bool, masked: bool
) -> None:
    photo, painted = random_picture(7), random_picture(8)
    mask = np.random.default_rng(9).integers(0, 256, photo.shape[:2]).astype(np.uint8) if masked else None
    fine = combine_fine(photo, painted, strength=strength, mask=mask, keep_colors=keep_colors)
    assert fine.dtype == np.uint16
    levels = painted.astype(float)
    if keep_colors:
        levels = np.clip(photo + ((levels - photo) @ (0.299, 0.587, 0.114))[..., None], 0, 255)
    share = strength if mask is None else strength * mask[..., None] / 255
    light = np.clip((1 - share) * to_light(photo) + share * to_light(levels), 0, 1)
    exact = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055) * 65535
    assert np.abs(fine - exact).max() <= 2
    coarse = combine(photo, painted, strength=strength, mask=mask, keep_colors=keep_colors)
    assert np.abs(fine / 257 - coarse).mean() <= 0.5
    if strength not in (0.0, 1.0):
        assert len(np.unique(fine)) > 10 * len(np.unique(coarse))
