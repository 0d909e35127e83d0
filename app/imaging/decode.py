"""Decodes an upload into an upright 8-bit sRGB picture.

The file's name and declared type are ignored; decoding shows its real type. The site runs this code in
separate processes (:mod:`app.imaging.isolation`).
"""

from __future__ import annotations

import errno
import re
import struct
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO

import pillow_heif
import structlog
from PIL import ExifTags, Image, ImageChops, ImageFile, UnidentifiedImageError

from app.imaging.colors import colors_of, to_srgb
from app.imaging.encode import LONGEST_SIDE
from app.imaging.errors import DamagedPhoto, EmptyFile, ImageError, NotAPhoto, SideTooLong, TooManyPixels
from app.imaging.formats import FORMATS, MEDIA_TYPES
from app.imaging.headers import heif, judge, tiff
from app.imaging.tiff import pillow_reads, read_page
from app.imaging.transparency import only_inside, split_transparency
from app.imaging.unfinished import complete_jpeg

log = structlog.get_logger(__name__)

# How to turn a picture upright that is labelled with each orientation of EXIF.
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

# The property of HEIF that holds the size of a coded frame (ISO/IEC 23008-12, 6.5.3), with a short or a
# 64-bit box size before it; version 0, any flags, then width and height.
HEIF_FRAME = re.compile(rb"(?:\0\0\0\x01ispe.{8}|ispe)\0.{3}(.{8})", re.DOTALL)

# Pillow's own guard against decompression bombs would report large files as damaged. The limit below is
# checked instead, in the header, before anything is decoded.
Image.MAX_IMAGE_PIXELS = None

pillow_heif.register_heif_opener(thumbnails=False)


@dataclass(frozen=True)
class DecodedPhoto:
    """A photo without metadata.

    Attributes:
        image: the upright sRGB picture, mode RGB; where it is transparent, it lies on white.
        media_type: the kind of file that it came in.
        alpha: how opaque each pixel is, mode L; None where all are.
    """

    image: Image.Image
    media_type: str
    alpha: Image.Image | None = None


def decode_here(
    file: BinaryIO, *, max_pixels: int, on_size: Callable[[int], None] = lambda _: None
) -> DecodedPhoto:
    """Decode the first picture in ``file``, in this process.

    Args:
        file: a seekable binary file of any origin.
        max_pixels: the largest allowed width * height, checked in the header before decoding.
        on_size: called with the number of pixels to decode, as soon as it is known.

    Raises:
        EmptyFile, NotAPhoto, DamagedPhoto, TooManyPixels, SideTooLong: all of them :class:`ImageError`.
        MemoryError, OSError: this machine cannot read the file now; the file may be good.
    """
    try:
        with warnings.catch_warnings():
            # Pillow warns of odd metadata and of suspicious sizes; the limit below decides instead.
            warnings.simplefilter("ignore")
            return _decode(file, max_pixels, on_size)
    except (ImageError, MemoryError):
        raise
    except UnidentifiedImageError as error:
        raise NotAPhoto from error
    except Exception as error:
        if _is_of_the_machine(error):
            raise
        # Decoders raise almost any error for broken files; the cause is kept and logged.
        log.info("photo.unreadable", cause=repr(error))
        raise DamagedPhoto from error


def _is_of_the_machine(error: Exception) -> bool:
    """Whether a disk or network share failed, rather than the file's content.

    Decoders raise OSError without a number. EINVAL comes from seeking beyond any possible file.
    """
    return isinstance(error, OSError) and error.errno not in (None, errno.EINVAL)


def _decode(file: BinaryIO, max_pixels: int, on_size: Callable[[int], None]) -> DecodedPhoto:
    file.seek(0)
    data = file.read()
    if not data:
        raise EmptyFile
    # Some decoders allocate the whole picture when they open the file.
    on_size(judge(data, max_pixels))
    file.seek(0)

    def check_size(width: int, height: int) -> None:
        if width * height > max_pixels:
            raise TooManyPixels(width, height, max_pixels)
        if max(width, height) > LONGEST_SIDE:
            raise SideTooLong(width, height, LONGEST_SIDE)
        on_size(width * height)

    page = tiff.photo_page(data) if tiff.matches(data) else None
    if page is not None and not pillow_reads(page):
        check_size(page.number(tiff.WIDTH), page.number(tiff.HEIGHT))
        return _decode_page(data, page)
    with Image.open(file, formats=FORMATS) as image:
        if page is not None and page.index:
            image.seek(page.index)
        check_size(*_frame_size(image, data))
        return _decode_image(image, data)


