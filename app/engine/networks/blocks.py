"""Moves the taps of a kernel from pixels to square blocks of pixels. NumPy only."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from app.engine.typing import Floats

# Along one axis: (tap of the kernel, offset in source units, row in the source's block, row in the result's
# block).
Tap = tuple[int, int, int, int]


def spread(taps: Iterable[Tap]) -> Floats:
    """Where taps act along one axis, 0 or 1.

    Shape [taps, offsets, rows of the source's block, rows of the result's block].
    """
    taps = list(taps)
    first = min(offset for _, offset, _, _ in taps)
    shape = [max(numbers) + 1 for numbers in zip(*taps, strict=True)]
    axis = np.zeros((shape[0], shape[1] - first, *shape[2:]), np.float32)
    for tap, offset, row_in, row_out in taps:
        axis[tap, offset - first, row_in, row_out] += 1
    return axis


def in_blocks(size: int, block: int, *, first: int = 0) -> Iterable[Tap]:
    """The taps from blocks to blocks: row i reads rows i + ``first`` onwards."""
    for tap in range(size):
        for row_out in range(block):
            row = row_out + tap + first
            yield tap, row // block, row % block, row_out
