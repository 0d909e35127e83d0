"""The mark on every unpaid picture."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

TEXT = "Style-Transfer-Art"
# The height of the letters as a share of the picture's long side, and the smallest height in pixels.
LETTERS, LEAST_LETTERS = 0.034, 9
# How far the letters move a pixel towards white, and their shadow, lower right, towards black.
LIGHT, SHADE = 0.30, 0.22


def watermark(picture: Image.Image) -> Image.Image:
    """The RGB picture with the site's name across it, in slanting lines.

    Light letters with a dark shadow show on every picture. They are thin, so people can judge the painting.
    """
    light, shade = _mark(picture.size)
    pixels = np.asarray(picture, np.int32)
    # Fixed-point numbers with 8 fractional bits: several times faster than floating point.
    pixels = pixels * (256 - shade) >> 8
    pixels = pixels + ((255 - pixels) * light >> 8)
    return Image.fromarray(pixels.astype(np.uint8), "RGB")


Shares = npt.NDArray[np.int32]


@lru_cache(maxsize=8)
def _mark(size: tuple[int, int]) -> tuple[Shares, Shares]:
    """The shares of white and black at each pixel, 0 to 256, each [height, width, 1]."""
    width, height = size
    letters = max(LEAST_LETTERS, round(max(size) * LETTERS))
    font = ImageFont.load_default(letters)
    # Draw level lines on a sheet that is large enough to cover the picture after the rotation.
    side = width + height
    sheet = Image.new("L", (side, side))
    draw = ImageDraw.Draw(sheet)
    step = draw.textlength(TEXT, font) + 3 * letters
    for number, top in enumerate(range(0, side, 7 * letters)):
        left = -step * (number % 2) / 2
        while left < side:
            draw.text((left, top), TEXT, fill=255, font=font)
            left += step
    turned = sheet.rotate(24, Image.Resampling.BICUBIC)
    left, top = (side - width) // 2, (side - height) // 2
    offset = max(1, letters // 12)
    return (
        _shares(turned.crop((left, top, left + width, top + height)), LIGHT),
        _shares(
            turned.crop((left - offset, top - offset, left - offset + width, top - offset + height)), SHADE
        ),
    )


def _shares(mark: Image.Image, most: float) -> Shares:
    return (np.asarray(mark, np.float32)[..., None] * (most * 256 / 255)).astype(np.int32)
