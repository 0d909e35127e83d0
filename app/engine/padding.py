"""Photos continued beyond their border."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from app.engine.typing import Pixels

# How far the first layer, 9x9, reaches beyond the picture.
REACH = 4


@dataclass(frozen=True)
class Margins:
    """The pixels added on each side, to be cropped off the painted picture."""

    top: int
    bottom: int
    left: int
    right: int


class PaddedPhoto:
    """A photo mirrored outwards, made strip by strip.

    Each side grows by ``margin``. Then the sides grow further to multiples of ``multiple`` of at least
    ``least``. The network's first layer reads beyond that. There it gets what it was trained with: the padded
    photo mirrored once more (``reflect``), or zeros.
    """

    def __init__(self, pixels: Pixels, *, margin: int, multiple: int, least: int, reflect: bool) -> None:
        self._pixels = pixels
        self._reflect = reflect
        top, bottom = _margins(pixels.shape[0], margin, multiple, least)
        left, right = _margins(pixels.shape[1], margin, multiple, least)
        self.margins = Margins(top, bottom, left, right)
        self.height = pixels.shape[0] + top + bottom
        self.width = pixels.shape[1] + left + right
        columns = _mirror(pixels.shape[1], left, right)
        self._columns = columns[_mirror(self.width, REACH, REACH)] if reflect else columns
        self._rows = _mirror(pixels.shape[0], top, bottom)

    def slab(self, start: int, stop: int) -> Pixels:
        """Rows ``start`` to ``stop`` (excluded), with ``REACH`` more columns on each side.

        -REACH <= ``start`` and ``stop`` <= height + REACH. The result is uint8 [1, stop - start, width + 2
        REACH, 3].
        """
        positions = np.arange(start, stop)
        if self._reflect:
            return self._take(self._rows[_fold(positions, self.height)])[None]
        slab = np.zeros((stop - start, self.width + 2 * REACH, 3), np.uint8)
        inside = (positions >= 0) & (positions < self.height)
        slab[inside, REACH:-REACH] = self._take(self._rows[positions[inside]])
        return slab[None]

    def _take(self, rows: npt.NDArray[np.intp]) -> Pixels:
        """Gather rows and continue them to the left and right."""
        taken = self._pixels[rows]
        before = self.margins.left + (REACH if self._reflect else 0)
        after = before + self._pixels.shape[1]
        result = np.empty((len(rows), len(self._columns), 3), np.uint8)
        result[:, before:after] = taken
        result[:, :before] = taken[:, self._columns[:before]]
        result[:, after:] = taken[:, self._columns[after:]]
        return result

    def crop_into(self, picture: Pixels, strip: Pixels, start: int) -> None:
        """Copy painted rows, from row ``start`` on, into ``picture`` without the margins."""
        height, width = picture.shape[:2]
        first = max(start, self.margins.top)
        last = min(start + len(strip), self.margins.top + height)
        if first < last:
            columns = slice(self.margins.left, self.margins.left + width)
            picture[first - self.margins.top : last - self.margins.top] = strip[
                first - start : last - start, columns
            ]

    @property
    def shape(self) -> tuple[int, int, int]:
        """The shape of the photo before it was padded."""
        return self._pixels.shape[0], self._pixels.shape[1], 3

    def pad_map(self, where: Pixels) -> Pixels:
        """A map [height, width], continued like the photo."""
        rows = _mirror(where.shape[0], self.margins.top, self.margins.bottom)
        columns = _mirror(where.shape[1], self.margins.left, self.margins.right)
        return where[rows[:, None], columns[None, :]]


def _margins(side: int, margin: int, multiple: int, least: int) -> tuple[int, int]:
    length = max(side + 2 * margin, least)
    length += -length % multiple
    return margin, length - side - margin


def _mirror(side: int, before: int, after: int) -> npt.NDArray[np.intp]:
    """The indices that continue 0..side-1 by reflection at both ends, to any length."""
    return _fold(np.arange(-before, side + after), side)


def _fold(positions: npt.NDArray[np.intp], side: int) -> npt.NDArray[np.intp]:
    """Reflect positions at 0 and at ``side - 1`` until they lie between."""
    if side == 1:
        return np.zeros_like(positions)
    period = 2 * (side - 1)
    positions = np.abs(positions) % period
    return np.minimum(positions, period - positions)
