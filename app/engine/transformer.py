"""The transformation network as a Keras model.

Johnson, Alahi and Fei-Fei 2016, "Perceptual Losses for Real-Time Style Transfer and Super-Resolution"
(supplementary material: the layers), with instance normalisation (Ulyanov et al. 2016) made
conditional on the style (Dumoulin et al. 2017). Sixteen convolutions without bias, each followed by
conditional instance normalisation; the photo is halved twice, passes five residual blocks and is
doubled twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import ops

from app.engine.config import LayerSpec, NetworkConfig
from app.engine.layers import ConditionalInstanceNormalization, DoublingConv2D, ReflectionPadding2D


def build_transformer(config: NetworkConfig) -> keras.Model:
    """Build the network with fresh weights.

    Inputs: pixels [batch, height, width, 3] in 0..255, height and width multiples of 4 and of any size,
    and a style vector [batch, ``config.style_size``]: per layer its scales, then its shifts.
    Output: pixels of the same shape in 0..255.
    """
    pixels = keras.Input((None, None, 3), name="pixels")
    style = keras.Input((config.style_size,), name="style")
    rows = _StyleRows(config, style)
    convolve = _Convolutions(config, rows)

    x = pixels / 127.5 - 1.0 if config.input_range == "unit" else pixels
    x = ops.relu(convolve(x, "conv1"))
    x = ops.relu(convolve(x, "down1", strides=2))
    x = ops.relu(convolve(x, "down2", strides=2))
    for block in range(1, config.residual_blocks + 1):
        residual = ops.relu(convolve(x, f"res{block}_a"))
        x = x + convolve(residual, f"res{block}_b")
    x = ops.relu(convolve.upwards(x, "up1"))
    x = ops.relu(convolve.upwards(x, "up2"))
    x = convolve(x, "out")
    output = ops.clip(ops.tanh(x) * 150.0 + 127.5, 0.0, 255.0)
    return keras.Model([pixels, style], output, name="transformer")


class _StyleRows:
    """Cuts the style vector into the scale and shift of each layer."""

    def __init__(self, config: NetworkConfig, style: Any) -> None:
        self.rows: dict[str, tuple[Any, Any]] = {}
        start = 0
        for layer in config.layers:
            middle, end = start + layer.outputs, start + 2 * layer.outputs
            self.rows[layer.name] = (style[:, start:middle], style[:, middle:end])
            start = end


class _Convolutions:
    """Applies a layer of the config by its name: padding, convolution, normalisation."""

    def __init__(self, config: NetworkConfig, rows: _StyleRows) -> None:
        self.config = config
        self.rows = rows
        self.specs = {layer.name: layer for layer in config.layers}

    def __call__(self, x: Any, name: str, strides: int = 1) -> Any:
        spec = self.specs[name]
        reflect = self.config.padding == "reflect"
        if reflect:
            x = ReflectionPadding2D(spec.size // 2, name=f"{name}_pad")(x)
        x = keras.layers.Conv2D(
            spec.outputs,
            spec.size,
            strides=strides,
            padding="valid" if reflect else "same",
            use_bias=False,
            name=name,
        )(x)
        return self._normalize(x, spec)

    def upwards(self, x: Any, name: str) -> Any:
        """Double height and width."""
        spec = self.specs[name]
        if self.config.upsampling == "nearest":
            double = DoublingConv2D(spec.outputs, reflect=self.config.padding == "reflect", name=name)
        else:
            double = keras.layers.Conv2DTranspose(
                spec.outputs, spec.size, strides=2, padding="same", use_bias=False, name=name
            )
        return self._normalize(double(x), spec)

    def _normalize(self, x: Any, spec: LayerSpec) -> Any:
        scale, shift = self.rows.rows[spec.name]
        layer = ConditionalInstanceNormalization(self.config.epsilon, name=f"{spec.name}_norm")
        return layer(x, scale=scale, shift=shift)


def load_kernels(model: keras.Model, config: NetworkConfig, kernels: Mapping[str, np.ndarray]) -> None:
    """Put kernels of shape [size, size, inputs, outputs], by layer name, into the model."""
    for spec in config.layers:
        layer = model.get_layer(spec.name)
        kernel = kernels[spec.name]
        if isinstance(layer, keras.layers.Conv2DTranspose):
            kernel = kernel.transpose(0, 1, 3, 2)
        layer.set_weights([kernel])
