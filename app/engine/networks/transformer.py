"""The transformation network as a Keras model.

Johnson, Alahi and Fei-Fei 2016, "Perceptual Losses for Real-Time Style Transfer and Super-Resolution"
(supplementary material: the layers), with instance instead of batch normalisation (Ulyanov, Vedaldi and
Lempitsky 2016, "Instance Normalization: The Missing Ingredient for Fast Stylization", and 2017, "Improved
Texture Networks: Maximizing Quality and Diversity in Feed-forward Stylization and Texture Synthesis") made
conditional on the style (Dumoulin, Shlens and Kudlur 2017, "A Learned Representation for Artistic Style").
Painting in one pass comes from Johnson et al. and from Ulyanov, Lebedev, Vedaldi and Lempitsky 2016,
"Texture Networks: Feed-forward Synthesis of Textures and Stylized Images".

Every convolution has no bias and is followed by conditional instance normalisation. The photo is halved two
or three times, passes residual blocks and is doubled as often. Skip connections may add the halved picture to
the doubled one of the same size.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from app.engine.networks.config import LayerSpec, NetworkConfig
from app.engine.networks.layers import (
    BlockConv2D,
    ConditionalInstanceNormalization,
    DoublingConv2D,
    ReflectionPadding2D,
)
from app.engine.networks.topology import Step, walk
from app.engine.typing import Floats, Tensor

# Between -LINEAR_FROM and LINEAR_FROM, training and serving have the same output (-1.2 gives level 2).
# Beyond, the output in training is a straight line.
LINEAR_FROM = 1.2
# Layers with fewer input or output channels work on blocks of BLOCK x BLOCK pixels.
FEW_CHANNELS = 8
BLOCK = 4


def build_transformer(
    config: NetworkConfig, *, policy: str = "float32", for_training: bool = False
) -> keras.Model:
    """Build the network with fresh weights.

    ``policy`` is the precision of the convolutions, as Keras names it: "mixed_bfloat16" keeps weights,
    statistics and the output in float32. ``for_training`` leaves the output unbounded. Networks with instance
    normalisation paint patches that are far too bright, to set the contrast of the rest. A bounded output
    gives these patches no gradient.

    Inputs: pixels [batch, height, width, 3] in 0..255, height and width multiples of ``config.multiple``, and
    a style vector [batch, ``config.style_size``]: per layer its scales, then its shifts. Output: pixels of
    the same shape in 0..255.
    """
    pixels = keras.Input((None, None, 3), name="pixels")
    style = keras.Input((config.style_size,), name="style")
    convolutions = _Convolutions(config, style, policy)

    def apply(step: Step, source: Tensor, added_to: Tensor | None) -> Tensor:
        result = convolutions.apply(source, step.layer)
        if added_to is not None:
            return added_to + result
        return ops.relu(result) if step.activates else result

    x: Any = walk(config, pixels / 127.5 - 1.0 if config.input_range == "unit" else pixels, apply)
    output = ops.tanh(x) * 150.0 + 127.5
    if for_training:
        output = output + 150.0 * (x - ops.clip(x, -LINEAR_FROM, LINEAR_FROM))
    else:
        output = ops.clip(output, 0.0, 255.0)
    return keras.Model([pixels, style], output, name="transformer")


class _Convolutions:
    """Makes the Keras layers of a network: padding, convolution, normalisation."""

    def __init__(self, config: NetworkConfig, style: Tensor, policy: str) -> None:
        self.config = config
        self.style = style
        self.spans = config.style_spans
        self.policy = policy
        self.reflect = config.padding == "reflect"

    def apply(self, x: Tensor, layer: LayerSpec) -> Tensor:
        """The normalised result of a layer, before ReLU."""
        scale, shift = (self.style[:, span] for span in self.spans[layer.name])
        policy = "float32" if layer.kind == "exit" else self.policy
        normalize = ConditionalInstanceNormalization(
            self.config.epsilon, name=f"{layer.name}_norm", dtype=policy
        )
        return normalize(self._convolve(x, layer), scale=scale, shift=shift)

    def _convolve(self, x: Tensor, layer: LayerSpec) -> Tensor:
        options = {"name": layer.name, "dtype": self.policy}
        if layer.kind == "doubling":
            return self._double(x, layer, options)
        if self.reflect:
            x = ReflectionPadding2D(layer.size // 2, name=f"{layer.name}_pad", dtype=self.policy)(x)
        if self.reflect and layer.stride == 1 and min(layer.inputs, layer.outputs) < FEW_CHANNELS:
            block = min(BLOCK, self.config.multiple)
            return BlockConv2D(layer.outputs, layer.size, block=block, **options)(x)
        padding = "valid" if self.reflect else "same"
        return keras.layers.Conv2D(
            layer.outputs, layer.size, strides=layer.stride, padding=padding, use_bias=False, **options
        )(x)

    def _double(self, x: Tensor, layer: LayerSpec, options: dict[str, str]) -> Tensor:
        """Double height and width."""
        if self.config.upsampling == "nearest":
            return DoublingConv2D(layer.outputs, reflect=self.reflect, **options)(x)
        return keras.layers.Conv2DTranspose(
            layer.outputs, layer.size, strides=2, padding="same", use_bias=False, **options
        )(x)


def load_kernels(model: keras.Model, config: NetworkConfig, kernels: Mapping[str, Floats]) -> None:
    """Put kernels [size, size, inputs, outputs], by layer name, into the model."""
    for spec in config.layers:
        load_kernel(model, spec, kernels[spec.name])


def load_kernel(model: keras.Model, spec: LayerSpec, kernel: Floats) -> None:
    """Put one layer's kernel of shape [size, size, inputs, outputs] into the model."""
    layer = model.get_layer(spec.name)
    if isinstance(layer, keras.layers.Conv2DTranspose):
        kernel = kernel.transpose(0, 1, 3, 2)
    layer.set_weights([kernel])
