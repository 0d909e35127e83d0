"""Layers that Keras lacks, written with ``keras.ops`` for any backend."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from app.engine.networks.blocks import in_blocks, spread
from app.engine.typing import Tensor


@keras.saving.register_keras_serializable("style_transfer_art")
class ReflectionPadding2D(keras.layers.Layer):  # type: ignore[misc]  # Keras ships no types
    """Pads [batch, height, width, channels] by reflection: c b | a b c | b a.

    With zeros a network sees a dark frame, and paints one.
    """

    def __init__(self, amount: int, **options: Any) -> None:
        super().__init__(**options)
        self.amount = amount

    def call(self, inputs: Tensor) -> Tensor:
        around = [self.amount, self.amount]
        return ops.pad(inputs, [[0, 0], around, around, [0, 0]], mode="reflect")

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        # JAX cannot infer the shape while height and width are open.
        batch, height, width, channels = input_shape
        wider = 2 * self.amount
        return (batch, height and height + wider, width and width + wider, channels)

    def get_config(self) -> dict[str, Any]:
        return dict(super().get_config(), amount=self.amount)


@keras.saving.register_keras_serializable("style_transfer_art")
class ConditionalInstanceNormalization(keras.layers.Layer):  # type: ignore[misc]
    """Instance normalisation with scale and shift as inputs: many styles per network.

    x is [batch, height, width, channels]; scale and shift are [batch, channels]. Mean and (biased) variance
    are per picture and channel, over height and width:

        y = scale * (x - mean) / sqrt(variance + epsilon) + shift

    Without scale and shift: Ulyanov, Vedaldi and Lempitsky 2016, "Instance Normalization: The Missing
    Ingredient for Fast Stylization", equation 3. With scale and shift by style: Dumoulin, Shlens and Kudlur
    2017, "A Learned Representation for Artistic Style", equation 5.

    It computes in float32 and rounds only the result to the layer's precision. Sums over a picture in
    bfloat16 lose the differences between styles.
    """

    def __init__(self, epsilon: float, **options: Any) -> None:
        super().__init__(**dict(options, autocast=False))
        self.epsilon = epsilon

    def call(self, inputs: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
        x, scale, shift = (ops.cast(values, "float32") for values in (inputs, scale, shift))
        mean, variance = ops.moments(x, axes=[1, 2], keepdims=True)
        # One multiplication and one addition per value: the factor and the term are tiny arrays.
        factor = scale[:, None, None, :] * ops.rsqrt(variance + self.epsilon)
        term = shift[:, None, None, :] - mean * factor
        return ops.cast(x * factor + term, self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        return dict(super().get_config(), epsilon=self.epsilon)


@keras.saving.register_keras_serializable("style_transfer_art")
class DoublingConv2D(keras.layers.Layer):  # type: ignore[misc]
    """Nearest-neighbour doubling and a 3x3 convolution, in one step.

    The doubled picture is never made.

    Three taps on the doubled picture fall on two rows of the small one. Even rows 2i take (k0, k1 + k2) of
    the rows (i - 1, i); odd rows 2i + 1 take (k0 + k1, k2) of (i, i + 1). The same holds for columns. So four
    2x2 kernels on the small picture give the same sums, with 2.25 times fewer multiplications and a quarter
    of the memory. Mirroring the doubled picture by one pixel is the same as repeating the border of the small
    one; zeros around one are zeros around the other.

    Input [batch, height, width, inputs], output [batch, 2 height, 2 width, ``outputs``].
    """

    def __init__(self, outputs: int, *, reflect: bool, **options: Any) -> None:
        super().__init__(**options)
        self.outputs = outputs
        self.reflect = reflect

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        self.kernel = self.add_weight(
            name="kernel", shape=(3, 3, input_shape[-1], self.outputs), initializer="glorot_uniform"
        )

    def call(self, inputs: Tensor) -> Tensor:
        around = [[0, 0], [1, 1], [1, 1], [0, 0]]
        padded = ops.pad(inputs, around, mode="symmetric" if self.reflect else "constant")
        height, width = ops.shape(inputs)[1], ops.shape(inputs)[2]
        rows = _merge(self.kernel, axis=0)
        kernels = [kernel for row in rows for kernel in _merge(row, axis=1)]
        # One convolution makes all four phases. Each phase is cut out at its own offset.
        phases = ops.conv(padded, ops.concatenate(kernels, axis=-1), padding="valid")
        cut = [
            phases[:, top : top + height, left : left + width, channel : channel + self.outputs]
            for channel, (top, left) in zip(
                range(0, 4 * self.outputs, self.outputs), ((0, 0), (0, 1), (1, 0), (1, 1)), strict=True
            )
        ]
        return ops.depth_to_space(ops.concatenate(cut, axis=-1), 2, data_format="channels_last")

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        batch, height, width, _ = input_shape
        return (batch, height and 2 * height, width and 2 * width, self.outputs)

    def get_config(self) -> dict[str, Any]:
        return dict(super().get_config(), outputs=self.outputs, reflect=self.reflect)


def _merge(kernel: Tensor, axis: int) -> tuple[Tensor, Tensor]:
    """The kernels of length 2 along ``axis``, for even and for odd rows of the result."""
    first, middle, last = (ops.take(kernel, [tap], axis=axis) for tap in range(3))
    return (
        ops.concatenate([first, middle + last], axis=axis),
        ops.concatenate([first + middle, last], axis=axis),
    )


@keras.saving.register_keras_serializable("style_transfer_art")
class BlockConv2D(keras.layers.Layer):  # type: ignore[misc]
    """A convolution on blocks of pixels, for layers with few channels.

    A block of b x b pixels is one pixel with b * b times the channels. With tap t, row i of a block reads
    pixel row i + t. That is row (i + t) % b of block (i + t) // b; the same holds for columns. With b = 4, a
    kernel of 9x9 taps from 16 channels to 3 becomes one of 3x3 taps from 256 to 48. The sums are the same
    plus some zeros, and the kernel's gradient takes a thirtieth of the time.

    Nothing is padded: input [batch, height, width, inputs], output [batch, height - size + 1, width - size +
    1, ``outputs``]. The sides of both are multiples of ``block``.
    """

    def __init__(self, outputs: int, size: int, *, block: int, **options: Any) -> None:
        super().__init__(**options)
        self.outputs = outputs
        self.size = size
        self.block = block

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        self.kernel = self.add_weight(
            name="kernel",
            shape=(self.size, self.size, input_shape[-1], self.outputs),
            initializer="glorot_uniform",
        )

    def call(self, inputs: Tensor) -> Tensor:
        # t, u: taps; B, D: blocks; p, q: row and column in the source's block; i, j: those in the result's.
        axis = ops.convert_to_tensor(spread(in_blocks(self.size, self.block)), self.kernel.dtype)
        rows = ops.einsum("tBpi,tuco->Bpiuco", axis, self.kernel)
        kernel = ops.einsum("uDqj,Bpiuco->BDpqcijo", axis, rows)
        taps, area = kernel.shape[0], self.block**2
        kernel = ops.reshape(kernel, (taps, taps, area * inputs.shape[-1], area * self.outputs))
        blocks = ops.space_to_depth(inputs, self.block, data_format="channels_last")
        result = ops.conv(blocks, ops.cast(kernel, self.compute_dtype), padding="valid")
        return ops.depth_to_space(result, self.block, data_format="channels_last")

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        batch, height, width, _ = input_shape
        less = self.size - 1
        return (batch, height and height - less, width and width - less, self.outputs)

    def get_config(self) -> dict[str, Any]:
        return dict(super().get_config(), outputs=self.outputs, size=self.size, block=self.block)
