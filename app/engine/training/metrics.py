"""How far the colours of two pictures are apart. Pictures are uint8 [height, width, 3], RGB."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from app.engine.color import LINEAR
from app.engine.typing import Pixels

Doubles = npt.NDArray[np.float64]

# Linear sRGB to CIE XYZ (IEC 61966-2-1), each row divided by the white point (D65).
_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
_XYZ /= _XYZ.sum(axis=1, keepdims=True)


def color_distance(picture: Pixels, painting: Pixels) -> float:
    """How far the colours of two pictures are apart, in CIELAB units (2.3 is just noticeable).

    The Fréchet distance of their colours as normal distributions with mean m and covariance C in CIELAB:
    sqrt(|m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2))). What is where in the picture plays no part.
    """
    (mean1, cov1), (mean2, cov2) = (_color_moments(pixels) for pixels in (picture, painting))
    # The eigenvalues of C1 C2 are real and not negative, as both are covariances.
    cross = np.sqrt(np.maximum(np.linalg.eigvals(cov1 @ cov2).real, 0.0)).sum()
    squared = float(((mean1 - mean2) ** 2).sum() + np.trace(cov1 + cov2) - 2.0 * cross)
    return float(np.sqrt(max(squared, 0.0)))


def _color_moments(pixels: Pixels) -> tuple[Doubles, Doubles]:
    colors = to_lab(pixels).reshape(-1, 3)
    return colors.mean(axis=0), np.cov(colors, rowvar=False)


def to_lab(pixels: Pixels) -> Doubles:
    """CIELAB (CIE 1976, D65) of sRGB pixels: lightness 0..100, a and b around 0."""
    xyz = LINEAR[pixels] @ _XYZ.T
    bent = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz / (3 * (6 / 29) ** 2) + 4 / 29)
    x, y, z = np.moveaxis(bent, -1, 0)
    return np.stack([116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)], axis=-1)
