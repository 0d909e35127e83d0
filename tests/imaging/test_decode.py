"""Uploads of every kind, good and hostile, as real files made by the real encoders."""

from __future__ import annotations

import io
import random
import struct
import zlib
from collections.abc import Callable

import numpy as np
import pillow_heif
import pytest
from PIL import Image, ImageCms

from app.imaging import decode_photo
from app.imaging.errors import DamagedPhoto, EmptyFile, ImageError, NotAPhoto, TooManyPixels

LIMIT = 1_000_000
FORMATS = ["JPEG", "PNG", "WEBP", "AVIF", "HEIF", "TIFF", "GIF"]

pillow_heif.register_heif_opener()


def scene(width: int = 48, height: int = 32) -> Image.Image:
    """A picture with a red, a green, a blue and a grey quarter: orientation and colours can be told."""
    pixels = np.full((height, width, 3), 128, np.uint8)
    pixels[: height // 2, : width // 2] = (200, 30, 30)
    pixels[: height // 2, width // 2 :] = (30, 200, 30)
    pixels[height // 2 :, : width // 2] = (30, 30, 200)
    return Image.fromarray(pixels)


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    if kind in ("JPEG", "WEBP", "AVIF", "HEIF"):
        options.setdefault("quality", 95)
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def decode(data: bytes, max_pixels: int = LIMIT) -> Image.Image:
    return decode_photo(io.BytesIO(data), max_pixels=max_pixels).image


def quarter_colors(image: Image.Image) -> list[list[int]]:
    """The colours in the middle of the four quarters."""
    width, height = image.size
    points = [(width // 4, height // 4), (3 * width // 4, height // 4), (width // 4, 3 * height // 4)]
    return [list(image.getpixel(point)) for point in points]  # type: ignore[arg-type]


def assert_like(image: Image.Image, expected: Image.Image, tolerance: int = 12) -> None:
    assert image.mode == "RGB"
    assert image.size == expected.size
    difference = np.array(quarter_colors(image)) - np.array(quarter_colors(expected))
    assert np.abs(difference).max() <= tolerance, quarter_colors(image)


# --- kinds of files -----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_is_told_by_its_content(kind: str) -> None:
    decoded = decode_photo(io.BytesIO(encoded(scene(), kind)), max_pixels=LIMIT)
    assert_like(decoded.image, scene(), 40 if kind == "GIF" else 12)
    assert (
        decoded.media_type == "image/heic"
        if kind == "HEIF"
        else decoded.media_type == f"image/{kind.lower()}"
    )
    assert decoded.image.info == {}


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "TIFF"])
def test_of_several_frames_the_first_counts(kind: str) -> None:
    black = Image.new("RGB", scene().size)
    assert_like(decode(encoded(scene(), kind, save_all=True, append_images=[black])), scene(), 40)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_exif_orientation_comes_out_upright(orientation: int) -> None:
    turns = {
        1: [],
        2: [Image.Transpose.FLIP_LEFT_RIGHT],
        3: [Image.Transpose.ROTATE_180],
        4: [Image.Transpose.FLIP_TOP_BOTTOM],
        5: [Image.Transpose.TRANSPOSE],
        6: [Image.Transpose.ROTATE_90],
        7: [Image.Transpose.TRANSVERSE],
        8: [Image.Transpose.ROTATE_270],
    }
    lying = scene()
    for turn in turns[orientation]:
        lying = lying.transpose(turn)
    exif = Image.Exif()
    exif[0x0112] = orientation
    assert_like(decode(encoded(lying, "JPEG", exif=exif)), scene())


# --- colours ------------------------------------------------------------------------------------


def test_colour_profiles_are_converted_to_srgb() -> None:
    lab = ImageCms.createProfile("LAB")
    srgb = ImageCms.createProfile("sRGB")
    in_lab = ImageCms.profileToProfile(scene(), srgb, lab, outputMode="LAB")
    assert in_lab is not None
    data = encoded(in_lab, "TIFF", icc_profile=ImageCms.ImageCmsProfile(lab).tobytes())
    assert_like(decode(data), scene(), 15)


def test_a_broken_profile_counts_as_srgb() -> None:
    assert_like(decode(encoded(scene(), "PNG", icc_profile=b"no profile at all")), scene(), 0)


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
def test_transparency_shows_white(kind: str) -> None:
    image = scene().convert("RGBA")
    image.paste((0, 0, 0, 0), (0, 0, 24, 16))
    assert decode(encoded(image, kind, **({"lossless": True} if kind == "WEBP" else {}))).getpixel(
        (5, 5)
    ) == (
        255,
        255,
        255,
    )


def test_half_transparency_mixes_with_white() -> None:
    image = Image.new("RGBA", (4, 4), (0, 0, 0, 128))
    level = decode(encoded(image, "PNG")).getpixel((0, 0))
    assert level == (127, 127, 127)


def test_a_transparent_palette_colour_shows_white() -> None:
    image = Image.new("P", (4, 4), 0)
    image.putpalette([10, 20, 30, 200, 0, 0])
    image.putpixel((1, 1), 1)
    decoded = decode(encoded(image, "PNG", transparency=0))
    assert decoded.getpixel((0, 0)) == (255, 255, 255)
    assert decoded.getpixel((1, 1)) == (200, 0, 0)


def test_grey_with_alpha() -> None:
    image = Image.new("LA", (4, 4), (90, 255))
    image.putpixel((0, 0), (0, 0))
    decoded = decode(encoded(image, "PNG"))
    assert decoded.getpixel((0, 0)) == (255, 255, 255)
    assert decoded.getpixel((2, 2)) == (90, 90, 90)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bit_grey_is_scaled_not_clipped(kind: str) -> None:
    values = np.array([[0, 0x4000], [0x8000, 0xFFFF]], np.uint16)
    decoded = np.asarray(decode(encoded(Image.fromarray(values), kind)))
    assert decoded[..., 0].tolist() == [[0, 0x40], [0x80, 0xFF]]


def test_sixteen_bit_colour() -> None:
    assert decode(sixteen_bit_png([[0x1234, 0x8000, 0xFFFF]])).getpixel((0, 0)) == (0x12, 0x80, 0xFF)


def sixteen_bit_png(row: list[list[int]]) -> bytes:
    """A one-row PNG with 16 bits per channel, which Pillow cannot write."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    pixels = b"".join(struct.pack(">3H", *pixel) for pixel in row)
    header = struct.pack(">2I5B", len(row), 1, 16, 2, 0, 0, 0)
    parts = (chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(b"\0" + pixels)), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


@pytest.mark.parametrize("highest", [1.0, 255.0, 65535.0])
def test_floating_point_grey_of_the_usual_ranges(highest: float) -> None:
    values = np.array([[0.0, highest / 2], [highest, highest]], np.float32)
    decoded = np.asarray(decode(encoded(Image.fromarray(values), "TIFF")))
    assert decoded[0, 0, 0] == 0
    assert abs(int(decoded[0, 1, 0]) - 128) <= 1
    assert decoded[1, 1, 0] == 255


def test_floating_point_nonsense_is_refused() -> None:
    values = np.array([[0.0, np.nan]], np.float32)
    with pytest.raises(DamagedPhoto):
        decode(encoded(Image.fromarray(values), "TIFF"))


@pytest.mark.parametrize("mode", ["1", "L", "P", "CMYK", "YCbCr"])
def test_other_modes_become_rgb(mode: str) -> None:
    source = scene().convert(mode)
    kind = "TIFF" if mode in ("CMYK", "YCbCr") else "PNG"
    assert_like(decode(encoded(source, kind)), source.convert("RGB"), 12)


def test_a_cmyk_jpeg_is_not_a_negative() -> None:
    assert_like(decode(encoded(scene().convert("CMYK"), "JPEG")), scene(), 20)


# --- what is refused ----------------------------------------------------------------------------


def test_an_empty_file() -> None:
    with pytest.raises(EmptyFile, match="empty") as caught:
        decode(b"")
    assert caught.value.status == 400


@pytest.mark.parametrize(
    "data",
    [
        b"hello",
        b"<html><body>photo</body></html>",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"%PDF-1.7 ...",
        b"PK\x03\x04" + bytes(60),
        b"\0" * 5000,
        b"%!PS-Adobe-3.0 EPSF-3.0\n",
    ],
)
def test_what_is_no_photo(data: bytes) -> None:
    with pytest.raises(NotAPhoto) as caught:
        decode(data)
    assert caught.value.status == 415


@pytest.mark.parametrize("kind", FORMATS)
def test_truncated_files(kind: str) -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8))
    data = encoded(noise, kind)
    for share in (0.3, 0.6, 0.9):
        with pytest.raises(ImageError) as caught:
            decode(data[: int(len(data) * share)])
        assert caught.value.status in (400, 415)


@pytest.mark.parametrize("kind", FORMATS)
def test_too_many_pixels(kind: str) -> None:
    with pytest.raises(TooManyPixels, match="200 × 100") as caught:
        decode(encoded(scene(200, 100), kind), max_pixels=19_999)
    assert caught.value.status == 413
    assert decode(encoded(scene(200, 100), kind), max_pixels=20_000).size == (200, 100)


def test_a_bomb_is_refused_by_its_header() -> None:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">2I5B", 100_000, 100_000, 8, 2, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1_000_000)))
    with pytest.raises(TooManyPixels):
        decode(bomb, max_pixels=60_000_000)


def cut(data: bytes, chance: random.Random) -> bytes:
    return data[: chance.randrange(len(data))]


def flip(data: bytes, chance: random.Random) -> bytes:
    broken = bytearray(data)
    for _ in range(chance.randint(1, 8)):
        broken[chance.randrange(len(broken))] = chance.randrange(256)
    return bytes(broken)


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("spoil", [cut, flip])
def test_broken_files_are_refused_or_read_and_never_crash(
    kind: str, spoil: Callable[[bytes, random.Random], bytes]
) -> None:
    chance = random.Random(kind)
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encoded(scene(), kind, **({"exif": exif} if kind in ("JPEG", "WEBP", "PNG") else {}))
    refused = 0
    for _ in range(150):
        try:
            image = decode(spoil(data, chance))
        except ImageError:
            refused += 1
        else:
            assert image.mode == "RGB"
    assert refused > 0
