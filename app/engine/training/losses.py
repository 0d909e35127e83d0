"""How far a painted picture is from its photo and from its style, and how far from being clean.

The first two in the activations of a loss network:

Gatys, Ecker and Bethge 2015, "A Neural Algorithm of Artistic Style"; Johnson, Alahi and Fei-Fei 2016,
"Perceptual Losses for Real-Time Style Transfer and Super-Resolution". Written with ``keras.ops`` alone, so
that every backend computes them. Activations come in any precision; every sum is taken in float32. Pixels are
[batch, height, width, 3], RGB, in levels of 255.
"""

from __future__ import annotations

from keras import ops

from app.engine.color import LUMA
from app.engine.typing import Tensor

# How many pixels along each side count as the border.
BORDER = 8
# Patterns that repeat every so many pixels are a network's, not a painter's: it enlarges in steps of two.
PERIOD = 4

# A photo is plain where neighbouring pixels differ by a few levels, as far as one can see from there.
PLAIN, NEARBY = 3.0, 8

# What keeps roots and quotients of plain pictures finite, in squares of levels.
_TINY = 1e-6


def gram_matrix(activations: Tensor) -> Tensor:
    """Which features appear together, wherever they are: the style of a picture.

    For activations F of shape [batch, height, width, channels], with n = channels * height * width:

        G[c, d] = sum over h, w of F[h, w, c] * F[h, w, d] / n

    (Gatys et al. 2015, equation 3, has the sum; divided by n it is Johnson et al. 2016, equation 3.) Returns
    float32 [batch, channels, channels].
    """
    shape = ops.shape(activations)
    height, width, channels = shape[1], shape[2], activations.shape[-1]
    flat = ops.reshape(ops.cast(activations, "float32"), (-1, height * width, channels))
    count = ops.cast(channels * height * width, "float32")
    return ops.matmul(ops.transpose(flat, (0, 2, 1)), flat) / count


def content_distance(painted: Tensor, photo: Tensor | float) -> Tensor:
    """The mean squared difference of two pictures' activations (Johnson et al. 2016, equation 2).

    Gatys et al. 2015, equation 1, take half of the sum instead of the mean.

    Args: two arrays [batch, height, width, channels]. Returns float32 [batch].
    """
    return ops.mean(ops.square(ops.cast(painted, "float32") - ops.cast(photo, "float32")), axis=(1, 2, 3))


def style_distance(gram: Tensor, target: Tensor) -> Tensor:
    """The squared Frobenius norm of the difference of Gram matrices (Johnson et al. 2016, equation 4).

    For pictures of one size it is four times a layer's contribution in Gatys et al. 2015, equation 4.

    Args: two arrays [batch, channels, channels]. Returns float32 [batch].
    """
    return ops.sum(ops.square(gram - target), axis=(1, 2))


def total_variation(pixels: Tensor) -> Tensor:
    """The mean absolute difference of neighbouring pixels, in the pixels' unit: small where it is smooth.

    The total variation of Rudin, Osher and Fatemi 1992, "Nonlinear Total Variation Based Noise Removal
    Algorithms", with the two directions apart; Mahendran and Vedaldi 2015, "Understanding Deep Image
    Representations by Inverting Them", regularised pictures with it that come from a network's activations,
    and Johnson et al. 2016 painted ones.

    Takes [batch, height, width, channels], returns float32 [batch].
    """
    x = ops.cast(pixels, "float32")
    down = ops.abs(x[:, 1:] - x[:, :-1])
    across = ops.abs(x[:, :, 1:] - x[:, :, :-1])
    return ops.mean(down, axis=(1, 2, 3)) + ops.mean(across, axis=(1, 2, 3))


