"""A convolution whose kernel no longer changes, by our own operations: a loss network is made of these."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from app.engine.fast import winograd
from app.engine.native import operations as native
from app.engine.training.precision import has_gpu
from app.engine.typing import Floats


def can_be_frozen(layer: keras.layers.Layer, precision: str) -> bool:
    """Whether :class:`FrozenConvolution` computes the same as a layer, and faster."""
    return (
        isinstance(layer, keras.layers.Conv2D)
        and layer.kernel_size == (3, 3)
        and layer.strides == layer.dilation_rate == (1, 1)
        and layer.padding == "same"
        and layer.use_bias
        and all(winograd.suits_channels(count) for count in layer.kernel.shape[2:])
        and keras.backend.backend() == "tensorflow"
        and not has_gpu()
        and native.available()
        and native.multiplies_better(precision)
    )


class FrozenConvolution(keras.layers.Layer):  # type: ignore[misc]  # Keras ships no types
    """What a Conv2D of 3x3 taps with zeros around it computes, by Winograd's minimal filtering.

    Its gradient is by the input alone, and is such a convolution too: with the kernel turned round, and from
    outputs to inputs.

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
        self._backwards: Any = None

    def call(self, inputs: Any) -> Any:
        bias = tf.constant(self._bias, inputs.dtype)
        return self._activation(self._convolve(inputs) + bias)

    def _convolve(self, x: Any) -> Any:
        @tf.custom_gradient  # type: ignore[untyped-decorator]
        def convolve(x: Any) -> Any:
            def gradient(upstream: Any) -> Any:
                return native.convolve(upstream, self._turned(), "zeros", 1, 1)

            return native.convolve(x, self._forwards, "zeros", 1, 1), gradient

        return convolve(x)

    def _turned(self) -> Any:
        """The kernel of the gradient, made once there is one."""
        if self._backwards is None:
            with tf.init_scope():
                turned = self._kernel[::-1, ::-1].transpose(0, 1, 3, 2)
                self._backwards = tf.constant(winograd.transform(turned))
        return self._backwards

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (*input_shape[:3], self._outputs)
