"""The configuration of a transformation network. Loads without TensorFlow."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

LayerKind = Literal["entry", "halving", "residual", "doubling", "skip", "exit"]


@dataclass(frozen=True)
class LayerSpec:
    """One convolution with its normalisation.

    ``name`` is the layer's name in checkpoint files. ``level`` counts the halvings of its result: a picture
    of [height, width] is [height / 2 ** level, width / 2 ** level] there.
    """

    name: str
    kind: LayerKind
    level: int
    size: int
    inputs: int
    outputs: int

    @property
    def kernel_shape(self) -> tuple[int, int, int, int]:
        """[size, size, inputs, outputs]."""
        return (self.size, self.size, self.inputs, self.outputs)

    @property
    def stride(self) -> int:
        """2 where the layer halves height and width, else 1."""
        return 2 if self.kind == "halving" else 1

    @property
    def kernel_level(self) -> int:
        """The level at which the kernel runs; for a doubling, that of its source."""
        return self.level + 1 if self.kind == "doubling" else self.level


@dataclass(frozen=True)
class NetworkConfig:
    """The options of the architecture of Johnson et al. 2016, for two families.

    The house networks pad by reflection, enlarge by nearest neighbour and take pixels in -1..1; the
    published fast-style-transfer networks pad with zeros, use transposed convolutions and take 0..255.
    """

    base_width: int = 32
    # How often the photo is halved before the residual blocks; each halving doubles the channels.
    halvings: int = 2
    residual_blocks: int = 5
    padding: Literal["reflect", "zeros"] = "reflect"
    upsampling: Literal["nearest", "transposed"] = "nearest"
    input_range: Literal["unit", "bytes"] = "unit"
    epsilon: float = 1e-3
    # The number of doublings with a skip connection (Ronneberger, Fischer and Brox 2015, "U-Net"): doubled +
    # convolution(halved picture of the same size). Three halvings lose fine outlines; skips bring them back.
    skips: int = 0
    # Residual blocks after the first doubling, for detail that the smallest picture cannot hold.
    fine_blocks: int = 0

    def check(self) -> None:
        """Check values that come from a file.

        Raises:
            ValueError: this engine cannot build one of them; the message names it.
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

    @cached_property
    def layers(self) -> tuple[LayerSpec, ...]:
        """Every convolution in the order in which a picture passes it."""
        width, count = self.base_width, self.halvings
        halvings = [
            LayerSpec(f"down{level}", "halving", level, 3, width << (level - 1), width << level)
            for level in range(1, count + 1)
        ]
        doublings: list[LayerSpec] = []
        for number in range(1, count + 1):
            level = count - number
            channels = width << level
            doublings.append(LayerSpec(f"up{number}", "doubling", level, 3, 2 * channels, channels))
            if number <= self.skips:
                doublings.append(LayerSpec(f"skip{number}", "skip", level, 3, channels, channels))
            if number == 1:
                doublings += _residual("fine", self.fine_blocks, level, channels)
        return (
            LayerSpec("conv1", "entry", 0, 9, 3, width),
            *halvings,
            *_residual("res", self.residual_blocks, count, width << count),
            *doublings,
            LayerSpec("out", "exit", 0, 9, width, 3),
        )

    @property
    def style_size(self) -> int:
        """How many numbers make a style: a scale and a shift per normalised channel."""
        return 2 * sum(layer.outputs for layer in self.layers)

    @property
    def style_spans(self) -> dict[str, tuple[slice, slice]]:
        """The slices of a style with a layer's scales and its shifts, by layer name."""
        spans = {}
        start = 0
        for layer in self.layers:
            middle, end = start + layer.outputs, start + 2 * layer.outputs
            spans[layer.name] = (slice(start, middle), slice(middle, end))
            start = end
        return spans

    def multiply_adds(self, height: int, width: int) -> int:
        """The multiplications of the convolutions for a picture, without normalisation.

        It counts the fewest that do the work. Doubling by nearest neighbour is four 2x2 kernels on the small
        picture. A transposed convolution multiplies once for each tap.
        """
        total = 0
        for layer in self.layers:
            area = (height * width) >> 2 * layer.kernel_level
            nearest = layer.kind == "doubling" and self.upsampling == "nearest"
            taps = 16 if nearest else layer.size**2
            total += area * taps * layer.inputs * layer.outputs
        return total

    @property
    def multiple(self) -> int:
        """The sides of a picture must be multiples of this."""
        return 1 << self.halvings

    @property
    def least_side(self) -> int:
        """The least side with enough pixels for every reflection inside the network."""
        return max(16, 2 * self.multiple) if self.padding == "reflect" else 2 * self.multiple


def _residual(prefix: str, blocks: int, level: int, channels: int) -> list[LayerSpec]:
    """The two convolutions of each residual block."""
    return [
        LayerSpec(f"{prefix}{block}_{half}", "residual", level, 3, channels, channels)
        for block in range(1, blocks + 1)
        for half in "ab"
    ]


PUBLISHED = NetworkConfig(base_width=32, padding="zeros", upsampling="transposed", input_range="bytes")
