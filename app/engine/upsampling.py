"""A painting made small and enlarged with the photo as a guide: the cheaper way to a large picture.

A guided filter (He, Sun and Tang 2013, "Guided Image Filtering") makes the enlarged painting a linear
function of the photo in every small window: edges are as sharp as the photo's, colours are the painting's.
What it cannot give back are brush strokes finer than those of the small painting.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import cv2
import numpy as np

from app.engine.cascade import Paint, resize
from app.engine.preprocessing import Pixels

# The windows' half side in pixels of the small painting, and the variance, in levels squared, from which on
# what the photo shows in a window counts as an edge. Chosen by eye: docs/ENGINE.md.
RADIUS = 1.5
EDGE_VARIANCE = 25.0

# Rows filtered at a time: the filter holds some thirty numbers per pixel.
STRIP = 256


def paint_guided(
    photo: Pixels, sizes: list[tuple[int, int]], paint: Paint, report: Callable[[float], None]
) -> Pixels:
    """Paint at the first of ``sizes`` (height, width) with ``paint(pixels, report)`` and enlarge that."""
    painted = paint(resize(photo, *sizes[0]), lambda share: report(0.5 * share))
    return enlarge(painted, photo, lambda share: report(0.5 + 0.5 * share))


def enlarge(painted: Pixels, guide: Pixels, report: Callable[[float], None]) -> Pixels:
    """``painted``, uint8 [h, w, 3], in the size and with the edges of ``guide``, uint8 [height, width, 3]."""
    height, width = guide.shape[:2]
    if painted.shape == guide.shape:
        return painted
    enlarged = resize(painted, height, width)
    radius = max(1, math.ceil(RADIUS * max(height / len(painted), 1.0)))
    result = np.empty_like(guide)
    for start in range(0, height, STRIP):
        # The filter averages twice, each time over a window.
        first, stop = max(0, start - 2 * radius), start + STRIP
        rows = slice(first, stop + 2 * radius)
        filtered = cv2.ximgproc.guidedFilter(guide[rows], enlarged[rows], radius, EDGE_VARIANCE)
        result[start:stop] = filtered[start - first : stop - first]
        report(min(stop / height, 1.0))
    return result