def variation_where_plain(painted: Tensor, photo: Tensor) -> Tensor:
    """How rough pictures are where their photos are plain, in levels: what a pattern on a plain wall is.

    The total variation of the painted picture, pixel by pixel, weighed by exp(-r / 3), where r is the mean
    total variation of the photo within 8 pixels. Without a plain spot in the photo it is 0.

    Takes two arrays of pixels, whose sides are at least 17. Returns float32 [batch].
    """
    nearby = ops.average_pool(_variations(photo), 2 * NEARBY + 1, strides=1, padding="same")
    return ops.mean(_variations(painted) * ops.exp(-nearby / PLAIN), axis=(1, 2, 3))


def _variations(pixels: Tensor) -> Tensor:
    """How far each pixel is from the next below and to the right, float32 [batch, height, width, 1]."""
    x = ops.cast(pixels, "float32")
    down = ops.pad(ops.abs(x[:, 1:] - x[:, :-1]), ((0, 0), (0, 1), (0, 0), (0, 0)))
    across = ops.pad(ops.abs(x[:, :, 1:] - x[:, :, :-1]), ((0, 0), (0, 0), (0, 1), (0, 0)))
    return ops.mean(down + across, axis=-1, keepdims=True)


def border_excess(painted: Tensor, photo: Tensor) -> Tensor:
    """How much rougher pictures are along their border than inside, compared with their photos.

    The mean gradient of the outer 8 pixels over that of the inside, divided by the same ratio of the photo: 1
    where the border is painted like the rest, more where lines run along it, less where it is calmer.

    Takes two arrays of pixels, whose sides are longer than 16. Returns float32 [batch].
    """
    return _border_ratio(painted) / _border_ratio(photo)


def _border_ratio(pixels: Tensor) -> Tensor:
    x = _luma(pixels)
    across = ops.pad(x[:, :, 1:] - x[:, :, :-1], ((0, 0), (0, 0), (1, 0)))
    down = ops.pad(x[:, 1:] - x[:, :-1], ((0, 0), (1, 0), (0, 0)))
    gradient = ops.sqrt(ops.square(across) + ops.square(down) + _TINY)
    inside = gradient[:, BORDER:-BORDER, BORDER:-BORDER]
    count, inner = (
        ops.cast(ops.shape(part)[1] * ops.shape(part)[2], "float32") for part in (gradient, inside)
    )
    total, sum_inside = ops.sum(gradient, axis=(1, 2)), ops.sum(inside, axis=(1, 2))
    return (total - sum_inside) / (count - inner) / (sum_inside / inner)


def checkerboard_energy(pixels: Tensor) -> Tensor:
    """The share of a picture's variance in patterns that repeat exactly every 2 or 4 pixels, 0 to 1.

    Networks that enlarge step by step leave such patterns (Odena, Dumoulin and Olah 2016, "Deconvolution and
    Checkerboard Artifacts"). They are the frequencies 0, 1/4, 1/2 and 3/4 per pixel in both directions
    without the mean, whose energy is, by Parseval's theorem, the variance of the 16 means of the pixels that
    have the same place in blocks of 4x4.

    Takes pixels, whose sides are at least 4. Returns float32 [batch].
    """
    x = _luma(pixels)
    rows, columns = (side // PERIOD for side in ops.shape(x)[1:])
    x = x[:, : PERIOD * rows, : PERIOD * columns]
    x = x - x[:, :1, :1]  # so that a plain picture is all zeros, whatever rounding would make of its mean
    apart = x - ops.mean(x, axis=(1, 2), keepdims=True)
    places = ops.mean(ops.reshape(apart, (-1, rows, PERIOD, columns, PERIOD)), axis=(1, 3))
    variance = ops.mean(ops.square(apart), axis=(1, 2))
    return ops.mean(ops.square(places), axis=(1, 2)) / (variance + _TINY)


def _luma(pixels: Tensor) -> Tensor:
    """float32 [batch, height, width]."""
    return ops.sum(ops.cast(pixels, "float32") * ops.convert_to_tensor(LUMA, "float32"), axis=-1)
