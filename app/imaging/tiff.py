"""TIFFs that Pillow reads wrongly or not at all: more than 8 bits, planes, Lab, pages below pages.

What is not listed here is refused: wrong pixels would be worse than none.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import imagecodecs
import numpy as np
import numpy.typing as npt
from PIL import Image
from tifffile import TiffFile, TiffPage

from app.imaging.errors import DamagedPhoto, UnknownTiff
from app.imaging.headers.tiff import COMPRESSION, PHOTOMETRIC, SAMPLES_PER_PIXEL, Page

Values = npt.NDArray[Any]

BITS, PLANES, INK_SET, EXTRA_SAMPLES, SAMPLE_FORMAT = 258, 284, 332, 338, 339
PROFILE = 34675
SEPARATE, CMYK_INKS = 2, 1
WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE, CMYK, YCBCR, LAB, ICC_LAB = 0, 1, 2, 3, 5, 6, 8, 9
# The channels of each kind of colours, and the mode of Pillow that holds them.
KINDS = {
    WHITE_IS_ZERO: (1, "L"),
    BLACK_IS_ZERO: (1, "L"),
    RGB: (3, "RGB"),
    CMYK: (4, "CMYK"),
    LAB: (3, "LAB"),
    ICC_LAB: (3, "LAB"),
}
# Colours that Pillow reads rightly, where its decoder gives no more than 8 bits in one plane.
PILLOW_KINDS = (WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE, CMYK, YCBCR)
PREMULTIPLIED, TRANSPARENCY = 1, 2
WHOLE, SIGNED, FLOATING = 1, 2, 3
# None, LZW, JPEG, deflate (two numbers), PackBits, LZMA and Zstandard.
COMPRESSIONS = {
    1: "none",
    5: "lzw",
    7: "jpeg8",
    8: "zlib",
    32946: "deflate",
    32773: "packbits",
    34925: "lzma",
}
COMPRESSIONS[50000] = "zstd"
# What tifffile calls on top of the decoders.
HELPERS = ("delta", "floatpred", "packints", "bitorder", "jpeg")
# Conversions are computed in strips of about so many pixels: copies of a whole photo would take gigabytes.
STRIP_PIXELS = 1_000_000


@dataclass(frozen=True)
class TiffPicture:
    """The colours of a page (mode L, RGB, CMYK or LAB), its transparency and its ICC profile."""

    colors: Image.Image
    alpha: Image.Image | None
    profile: bytes | None


def load_decoders() -> None:
    """Load every decoder: a process that has given up its rights cannot."""
    for name in (*COMPRESSIONS.values(), *HELPERS):
        getattr(imagecodecs, f"{name}_decode")


def pillow_reads(page: Page) -> bool:
    """Whether Pillow reads the page as it is meant."""
    return (
        page.index is not None
        and set(page.tags.get(BITS, (1,))) in ({1}, {2}, {4}, {8})
        and page.number(SAMPLE_FORMAT, WHOLE) == WHOLE
        and page.number(PLANES, 1) != SEPARATE
        and page.number(PHOTOMETRIC, BLACK_IS_ZERO) in PILLOW_KINDS
        and (page.number(PHOTOMETRIC) != CMYK or page.number(INK_SET, CMYK_INKS) == CMYK_INKS)
    )


def read_page(data: bytes, page: Page) -> TiffPicture:
    """Read a page.

    Raises:
        UnknownTiff: the page is of a kind that is not known here.
        DamagedPhoto: parts of it are missing.
    """
    kind = page.number(PHOTOMETRIC, BLACK_IS_ZERO)
    bits = set(page.tags.get(BITS, (1,)))
    known = kind in KINDS and len(bits) == 1 and page.number(COMPRESSION, 1) in COMPRESSIONS
    if not known or (kind == CMYK and page.number(INK_SET, CMYK_INKS) != CMYK_INKS):
        raise UnknownTiff
    values, profile = _values(data, page)
    channels, mode = KINDS[kind]
    if values.shape[2] < channels:
        raise DamagedPhoto
    alpha_kind = _alpha_kind(page, channels, values.shape[2])
    scale = (
        _lab_scale(page, bits.pop(), kind) if mode == "LAB" else _scale(page, bits.pop(), values, channels)
    )
    colors = Image.new(mode, (values.shape[1], values.shape[0]))
    alpha = Image.new("L", colors.size) if alpha_kind else None
    for top, strip in _strips(values):
        levels = scale(strip[..., :channels])
        if alpha is not None:
            share = _scale_of_alpha(page, values)(strip[..., channels])
            alpha.paste(Image.fromarray(_rounded(share)), (0, top))
            if alpha_kind == PREMULTIPLIED:
                levels = levels / np.maximum(share[..., None] / 255, 1e-6)
        if kind == WHITE_IS_ZERO:
            levels = 255 - levels
        colors.paste(_image(_rounded(levels), mode), (0, top))
    return TiffPicture(colors, alpha, profile)


def _values(data: bytes, page: Page) -> tuple[Values, bytes | None]:
    """The samples of a page [height, width, channels], and its ICC profile."""
    with TiffFile(BytesIO(data)) as file:
        file.filehandle.seek(page.offset)
        read = TiffPage(file, index=0)
        pieces = zip(read.dataoffsets, read.databytecounts, strict=True)
        if not all(start > 0 and length > 0 and start + length <= len(data) for start, length in pieces):
            raise DamagedPhoto
        separate = page.number(PLANES, 1) == SEPARATE and page.number(SAMPLES_PER_PIXEL, 1) > 1
        values = read.asarray(maxworkers=1)
        if separate:
            values = np.moveaxis(values, 0, -1)
        profile = read.tags.valueof(PROFILE)
    return values.reshape(read.imagelength, read.imagewidth, -1), profile


def _alpha_kind(page: Page, channels: int, samples: int) -> int:
    """Whether the channel after the colours is transparency, and which; 0 if not."""
    if samples <= channels:
        return 0
    if EXTRA_SAMPLES not in page.tags:
        return TRANSPARENCY  # programs forget to say it
    kind = page.number(EXTRA_SAMPLES)
    return kind if kind in (PREMULTIPLIED, TRANSPARENCY) else 0


def _scale(page: Page, bits: int, values: Values, channels: int) -> Callable[[Values], Values]:
    """What brings samples to 0..255."""
    highest = _white(page, bits, values, channels)
    return lambda strip: strip.astype(np.float64) * (255 / highest)


def _scale_of_alpha(page: Page, values: Values) -> Callable[[Values], Values]:
    """What brings transparency to 0..255: the whole range of the numbers."""
    bits = page.number(BITS, 1)
    highest = 1.0 if values.dtype.kind == "f" else float(2**bits - 1)
    return lambda strip: np.clip(strip.astype(np.float64) * (255 / highest), 0, 255)


def _white(page: Page, bits: int, values: Values, channels: int) -> float:
    """The sample that stands for white, or for full ink.

    No range is agreed on for 32 bits and floating point: 0..1, 0..255, 0..65535 and all bits occur.
    """
    if values.dtype.kind == "u" and bits < 32:
        return float(2**bits - 1)
    if values.dtype.kind != "f" and not (values.dtype.kind in "ui" and bits == 32):
        raise UnknownTiff
    highest = 0.0
    for _, strip in _strips(values[..., :channels]):
        if not np.isfinite(strip).all():
            raise DamagedPhoto
        highest = max(highest, float(strip.max()))
    if values.dtype.kind == "f":
        return next((white for white in (1.0, 255.0, 65535.0) if highest <= white), highest)
    whole = float(2 ** (bits - (values.dtype.kind == "i")) - 1)
    return next((white for white in (1.0, 255.0, 65535.0) if highest <= white), whole)


def _lab_scale(page: Page, bits: int, kind: int) -> Callable[[Values], Values]:
    """What brings samples of L*a*b* to bytes: L* to 0..255, a* and b* to -128..127 with 128 added."""
    if bits not in (8, 16) or page.number(SAMPLE_FORMAT, WHOLE) not in (WHOLE, SIGNED):
        raise UnknownTiff
    unit = 2.0 ** (bits - 8)

    def scale(strip: Values) -> Values:
        levels = strip.astype(np.float64)
        if kind == LAB:  # a* and b* are two's complements
            levels[..., 0] *= 255 / (2**bits - 1)
            levels[..., 1:] = (levels[..., 1:] / unit + 128) % 256
            return levels
        levels[..., 0] *= 255 / (255 * unit)
        levels[..., 1:] /= unit
        return levels

    return scale


def _rounded(levels: Values) -> npt.NDArray[np.uint8]:
    return np.floor(np.clip(levels, 0, 255) + 0.5).astype(np.uint8)


def _image(levels: npt.NDArray[np.uint8], mode: str) -> Image.Image:
    """A picture of a mode from bytes [height, width, channels]."""
    if mode == "L":
        return Image.fromarray(levels[..., 0])
    if mode == "LAB":
        levels = levels ^ np.array([0, 128, 128], np.uint8)  # Pillow reads a* and b* as two's complements
    return Image.frombytes(mode, (levels.shape[1], levels.shape[0]), levels.tobytes())


def _strips(values: Values) -> Iterator[tuple[int, Values]]:
    """The samples from top to bottom: the row at which each strip begins, and the strip."""
    rows = max(1, math.ceil(STRIP_PIXELS / values.shape[1]))
    for top in range(0, len(values), rows):
        yield top, values[top : top + rows]