def _decode_page(data: bytes, page: tiff.Page) -> DecodedPhoto:
    """Decode a page of a TIFF that Pillow cannot read."""
    picture = read_page(data, page)
    colors = to_srgb(picture.colors, picture.profile)
    turn = UPRIGHT.get(page.number(tiff.ORIENTATION, 1))
    return _finished(colors, picture.alpha, turn, MEDIA_TYPES["TIFF"])


def _decode_image(opened: Image.Image, data: bytes) -> DecodedPhoto:
    """Decode what Pillow has opened."""
    media_type = MEDIA_TYPES[opened.format or ""]
    for key in ("xmp", "XML:com.adobe.xmp"):
        opened.info.pop(key, None)  # XMP alone turns no picture, as in browsers
    frame = _gif_frame(opened)
    image = _load(opened, data)
    turn, colors = _turn_upright(image), colors_of(image, data)
    if box := _clean_aperture(image, data):
        image = image.crop(box)
    native, alpha = split_transparency(image, data)
    if frame:
        alpha = only_inside(frame, alpha, native.size)
    return _finished(to_srgb(native, colors), alpha, turn, media_type)


def _finished(
    colors: Image.Image, alpha: Image.Image | None, turn: Image.Transpose | None, media_type: str
) -> DecodedPhoto:
    """The picture upright and on white, and its transparency if it has any."""
    if turn is not None:
        colors, alpha = colors.transpose(turn), alpha and alpha.transpose(turn)
    elif isinstance(colors, ImageFile.ImageFile):
        colors = colors.copy()  # the file's own picture knows its metadata
    if alpha is not None and alpha.getextrema() == (255, 255):
        alpha = None
    if alpha is not None:
        colors.paste("white", mask=ImageChops.invert(alpha))
    colors.info.clear()
    return DecodedPhoto(colors, media_type, alpha)


def _load(image: Image.Image, data: bytes) -> Image.Image:
    """The picture with its pixels; of a JPEG without its end marker too, if nothing else is missing."""
    try:
        image.load()
    except OSError:
        whole = complete_jpeg(data) if image.format in ("JPEG", "MPO") else None
        if whole is None:
            raise
        return whole
    return image


def _turn_upright(image: Image.Image) -> Image.Transpose | None:
    """The transposition that EXIF asks for; None if upright or unreadable."""
    try:
        return UPRIGHT.get(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception as error:
        # The pixels are sound, and many programs write wrong metadata.
        log.info("photo.orientation_ignored", cause=repr(error))
        return None


def _frame_size(image: Image.Image, data: bytes) -> tuple[int, int]:
    """Width and height of what will be decoded, in pixels."""
    if image.format != "HEIF":
        return image.size
    # A HEIC may tell to crop its frame; the size that is reported is the cropped one, yet the decoder
    # makes room for the whole frame. The decoder itself refuses frames larger than the property says.
    frames = [struct.unpack(">2I", found) for found in HEIF_FRAME.findall(data)]
    return max([image.size, *frames], key=lambda size: size[0] * size[1])


def _gif_frame(image: Image.Image) -> tuple[int, int, int, int] | None:
    """The part of a GIF's canvas that its first frame covers, where that is not all; known before loading."""
    if image.format != "GIF" or not isinstance(image, ImageFile.ImageFile) or not image.tile:
        return None
    box = image.tile[0].extents
    return box if box != (0, 0, *image.size) else None


def _clean_aperture(image: Image.Image, data: bytes) -> tuple[int, int, int, int] | None:
    """The part of an AVIF that is shown (ISO/IEC 14496-12, 12.1.4); HEIC's decoder crops by itself."""
    aperture = heif.clean_aperture(data) if image.format == "AVIF" else None
    if aperture is None:
        return None
    width, height, across, down = aperture
    left = (image.width - width) / 2 + across
    top = (image.height - height) / 2 + down
    box = (left, top, left + width, top + height)
    inside = 0 <= left < box[2] <= image.width and 0 <= top < box[3] <= image.height
    if not inside or any(edge != round(edge) for edge in box):
        return None  # as libavif does
    return (round(left), round(top), round(box[2]), round(box[3]))
