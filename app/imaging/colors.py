"""What a file says of its colours, and how they become sRGB: ICC profiles, ITU-T H.273, gamma, Exif."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np
import numpy.typing as npt
import structlog
from PIL import ExifTags, Image, ImageCms

from app.imaging import tone
from app.imaging.headers import heif, png

log = structlog.get_logger(__name__)

Matrix = npt.NDArray[np.float64]
D65 = (0.3127, 0.3290)
# The white of ICC profiles, as CIE XYZ.
D50 = np.array([0.9642, 1.0, 0.8249])
# Chromaticities x, y of red, green, blue and white, by their numbers in ITU-T H.273, table 2.
Primaries = tuple[tuple[float, float], ...]
SRGB: Primaries = ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06), D65)
ADOBE_RGB: Primaries = ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06), D65)
SMPTE_C: Primaries = ((0.630, 0.340), (0.310, 0.595), (0.155, 0.070), D65)
BT2020: Primaries = ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046), D65)
P3 = ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060))
PRIMARIES: dict[int, Primaries] = {
    1: SRGB,
    4: ((0.67, 0.33), (0.21, 0.71), (0.14, 0.08), (0.310, 0.316)),
    5: ((0.64, 0.33), (0.29, 0.60), (0.15, 0.06), D65),
    6: SMPTE_C,
    7: SMPTE_C,
    8: ((0.681, 0.319), (0.243, 0.692), (0.145, 0.049), (0.310, 0.316)),
    9: BT2020,
    11: (*P3, (0.314, 0.351)),
    12: (*P3, D65),
    22: ((0.630, 0.340), (0.295, 0.605), (0.155, 0.077), D65),
}
# Curves as ICC describes them: the exponent alone, or g, a, b, c, d of (a x + b)^g from d on and c x below.
Curve = tuple[float, ...]
SRGB_CURVE: Curve = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
# Table 3 of H.273. The curves of cameras (1, 6, 14, 15) are shown as sRGB, as browsers and players do.
CURVES: dict[int, Curve] = {4: (2.2,), 5: (2.8,), 8: (1.0,), 17: (2.6,)}
# How PNG says 1/2.2, with what programs round; it means sRGB.
USUAL_GAMMA = range(45_000, 46_001)
SENSIBLE_GAMMA = range(10_000, 1_000_001)
ADOBE_GAMMA = 563 / 256
COLOR_SPACE_SRGB = 1


@dataclass(frozen=True)
class Space:
    """RGB colours: the primaries, and a curve from levels to light or the number of an HDR transfer."""

    primaries: Primaries = SRGB
    curve: Curve = SRGB_CURVE
    hdr: int | None = None


# Begins the one kind of tag in a colour profile that may take any number of steps for each colour: minutes
# for a photo (ICC.1:2022, 10.16). Cameras and editors write none.
MANY_STEPS = b"mpet\0\0\0\0"

Colors = bytes | Space | None
# What descriptions that mean no colours raise.
UNFIT = (ImageCms.PyCMSError, OSError, ValueError, TypeError, ArithmeticError, struct.error)


def colors_of(image: Image.Image, data: bytes) -> Colors:
    """What a file says of its colours: an ICC profile, a space, or nothing, which means sRGB."""
    if image.format == "PNG":
        chunks = png.color_chunks(data)
        if b"cICP" in chunks:
            return _coded(*chunks[b"cICP"][:2])
        return image.info.get("icc_profile") or _png_space(chunks) or _exif_space(image)
    if "icc_profile" in image.info:
        profile: bytes = image.info["icc_profile"]
        return profile
    if image.format in ("AVIF", "HEIF") and (coded := heif.coded_colors(data)):
        return _coded(*coded)
    return _exif_space(image)


def _coded(primaries: int, transfer: int) -> Space:
    """The space with these numbers of H.273; unknown ones count as sRGB."""
    if transfer in tone.HDR:
        return Space(PRIMARIES.get(primaries, BT2020), hdr=transfer)
    return Space(PRIMARIES.get(primaries, SRGB), CURVES.get(transfer, SRGB_CURVE))


def _png_space(chunks: dict[bytes, bytes]) -> Space | None:
    """What ``gAMA`` and ``cHRM`` say; ``sRGB`` overrules them (PNG, third edition, 4.3)."""
    if b"sRGB" in chunks:
        return Space()
    gamma = struct.unpack(">I", chunks[b"gAMA"])[0] if b"gAMA" in chunks else USUAL_GAMMA[0]
    if b"cHRM" in chunks:
        numbers = [number / 100_000 for number in struct.unpack(">8I", chunks[b"cHRM"])]
        white, red, green, blue = zip(numbers[::2], numbers[1::2], strict=True)
        primaries: Primaries = (red, green, blue, white)
    else:
        primaries = SRGB
    if (gamma in USUAL_GAMMA and primaries == SRGB) or gamma not in SENSIBLE_GAMMA:
        return None
    return Space(primaries, SRGB_CURVE if gamma in USUAL_GAMMA else (100_000 / gamma,))


def _exif_space(image: Image.Image) -> Space | None:
    """Adobe RGB where Exif says so by its interoperability index alone, as cameras do (DCF 2.0)."""
    try:
        exif = image.getexif()
        index = exif.get_ifd(ExifTags.IFD.Interop).get(ExifTags.Interop.InteropIndex, "")
        declared = exif.get_ifd(ExifTags.IFD.Exif).get(ExifTags.Base.ColorSpace)
    except Exception as error:
        # The pixels are sound, and what stands beside them is often written by programs that get it wrong.
        log.info("photo.exif_ignored", cause=repr(error))
        return None
    name = index.decode("latin-1") if isinstance(index, bytes) else str(index)
    if name.rstrip("\0 ") == "R03" and declared != COLOR_SPACE_SRGB:
        return Space(ADOBE_RGB, (ADOBE_GAMMA,))
    return None


def hdr_to_srgb(pixels: npt.NDArray[Any], primaries: int, transfer: int) -> tone.Pixels:
    """Bring an HDR picture to SDR.

    Args:
        pixels: uint8 or uint16 [height, width, 3].
        primaries: their number in ITU-T H.273.
        transfer: the number of the transfer function.
    """
    return _to_sdr(pixels, PRIMARIES.get(primaries, BT2020), transfer)


def _to_sdr(pixels: npt.NDArray[Any], primaries: Primaries, transfer: int) -> tone.Pixels:
    return tone.to_sdr(pixels, transfer, np.linalg.inv(_to_xyz(SRGB)) @ _to_xyz(primaries))


def to_srgb(image: Image.Image, colors: Colors) -> Image.Image:
    """Convert L, RGB, CMYK or LAB to sRGB; broken or unfit descriptions count as sRGB."""
    try:
        if isinstance(colors, bytes):
            return _by_profile(image, colors)
        if colors is not None and colors != Space() and image.mode in ("L", "RGB"):
            image = image.convert("RGB")
            if colors.hdr is not None:
                return Image.fromarray(_to_sdr(np.asarray(image), colors.primaries, colors.hdr))
            return _by_profile(image, profile_of(colors))
    except UNFIT as error:
        # For instance a grey profile in an RGB file: cameras and editors get this wrong.
        log.info("photo.profile_ignored", cause=repr(error))
    return image if image.mode == "RGB" else image.convert("RGB")


def _by_profile(image: Image.Image, profile: bytes) -> Image.Image:
    if MANY_STEPS in profile:
        raise ValueError("a profile of any number of steps")
    source = ImageCms.ImageCmsProfile(BytesIO(profile))
    converted = ImageCms.profileToProfile(image, source, _SRGB_PROFILE, outputMode="RGB")
    if converted is None:
        raise ValueError("no conversion")
    return converted


_SRGB_PROFILE = ImageCms.createProfile("sRGB")


def profile_of(space: Space) -> bytes:
    """An ICC profile, version 4, of a space with a curve (ICC.1:2022, 8.4.3)."""
    curve = _element(b"para", struct.pack(">HH", 0 if len(space.curve) == 1 else 3, 0), space.curve)
    tags = {b"rTRC": curve, b"gTRC": curve, b"bTRC": curve, b"wtpt": _element(b"XYZ ", b"", D50)}
    for name, column in zip((b"rXYZ", b"gXYZ", b"bXYZ"), _to_xyz(space.primaries).T, strict=True):
        tags[name] = _element(b"XYZ ", b"", column)
    table, body, start = b"", b"", 128 + 4 + 12 * len(tags)
    for name, content in tags.items():
        table += name + struct.pack(">2I", start + len(body), len(content))
        body += content
    sizes = struct.pack(">I4xI4s4s4s12x", start + len(body), 0x04400000, b"mntr", b"RGB ", b"XYZ ")
    header = sizes + b"acsp" + bytes(28) + _numbers(D50)
    return header.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body


def _element(kind: bytes, before: bytes, values: Any) -> bytes:
    return kind + bytes(4) + before + _numbers(values)


def _numbers(values: Any) -> bytes:
    """Fixed-point numbers with 16 bits behind the point."""
    return b"".join(struct.pack(">i", round(float(value) * 65536)) for value in values)


def _to_xyz(primaries: Primaries) -> Matrix:
    """Brings linear RGB to CIE XYZ under D50 (Bradford adaptation)."""
    columns = np.array([_xyz(*point) for point in primaries[:3]]).T
    white = _xyz(*primaries[3])
    matrix = columns * np.linalg.solve(columns, white)
    bradford = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
    gains = np.diag((bradford @ D50) / (bradford @ white))
    adapted: Matrix = np.linalg.inv(bradford) @ gains @ bradford @ matrix
    return adapted


def _xyz(x: float, y: float) -> Matrix:
    return np.array([x / y, 1.0, (1 - x - y) / y])
