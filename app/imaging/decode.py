"""Decodes an upload into an upright 8-bit sRGB picture.

The file's name and declared type are ignored; decoding shows its real type. The site runs this code in
separate processes (:mod:`app.imaging.isolation`).
"""

from __future__ import annotations

import errno
import re
import struct
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
import pillow_heif
import structlog
from PIL import ExifTags, Image, ImageChops, ImageCms, UnidentifiedImageError

from app.imaging.encode import LONGEST_SIDE
from app.imaging.errors import DamagedPhoto, EmptyFile, ImageError, NotAPhoto, SideTooLong, TooManyPixels
from app.imaging.formats import FORMATS, MEDIA_TYPES
from app.imaging.headers import judge

log = structlog.get_logger(__name__)

# Integer modes with more than 8 bits. Pillow's convert("L") would clip their values instead of scaling.
SIXTEEN_BIT = ("I;16", "I;16L", "I;16B", "I;16N")

# Computations with more than 8 bits run in strips of about this many pixels: copies of a whole large photo
# would need gigabytes.
STRIP_PIXELS = 1_000_000

# The transposition that turns a picture upright, for each EXIF orientation.
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

# Begins the one kind of tag in a colour profile that may take any number of steps for each colour: minutes
# for a photo (ICC.1:2022, 10.16). Cameras and editors write none.
MANY_STEPS = b"mpet\0\0\0\0"

# The property of HEIF that holds the size of a coded frame (ISO/IEC 23008-12, 6.5.3), with a short or a
# 64-bit box size before it; version 0, any flags, then width and height.
HEIF_FRAME = re.compile(rb"(?:\0\0\0\x01ispe.{8}|ispe)\0.{3}(.{8})", re.DOTALL)

# Pillow's own guard against decompression bombs would report large files as damaged. The limit below is
# checked instead, in the header, before anything is decoded.
Image.MAX_IMAGE_PIXELS = None

pillow_heif.register_heif_opener(thumbnails=False)


@dataclass(frozen=True)
class DecodedPhoto:
    """An upright sRGB picture (mode RGB) without metadata, and its file's media type."""

    image: Image.Image
    media_type: str


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
    del data
    file.seek(0)
    with Image.open(file, formats=FORMATS) as image:
        media_type = MEDIA_TYPES[image.format or ""]
        width, height = _frame_size(image, file)
        if width * height > max_pixels:
            raise TooManyPixels(width, height, max_pixels)
        if max(width, height) > LONGEST_SIDE:
            raise SideTooLong(width, height, LONGEST_SIDE)
        on_size(width * height)
        image.load()
        turn = _turn_upright(image)
        flat = _to_rgb(image)
        if turn is not None:
            flat = flat.transpose(turn)
        elif flat is image:
            flat = flat.copy()  # the opened picture carries its metadata
    flat.info.clear()
    return DecodedPhoto(flat, media_type)


def _turn_upright(image: Image.Image) -> Image.Transpose | None:
    """The transposition that EXIF asks for; None if upright or unreadable."""
    try:
        return UPRIGHT.get(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception as error:
        # The pixels are sound, and many programs write wrong metadata.
        log.info("photo.orientation_ignored", cause=repr(error))
        return None


def _frame_size(image: Image.Image, file: BinaryIO) -> tuple[int, int]:
    """Width and height to decode, in pixels."""
    if image.format != "HEIF":
        return image.size
    # A HEIC file may crop its frame. Pillow reports the cropped size, but the decoder allocates the whole
    # frame. The decoder refuses frames larger than this property says.
    file.seek(0)
    frames = [struct.unpack(">2I", found) for found in HEIF_FRAME.findall(file.read())]
    return max([image.size, *frames], key=lambda size: size[0] * size[1])


def _to_rgb(image: Image.Image) -> Image.Image:
    """Convert any mode to 8-bit sRGB on white."""
    profile = image.info.get("icc_profile")
    given, image = image, _to_eight_bits(image)
    if image is not given:
        given.close()  # it takes four bytes a pixel and is no longer needed
    if _has_transparency(image):
        image = image if image.mode == "RGBA" else image.convert("RGBA")
        alpha = image.getchannel("A")
        colors = _to_srgb(image.convert("RGB"), profile)
        colors.paste("white", mask=ImageChops.invert(alpha))
        return colors
    if image.mode not in ("RGB", "L", "CMYK", "LAB"):
        image = image.convert("RGB")
    return _to_srgb(image, profile)


def _has_transparency(image: Image.Image) -> bool:
    return image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info


def _to_eight_bits(image: Image.Image) -> Image.Image:
    """Scale modes with more than 8 bits per channel to 8; return others unchanged."""
    if image.mode in SIXTEEN_BIT:
        grey = _in_strips(image, lambda values: values >> 8)
        if "transparency" in image.info:  # the grey level that a PNG declares transparent
            level = image.info["transparency"]
            return Image.merge("LA", (grey, _in_strips(image, lambda values: (values != level) * 255)))
        return grey
    if image.mode in ("I", "F"):
        # These modes have no agreed range: 0..1, 0..255 and 0..65535 all occur.
        highest = 0.0
        for _, values in _strips(image):
            if not np.isfinite(values).all():
                raise DamagedPhoto
            highest = max(highest, float(values.max()))
        scale = 255.0 if highest <= 1.0 else 1.0 if highest <= 255.0 else 255.0 / max(65535.0, highest)
        return _in_strips(image, lambda values: (values * np.float64(scale)).clip(0, 255).round())
    return image


Values = npt.NDArray[Any]


def _strips(image: Image.Image) -> Iterator[tuple[int, Values]]:
    """Yield strips of a one-channel picture from the top: first row and values."""
    rows = max(1, STRIP_PIXELS // image.width)
    for top in range(0, image.height, rows):
        yield top, np.asarray(image.crop((0, top, image.width, min(top + rows, image.height))))


def _in_strips(image: Image.Image, convert: Callable[[Values], Values]) -> Image.Image:
    """An 8-bit grey picture: ``convert`` maps each strip's values to 0..255."""
    grey = Image.new("L", image.size)
    for top, values in _strips(image):
        grey.paste(Image.fromarray(convert(values).astype(np.uint8)), (0, top))
    return grey


def _to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Convert from the embedded colour profile; a broken, costly or missing one counts as sRGB."""
    if profile and MANY_STEPS not in profile:
        try:
            source = ImageCms.ImageCmsProfile(BytesIO(profile))
            converted = ImageCms.profileToProfile(image, source, _SRGB, outputMode="RGB")
            if converted is not None:
                return converted
        except (ImageCms.PyCMSError, OSError, ValueError, TypeError) as error:
            # For example a grey profile in an RGB file; cameras and editors write these.
            log.info("photo.profile_ignored", cause=repr(error))
    return image if image.mode == "RGB" else image.convert("RGB")


_SRGB = ImageCms.createProfile("sRGB")
