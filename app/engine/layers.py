"""Keras layers that the library does not have, written with ``keras.ops`` for any backend."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable("style_transfer_art")
class ReflectionPadding2D(keras.layers.Layer):  # type: ignore[misc]  # Keras ships no types
    """Pads [batch, height, width, channels] by mirroring at the border, without repeating it.

    Zeros at the border look like a dark frame to the network, and it paints one.
    """

    def __init__(self, amount: int, **options: Any) -> None:
        super().__init__(**options)
        self.amount = amount

    def call(self, inputs: Any) -> Any:
        around = [self.amount, self.amount]
        return ops.pad(inputs, [[0, 0], around, around, [0, 0]], mode="reflect")

    def get_config(self) -> dict[str, Any]:
        return dict(super().get_config(), amount=self.amount)


@keras.saving.register_keras_serializable("style_transfer_art")
class ConditionalInstanceNormalization(keras.layers.Layer):  # type: ignore[misc]
    """Instance normalisation whose scale and shift are inputs, so that one network paints many styles.

    For activations x of shape [batch, height, width, channels], with mean and (biased) variance taken per
    picture and channel over height and width, and scale and shift of shape [batch, channels]:

        y = scale * (x - mean) / sqrt(variance + epsilon) + shift

    (Ulyanov, Vedaldi and Lempitsky 2016, "Instance Normalization", equation 1; the scale and shift chosen by
    style: Dumoulin, Shlens and Kudlur 2017, "A Learned Representation for Artistic Style", equation 5.)
    """

    def __init__(self, epsilon: float, **options: Any) -> None:
        super().__init__(**options)
        self.epsilon = epsilon

    def call(self, inputs: Any, scale: Any, shift: Any) -> Any:
        mean, variance = ops.moments(inputs, axes=[1, 2], keepdims=True)
        # One multiplication and one addition per value: the factor and the term are tiny arrays.
        factor = scale[:, None, None, :] * ops.rsqrt(variance + self.epsilon)
        term = shift[:, None, None, :] - mean * factor
        return inputs * factor + term

    def get_config(self) -> dict[str, Any]:
        return dict(super().get_config(), epsilon=self.epsilon)
