"""Transparency of every kind shows white, and comes beside the picture."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageCms

from app.imaging import DecodedPhoto, decode_photo
from testing.photo_files import png
from testing.pictures import encoded, scene


def decode(data: bytes) -> DecodedPhoto:
    return decode_photo(io.BytesIO(data), max_pixels=1_000_000)


def alpha_of(photo: DecodedPhoto) -> list[list[int]]:
    assert photo.alpha is not None
    assert photo.alpha.mode == "L"
    assert photo.alpha.size == photo.image.size
    levels: list[list[int]] = np.asarray(photo.alpha).tolist()
    return levels


@pytest.mark.parametrize(
    ("depth", "row", "transparent", "levels", "clear"),
    [
        (1, b"\x40", 0, [255, 255], [0, 255]),
        (1, b"\x40", 1, [0, 255], [255, 0]),
        (2, b"\x60", 1, [255, 170], [0, 255]),
        (4, b"\x7c", 7, [255, 204], [0, 255]),
        (8, b"\x70\x80", 0x70, [255, 128], [0, 255]),
        (16, b"\x70\x01\x70\x02", 0x7001, [255, 0x70], [0, 255]),
    ],
)
def test_one_transparent_level_of_grey(
    depth: int, row: bytes, transparent: int, levels: list[int], clear: list[int]
) -> None:
    photo = decode(png(0, depth, (2, 1), row, (b"tRNS", struct.pack(">H", transparent))))
    assert np.asarray(photo.image)[0, :, 0].tolist() == levels
    assert alpha_of(photo) == [clear]


def test_one_transparent_colour_of_sixteen_bits() -> None:
    """Colours that differ in their low bytes alone are others."""
    first, second, third = (0x1200, 0x3400, 0x5600), (0x1200, 0x3400, 0x5601), (0x1201, 0x3400, 0x5600)
    row = b"".join(struct.pack(">3H", *color) for color in (first, second, third, second))
    photo = decode(png(2, 16, (4, 1), row, (b"tRNS", struct.pack(">3H", *second))))
    assert alpha_of(photo) == [[255, 0, 255, 0]]
    expected = [(0x12, 0x34, 0x56), (255, 255, 255), (0x12, 0x34, 0x56), (255, 255, 255)]
    assert np.asarray(photo.image)[0].tolist() == [list(color) for color in expected]


def test_one_transparent_colour_of_eight_bits() -> None:
    photo = decode(png(2, 8, (2, 1), bytes([1, 2, 3, 1, 2, 4]), (b"tRNS", struct.pack(">3H", 1, 2, 3))))
    assert alpha_of(photo) == [[0, 255]]


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF", "AVIF", "HEIF"])
def test_transparency_comes_beside_the_picture(kind: str) -> None:
    share = np.tile(np.arange(0, 192, 4, dtype=np.uint8), (32, 1))
    image = scene().convert("RGBA")
    image.putalpha(Image.fromarray(share))
    options = {"lossless": True} if kind == "WEBP" else {"quality": 100} if kind in ("AVIF", "HEIF") else {}
    photo = decode(encoded(image, kind, **options))
    assert np.abs(np.subtract(alpha_of(photo), share)).max() <= 2
    mixed = np.asarray(scene()) * (share[..., None] / 255) + 255 - share[..., None]
    assert np.abs(np.asarray(photo.image) - mixed).mean() <= 3


def test_opaque_pictures_have_none() -> None:
    assert decode(encoded(scene(), "PNG")).alpha is None
    assert decode(encoded(scene().convert("RGBA"), "PNG")).alpha is None


def test_transparency_turns_with_the_picture() -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    image = scene().convert("RGBA")
    image.paste((0, 0, 0, 0), (0, 0, 5, 5))
    photo = decode(encoded(image, "PNG", exif=exif.tobytes()))
    assert photo.image.size == (32, 48)
    levels = np.asarray(photo.alpha)
    assert not levels[:5, -5:].any()
    assert levels.sum() == 255 * (48 * 32 - 25)


@pytest.mark.parametrize("mode", ["L", "LA"])
def test_a_grey_profile_counts_with_alpha_too(mode: str) -> None:
    curve = b"curv" + bytes(4) + struct.pack(">IH", 1, round(1.8 * 256)) + bytes(2)
    white = b"XYZ " + bytes(4) + struct.pack(">3i", 63190, 65536, 54061)
    tags, body, start = b"", b"", 132 + 24
    for name, content in ((b"kTRC", curve), (b"wtpt", white)):
        tags += name + struct.pack(">2I", start + len(body), len(content))
        body += content
    head = struct.pack(">I4xI4s4s4s12x", start + len(body), 0x02100000, b"mntr", b"GRAY", b"XYZ ") + b"acsp"
    head += bytes(28) + struct.pack(">3i", 63190, 65536, 54061)
    profile = head.ljust(128, b"\0") + struct.pack(">I", 2) + tags + body
    assert ImageCms.ImageCmsProfile(io.BytesIO(profile)).profile.xcolor_space.strip() == "GRAY"
    image = Image.new(mode, (16, 16), 128 if mode == "L" else (128, 200))  # type: ignore[arg-type]
    photo = decode(encoded(image, "PNG", icc_profile=profile))
    level = 146 if mode == "L" else round(146 * 200 / 255 + 55)
    assert np.abs(np.asarray(photo.image).astype(int) - level).max() <= 1


# --- GIF ----------------------------------------------------------------------------------------


def gif(canvas: tuple[int, int], offset: tuple[int, int], *, transparent: bool) -> bytes:
    """A frame of 40x30, red but for the left half that is blue and may be transparent, on a larger canvas."""
    frame = Image.new("P", (40, 30), 1)
    frame.putpalette([0, 0, 255, 255, 0, 0])
    frame.paste(0, (0, 0, 20, 30))
    data = bytearray(encoded(frame, "GIF", **({"transparency": 0} if transparent else {})))
    struct.pack_into("<2H", data, 6, *canvas)
    struct.pack_into("<2H", data, data.index(b"\x2c" + bytes(4) + struct.pack("<2H", 40, 30)) + 1, *offset)
    return bytes(data)


@pytest.mark.parametrize("transparent", [False, True])
@pytest.mark.parametrize("offset", [(0, 0), (30, 25)])
def test_outside_the_first_frame_of_a_gif_is_white(offset: tuple[int, int], transparent: bool) -> None:
    photo = decode(gif((100, 80), offset, transparent=transparent))
    expected = np.full((80, 100, 3), 255)
    left, top = offset
    expected[top : top + 30, left + 20 : left + 40] = (255, 0, 0)
    if not transparent:
        expected[top : top + 30, left : left + 20] = (0, 0, 255)
    assert np.array_equal(np.asarray(photo.image), expected)
    opaque = (expected != 255).any(axis=2)
    assert np.array_equal(np.asarray(photo.alpha) == 255, opaque)
