"""The project's types of arrays and tensors. Loads without TensorFlow."""

from __future__ import annotations

from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

# Pixels and masks: [height, width, 3] in RGB, or [height, width].
Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]
# The weights of checkpoints, in any precision.
AnyFloats = npt.NDArray[np.floating]


class Tensor(Protocol):
    """The common part of TensorFlow's, Keras's and NumPy's arrays.

    TensorFlow and Keras ship no types.
    """

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
# A TensorFlow dtype or its name. None stands for a default.
DType: TypeAlias = Any
