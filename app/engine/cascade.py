"""Broad strokes on large photos: painting from coarse to fine.

A network's strokes have a fixed size in pixels, from its training. On a large photo they are so small that
the result looks like a colour filter. A small result enlarged is a blur. So the first pass paints the photo
small. Each next pass enlarges the painting a little, mixes in some of the photo and paints again, up to full
size. Shapes come from the first pass, crisp paint from the last.

After Wang, Oxholm, Zhang and Wang 2017, "Multimodal Transfer: A Hierarchical Deep Convolutional Neural
Network for Fast Artistic Style Transfer".

A network paints each stroke of a painting with further strokes, until they fill plain areas and shapes are
lost. Two steps prevent that. Each pass is mixed half and half with the painting before. Then it gets back the
tones of the first painting: the means of small areas. So a large picture looks like a small one of the same
photo, only sharper.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import cv2
import numpy as np
from PIL import Image

from app.engine.typing import Floats, Pixels

# All chosen by eye, see docs/MEASUREMENTS.md. The long side of the first pass at brush size 1, in pixels.
WORKING_SIZE = 640
# How much larger each pass is than the one before.
FACTOR = 1.6
# The share of the painting in the source of the next pass; the rest is the photo.
PAINTING_SHARE = 0.75
# The share of a pass in its result; the rest is the painting before.
PASS_SHARE = 0.5
# The side of the areas that keep the tones of the first painting, in pixels of that painting.
TONE = 4

# Rows to shift at a time: their floating-point numbers take little memory beside the picture.
ROWS = 64

Paint = Callable[[Pixels, Callable[[float], None]], Pixels]


def plan(height: int, width: int, brush: float) -> list[tuple[int, int]]:
    """The sizes (height, width) of the passes; the last is the picture's own.

    The first has a long side of about WORKING_SIZE / brush. Each next one is about FACTOR times as large, so
    there are round(log(long side * brush / WORKING_SIZE) / log(FACTOR)) passes before the last. Smaller
    photos take a single pass.

    Args:
        height: of the photo, in pixels.
        width: of the photo, in pixels.
        brush: the brush size; 1 is the network's own.
    """
    long_side, first = max(height, width), WORKING_SIZE / brush
    passes = max(0, round(math.log(long_side / first, FACTOR))) if long_side > first else 0
    shares = [(first / long_side) ** (1 - step / passes) for step in range(passes)]
    smaller = [(max(1, round(height * share)), max(1, round(width * share))) for share in shares]
    return [*smaller, (height, width)]


def paint_coarse_to_fine(
    photo: Pixels, sizes: list[tuple[int, int]], paint: Paint, report: Callable[[float], None]
) -> Pixels:
    """Paint at each of ``sizes`` in turn; the last is the photo's own size.

    ``paint(pixels, report)`` runs one pass.
    """
    areas = [height * width for height, width in sizes]

    def paint_step(step: int, pixels: Pixels) -> Pixels:
        done, share = sum(areas[:step]) / sum(areas), areas[step] / sum(areas)
        painted = paint(pixels, lambda part: report(done + share * part))
        report(done + share)
        return painted

    painted = paint_step(0, resize(photo, *sizes[0]))
    rows, columns = (math.ceil(side / TONE) for side in sizes[0])
    tones = _means(painted, rows, columns)
    for step, size in enumerate(sizes[1:], 1):
        before = painted
        painted = paint_step(step, _mix(resize(before, *size), resize(photo, *size), PAINTING_SHARE))
        # Enlarge again rather than keep the enlarged painting: the network needs the memory.
        painted = _mix(painted, resize(before, *size), PASS_SHARE)
        _shift(painted, tones - _means(painted, rows, columns))
    return painted


def resize(pixels: Pixels, height: int, width: int) -> Pixels:
    """Resize: enlarge bicubically, shrink by an antialiased Lanczos filter (3 lobes).

    ``pixels``: uint8 [rows, columns] or [rows, columns, 3]. OpenCV enlarges ten times as fast as Pillow, but
    it has no Lanczos filter with antialiasing.
    """
    if pixels.shape[:2] == (height, width):
        return pixels
    if height * width < pixels.shape[0] * pixels.shape[1]:
        return np.asarray(Image.fromarray(pixels).resize((width, height), Image.Resampling.LANCZOS))
    return np.asarray(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


def _means(pixels: Pixels, rows: int, columns: int) -> Floats:
    """The means of equal areas of the pixels, float32 [rows, columns, 3]."""
    return cv2.resize(pixels, (columns, rows), interpolation=cv2.INTER_AREA).astype(np.float32)


def _shift(pixels: Pixels, by: Floats) -> None:
    """Add ``by`` to the pixels in place, interpolated between areas.

    The pixels are divided into areas of equal size, one per value of ``by``. Values are bilinear between the
    middles of the areas.

    ``by``: float32 [rows, columns, 3], in levels. The result is clipped to 0..255.
    """
    height, width = pixels.shape[:2]
    wide = cv2.resize(by, (width, len(by)), interpolation=cv2.INTER_LINEAR)
    positions = np.clip((np.arange(height) + 0.5) * len(by) / height - 0.5, 0, len(by) - 1)
    upper = positions.astype(int)
    lower = np.minimum(upper + 1, len(by) - 1)
    shares = (positions - upper).astype(np.float32)[:, None, None]
    for top in range(0, height, ROWS):
        rows = slice(top, top + ROWS)
        shifted = wide[upper[rows]] * (1 - shares[rows]) + wide[lower[rows]] * shares[rows] + pixels[rows]
        np.rint(shifted, out=shifted)
        pixels[rows] = np.clip(shifted, 0, 255)


def _mix(one: Pixels, other: Pixels, share: float) -> Pixels:
    """Mix two pictures: share * one + (1 - share) * other."""
    return np.asarray(cv2.addWeighted(one, share, other, 1 - share, 0), np.uint8)
