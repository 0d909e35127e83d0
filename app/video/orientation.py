"""Which way up a film is shown."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from app.engine.typing import Pixels


@dataclass(frozen=True)
class Turn:
    """How a coded frame becomes the shown one: x and y swapped, then mirrored."""

    swapped: bool = False
    mirrored_x: bool = False
    mirrored_y: bool = False

    @classmethod
    def of(cls, display_matrix: bytes) -> Turn:
        """Read a display matrix: nine int32, of which the first two of two rows turn, a, b, -, c, d.

        A pixel at x, y is shown at a x + c y, b x + d y. Turns by other angles than quarters are taken to the
        nearest one.
        """
        a, b, _, c, d = np.frombuffer(display_matrix, np.int32)[:5].tolist()
        if abs(b) + abs(c) > abs(a) + abs(d):
            return cls(swapped=True, mirrored_x=c < 0, mirrored_y=b < 0)
        return cls(mirrored_x=a < 0, mirrored_y=d < 0)

    def apply(self, pixels: Pixels) -> Pixels:
        """Turn an array [height, width, 3]."""
        if self.swapped:
            pixels = pixels.swapaxes(0, 1)
        if self.mirrored_x:
            pixels = pixels[:, ::-1]
        if self.mirrored_y:
            pixels = pixels[::-1]
        return np.ascontiguousarray(pixels)

    def size(self, width: int, height: int) -> tuple[int, int]:
        """Width and height as shown."""
        return (height, width) if self.swapped else (width, height)
