"""Kernels of 3x3 taps as Winograd's minimal filtering reads them. NumPy only.

F(4x4, 3x3) makes 4x4 results by 36 multiplications instead of 144: Winograd 1980, "Arithmetic Complexity of
Computations"; Lavin and Gray 2016, "Fast Algorithms for Convolutional Neural Networks", section 4.
``native/winograd.cc`` has what is done with them.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from app.engine.fast.rewriting import Convolution, Kernel, place, same_size

# Channels of a panel of kernels, and the most that a layer may read (native/winograd.h).
PANEL = 16
MOST_INPUTS = 512

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
    """Whether a layer can be computed so."""
    rows, columns, inputs, outputs = layer.kernel.shape
    return (
        (rows, columns, layer.stride, layer.before, layer.after) == (3, 3, 1, 1, 1)
        and not layer.doubled
        and layer.border in ("zeros", "mirror", "repeat")
        and suits_channels(inputs)
        and outputs % PANEL == 0
    )


def suits_quads(layer: Convolution) -> bool:
    """Whether a layer can be computed so once 2x2 of its pixels, or blocks, are taken together.

    It has more multiplications then than by 5x5 taps, but a fourth of them is fewer.
    """
    rows, columns, inputs, outputs = layer.kernel.shape
    return (
        (rows, columns, layer.stride, layer.before, layer.after) == (5, 5, 1, 2, 2)
        and layer.border in ("none", "zeros", "mirror blocks")
        and suits_channels(4 * inputs)
        and 4 * outputs % PANEL == 0
    )


def suits_channels(inputs: int) -> bool:
    """Whether a layer can read so many channels."""
    return inputs % PANEL == 0 and inputs <= MOST_INPUTS


def transform(kernel: Kernel) -> npt.NDArray[np.float32]:
    """G g G^T for each pair of channels of a kernel [3, 3, inputs, outputs].

    Returns [36, outputs / 16, inputs, 16].
    """
    inputs, outputs = kernel.shape[2:]
    wide = np.kron(_TRANSFORM, _TRANSFORM) @ kernel.reshape(9, inputs * outputs).astype(np.float64)
    panels = wide.astype(np.float32).reshape(36, inputs, outputs // PANEL, PANEL).transpose(0, 2, 1, 3)
    return np.ascontiguousarray(panels)


def transform_quads(kernel: Kernel) -> npt.NDArray[np.float32]:
    """A kernel [5, 5, inputs, outputs] for quads.

    Returns [36, outputs / 4, 4 inputs, 16].
    """
    return transform(place(kernel, same_size(5)))
