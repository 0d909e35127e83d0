"""Between pictures and the network: the same in training and in serving."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from app.engine.errors import InvalidPicture

Pixels = npt.NDArray[np.uint8]

# The network halves the picture twice.
MULTIPLE = 4


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

    def crop(self, pixels: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
        """Take the margins off an array of shape [height, width, ...]."""
        height, width = pixels.shape[:2]
        return pixels[self.top : height - self.bottom, self.left : width - self.right]


def pad_by_reflection(pixels: Pixels, margin: int, least: int) -> tuple[Pixels, Margins]:
    """Mirror the picture outwards by ``margin``, and by what makes its sides multiples of 4.

    A side shorter than ``least`` is lengthened to it: the network needs a few pixels to reflect.
    """
    height, width = pixels.shape[:2]
    top, bottom = _margins(height, margin, least)
    left, right = _margins(width, margin, least)
    margins = Margins(top, bottom, left, right)
    if margins == Margins(0, 0, 0, 0):
        return pixels, margins
    rows = _mirror(height, top, bottom)
    columns = _mirror(width, left, right)
    return pixels[rows[:, None], columns[None, :]], margins


def _margins(side: int, margin: int, least: int) -> tuple[int, int]:
    length = max(side + 2 * margin, least)
    length += -length % MULTIPLE
    return margin, length - side - margin


def _mirror(side: int, before: int, after: int) -> npt.NDArray[np.intp]:
    """The indices that continue 0..side-1 by reflection at both ends, however far."""
    positions = np.arange(-before, side + after)
    if side == 1:
        return np.zeros_like(positions)
    period = 2 * (side - 1)
    positions = np.abs(positions) % period
    return np.minimum(positions, period - positions)
