"""Colours apart from transparency, and 16-bit grey."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from io import BytesIO
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageChops

from app.imaging.headers import png

# Integer modes with more than 8 bits; Pillow's convert("L") would clip them instead of scaling.
SIXTEEN_BIT = ("I;16", "I;16L", "I;16B", "I;16N")
# How Pillow names the two bytes of each sample of a 16-bit PNG.
HIGH_BYTES, LOW_BYTES = "RGB;16B", "RGB;16L"
# What is computed with more than 8 bits is computed in strips of about so many pixels: the copies of a whole
# large photo would take gigabytes.
STRIP_PIXELS = 1_000_000
Values = npt.NDArray[Any]
Split = tuple[Image.Image, Image.Image | None]


def split_transparency(image: Image.Image, data: bytes) -> Split:
    """The colours of a picture (mode L, RGB, CMYK or LAB), and how opaque it is (mode L or None)."""
    if image.mode in SIXTEEN_BIT:
        level = image.info.get("transparency")
        alpha = None if level is None else _in_strips(image, lambda values: (values != level) * 255)
        return _in_strips(image, lambda values: values >> 8), alpha
    if image.mode in ("La", "RGBa"):
        image = image.convert({"La": "LA", "RGBa": "RGBA"}[image.mode])
    if image.mode in ("LA", "RGBA"):
        return image.convert(image.mode[:-1]), image.getchannel("A")
    if "transparency" in image.info:
        return _split_declared(image, data)
    if image.mode == "PA":
        return split_transparency(image.convert("RGBA"), data)
    if image.mode not in ("L", "RGB", "CMYK", "LAB"):
        image = image.convert("RGB")
    return image, None


def _split_declared(image: Image.Image, data: bytes) -> Split:
    """The same for a picture whose header declares one colour, or colours of a palette, as transparent."""
    declared = image.info["transparency"]
    depth, color_type = png.depth_and_type(data) if image.format == "PNG" else (8, None)
    if color_type == png.GREY:
        grey = image.convert("L")
        level = declared if image.mode == "1" else declared * 255 // (2**depth - 1)
        return grey, grey.point([0 if value == level else 255 for value in range(256)])
    if color_type == png.RGB and depth == 16:
        return image, _opaque_but_for(image, declared, data)
    both = image.convert("RGBA")
    return both.convert("RGB"), both.getchannel("A")


def _opaque_but_for(image: Image.Image, declared: tuple[int, int, int], data: bytes) -> Image.Image:
    """Where a 16-bit PNG has another colour than the declared one.

    Pillow keeps the high byte of each sample, so the low bytes are read once more.
    """
    with Image.open(BytesIO(data), formats=("PNG",)) as again:
        again.tile = [tile._replace(args=LOW_BYTES) for tile in again.tile]
        low = again.convert("RGB")
    differs = Image.new("L", image.size)
    for bytes_, shift in ((image, 8), (low, 0)):
        for channel, level in zip(bytes_.split(), declared, strict=True):
            wanted = level >> shift & 255
            other = channel.point([0 if value == wanted else 255 for value in range(256)])
            differs = ImageChops.lighter(differs, other)
    return differs


def only_inside(
    box: tuple[int, int, int, int], alpha: Image.Image | None, size: tuple[int, int]
) -> Image.Image:
    """How opaque a picture is that covers only a part of its canvas."""
    inside = Image.new("L", size)
    inside.paste(255, box)
    return inside if alpha is None else ImageChops.darker(inside, alpha)


def _strips(image: Image.Image) -> Iterator[tuple[int, Values]]:
    """A picture with one channel from top to bottom: the row at which each strip begins, and its values."""
    rows = max(1, STRIP_PIXELS // image.width)
    for top in range(0, image.height, rows):
        yield top, np.asarray(image.crop((0, top, image.width, min(top + rows, image.height))))


def _in_strips(image: Image.Image, convert: Callable[[Values], Values]) -> Image.Image:
    """The 8-bit grey picture that ``convert`` makes of the values, 0 to 255."""
    grey = Image.new("L", image.size)
    for top, values in _strips(image):
        grey.paste(Image.fromarray(convert(values).astype(np.uint8)), (0, top))
    return grey


def off_white(pixels: Values, alpha: Image.Image) -> Values:
    """A picture that lies on white, taken off it: [height, width, 4], of the type of ``pixels``.

    On white it looks as before, since color * alpha + white * (1 - alpha) gives the same pixels.
    """
    highest = np.iinfo(pixels.dtype).max
    levels = np.asarray(alpha)[..., None]
    result = np.empty((*pixels.shape[:2], 4), pixels.dtype)
    rows = max(1, STRIP_PIXELS // pixels.shape[1])
    for top in range(0, len(pixels), rows):
        strip = slice(top, top + rows)
        share = levels[strip] / np.float32(255)
        colors = (pixels[strip] - highest * (1 - share)) / np.maximum(share, 1 / 255)
        result[strip, :, :3] = np.rint(np.clip(colors, 0, highest))
    result[..., 3:] = levels.astype(pixels.dtype) * (highest // 255)
    return result
