"""The rotation of a film."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from app.engine.typing import Pixels


@dataclass(frozen=True)
class Rotation:
    """How a coded frame becomes the shown one: swap x and y, then mirror."""

    swapped: bool = False
    mirrored_x: bool = False
    mirrored_y: bool = False

    @classmethod
    def of(cls, display_matrix: bytes) -> Rotation:
        """Read a display matrix: nine int32, which begin with a, b, -, c, d.

        A pixel at (x, y) is shown at (a x + c y, b x + d y). Other angles are rounded to quarter turns.
        """
        a, b, _, c, d = np.frombuffer(display_matrix, np.int32)[:5].tolist()
        if abs(b) + abs(c) > abs(a) + abs(d):
            return cls(swapped=True, mirrored_x=c < 0, mirrored_y=b < 0)
        return cls(mirrored_x=a < 0, mirrored_y=d < 0)

    def apply(self, pixels: Pixels) -> Pixels:
        """Rotate an array [height, width, 3]."""
        if self.swapped:
            pixels = pixels.swapaxes(0, 1)
        if self.mirrored_x:
            pixels = pixels[:, ::-1]
        if self.mirrored_y:
            pixels = pixels[::-1]
        return np.ascontiguousarray(pixels)

    def size(self, width: int, height: int) -> tuple[int, int]:
        """The shown width and height."""
        return (height, width) if self.swapped else (width, height)
