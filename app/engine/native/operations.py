"""Calls our native operations for processors, which ``build`` compiles.

They are optional. Without them, or on a processor without their instructions, TensorFlow's operations compute
the same more slowly.
"""

from __future__ import annotations

import ctypes
import json
import logging
from functools import cache
from typing import Any, NamedTuple

import tensorflow as tf

from app.engine.native.build import library_path
from app.engine.processor import instructions
from app.engine.typing import DType, Moments, Tensor

log = logging.getLogger(__name__)

# The instructions that the AVX2 code needs.
_NEEDED = {"avx2", "fma", "f16c"}


class Normalization(NamedTuple):
    """(x - mean) / sqrt(variance + epsilon) * scale + shift.

    Dumoulin, Shlens and Kudlur 2017, equation 5.

    ``moments`` is (mean, variance). Mean, variance, ``scale`` and ``shift`` are float32 [channels] each.
    ``epsilon`` avoids a division by zero where a channel is constant.
    """

    moments: Moments
    scale: Tensor
    shift: Tensor
    epsilon: float


class Limits(NamedTuple):
    """What ``convolve`` can compute.

    ``panel``: channels are multiples of it, and kernels are stored in panels of so many outputs.
    ``most_inputs``: the most channels that a layer may read; with quads, count four times those of ``x``.
    ``borders``, ``quad_borders``: the borders that it supports, without and with quads.
    """

    panel: int
    most_inputs: int
    borders: frozenset[str]
    quad_borders: frozenset[str]


@cache
def available() -> bool:
    """Whether the operations are compiled and the processor can run them."""
    return instructions() >= _NEEDED and _library() is not None


def multiplies_better(dtype: str) -> bool:
    """Whether ``convolve`` is faster than TensorFlow in this precision.

    It makes fewer multiplications, in float32. With AMX, TensorFlow's bfloat16 is as fast.
    """
    return dtype == "float32" or "amx_bf16" not in instructions()


@cache
def _library() -> Any:
    path = library_path()
    if not path.exists():
        return None
    try:
        return tf.load_op_library(str(path))
    except (OSError, RuntimeError, tf.errors.OpError) as error:
        log.warning("The operations in %s cannot be used: %s", path, error)
        return None


@cache
def limits() -> Limits:
    """The limits that the compiled library reports; requires ``available()``."""
    _library()  # loads the library, which needs TensorFlow's symbols
    describe = ctypes.CDLL(str(library_path())).style_transfer_art_limits
    describe.restype = ctypes.c_char_p
    values = json.loads(describe())
    return Limits(
        values["panel"],
        values["most_inputs"],
        frozenset(values["borders"]),
        frozenset(values["quad_borders"]),
    )


def _wide(avx512: bool | None) -> bool:
    return "avx512f" in instructions() if avx512 is None else avx512


def convolve(
    x: Tensor,
    kernels: Tensor,
    border: str,
    above: Tensor | int,
    below: Tensor | int,
    *,
    dtype: DType = None,
    quads: bool = False,
    avx512: bool | None = None,
) -> Tensor:
    """A convolution of 3x3 taps, or with quads of 5x5, computed in float32.

    Args:
        x: float32, bfloat16 or float16 [batch, rows, columns, inputs].
        kernels: as ``app.engine.fast.winograd`` makes them, float32 [36, outputs / panel, inputs, panel].
        border: how to pad, one of ``limits``. "mirror blocks" mirrors the pixels of blocks of 2x2. "none"
            does not pad, so the result is smaller.
        above: 1 to pad ``x`` above its first row, 0 to only read that row.
        below: the same for the last row. Left and right are always padded.
        dtype: the result's type, by default that of ``x``. float32 may become float16.
        quads: whether to take 2x2 pixels of ``x`` and of the result together; kernels are for four times the
            channels.
        avx512: whether to use AVX-512, by default if the processor has it.

    Returns:
        [batch, rows - 2 + above + below, columns, outputs]; with quads [batch, rows - 4 + 2 above + 2 below,
        columns, outputs / 4]. With "none", columns shrink like rows.

    Raises:
        tf.errors.InvalidArgumentError: ``x`` and ``kernels`` do not fit.
    """
    return _library().winograd_convolution(
        source=x,
        kernels=kernels,
        above=above,
        below=below,
        T=dtype or x.dtype,
        border=border,
        quads=quads,
        avx512=_wide(avx512),
    )


def moments(x: Tensor, channels: int, *, avx512: bool | None = None) -> Moments:
    """Mean and biased variance of each channel, float32 [channels] each.

    Args:
        x: float32, bfloat16 or float16 [..., channels], or with the channels of several pixels in the last
            axis.
        channels: how many there are.
        avx512: as for ``convolve``.

    Raises:
        tf.errors.InvalidArgumentError: ``x`` is empty, or has no whole number of pixels.
    """
    result = _library().channel_moments(x=x, channels=channels, avx512=_wide(avx512))
    return result.mean, result.variance


def normalize(
    x: Tensor,
    normalization: Normalization,
    *,
    activate: bool,
    added_to: Tensor | None = None,
    dtype: DType = None,
    avx512: bool | None = None,
) -> Tensor:
    """Conditional instance normalisation, then ReLU or addition.

    Args:
        x: float32, bfloat16 or float16 [..., channels], or with the channels of several pixels in the last
            axis.
        normalization: how.
        activate: whether ReLU follows.
        added_to: added to the result; it has the shape of ``x`` and the type of the result.
        dtype: the result's type, if not that of ``x``: float32.
        avx512: as for ``convolve``.

    Returns:
        The shape of ``x``.

    Raises:
        tf.errors.InvalidArgumentError: the shapes do not fit.
    """
    mean, variance = normalization.moments
    return _library().instance_normalization(
        x=x,
        mean=mean,
        variance=variance,
        scale=normalization.scale,
        shift=normalization.shift,
        before=[] if added_to is None else [added_to],
        T=dtype or x.dtype,
        epsilon=normalization.epsilon,
        activate=activate,
        avx512=_wide(avx512),
    )


def continue_picture(
    x: Tensor, before: int, after: int, border: str, above: Tensor | int, below: Tensor | int
) -> Tensor:
    """The picture padded beyond its border.

    Args:
        x: float32 or bfloat16 [batch, rows, columns, channels].
        before: the number of rows to add above, and of columns to add left.
        after: the same below and to the right.
        border: "mirror", "repeat", or "mirror blocks", which mirrors the pixels of blocks of 2x2.
        above: 1 to add rows above, 0 to add none.
        below: the same below.

    Raises:
        tf.errors.InvalidArgumentError: the picture is too small for that.
    """
    return _library().continue_picture(
        x=x, above=above, below=below, before=before, after=after, border=border
    )


def blocks_to_pixels(x: Tensor, crop: int) -> Tensor:
    """Blocks of 2x2 pixels as pixels, without ``crop`` pixels on every side.

    Takes float32 or bfloat16 [batch, rows, columns, 4 channels]; returns [batch, 2 (rows - crop),
    2 (columns - crop), channels].

    Raises:
        tf.errors.InvalidArgumentError: there are no such blocks, or too few.
    """
    return _library().blocks_to_pixels(x=x, crop=crop)
