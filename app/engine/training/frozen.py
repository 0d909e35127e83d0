"""Convolutions whose kernels no longer change, by our own operations: the layers of a loss network."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from app.engine.fast import winograd
from app.engine.native import operations as native
from app.engine.training.precision import has_gpu
from app.engine.typing import Floats, Tensor


def can_be_frozen(layer: keras.layers.Layer, precision: str) -> bool:
    """Whether :class:`FrozenConvolution` computes the same as a layer, and faster."""
    return (
        isinstance(layer, keras.layers.Conv2D)
        and layer.kernel_size == (3, 3)
        and layer.strides == layer.dilation_rate == (1, 1)
        and layer.padding == "same"
        and layer.use_bias
        and keras.backend.backend() == "tensorflow"
        and not has_gpu()
        and native.available()
        and native.multiplies_better(precision)
        and all(winograd.suits_channels(count) for count in layer.kernel.shape[2:])
    )


class FrozenConvolution(keras.layers.Layer):  # type: ignore[misc]  # Keras ships no types
    """A Conv2D of 3x3 taps with zeros around it, computed by Winograd's minimal filtering.

    Only the input has a gradient. It is the same kind of convolution, with the kernel turned by 180 degrees
    and from outputs to inputs.

    Input [batch, height, width, inputs], output [batch, height, width, outputs].
    """

    def __init__(self, layer: keras.layers.Conv2D, **options: Any) -> None:
        super().__init__(**options)
        kernel: Floats = keras.ops.convert_to_numpy(layer.kernel)
        self.trainable = False
        self._outputs = kernel.shape[-1]
        self._bias = keras.ops.convert_to_numpy(layer.bias)
        self._activation = layer.activation
        self._kernel = kernel
        self._forwards = tf.constant(winograd.transform(kernel))
        self._backwards: Tensor | None = None

    def call(self, inputs: Tensor) -> Tensor:
        bias = tf.constant(self._bias, inputs.dtype)
        return self._activation(self._convolve(inputs) + bias)

    def _convolve(self, x: Tensor) -> Tensor:
        @tf.custom_gradient  # type: ignore[untyped-decorator]
        def convolve(x: Tensor) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
            def gradient(upstream: Tensor) -> Tensor:
                return native.convolve(upstream, self._turned(), "zeros", 1, 1)

            return native.convolve(x, self._forwards, "zeros", 1, 1), gradient

        return convolve(x)

    def _turned(self) -> Tensor:
        """The kernel of the gradient, made when the first gradient is computed."""
        if self._backwards is None:
            with tf.init_scope():
                turned = self._kernel[::-1, ::-1].transpose(0, 1, 3, 2)
                self._backwards = tf.constant(winograd.transform(turned))
        return self._backwards

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (*input_shape[:3], self._outputs)
