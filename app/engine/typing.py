"""The types of arrays and tensors that the project shares. Loads without TensorFlow."""

from __future__ import annotations

from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

# Pixels and masks: [height, width, 3] in RGB, or [height, width].
Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]
# Of any precision: the weights of checkpoints.
AnyFloats = npt.NDArray[np.floating]


class Tensor(Protocol):
    """What TensorFlow, Keras backends and NumPy have in common. TensorFlow and Keras ship no types."""

    @property
    def shape(self) -> Any: ...

    @property
    def dtype(self) -> Any: ...

    def __getitem__(self, key: Any, /) -> Any: ...

    def __add__(self, other: Any, /) -> Any: ...

    def __radd__(self, other: Any, /) -> Any: ...

    def __sub__(self, other: Any, /) -> Any: ...

    def __mul__(self, other: Any, /) -> Any: ...

    def __rmul__(self, other: Any, /) -> Any: ...

    def __truediv__(self, other: Any, /) -> Any: ...

    def __floordiv__(self, other: Any, /) -> Any: ...

    def __mod__(self, other: Any, /) -> Any: ...


# Mean and (biased) variance per channel, float32 [channels] each.
Moments = tuple[Tensor, Tensor]
# TensorFlow's type of numbers, or the name of one. None stands for a default.
DType: TypeAlias = Any
