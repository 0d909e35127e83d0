"""Between pictures and the network: checks, and the photo continued beyond its border."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from app.engine.errors import InvalidPicture
from app.engine.typing import Pixels

# How far the first layer, 9x9, reaches beyond the picture.
REACH = 4


def check_picture(pixels: object) -> Pixels:
    """Return ``pixels`` as a uint8 array of shape [height, width, 3].

    Raises:
        InvalidPicture: it is something else, or has no pixels.
    """
    if not isinstance(pixels, np.ndarray):
        raise InvalidPicture("A picture must be a NumPy array.")
    if pixels.dtype != np.uint8:
        raise InvalidPicture(f"A picture must hold 8-bit values (uint8), not {pixels.dtype}.")
    if pixels.ndim != 3 or pixels.shape[2] != 3:
        raise InvalidPicture(f"A picture must have the shape [height, width, 3], not {list(pixels.shape)}.")
    if 0 in pixels.shape:
        raise InvalidPicture("A picture must have at least one pixel.")
    return pixels


@dataclass(frozen=True)
class Margins:
    """How many pixels were added on each side, to be taken off again."""

    top: int
    bottom: int
    left: int
    right: int


class PaddedPhoto:
    """A photo mirrored outwards, made strip by strip as a network asks for it.

    It is mirrored by ``margin`` on each side and by what makes its sides multiples of ``multiple`` and no
    shorter than ``least``. Beyond that stands what the network's first layer was trained to see there: the
    padded photo mirrored once more (``reflect``), or zeros.
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
        """Rows ``start`` to ``stop`` (excluded) of the padded photo with ``REACH`` columns more on each side.

        ``start`` may be as little as ``-REACH`` and ``stop`` as much as ``height + REACH``. Returns uint8
        [1, stop - start, width + 2 REACH, 3].
        """
        places = np.arange(start, stop)
        if self._reflect:
            return self._take(self._rows[_fold(places, self.height)])[None]
        slab = np.zeros((stop - start, self.width + 2 * REACH, 3), np.uint8)
        inside = (places >= 0) & (places < self.height)
        slab[inside, REACH:-REACH] = self._take(self._rows[places[inside]])
        return slab[None]

    def _take(self, rows: npt.NDArray[np.intp]) -> Pixels:
        """Gather rows, then continue them to the left and right; most columns stand where they stood."""
        taken = self._pixels[rows]
        before = self.margins.left + (REACH if self._reflect else 0)
        after = before + self._pixels.shape[1]
        result = np.empty((len(rows), len(self._columns), 3), np.uint8)
        result[:, before:after] = taken
        result[:, :before] = taken[:, self._columns[:before]]
        result[:, after:] = taken[:, self._columns[after:]]
        return result

    def crop_into(self, picture: Pixels, strip: Pixels, start: int) -> None:
        """Put painted rows of the padded photo, from ``start`` on, where they belong in ``picture``."""
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
        """A map [height, width] of the photo, continued like it."""
        rows = _mirror(where.shape[0], self.margins.top, self.margins.bottom)
        columns = _mirror(where.shape[1], self.margins.left, self.margins.right)
        return where[rows[:, None], columns[None, :]]


def _margins(side: int, margin: int, multiple: int, least: int) -> tuple[int, int]:
    length = max(side + 2 * margin, least)
    length += -length % multiple
    return margin, length - side - margin


def _mirror(side: int, before: int, after: int) -> npt.NDArray[np.intp]:
    """The indices that continue 0..side-1 by reflection at both ends, however far."""
    return _fold(np.arange(-before, side + after), side)


def _fold(positions: npt.NDArray[np.intp], side: int) -> npt.NDArray[np.intp]:
    """Reflect positions at 0 and at ``side - 1`` until they lie between."""
    if side == 1:
        return np.zeros_like(positions)
    period = 2 * (side - 1)
    positions = np.abs(positions) % period
    return np.minimum(positions, period - positions)
