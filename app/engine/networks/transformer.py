"""The transformation network as a Keras model.

Johnson, Alahi and Fei-Fei 2016, "Perceptual Losses for Real-Time Style Transfer and Super-Resolution"
(supplementary material: the layers), with instance instead of batch normalisation (Ulyanov, Vedaldi and
Lempitsky 2016, "Instance Normalization: The Missing Ingredient for Fast Stylization", and 2017, "Improved
Texture Networks: Maximizing Quality and Diversity in Feed-forward Stylization and Texture Synthesis") made
conditional on the style (Dumoulin, Shlens and Kudlur 2017, "A Learned Representation for Artistic Style").
Painting in one pass comes from Johnson et al. and from Ulyanov, Lebedev, Vedaldi and Lempitsky 2016,
"Texture Networks: Feed-forward Synthesis of Textures and Stylized Images".

Convolutions without bias, each followed by conditional instance normalisation; the photo is halved twice or
three times, passes residual blocks and is doubled as often; skip connections may give the doubled picture
back what was at its size on the way down.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import ops

from app.engine.networks.config import LayerSpec, NetworkConfig
from app.engine.networks.layers import (
    BlockConv2D,
    ConditionalInstanceNormalization,
    DoublingConv2D,
    ReflectionPadding2D,
)

# Within this the output in training is what is served (-1.2 gives level 2); beyond, it goes straight on.
LINEAR_FROM = 1.2
# Layers that read or make fewer channels work on blocks of so many pixels along each side.
FEW_CHANNELS = 8
BLOCK = 4


def build_transformer(
    config: NetworkConfig, *, policy: str = "float32", for_training: bool = False
) -> keras.Model:
    """Build the network with fresh weights.

    ``policy`` is what its convolutions compute in, as Keras names it: "mixed_bfloat16" keeps weights,
    statistics and the output in float32. ``for_training`` leaves the output unbounded: where it is
    bounded, a patch that is far too bright costs little and has no gradient, and networks with instance
    normalisation make such patches to set the contrast of all the rest.

    Inputs: pixels [batch, height, width, 3] in 0..255, height and width multiples of ``config.multiple`` and
    of any size, and a style vector [batch, ``config.style_size``]: per layer its scales, then its shifts.
    Output: pixels of the same shape in 0..255.
    """
    pixels = keras.Input((None, None, 3), name="pixels")
    style = keras.Input((config.style_size,), name="style")
    convolve = _Convolutions(config, style, policy)

    x = pixels / 127.5 - 1.0 if config.input_range == "unit" else pixels
    x = ops.relu(convolve(x, "conv1"))
    halved = []
    for number in range(1, config.halvings + 1):
        x = ops.relu(convolve(x, f"down{number}", strides=2))
        halved.append(x)
    x = convolve.residual(x, "res", config.residual_blocks)
    for number in range(1, config.halvings + 1):
        x = ops.relu(convolve.upwards(x, f"up{number}"))
        if number <= config.skips:
            x = x + convolve(halved[-1 - number], f"skip{number}")
        if number == 1:
            x = convolve.residual(x, "fine", config.fine_blocks)
    x = convolve(x, "out")
    output = ops.tanh(x) * 150.0 + 127.5
    if for_training:
        output = output + 150.0 * (x - ops.clip(x, -LINEAR_FROM, LINEAR_FROM))
    else:
        output = ops.clip(output, 0.0, 255.0)
    return keras.Model([pixels, style], output, name="transformer")


class _Convolutions:
    """Applies a layer of the config by its name: padding, convolution, normalisation."""

    def __init__(self, config: NetworkConfig, style: Any, policy: str) -> None:
        self.config = config
        self.style = style
        self.spans = config.style_spans
        self.policy = policy
        self.specs = {layer.name: layer for layer in config.layers}

    def __call__(self, x: Any, name: str, strides: int = 1) -> Any:
        spec = self.specs[name]
        reflect = self.config.padding == "reflect"
        if reflect:
            x = ReflectionPadding2D(spec.size // 2, name=f"{name}_pad", dtype=self.policy)(x)
        if reflect and strides == 1 and min(spec.inputs, spec.outputs) < FEW_CHANNELS:
            block = min(BLOCK, self.config.multiple)
            x = BlockConv2D(spec.outputs, spec.size, block=block, name=name, dtype=self.policy)(x)
            return self._normalize(x, spec)
        x = keras.layers.Conv2D(
            spec.outputs,
            spec.size,
            strides=strides,
            padding="valid" if reflect else "same",
            use_bias=False,
            name=name,
            dtype=self.policy,
        )(x)
        return self._normalize(x, spec)

    def residual(self, x: Any, kind: str, blocks: int) -> Any:
        """Through residual blocks (He, Zhang, Ren and Sun 2016), without ReLU after the addition."""
        for block in range(1, blocks + 1):
            inside = ops.relu(self(x, f"{kind}{block}_a"))
            x = x + self(inside, f"{kind}{block}_b")
        return x

    def upwards(self, x: Any, name: str) -> Any:
        """Double height and width."""
        spec = self.specs[name]
        if self.config.upsampling == "nearest":
            double = DoublingConv2D(
                spec.outputs, reflect=self.config.padding == "reflect", name=name, dtype=self.policy
            )
        else:
            double = keras.layers.Conv2DTranspose(
                spec.outputs,
                spec.size,
                strides=2,
                padding="same",
                use_bias=False,
                name=name,
                dtype=self.policy,
            )
        return self._normalize(double(x), spec)

    def _normalize(self, x: Any, spec: LayerSpec) -> Any:
        scale, shift = (self.style[:, span] for span in self.spans[spec.name])
        policy = "float32" if spec.name == "out" else self.policy
        layer = ConditionalInstanceNormalization(self.config.epsilon, name=f"{spec.name}_norm", dtype=policy)
        return layer(x, scale=scale, shift=shift)


def load_kernels(model: keras.Model, config: NetworkConfig, kernels: Mapping[str, np.ndarray]) -> None:
    """Put kernels of shape [size, size, inputs, outputs], by layer name, into the model."""
    for spec in config.layers:
        load_kernel(model, spec, kernels[spec.name])


def load_kernel(model: keras.Model, spec: LayerSpec, kernel: np.ndarray) -> None:
    """Put one layer's kernel of shape [size, size, inputs, outputs] into the model."""
    layer = model.get_layer(spec.name)
    if isinstance(layer, keras.layers.Conv2DTranspose):
        kernel = kernel.transpose(0, 1, 3, 2)
    layer.set_weights([kernel])
