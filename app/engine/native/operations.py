"""Operations of our own for processors, compiled where there is a compiler (``build``).

Nothing depends on them: where they are missing, or the processor lacks their instructions, TensorFlow's own
operations do the same more slowly.
"""

from __future__ import annotations

import logging
from functools import cache
from typing import Any, NamedTuple

import tensorflow as tf

from app.engine.native.build import library_path
from app.engine.processor import instructions

log = logging.getLogger(__name__)

# What the slower of the two kinds of code needs.
_NEEDED = {"avx2", "fma", "f16c"}


class Normalization(NamedTuple):
    """(x - mean) / sqrt(variance + epsilon) * scale + shift (Dumoulin, Shlens and Kudlur 2017, equation 5).

    ``moments`` are mean and variance; they, ``scale`` and ``shift`` are float32 [channels] each. ``epsilon``
    keeps the root of a plain channel from zero.
    """

    moments: tuple[Any, Any]
    scale: Any
    shift: Any
    epsilon: float


@cache
def available() -> bool:
    """Whether there are such operations for this TensorFlow, and a processor for them."""
    return instructions() >= _NEEDED and _library() is not None


def multiplies_better(dtype: str) -> bool:
    """Whether ``convolve`` is faster than TensorFlow's convolution in a precision.

    It multiplies floats, and fewer of them; but AMX multiplies bfloat16 so fast that this gains nothing.
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


def _wide(avx512: bool | None) -> bool:
    return "avx512f" in instructions() if avx512 is None else avx512


def convolve(
    x: Any,
    kernels: Any,
    border: str,
    above: Any,
    below: Any,
    *,
    dtype: Any = None,
    quads: bool = False,
    avx512: bool | None = None,
) -> Any:
    """A convolution of 3x3 taps, or in quads one of 5x5, computed in floats.

    Args:
        x: float32, bfloat16 or float16 [batch, rows, columns, inputs].
        kernels: as ``app.engine.fast.winograd`` makes them, float32 [36, outputs / 16, inputs, 16].
        border: what stands beyond the border: "zeros", "mirror" or "repeat"; in quads "zeros" or "mirror
            blocks", whose channels are those of blocks of 2x2 pixels. With "none" nothing does, and the
            result is smaller.
        above: 1 or 0 for whether it does so above the first row; if not, what is there is only read.
        below: the same for the last row. To the left and right it always does.
        dtype: the result's type, if not that of ``x``; float16 for float32.
        quads: whether 2x2 pixels of ``x`` are taken together, and of the result; the kernels are for four
            times the channels.
        avx512: whether to use these instructions, by default if the processor has them.

    Returns:
        [batch, rows - 2 + above + below, columns, outputs]; in quads [batch, rows - 4 +
        2 above + 2 below, columns, outputs / 4]. With "none", columns are as many fewer as rows.

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


def moments(x: Any, channels: int, *, avx512: bool | None = None) -> tuple[Any, Any]:
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
    x: Any,
    normalization: Normalization,
    *,
    activate: bool,
    added_to: Any = None,
    dtype: Any = None,
    avx512: bool | None = None,
) -> Any:
    """Conditional instance normalisation and what follows it.

    Args:
        x: float32, bfloat16 or float16 [..., channels], or with the channels of several pixels in the last
            axis.
        normalization: how.
        activate: cut off below 0 (ReLU).
        added_to: of the shape of ``x`` and the type of the result: what it is added to.
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


def continue_picture(x: Any, before: int, after: int, border: str, above: Any, below: Any) -> Any:
    """A picture continued beyond its border.

    Args:
        x: float32 or bfloat16 [batch, rows, columns, channels].
        before: by how many rows above the first and columns left of the first.
        after: the same below and to the right.
        border: "mirror", "repeat", or "mirror blocks", whose channels are those of blocks of 2x2 pixels.
        above: 1 or 0 for whether there are rows to add above.
        below: the same below.

    Raises:
        tf.errors.InvalidArgumentError: the picture is too small for that.
    """
    return _library().continue_picture(
        x=x, above=above, below=below, before=before, after=after, border=border
    )


def blocks_to_pixels(x: Any, crop: int) -> Any:
    """Blocks of 2x2 pixels as pixels, without so many on every side.

    Takes float32 or bfloat16 [batch, rows, columns, 4 channels]; returns [batch, 2 (rows - crop),
    2 (columns - crop), channels].

    Raises:
        tf.errors.InvalidArgumentError: there are no such blocks, or too few.
    """
    return _library().blocks_to_pixels(x=x, crop=crop)
