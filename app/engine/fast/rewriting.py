"""The same network with other kernels: exact rewritings that suit a processor's vectors. NumPy only.

At full size the network has few channels, and a convolution over few channels leaves most of a vector unit
idle. A picture of [height, width, channels] is therefore kept as *blocks* of 2x2 pixels, [height / 2,
width / 2, 4 channels] (channel order: row in the block, column in the block, channel), and every convolution
that reads or writes full size becomes one over blocks, with the same sums: its taps only find other places
in a kernel with four times the channels (the space-to-depth identity; Shi et al. 2016, "Is the deconvolution
layer the same as a convolutional layer?", section 2). Halving reads blocks and writes pixels, so that nothing
at full size has stride 2; doubling reads pixels and writes blocks, so that the doubled picture is never made.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from app.engine.networks.config import NetworkConfig

Kernel = npt.NDArray[np.float32]
# Along one axis: (tap of the old kernel, offset in source units, place in the source's block, place in the
# result's block).
Tap = tuple[int, int, int, int]
Border = Literal["zeros", "mirror", "repeat", "mirror blocks", "none"]


@dataclass(frozen=True)
class Convolution:
    """A rewritten layer: how its kernel reads the source.

    ``before`` and ``after`` count the source's rows (of pixels or blocks) that the kernel reaches beyond the
    first and the last, and ``border`` says what stands there. ``blocks`` tells that the result is in blocks,
    of which ``doubled`` makes pixels at once. Blocks that are ``shifted`` begin a pixel outside the picture
    and end one outside it.
    """

    name: str
    kernel: Kernel
    stride: int
    before: int
    after: int
    border: Border
    blocks: bool = False
    doubled: bool = False
    shifted: bool = False

    def source_rows(self, start: int, stop: int) -> tuple[int, int]:
        """The source rows that the convolution's rows ``start`` to ``stop`` (excluded) are made from."""
        rows = stop - start + (1 if self.shifted else 0)
        first = start * self.stride - self.before
        return first, first + (rows - 1) * self.stride + len(self.kernel)


def rewrite(config: NetworkConfig, kernels: dict[str, Kernel]) -> dict[str, Convolution]:
    """The convolutions of a network by layer name, from kernels [size, size, inputs, outputs]."""
    reflect = config.padding == "reflect"
    names = [layer.name for layer in config.layers]
    ups = [name for name in names if name.startswith("up")]
    layers: dict[str, Convolution] = {}
    for name in names:
        kernel = kernels[name].astype(np.float32)
        if name == "conv1":
            if config.input_range == "unit":
                kernel = kernel / np.float32(127.5)
            kernel = place(kernel, same_size(len(kernel)))
            layers[name] = Convolution(name, kernel, 1, 2, 2, "none", blocks=True)
        elif name == "out":
            kernel = place(kernel, same_size(len(kernel)))
            border: Border = "mirror blocks" if reflect else "zeros"
            layers[name] = Convolution(name, kernel, 1, 2, 2, border, blocks=True)
        elif name == "down1":
            kernel = place(kernel, _halving(first=-1 if reflect else 0))
            before, after = (1, 0) if reflect else (0, 1)
            layers[name] = Convolution(name, kernel, 1, before, after, "repeat" if reflect else "zeros")
        elif name.startswith("down"):
            before, after = (1, 0) if reflect else (0, 1)
            layers[name] = Convolution(name, kernel, 2, before, after, "mirror" if reflect else "zeros")
        elif name in ups:
            nearest, last = config.upsampling == "nearest", name == ups[-1]
            # Shifted blocks need fewer multiplications, but only whole ones can go on as blocks.
            taps = _transposed() if not nearest else _doubling() if last else _doubling_shifted()
            kernel = place(kernel, taps)
            layers[name] = Convolution(
                name,
                kernel,
                1,
                1,
                1 if nearest else 0,
                "repeat" if reflect else "zeros",
                blocks=True,
                doubled=not last,
                shifted=nearest and not last,
            )
        else:
            layers[name] = Convolution(name, kernel, 1, 1, 1, "mirror" if reflect else "zeros")
    return layers


def place(kernel: Kernel, taps: Iterable[Tap]) -> Kernel:
    """Put the taps of a kernel [size, size, inputs, outputs] where they act on blocks.

    Returns [offsets, offsets, blocks-in x inputs, blocks-out x outputs]; taps that fall on one place add up.
    """
    axis = spread(taps)
    offsets, source, result = axis.shape[1:]
    # s, t: taps; y, x: offsets; b, c: places in the source's block; p, q: places in the result's.
    placed = np.einsum("sybp,txcq,stio->yxbcipqo", axis, axis, kernel, optimize=True)
    inputs, outputs = kernel.shape[2:]
    return np.ascontiguousarray(
        placed.reshape(offsets, offsets, source * source * inputs, result * result * outputs)
    )


def spread(taps: Iterable[Tap]) -> Kernel:
    """Where taps act along one axis: [taps, offsets, places in the source's block, those in the result's]."""
    taps = list(taps)
    first = min(offset for _, offset, _, _ in taps)
    shape = [max(numbers) + 1 for numbers in zip(*taps, strict=True)]
    axis = np.zeros((shape[0], shape[1] - first, *shape[2:]), np.float32)
    for tap, offset, place_in, place_out in taps:
        axis[tap, offset - first, place_in, place_out] += 1
    return axis


def same_size(size: int) -> Iterable[Tap]:
    """Blocks to blocks: row 2J + a reads row 2J + a + t for t around 0."""
    return in_blocks(size, 2, first=-(size // 2))


def in_blocks(size: int, block: int, *, first: int = 0) -> Iterable[Tap]:
    """Blocks of any length to such blocks: row bJ + a reads rows bJ + a + ``first`` onwards."""
    for tap in range(size):
        for place_out in range(block):
            row = place_out + tap + first
            yield tap, row // block, row % block, place_out


def _halving(first: int) -> Iterable[Tap]:
    """Blocks to pixels, 3 taps: row J reads rows 2J + first onwards."""
    for tap in range(3):
        row = first + tap
        yield tap, row // 2, row % 2, 0


def _doubling() -> Iterable[Tap]:
    """Pixels to blocks by nearest neighbour, then 3 taps: doubled row 2J + a + t is the source's row
    J + floor((a + t) / 2), so two of three taps fall on one row and are added up.
    """
    for tap in range(3):
        for place_out in (0, 1):
            yield tap, (place_out + tap - 1) // 2, 0, place_out


def _doubling_shifted() -> Iterable[Tap]:
    """Pixels to shifted blocks: doubled row 2J - 1 + a reads two of the source's rows only, J - 1 and J."""
    for tap in range(3):
        for place_out in (0, 1):
            yield tap, (place_out + tap - 2) // 2, 0, place_out


def _transposed() -> Iterable[Tap]:
    """Pixels to blocks by a transposed convolution of stride 2 and 3 taps: row 2J + t gets tap t of row J."""
    for tap in range(3):
        yield tap, -(tap // 2), 0, tap % 2
