"""The arguments of a painting, and their checks. Loads without TensorFlow."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from app.engine.errors import InvalidOption, InvalidPicture
from app.engine.typing import Pixels

# Beyond 1 the difference between photo and painting is exaggerated.
STRENGTH_MOST = 1.5
BRUSH_LEAST, BRUSH_MOST = 0.25, 4.0
Upsampling = Literal["cascade", "guided"]


@dataclass(frozen=True)
class Mixture:
    """One or several styles of one network with their shares, which add up to 1.

    A style is a row of scales and shifts. A mixture of styles is the mixture of their rows, still in one pass
    (Dumoulin, Shlens and Kudlur 2017, "A Learned Representation for Artistic Style", section 3.4).
    """

    parts: tuple[tuple[str, float], ...]

    def __post_init__(self) -> None:
        if not self.parts:
            raise InvalidOption("Name at least one style.")
        weights = [weight for _, weight in self.parts]
        total = sum(weights)
        if not (all(weight > 0 for weight in weights) and math.isfinite(total)):
            raise InvalidOption("The weights of styles must be numbers above 0.")
        if len({slug for slug, _ in self.parts}) < len(self.parts):
            raise InvalidOption("Name each style of a mixture only once.")
        object.__setattr__(self, "parts", tuple((slug, weight / total) for slug, weight in self.parts))

    @classmethod
    def parse(cls, text: str) -> Mixture:
        """Read ``wave`` or ``wave:0.7,udnie:0.3``; weights are scaled to a sum of 1.

        Raises:
            InvalidOption: it is neither.
        """
        parts = []
        for part in text.split(","):
            slug, colon, weight = part.strip().partition(":")
            try:
                parts.append((slug.strip(), float(weight) if colon else 1.0))
            except ValueError as error:
                raise InvalidOption(f"{weight!r} is not the weight of a style.") from error
            if not slug.strip():
                raise InvalidOption("A style is written SLUG, a mixture SLUG:WEIGHT,SLUG:WEIGHT.")
        return cls(tuple(parts))

    @property
    def slugs(self) -> tuple[str, ...]:
        """The styles that take part."""
        return tuple(slug for slug, _ in self.parts)

    def __str__(self) -> str:
        if len(self.parts) == 1:
            return self.parts[0][0]
        return ",".join(f"{slug}:{weight:.6g}" for slug, weight in self.parts)


@dataclass(frozen=True, eq=False)
class StyleMap:
    """A second style and where it applies, uint8 [height, width] like the photo.

    0 is the picture's first style, 255 the second; values in between mix the two.
    """

    style: Mixture
    where: Pixels


def check_picture(pixels: object) -> Pixels:
    """Return ``pixels`` as a uint8 array of shape [height, width, 3].

    Raises:
        InvalidPicture: it is something else, or has no pixels.
    """
    if not isinstance(pixels, np.ndarray):
        raise InvalidPicture("A picture must be a NumPy array.")
    if pixels.dtype != np.uint8:
        raise InvalidPicture(f"A picture must hold 8-bit values (uint8), not {pixels.dtype}.")
    if pixels.ndim != 3 or pixels.shape[2] != 3:
        raise InvalidPicture(f"A picture must have the shape [height, width, 3], not {list(pixels.shape)}.")
    if 0 in pixels.shape:
        raise InvalidPicture("A picture must have at least one pixel.")
    return pixels


def check_brush(brush: float) -> float:
    """Return ``brush``, the brush size: 1 is the network's own.

    Raises:
        InvalidOption: it is out of range.
    """
    if not BRUSH_LEAST <= brush <= BRUSH_MOST:
        raise InvalidOption(f"The brush size must lie between {BRUSH_LEAST:g} and {BRUSH_MOST:g}.")
    return brush


def check_upsampling(upsampling: str, exact: bool) -> None:
    """Check the way of enlarging.

    Raises:
        InvalidOption: it is unknown, or not allowed with ``exact``.
    """
    if upsampling not in get_args(Upsampling):
        raise InvalidOption(f"The upsampling must be {' or '.join(get_args(Upsampling))}.")
    if exact and upsampling != "cascade":
        raise InvalidOption("Exact output is painted at full size: leave out either exact or the upsampling.")


def check_strength(strength: float) -> float:
    """Return ``strength``.

    Raises:
        InvalidOption: it is not between 0 and 1.5.
    """
    if not 0.0 <= strength <= STRENGTH_MOST:
        raise InvalidOption(f"The strength must lie between 0 and {STRENGTH_MOST:g}.")
    return strength


def check_mask(mask: Pixels, height: int, width: int, name: str) -> Pixels:
    """Return ``mask`` as uint8 [height, width].

    Raises:
        InvalidOption: it has another shape or type than the photo needs.
    """
    if not isinstance(mask, np.ndarray) or mask.dtype != np.uint8 or mask.shape != (height, width):
        raise InvalidOption(f"The {name} must be 8-bit grey and as large as the photo, {width} by {height}.")
    return mask


def check_masks(mask: Pixels | None, style_map: StyleMap | None, height: int, width: int) -> None:
    """Check the mask of the strength and the style map, where they are given.

    Raises:
        InvalidOption: one of them has another shape or type than the photo needs.
    """
    if mask is not None:
        check_mask(mask, height, width, "mask")
    if style_map is not None:
        check_mask(style_map.where, height, width, "style map")
