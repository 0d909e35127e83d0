"""Suitability: how well a style suits a photo. docs/STUDIO.md shows examples.

In a good painting the photo is still recognised, and the style shows. Both are measured. The suitability is
high only if both are: not for a style that only tints, nor for one that hides the photo.
"""

from __future__ import annotations

import math

import numpy as np

from app.engine.color import LUMA
from app.engine.typing import Floats, Pixels

# The colour distance (in scaled levels of Cb and Cr) and the texture (in levels of luma) at which presence is
# 1 - 1/e, about two thirds. Measured on the shipped styles, which lie around these values.
COLOR_SCALE = 80.0
TEXTURE_SCALE = 25.0

_HALF = np.float32(0.5)


def suitability(photo: Pixels, painted: Pixels) -> float:
    """The harmonic mean of :func:`survival` and :func:`presence`, 0 to 1.

    Args:
        photo: uint8 [height, width, 3], about 256 pixels on the long side.
        painted: the same photo painted, of the same shape.
    """
    kept, shown = survival(photo, painted), presence(photo, painted)
    return 2 * kept * shown / (kept + shown) if kept + shown > 0 else 0.0


def survival(photo: Pixels, painted: Pixels) -> float:
    """How much of the photo's structure the painting keeps, 0 to 1.

    Compares the gradients of luma at a quarter and at an eighth of the size. Brushwork averages out there,
    and shapes remain. The same edges with the same contrast give 1; lost, turned or faded edges give less.
    """
    first, second = _halved(_halved(_luma(photo))), _halved(_halved(_luma(painted)))
    likenesses = [_likeness(first, second), _likeness(_halved(first), _halved(second))]
    return float(np.clip(np.mean(likenesses), 0.0, 1.0))


def presence(photo: Pixels, painted: Pixels) -> float:
    """How strongly the style shows, 0 to 1: in new colours, and in new texture."""
    shown = _color_distance(photo, painted) / COLOR_SCALE + _new_texture(photo, painted) / TEXTURE_SCALE
    return 1.0 - math.exp(-shown)


def _color_distance(photo: Pixels, painted: Pixels) -> float:
    """How far the colours of whole areas moved, whatever their luma."""
    moved = _halved(_halved(_halved(_chroma(painted) - _chroma(photo))))
    return float(np.sqrt((moved**2).sum(axis=-1)).mean())


def _new_texture(photo: Pixels, painted: Pixels) -> float:
    """The strength of fine detail beyond the photo's own, at two scales."""
    first, second = _luma(photo), _luma(painted)
    total = 0.0
    for _ in range(2):
        before, after = _detail(first), _detail(second)
        own = float((before * after).sum() / ((before**2).sum() + 1e-6))
        total += float(np.sqrt(((after - own * before) ** 2).mean()))
        first, second = _halved(first), _halved(second)
    return total


def _luma(pixels: Pixels) -> Floats:
    return pixels.astype(np.float32) @ LUMA


def _chroma(pixels: Pixels) -> Floats:
    """Blue and red minus luma: [height, width, 2]."""
    return pixels[..., [2, 0]].astype(np.float32) - _luma(pixels)[..., None]


def _halved(plane: Floats) -> Floats:
    """The means of 2 x 2 pixels; a side of one pixel stays."""
    if plane.shape[0] > 1:
        even = plane.shape[0] // 2 * 2
        plane = (plane[0:even:2] + plane[1:even:2]) * _HALF
    if plane.shape[1] > 1:
        even = plane.shape[1] // 2 * 2
        plane = (plane[:, 0:even:2] + plane[:, 1:even:2]) * _HALF
    return plane


def _detail(plane: Floats) -> Floats:
    """The detail that halving removes from a plane."""
    coarse = _halved(plane)
    rows = np.minimum(np.arange(plane.shape[0]) // 2, coarse.shape[0] - 1)
    columns = np.minimum(np.arange(plane.shape[1]) // 2, coarse.shape[1] - 1)
    enlarged: Floats = coarse[rows[:, None], columns[None, :]]
    return plane - enlarged


def _likeness(first: Floats, second: Floats) -> float:
    """The likeness of two planes' gradients: 2 Σab / (Σa² + Σb²); 1 if both are flat."""
    common = energy = 0.0
    for axis in (0, 1):
        one, other = np.diff(first, axis=axis), np.diff(second, axis=axis)
        common += float((one * other).sum())
        energy += float((one**2).sum() + (other**2).sum())
    return 2 * common / energy if energy > 0 else 1.0
