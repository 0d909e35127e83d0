"""Losses: a picture's distance to its photo and style, and its faults.

Content and style distance compare the activations of a loss network:

Gatys, Ecker and Bethge 2015, "A Neural Algorithm of Artistic Style"; Johnson, Alahi and Fei-Fei 2016,
"Perceptual Losses for Real-Time Style Transfer and Super-Resolution". ``keras.ops`` alone computes them, so
every backend can. Activations have any precision; every sum is in float32. Pixels are [batch, height, width,
3], RGB, in levels of 255.
"""

from __future__ import annotations

from keras import ops

from app.engine.color import LUMA
from app.engine.typing import Tensor

# The width of the border, in pixels.
BORDER = 8
# Networks enlarge in steps of two, so they leave patterns that repeat every so many pixels.
PERIOD = 4

# A photo is plain where neighbouring pixels differ by up to PLAIN levels, in the mean over NEARBY pixels
# around.
PLAIN, NEARBY = 3.0, 8

# Keeps roots and quotients of plain pictures finite, in squares of levels.
_TINY = 1e-6


def gram_matrix(activations: Tensor) -> Tensor:
    """The Gram matrix: which features appear together, the style of a picture.

    For activations F of shape [batch, height, width, channels], with n = channels * height * width:

        G[c, d] = sum over h, w of F[h, w, c] * F[h, w, d] / n

    Without n: Gatys et al. 2015, equation 3. With n: Johnson et al. 2016, equation 3. Returns float32 [batch,
    channels, channels].
    """
    shape = ops.shape(activations)
    height, width, channels = shape[1], shape[2], activations.shape[-1]
    flat = ops.reshape(ops.cast(activations, "float32"), (-1, height * width, channels))
    count = ops.cast(channels * height * width, "float32")
    return ops.matmul(ops.transpose(flat, (0, 2, 1)), flat) / count


def content_distance(painted: Tensor, photo: Tensor | float) -> Tensor:
    """The mean squared difference of activations (Johnson et al. 2016, equation 2).

    Gatys et al. 2015, equation 1, take half of the sum instead of the mean.

    Args: two arrays [batch, height, width, channels]. Returns float32 [batch].
    """
    return ops.mean(ops.square(ops.cast(painted, "float32") - ops.cast(photo, "float32")), axis=(1, 2, 3))


def style_distance(gram: Tensor, target: Tensor) -> Tensor:
    """|G1 - G2|^2 of Gram matrices, Frobenius norm (Johnson et al. 2016, equation 4).

    For pictures of one size it is four times a layer's contribution in Gatys et al. 2015, equation 4.

    Args: two arrays [batch, channels, channels]. Returns float32 [batch].
    """
    return ops.sum(ops.square(gram - target), axis=(1, 2))


def total_variation(pixels: Tensor) -> Tensor:
    """The mean absolute difference of neighbouring pixels, in the pixels' unit.

    The total variation of Rudin, Osher and Fatemi 1992, "Nonlinear Total Variation Based Noise Removal
    Algorithms", but each direction by itself. Mahendran and Vedaldi 2015, "Understanding Deep Image
    Representations by Inverting Them", regularised pictures made from activations with it; Johnson et al.
    2016 painted pictures.

    Takes [batch, height, width, channels], returns float32 [batch].
    """
    x = ops.cast(pixels, "float32")
    down = ops.abs(x[:, 1:] - x[:, :-1])
    across = ops.abs(x[:, :, 1:] - x[:, :, :-1])
    return ops.mean(down, axis=(1, 2, 3)) + ops.mean(across, axis=(1, 2, 3))


def variation_where_plain(painted: Tensor, photo: Tensor) -> Tensor:
    """How rough pictures are where their photos are plain, in levels.

    It counts patterns on plain walls: the painted picture's total variation, with each pixel weighed by
    exp(-r / 3). r is the mean total variation of the photo within 8 pixels. Without a plain spot in the photo
    the result is 0.

    Takes two arrays of pixels, whose sides are at least 17. Returns float32 [batch].
    """
    nearby = ops.average_pool(_variations(photo), 2 * NEARBY + 1, strides=1, padding="same")
    return ops.mean(_variations(painted) * ops.exp(-nearby / PLAIN), axis=(1, 2, 3))


def _variations(pixels: Tensor) -> Tensor:
    """Each pixel's difference to the next below and right, [batch, height, width, 1]."""
    x = ops.cast(pixels, "float32")
    down = ops.pad(ops.abs(x[:, 1:] - x[:, :-1]), ((0, 0), (0, 1), (0, 0), (0, 0)))
    across = ops.pad(ops.abs(x[:, :, 1:] - x[:, :, :-1]), ((0, 0), (0, 0), (0, 1), (0, 0)))
    return ops.mean(down + across, axis=-1, keepdims=True)


def border_excess(painted: Tensor, photo: Tensor) -> Tensor:
    """How much rougher pictures are along the border than inside, relative to photos.

    (g_border / g_inside of the picture) / (g_border / g_inside of the photo), with the mean gradients g of
    the outer 8 pixels and of the rest. It is 1 if the border is painted like the rest, more if lines run
    along it, less if it is calmer.

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
    """The share of variance in patterns that repeat every 2 or 4 pixels, 0 to 1.

    Networks that enlarge step by step leave such patterns (Odena, Dumoulin and Olah 2016, "Deconvolution and
    Checkerboard Artifacts"). They are the frequencies 0, 1/4, 1/2 and 3/4 per pixel in both directions,
    without the mean. Parseval's theorem gives their energy: take the 16 means of the pixels with equal place
    in blocks of 4x4, and then the variance of these means.

    Takes pixels, whose sides are at least 4. Returns float32 [batch].
    """
    x = _luma(pixels)
    rows, columns = (side // PERIOD for side in ops.shape(x)[1:])
    x = x[:, : PERIOD * rows, : PERIOD * columns]
    x = x - x[:, :1, :1]  # a plain picture becomes all zeros, without rounding errors
    apart = x - ops.mean(x, axis=(1, 2), keepdims=True)
    places = ops.mean(ops.reshape(apart, (-1, rows, PERIOD, columns, PERIOD)), axis=(1, 3))
    variance = ops.mean(ops.square(apart), axis=(1, 2))
    return ops.mean(ops.square(places), axis=(1, 2)) / (variance + _TINY)


def _luma(pixels: Tensor) -> Tensor:
    """float32 [batch, height, width]."""
    return ops.sum(ops.cast(pixels, "float32") * ops.convert_to_tensor(LUMA, "float32"), axis=-1)
