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
    # How often the photo is halved, its channels doubling each time, before the residual blocks.
    halvings: int = 2
    residual_blocks: int = 5
    padding: Literal["reflect", "zeros"] = "reflect"
    upsampling: Literal["nearest", "transposed"] = "nearest"
    input_range: Literal["unit", "bytes"] = "unit"
    epsilon: float = 1e-3
    # At how many of the doublings what was there on the way down is added again, through a convolution of
    # its own: skip connections (Ronneberger, Fischer and Brox 2015, "U-Net"). What is halved three times has
    # lost where fine outlines were.
    skips: int = 0
    # Residual blocks after the first doubling, for detail that the halved picture is too small for.
    fine_blocks: int = 0

    def check(self) -> None:
        """Check values that come from a file.

        Raises:
            ValueError: one of them is nothing that this engine can build; the message names it.
        """
        right = {
            "base_width": isinstance(self.base_width, int) and 1 <= self.base_width <= 512,
            "halvings": isinstance(self.halvings, int) and 1 <= self.halvings <= 4,
            "residual_blocks": isinstance(self.residual_blocks, int) and 0 <= self.residual_blocks <= 64,
            "skips": isinstance(self.skips, int) and 0 <= self.skips < self.halvings,
            "fine_blocks": isinstance(self.fine_blocks, int)
            and 0 <= self.fine_blocks <= (64 if self.halvings > 1 else 0),
            "padding": self.padding in ("reflect", "zeros"),
            "upsampling": self.upsampling in ("nearest", "transposed"),
            "input_range": self.input_range in ("unit", "bytes"),
            "epsilon": isinstance(self.epsilon, float) and 0.0 < self.epsilon <= 1.0,
        }
        for name, fits in right.items():
            if not fits:
                raise ValueError(f"{name} cannot be {getattr(self, name)!r}")

    @property
    def layers(self) -> tuple[LayerSpec, ...]:
        """Every convolution in the order in which a picture passes it."""
        width, count = self.base_width, self.halvings
        wide = width << count
        downs = [
            LayerSpec(f"down{number}", 3, width << (number - 1), width << number)
            for number in range(1, count + 1)
        ]
        ups: list[LayerSpec] = []
        for number in range(1, count + 1):
            ups.append(LayerSpec(f"up{number}", 3, wide >> (number - 1), wide >> number))
            if number <= self.skips:
                ups.append(LayerSpec(f"skip{number}", 3, wide >> number, wide >> number))
            if number == 1:
                ups += _residual("fine", self.fine_blocks, wide >> 1)
        return (
            LayerSpec("conv1", 9, 3, width),
            *downs,
            *_residual("res", self.residual_blocks, wide),
            *ups,
            LayerSpec("out", 9, width, 3),
        )

    @property
    def style_size(self) -> int:
        """How many numbers make a style: a scale and a shift per normalised channel."""
        return 2 * sum(layer.outputs for layer in self.layers)

    @property
    def style_spans(self) -> dict[str, tuple[slice, slice]]:
        """Where in a style each layer's scales and shifts lie, by the layer's name."""
        spans = {}
        start = 0
        for layer in self.layers:
            middle, end = start + layer.outputs, start + 2 * layer.outputs
            spans[layer.name] = (slice(start, middle), slice(middle, end))
            start = end
        return spans

    def multiply_adds(self, height: int, width: int) -> int:
        """How many multiplications the convolutions take for a picture, without normalisation.

        Doubling by nearest neighbour counts as four 2x2 kernels on the small picture, a transposed
        convolution as one multiplication for each tap: as few as they can be done with.
        """
        total = 0
        area = height * width
        for layer in self.layers:
            taps = layer.size**2
            if layer.name.startswith("down"):
                area //= 4
            elif layer.name.startswith("up") and self.upsampling == "nearest":
                taps = 16
            total += area * taps * layer.inputs * layer.outputs
            if layer.name.startswith("up"):
                area *= 4
        return total

    @property
    def multiple(self) -> int:
        """What the sides of a picture must be multiples of."""
        return 1 << self.halvings

    @property
    def least_side(self) -> int:
        """The least side that every reflection inside the network can be taken from."""
        return max(16, 2 * self.multiple) if self.padding == "reflect" else 2 * self.multiple


def _residual(kind: str, blocks: int, channels: int) -> list[LayerSpec]:
    """The two convolutions of each residual block."""
    return [
        LayerSpec(f"{kind}{block}_{half}", 3, channels, channels)
        for block in range(1, blocks + 1)
        for half in "ab"
    ]


PUBLISHED = NetworkConfig(base_width=32, padding="zeros", upsampling="transposed", input_range="bytes")
