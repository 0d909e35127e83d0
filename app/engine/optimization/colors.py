"""Whose colours an optimised picture has: the painting's, the photo's, or nothing but the painting's.

"luminance" and "histogram" are the two ways of Gatys, Bethge, Hertzmann and Shechtman 2016, "Preserving
Color in Neural Artistic Style Transfer". A black-and-white photo has no colours to keep, so it takes the
painting's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from app.engine.color import LUMA, keep_photo_colors
from app.engine.typing import Pixels

# "painting": the losses decide. "luminance": paint the luminance, keep the photo's chroma. "histogram": give
# the painting the photo's colours first. "only": keep the photo's luminance, take the picture's chroma.
Colors = Literal["painting", "luminance", "histogram", "only"]

# A photo whose channels differ by no more than so many levels is black and white, but for its compression.
GREY_LEVELS = 6


def is_black_and_white(photo: Pixels) -> bool:
    """Return whether a photo has no colours of its own: 99 of 100 pixels are grey."""
    spread = photo.max(axis=-1).astype(np.int16) - photo.min(axis=-1)
    return bool(np.quantile(spread, 0.99) <= GREY_LEVELS)


def colors_for(photo: Pixels, wanted: Colors) -> Colors:
    """Return the way of colouring that a photo allows: without colours of its own it keeps none."""
    keeps = wanted in ("luminance", "histogram")
    return "painting" if keeps and is_black_and_white(photo) else wanted


def prepare(photo: Pixels, paintings: Sequence[Pixels], colors: Colors) -> tuple[Pixels, tuple[Pixels, ...]]:
    """Return photo and paintings as the losses are to see them."""
    if colors == "histogram":
        return photo, tuple(match_colors(painting, photo) for painting in paintings)
    if colors == "luminance":
        grey = grey_picture(photo)
        return grey, tuple(match_luminance(grey_picture(painting), grey) for painting in paintings)
    return photo, tuple(paintings)


def prepare_start(start: Pixels, photo: Pixels, colors: Colors) -> Pixels:
    """Return a feed-forward picture as the descent is to start from it."""
    if colors == "histogram":
        return match_colors(start, photo)
    return grey_picture(start) if colors == "luminance" else start


def finish(photo: Pixels, painted: Pixels, colors: Colors) -> Pixels:
    """Return a painted picture with the colours that it shall have."""
    if colors == "luminance":
        return keep_photo_colors(photo, painted)
    return keep_photo_colors(painted, photo) if colors == "only" else painted


def grey_picture(pixels: Pixels) -> Pixels:
    """Return a picture's luma in all three channels."""
    luma = np.rint(pixels.astype(np.float32) @ LUMA).astype(np.uint8)
    grey: Pixels = np.repeat(luma[..., None], 3, axis=-1)
    return grey


def match_luminance(pixels: Pixels, target: Pixels) -> Pixels:
    """Return a grey picture with the mean and the standard deviation of another one."""
    levels = pixels.astype(np.float32)
    scale = target.std() / max(float(levels.std()), 1e-3)
    return _levels((levels - levels.mean()) * scale + target.mean())


def match_colors(pixels: Pixels, target: Pixels) -> Pixels:
    """Return a picture with the mean colour and the covariance of colours of another one.

    Each colour c becomes A (c - m) + m' with A = S'^(1/2) S^(-1/2) from the means m, m' and the covariances
    S, S' (Gatys et al. 2016, section 3.1, with the symmetric roots).
    """
    colors, wanted = (picture.reshape(-1, 3).astype(np.float64) for picture in (pixels, target))
    matrix = _root(np.cov(wanted.T), 0.5) @ _root(np.cov(colors.T), -0.5)
    matched = (colors - colors.mean(axis=0)) @ matrix.T + wanted.mean(axis=0)
    return _levels(matched.reshape(pixels.shape))


def _root(covariance: npt.NDArray[np.float64], power: float) -> npt.NDArray[np.float64]:
    """A symmetric matrix to a power; a variance below a thousandth counts as that, and stays finite."""
    values, vectors = np.linalg.eigh(covariance)
    return np.asarray(vectors * np.maximum(values, 1e-3) ** power @ vectors.T)


def _levels(pixels: npt.NDArray[np.floating]) -> Pixels:
    levels: Pixels = np.clip(np.rint(pixels), 0, 255).astype(np.uint8)
    return levels
