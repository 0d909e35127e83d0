"""The cheaper way to a large picture: a small painting, enlarged with the photo as a guide.

A guided filter (He, Sun and Tang 2013, "Guided Image Filtering") makes the enlarged painting a linear
function of the photo in every small window. Edges are as sharp as the photo's; colours are the painting's.
Brush strokes are no finer than those of the small painting.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import cv2
import numpy as np

from app.engine.cascade import Paint, resize
from app.engine.typing import Pixels

# The windows' half side in pixels of the small painting, and the variance of the photo, in levels squared,
# that makes a window an edge. Chosen by eye: docs/ENGINE.md.
RADIUS = 1.5
EDGE_VARIANCE = 25.0

# The side of the squares that are filtered one by one; the filter holds some thirty numbers per pixel.
TILE = 1024


Turn = Callable[[], AbstractContextManager[None]]


def paint_guided(
    photo: Pixels,
    sizes: list[tuple[int, int]],
    paint: Paint,
    report: Callable[[float], None],
    turn: Turn = nullcontext,
) -> Pixels:
    """Paint at the first of ``sizes`` (height, width) with ``paint(pixels, report)`` and enlarge that.

    ``turn`` is entered for each tile, because the filter uses every core.
    """
    painted = paint(resize(photo, *sizes[0]), lambda share: report(0.5 * share))
    return enlarge(painted, photo, lambda share: report(0.5 + 0.5 * share), turn)


def enlarge(
    painted: Pixels, guide: Pixels, report: Callable[[float], None], turn: Turn = nullcontext
) -> Pixels:
    """``painted`` enlarged to the size and the edges of ``guide``; both are uint8 [height, width, 3]."""
    height, width = guide.shape[:2]
    if painted.shape == guide.shape:
        return painted
    enlarged = resize(painted, height, width)
    radius = max(1, math.ceil(RADIUS * max(height, width) / max(painted.shape[:2])))
    result = np.empty_like(guide)
    margin = 2 * radius  # the filter averages twice, each time over a window
    for top, left in itertools.product(range(0, height, TILE), range(0, width, TILE)):
        bottom, right = min(top + TILE, height), min(left + TILE, width)
        above, before = max(0, top - margin), max(0, left - margin)
        around = slice(above, bottom + margin), slice(before, right + margin)
        with turn():
            filtered = cv2.ximgproc.guidedFilter(guide[around], enlarged[around], radius, EDGE_VARIANCE)
        inside = slice(top - above, bottom - above), slice(left - before, right - before)
        result[top:bottom, left:right] = filtered[inside]
        report(bottom / height)
    return result
