"""Kernels of 3x3 taps, transformed for Winograd's minimal filtering.

F(4x4, 3x3) makes 4x4 results by 36 multiplications instead of 144: Winograd 1980, "Arithmetic Complexity of
Computations"; Lavin and Gray 2016, "Fast Algorithms for Convolutional Neural Networks", section 4. The
compiled library convolves with them (``native/winograd.cc``); it also says which layers it can compute.
"""

from __future__ import annotations

import numpy as np

from app.engine.fast.rewriting import Convolution, place_taps, same_size
from app.engine.native import operations as native
from app.engine.typing import Floats

# The matrix G of F(4x4, 3x3).
_TRANSFORM = np.array(
    [
        [1 / 4, 0, 0],
        [-1 / 6, -1 / 6, -1 / 6],
        [-1 / 6, 1 / 6, -1 / 6],
        [1 / 24, 1 / 12, 1 / 6],
        [1 / 24, -1 / 12, 1 / 6],
        [0, 0, 1],
    ]
)


def suits(layer: Convolution) -> bool:
    """Whether the library can compute a layer by F(4x4, 3x3)."""
    rows, columns, inputs, outputs = layer.kernel.shape
    return (
        (rows, columns, layer.stride, layer.before, layer.after) == (3, 3, 1, 1, 1)
        and not layer.doubled
        and layer.border in native.limits().borders
        and suits_channels(inputs)
        and outputs % native.limits().panel == 0
    )


def suits_quads(layer: Convolution) -> bool:
    """Whether the library can compute a layer of 5x5 taps in quads.

    A quad is 2x2 pixels, or blocks, taken together. A layer in quads has 3x3 taps. That makes more
    multiplications than 5x5 taps, but F(4x4, 3x3) needs only a fourth of them.
    """
    rows, columns, inputs, outputs = layer.kernel.shape
    return (
        (rows, columns, layer.stride, layer.before, layer.after) == (5, 5, 1, 2, 2)
        and layer.border in native.limits().quad_borders
        and suits_channels(4 * inputs)
        and 4 * outputs % native.limits().panel == 0
    )


def suits_channels(inputs: int) -> bool:
    """Whether a layer can read ``inputs`` channels."""
    return inputs % native.limits().panel == 0 and inputs <= native.limits().most_inputs


def transform(kernel: Floats) -> Floats:
    """G g G^T for each pair of channels of a kernel [3, 3, inputs, outputs].

    Returns [36, outputs / panel, inputs, panel].
    """
    inputs, outputs = kernel.shape[2:]
    panel = native.limits().panel
    wide = np.kron(_TRANSFORM, _TRANSFORM) @ kernel.reshape(9, inputs * outputs).astype(np.float64)
    panels = wide.astype(np.float32).reshape(36, inputs, outputs // panel, panel).transpose(0, 2, 1, 3)
    return np.ascontiguousarray(panels)


def transform_quads(kernel: Floats) -> Floats:
    """A kernel [5, 5, inputs, outputs] for quads.

    Returns [36, 4 outputs / panel, 4 inputs, panel].
    """
    return transform(place_taps(kernel, same_size(5)))
