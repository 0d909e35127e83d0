"""What tells one transformation network from another. Loads without TensorFlow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class LayerSpec:
    """One convolution with its normalisation: the kernel has shape [size, size, inputs, outputs]."""

    name: str
    size: int
    inputs: int
    outputs: int

    @property
    def kernel_shape(self) -> tuple[int, int, int, int]:
        return (self.size, self.size, self.inputs, self.outputs)


@dataclass(frozen=True)
class NetworkConfig:
    """The arguments of the architecture of Johnson et al. 2016 in its two lines of descent.

    The house networks pad by reflection, enlarge by nearest neighbour and take pixels in -1..1; the
    published fast-style-transfer networks pad with zeros, use transposed convolutions and take 0..255.
    """

    base_width: int = 32
    residual_blocks: int = 5
    padding: Literal["reflect", "zeros"] = "reflect"
    upsampling: Literal["nearest", "transposed"] = "nearest"
    input_range: Literal["unit", "bytes"] = "unit"
    epsilon: float = 1e-3

    @property
    def layers(self) -> tuple[LayerSpec, ...]:
        """Every convolution in the order in which a picture passes it."""
        width = self.base_width
        wide = 4 * width
        residual = [
            LayerSpec(f"res{block}_{half}", 3, wide, wide)
            for block in range(1, self.residual_blocks + 1)
            for half in "ab"
        ]
        return (
            LayerSpec("conv1", 9, 3, width),
            LayerSpec("down1", 3, width, 2 * width),
            LayerSpec("down2", 3, 2 * width, wide),
            *residual,
            LayerSpec("up1", 3, wide, 2 * width),
            LayerSpec("up2", 3, 2 * width, width),
            LayerSpec("out", 9, width, 3),
        )

    @property
    def style_size(self) -> int:
        """How many numbers make a style: a scale and a shift per normalised channel."""
        return 2 * sum(layer.outputs for layer in self.layers)


PUBLISHED = NetworkConfig(base_width=32, padding="zeros", upsampling="transposed", input_range="bytes")
