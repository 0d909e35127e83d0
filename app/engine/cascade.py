"""Broad strokes on large photos: painting from coarse to fine.

A network's strokes have the size it was trained with, in pixels; on a large photo they are so small that the
result looks like a colour filter, and a small result enlarged is a blur. So the photo is painted small first;
the painting is enlarged a little, some of the photo's detail is mixed in, and it is painted again, up to full
size: shapes come from the first pass, crisp paint from the last (after Wang, Oxholm, Zhang and Wang 2017,
"Multimodal Transfer: A Hierarchical Deep Convolutional Neural Network for Fast Artistic Style Transfer").

A network that is shown a painting paints each of its strokes with further strokes, until plain areas are full
of them and shapes drown. So each pass goes half the way from the painting before to the one it makes, and a
large picture looks like a small one of the same photo, only sharper.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import cv2
import numpy as np
from PIL import Image

from app.engine.preprocessing import Pixels

# The long side at which a network's strokes look natural in a picture, in pixels; how much larger each pass
# is than the one before; the painting's share in what the next pass is given; and that pass's share in what
# comes out. Chosen by eye: docs/ENGINE.md.
WORKING_SIZE = 640
FACTOR = 1.6
PAINTING_SHARE = 0.75
PASS_SHARE = 0.5

Paint = Callable[[Pixels, Callable[[float], None]], Pixels]


def plan(height: int, width: int, brush: float) -> list[tuple[int, int]]:
    """The sizes (height, width) at which a picture is painted, the last being its own.

    Args:
        height: of the photo, in pixels.
        width: of the photo, in pixels.
        brush: breadth of the strokes relative to the picture, 1 being the natural one.
    """
    long_side, first = max(height, width), WORKING_SIZE / brush
    passes = max(0, round(math.log(long_side / first, FACTOR))) if long_side > first else 0
    shares = [(first / long_side) ** (1 - step / passes) for step in range(passes)]
    smaller = [(max(1, round(height * share)), max(1, round(width * share))) for share in shares]
    return [*smaller, (height, width)]


def paint_coarse_to_fine(
    photo: Pixels, sizes: list[tuple[int, int]], paint: Paint, report: Callable[[float], None]
) -> Pixels:
    """Paint at each of ``sizes`` in turn with ``paint(pixels, report)``; the last is the photo's own size."""
    areas = [height * width for height, width in sizes]
    painted: Pixels | None = None
    for step, size in enumerate(sizes):
        before, here = painted, resize(photo, *size)
        if before is not None:
            here = _mix(resize(before, *size), here, PAINTING_SHARE)
        done, share = sum(areas[:step]) / sum(areas), areas[step] / sum(areas)
        painted = paint(here, lambda part, done=done, share=share: report(done + share * part))  # type: ignore[misc]
        if before is not None:  # enlarged again, since it would lie in memory while the network paints
            painted = _mix(painted, resize(before, *size), PASS_SHARE)
        report(done + share)
    assert painted is not None  # a plan has at least the photo's own size
    return painted


def resize(pixels: Pixels, height: int, width: int) -> Pixels:
    """Enlarge bicubically, or make smaller by Lanczos's filter (3 lobes), antialiased.

    ``pixels``: uint8 [rows, columns] or [rows, columns, 3]. OpenCV enlarges ten times as fast as Pillow, but
    has no filter of this kind to make pictures smaller by.
    """
    if pixels.shape[:2] == (height, width):
        return pixels
    if height * width < pixels.shape[0] * pixels.shape[1]:
        return np.asarray(Image.fromarray(pixels).resize((width, height), Image.Resampling.LANCZOS))
    return np.asarray(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


def _mix(one: Pixels, other: Pixels, share: float) -> Pixels:
    """``one`` by its share, and ``other`` by the rest."""
    return np.asarray(cv2.addWeighted(one, share, other, 1 - share, 0), np.uint8)
