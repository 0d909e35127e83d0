"""Blends a painting with its photo: strength, masks and the photo's colours."""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

from app.engine.typing import Floats, Pixels

# The weights of red, green and blue in a pixel's luma Y' (ITU-R BT.601, as JPEG uses it).
LUMA = np.array([0.299, 0.587, 0.114], np.float32)

# How many rows are computed at a time, so that the floating-point copies stay small.
STRIP = 256


def _srgb_to_linear() -> Floats:
    """The light of each of the 256 sRGB levels, 0..1 (IEC 61966-2-1)."""
    levels = np.arange(256) / 255.0
    return np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4).astype(np.float32)


LINEAR = _srgb_to_linear()
# The light half-way between neighbouring levels. A binary search in it rounds to the nearest level.
_MIDPOINTS = (LINEAR[1:] + LINEAR[:-1]) / 2
# Steps of light that are finer than a hundredth of any level.
_STEPS = 1 << 20


def combine(
    photo: Pixels, painted: Pixels, *, strength: float, mask: Pixels | None = None, keep_colors: bool = False
) -> Pixels:
    """The finished picture from a photo and its painting at full strength.

    Args:
        photo: uint8 [height, width, 3].
        painted: the same photo, painted.
        strength: 0 (the photo itself) to 1 (the full style) and on to 1.5.
        mask: uint8 [height, width], the share of the strength at each pixel, 0..255.
        keep_colors: take only the luma from ``painted``.
    """
    return blend(photo, keep_photo_colors(photo, painted) if keep_colors else painted, strength, mask)


def blend(photo: Pixels, painted: Pixels, strength: float, mask: Pixels | None = None) -> Pixels:
    """Mix two pictures of one shape in linear light; ``strength`` 1 is ``painted``.

    Beyond 1 the mixture goes on in the same direction. Light below black or above white is clipped.
    ``mask``, uint8 [height, width], is the share of the strength at each pixel, 0..255.
    """
    if strength == 0.0:
        return photo.copy()
    if strength == 1.0 and mask is None:
        return painted
    result = np.empty_like(painted)
    levels = _mixed_levels(np.float32(strength)) if mask is None else _levels_of_light()
    for start in range(0, len(photo), STRIP):
        rows = slice(start, start + STRIP)
        if mask is None:
            # A table holds the result for each pair of levels.
            np.take(levels, photo[rows].astype(np.uint16) << 8 | painted[rows], out=result[rows])
        else:
            shares = mask[rows, :, None] * np.float32(strength / 255)
            light = LINEAR[photo[rows]] * (1 - shares) + LINEAR[painted[rows]] * shares
            np.take(levels, (light * _STEPS + 0.5).astype(np.int32), mode="clip", out=result[rows])
    return result


def combine_fine(
    photo: Pixels, painted: Pixels, *, strength: float, mask: Pixels | None = None, keep_colors: bool = False
) -> npt.NDArray[np.uint16]:
    """The picture of :func:`combine` with 16 bits: nothing is rounded to 8 bits after the painting.

    Photo and painting themselves have 8 bits, so at strength 1 each level is one of 256.
    """
    result = np.empty(photo.shape, np.uint16)
    for start in range(0, len(photo), STRIP):
        rows = slice(start, start + STRIP)
        levels = painted[rows].astype(np.float32)
        if keep_colors:
            colors = photo[rows].astype(np.float32)
            levels = np.clip(colors + ((levels - colors) @ LUMA)[..., None], 0, 255)
        share = strength if mask is None else mask[rows, :, None] * np.float32(strength / 255)
        light = LINEAR[photo[rows]] * (1 - share) + _light_of(levels) * share
        result[rows] = 65535 * _level_of(np.clip(light, 0, 1)) + 0.5
    return result


def _light_of(levels: Floats) -> Floats:
    """The light of levels between whole ones (IEC 61966-2-1)."""
    shares = levels / np.float32(255)
    return np.where(shares <= 0.04045, shares / 12.92, ((shares + 0.055) / 1.055) ** 2.4).astype(np.float32)


def _level_of(light: Floats) -> Floats:
    """The share of the highest level that shows a light, 0..1 (IEC 61966-2-1)."""
    low, high = 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055
    return np.where(light <= 0.0031308, low, high).astype(np.float32)


@cache
def _levels_of_light() -> Pixels:
    """The level nearest to each step of light: uint8 [_STEPS + 1]."""
    steps = np.arange(_STEPS + 1, dtype=np.float32) / _STEPS
    return np.searchsorted(_MIDPOINTS, steps).astype(np.uint8)


def _mixed_levels(share: np.float32) -> Pixels:
    """The mixture of levels at index 256 * photo + painting, uint8 [65536]."""
    light = LINEAR[:, None] * (1 - share) + LINEAR[None] * share
    return np.searchsorted(_MIDPOINTS, light).astype(np.uint8).ravel()


def keep_photo_colors(photo: Pixels, painted: Pixels) -> Pixels:
    """The painted picture's luma with the photo's chroma.

    In Y'CbCr of ITU-R BT.601 with full range, Cb and Cr depend only on B - Y' and R - Y'. Replacing Y' while
    keeping both means adding the difference in Y' to each of the photo's channels.
    """
    result = np.empty_like(painted)
    for start in range(0, len(photo), STRIP):
        rows = slice(start, start + STRIP)
        colors = photo[rows].astype(np.float32)
        difference = (painted[rows].astype(np.float32) - colors) @ LUMA
        result[rows] = np.clip(colors + difference[..., None] + 0.5, 0, 255)
    return result
