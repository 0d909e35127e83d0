"""How far a painted picture is from its photo and from its style, in the activations of a loss network.

Gatys, Ecker and Bethge 2015, "A Neural Algorithm of Artistic Style"; Johnson, Alahi and Fei-Fei 2016,
"Perceptual Losses for Real-Time Style Transfer and Super-Resolution". Written with ``keras.ops`` alone, so
that every backend computes them. Activations come in any precision; every sum is taken in float32.
"""

from __future__ import annotations

from typing import Any

from keras import ops


def gram_matrix(activations: Any) -> Any:
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


def content_distance(painted: Any, photo: Any) -> Any:
    """The mean squared difference of two pictures' activations (Johnson et al. 2016, equation 2).

    Gatys et al. 2015, equation 1, take half of the sum instead of the mean.

    Args: two arrays [batch, height, width, channels]. Returns float32 [batch].
    """
    return ops.mean(ops.square(ops.cast(painted, "float32") - ops.cast(photo, "float32")), axis=(1, 2, 3))


def style_distance(gram: Any, target: Any) -> Any:
    """The squared Frobenius norm of the difference of Gram matrices (Johnson et al. 2016, equation 4).

    For pictures of one size it is four times a layer's contribution in Gatys et al. 2015, equation 4.

    Args: two arrays [batch, channels, channels]. Returns float32 [batch].
    """
    return ops.sum(ops.square(gram - target), axis=(1, 2))


def total_variation(pixels: Any) -> Any:
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
