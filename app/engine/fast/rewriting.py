"""Rewrites kernels, exactly, to suit a processor's vectors. NumPy only.

At full size the network has few channels, and a convolution over few channels leaves most of a vector unit
idle. So a picture of [height, width, channels] is kept as *blocks* of 2x2 pixels: [height / 2, width / 2,
4 channels], in the order row in the block, column in the block, channel. Every convolution that reads or
writes full size runs over blocks. Its sums stay the same: its taps move to other offsets in a kernel with
four times the channels (the space-to-depth identity; Shi et al. 2016, "Is the deconvolution layer the same as
a convolutional layer?", section 2). The first halving reads blocks and writes pixels, so nothing at full size
has stride 2. A doubling reads pixels and writes blocks, so the doubled picture is never made.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from app.engine.networks.blocks import Tap, in_blocks, spread
from app.engine.networks.config import LayerSpec, NetworkConfig
from app.engine.typing import Floats

Border = Literal["zeros", "mirror", "repeat", "mirror blocks", "none"]
# No pixel is larger, and no normalised activation: it would lie a hundred deviations from the mean.
MOST_LEVEL = 255.0
MOST_NORMALIZED = 128.0


@dataclass(frozen=True)
class Convolution:
    """A rewritten layer.

    ``before`` and ``after``: the source rows (of pixels or blocks) that the kernel reads beyond the first and
    the last row. ``border``: what it reads there. ``blocks``: the result is in blocks. ``doubled``: the
    blocks become pixels at once. ``shifted``: the blocks begin and end one pixel outside the picture.
    """

    name: str
    kernel: Floats
    stride: int
    before: int
    after: int
    border: Border
    blocks: bool = False
    doubled: bool = False
    shifted: bool = False

    @property
    def phases(self) -> int:
        """The pixels of a block, which share statistics; 0 if the result is in pixels."""
        return 4 if self.blocks and not self.doubled else 0

    def source_rows(self, start: int, stop: int) -> tuple[int, int]:
        """The source rows for the result's rows ``start`` to ``stop`` (excluded)."""
        rows = stop - start + (1 if self.shifted else 0)
        first = start * self.stride - self.before
        return first, first + (rows - 1) * self.stride + len(self.kernel)


def rewrite(config: NetworkConfig, kernels: Mapping[str, Floats]) -> dict[str, Convolution]:
    """A network's convolutions by layer, from kernels [size, size, inputs, outputs]."""
    return {
        layer.name: _rewrite(config, layer, kernels[layer.name].astype(np.float32)) for layer in config.layers
    }


def _rewrite(config: NetworkConfig, layer: LayerSpec, kernel: Floats) -> Convolution:
    reflect = config.padding == "reflect"
    mirror: Border = "mirror" if reflect else "zeros"
    repeat: Border = "repeat" if reflect else "zeros"
    if layer.kind == "entry":
        kernel = kernel / np.float32(127.5) if config.input_range == "unit" else kernel
        return Convolution(
            layer.name, place_taps(kernel, same_size(layer.size)), 1, 2, 2, "none", blocks=True
        )
    if layer.kind == "exit":
        border: Border = "mirror blocks" if reflect else "zeros"
        return Convolution(
            layer.name, place_taps(kernel, same_size(layer.size)), 1, 2, 2, border, blocks=True
        )
    if layer.kind == "doubling":
        return _rewrite_doubling(config, layer, kernel, repeat)
    if layer.kind == "halving":
        before, after = (1, 0) if reflect else (0, 1)
        if layer.level == 1:
            return Convolution(
                layer.name, place_taps(kernel, _halving(first=-before)), 1, before, after, repeat
            )
        return Convolution(layer.name, kernel, 2, before, after, mirror)
    return Convolution(layer.name, kernel, 1, 1, 1, mirror)


def _rewrite_doubling(config: NetworkConfig, layer: LayerSpec, kernel: Floats, border: Border) -> Convolution:
    nearest, last = config.upsampling == "nearest", layer.level == 0
    # Shifted blocks need fewer multiplications, but they have to become pixels at once.
    taps = _transposed() if not nearest else _doubling() if last else _doubling_shifted()
    return Convolution(
        layer.name,
        place_taps(kernel, taps),
        stride=1,
        before=1,
        after=1 if nearest else 0,
        border=border,
        blocks=True,
        doubled=not last,
        shifted=nearest and not last,
    )


def fits_float16(config: NetworkConfig, layers: Mapping[str, Convolution]) -> bool:
    """Whether every layer's results fit into float16.

    A result is at most sum(|kernel|) times the largest number that the kernel reads.
    """
    most = float(np.finfo(np.float16).max)
    for layer in config.layers:
        gain = float(abs(layers[layer.name].kernel).sum((0, 1, 2)).max())
        if gain * (MOST_LEVEL if layer.kind == "entry" else MOST_NORMALIZED) >= most:
            return False
    return True


def place_taps(kernel: Floats, taps: Iterable[Tap]) -> Floats:
    """A kernel [size, size, inputs, outputs] with its taps moved to act on blocks.

    Returns [offsets, offsets, blocks-in x inputs, blocks-out x outputs]. Taps at the same offset add up.
    """
    axis = spread(taps)
    offsets, source, result = axis.shape[1:]
    # s, t: taps; y, x: offsets; b, c: row and column in the source's block; p, q: those in the result's.
    placed = np.einsum("sybp,txcq,stio->yxbcipqo", axis, axis, kernel, optimize=True)
    inputs, outputs = kernel.shape[2:]
    return np.ascontiguousarray(
        placed.reshape(offsets, offsets, source * source * inputs, result * result * outputs)
    )


def same_size(size: int) -> Iterable[Tap]:
    """Blocks to blocks: row 2J + a reads row 2J + a + t for t around 0."""
    return in_blocks(size, 2, first=-(size // 2))


def _halving(first: int) -> Iterable[Tap]:
    """Blocks to pixels, 3 taps: row J reads rows 2J + first onwards."""
    for tap in range(3):
        row = first + tap
        yield tap, row // 2, row % 2, 0


def _doubling() -> Iterable[Tap]:
    """Pixels to blocks by nearest neighbour, then 3 taps.

    Doubled row 2J + a + t is source row J + floor((a + t) / 2). Two of three taps fall on one row and add up.
    """
    for tap in range(3):
        for row_out in (0, 1):
            yield tap, (row_out + tap - 1) // 2, 0, row_out


def _doubling_shifted() -> Iterable[Tap]:
    """Pixels to shifted blocks by nearest neighbour, then 3 taps.

    Doubled row 2J - 1 + a reads only the source rows J - 1 and J.
    """
    for tap in range(3):
        for row_out in (0, 1):
            yield tap, (row_out + tap - 2) // 2, 0, row_out


def _transposed() -> Iterable[Tap]:
    """Pixels to blocks by a transposed convolution of stride 2 and 3 taps.

    Row J adds its tap t to row 2J + t of the result.
    """
    for tap in range(3):
        yield tap, -(tap // 2), 0, tap % 2
