"""Colours that no ICC profile tells: numbers of ITU-T H.273, gamma and primaries of PNG, Exif; and HDR."""

from __future__ import annotations

import io
import struct
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

from app.imaging import decode_photo
from app.imaging.colors import ADOBE_RGB, SRGB, Space, profile_of
from app.imaging.tone import HLG, PQ, to_sdr
from testing.hostile import png_chunk
from testing.photo_files import ADOBE_RGB as ADOBE_RGB_PROFILE
from testing.pictures import encoded

P3_COLOR, P3_IN_SRGB = (200, 60, 60), (217, 42, 52)
ADOBE_COLOR, ADOBE_IN_SRGB = (127, 100, 80), (137, 100, 78)


def flat(color: tuple[int, ...], mode: str = "RGB") -> Image.Image:
    return Image.new(mode, (64, 48), color)


def decode(data: bytes) -> tuple[int, ...]:
    pixel = decode_photo(io.BytesIO(data), max_pixels=1_000_000).image.getpixel((8, 8))
    assert isinstance(pixel, tuple)
    return pixel


def assert_color(data: bytes, expected: tuple[int, ...], tolerance: int = 2) -> None:
    assert np.abs(np.subtract(decode(data), expected)).max() <= tolerance, decode(data)


def with_chunks(image: Image.Image, *chunks: bytes, **options: Any) -> bytes:
    """A PNG with chunks behind its header."""
    data = encoded(image, "PNG", **options)
    return data[:33] + b"".join(chunks) + data[33:]


def cicp(primaries: int, transfer: int) -> bytes:
    return png_chunk(b"cICP", bytes([primaries, transfer, 0, 1]))


def gama(value: int) -> bytes:
    return png_chunk(b"gAMA", struct.pack(">I", value))


def chrm(space: Any) -> bytes:
    red, green, blue, white = space
    numbers = [round(100_000 * value) for point in (white, red, green, blue) for value in point]
    return png_chunk(b"cHRM", struct.pack(">8I", *numbers))


def with_numbers(kind: str, color: tuple[int, ...], primaries: int, transfer: int) -> bytes:
    """An AVIF or HEIC whose container says these numbers of ITU-T H.273."""
    data = encoded(flat(color), kind, quality=100, subsampling="4:4:4", chroma=444)
    at = data.index(b"colrnclx") + 8
    return data[:at] + struct.pack(">2H", primaries, transfer) + data[at + 4 :]


# --- AVIF, HEIC and PNG by numbers --------------------------------------------------------------


@pytest.mark.parametrize("kind", ["AVIF", "HEIF"])
def test_numbers_of_the_container(kind: str) -> None:
    assert_color(with_numbers(kind, P3_COLOR, 12, 13), P3_IN_SRGB, 4)
    assert_color(with_numbers(kind, P3_COLOR, 1, 13), P3_COLOR, 4)
    assert_color(with_numbers(kind, (128,) * 3, 1, 8), (188,) * 3, 4)


@pytest.mark.parametrize("transfer", [1, 2, 6, 13, 14, 15, 99])
def test_curves_of_cameras_and_unknown_ones_count_as_srgb(transfer: int) -> None:
    assert decode(with_chunks(flat(P3_COLOR), cicp(1, transfer))) == P3_COLOR
    assert decode(with_chunks(flat(P3_COLOR), cicp(99, transfer))) == P3_COLOR


@pytest.mark.parametrize("kind", ["AVIF", "HEIF"])
def test_a_profile_overrules_the_container(kind: str) -> None:
    data = encoded(flat(ADOBE_COLOR), kind, icc_profile=ADOBE_RGB_PROFILE, quality=100)
    assert_color(data, ADOBE_IN_SRGB, 5)


def test_numbers_overrule_a_profile_in_png() -> None:
    data = with_chunks(flat(P3_COLOR), cicp(12, 13), icc_profile=ADOBE_RGB_PROFILE)
    assert_color(data, P3_IN_SRGB)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "L", "LA"])
def test_numbers_count_in_every_mode(mode: str) -> None:
    image = flat((128,) * 3)
    data = with_chunks(image.quantize(2) if mode == "P" else image.convert(mode), cicp(12, 8))
    assert_color(data, (188,) * 3)


# --- gamma and primaries of PNG -----------------------------------------------------------------


@pytest.mark.parametrize(("gamma", "expected"), [(100_000, 188), (45_455, 128), (45_000, 128), (55_556, 145)])
def test_gamma(gamma: int, expected: int) -> None:
    assert_color(with_chunks(flat((128,) * 3), gama(gamma)), (expected,) * 3)
    assert_color(with_chunks(flat((128,), "L"), gama(gamma)), (expected,) * 3)


def test_primaries() -> None:
    assert_color(with_chunks(flat(ADOBE_COLOR), gama(45_471), chrm(ADOBE_RGB)), ADOBE_IN_SRGB)
    assert decode(with_chunks(flat(ADOBE_COLOR), gama(45_455), chrm(SRGB))) == ADOBE_COLOR


def test_the_mark_of_srgb_and_a_profile_overrule_gamma() -> None:
    srgb = png_chunk(b"sRGB", b"\0")
    assert decode(with_chunks(flat((128,) * 3), srgb, gama(100_000))) == (128,) * 3
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert_color(with_chunks(flat((128,) * 3), gama(100_000), icc_profile=profile), (128,) * 3)


@pytest.mark.parametrize("chunk", [gama(0), gama(1), png_chunk(b"cHRM", bytes(32))])
def test_nonsense_spoils_no_photo(chunk: bytes) -> None:
    image = decode_photo(io.BytesIO(with_chunks(flat(P3_COLOR), chunk)), max_pixels=1_000_000).image
    assert image.size == (64, 48)


# --- Exif ---------------------------------------------------------------------------------------


def exif(index: str, space: int | None = 0xFFFF) -> bytes:
    tags = Image.Exif()
    ifd = tags.get_ifd(0x8769)
    if space is not None:
        ifd[0xA001] = space
    ifd[0xA005] = {1: index}
    return tags.tobytes()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("space", [0xFFFF, None])
def test_adobe_rgb_by_exif_alone(kind: str, space: int | None) -> None:
    data = encoded(flat(ADOBE_COLOR), kind, exif=exif("R03", space), quality=100)
    assert_color(data, ADOBE_IN_SRGB, 4)


def test_other_words_of_exif_change_nothing() -> None:
    for told in (exif("R98", 1), exif("R98"), exif("R03", 1)):
        assert decode(encoded(flat(ADOBE_COLOR), "PNG", exif=told)) == ADOBE_COLOR


def test_a_profile_overrules_exif() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    data = encoded(flat(ADOBE_COLOR), "PNG", exif=exif("R03"), icc_profile=profile)
    assert_color(data, ADOBE_COLOR, 1)


def test_our_profiles_are_those_of_the_standards() -> None:
    """Against a profile of Adobe's published numbers, and LittleCMS's own sRGB."""
    levels = np.random.default_rng(1).integers(0, 255, (32, 32, 3), np.uint8)
    image = Image.fromarray(levels)
    target = ImageCms.createProfile("sRGB")
    pairs = [
        (profile_of(Space(ADOBE_RGB, (563 / 256,))), ADOBE_RGB_PROFILE),
        (profile_of(Space()), ImageCms.ImageCmsProfile(target).tobytes()),
    ]
    for ours, theirs in pairs:
        both = [
            np.asarray(ImageCms.profileToProfile(image, ImageCms.ImageCmsProfile(io.BytesIO(data)), target))
            for data in (ours, theirs)
        ]
        assert np.abs(both[0].astype(int) - both[1]).max() <= 2


# --- HDR ----------------------------------------------------------------------------------------


def pq_level(nits: float) -> float:
    """The signal of a luminance in cd/m² (SMPTE ST 2084)."""
    y = (nits / 10_000) ** (2610 / 16384)
    return float(((3424 / 4096 + 2413 / 128 * y) / (1 + 2392 / 128 * y)) ** (2523 / 32))


def hlg_level(nits: float) -> float:
    """The signal of a grey in cd/m² on a display of 1000 (ITU-R BT.2100)."""
    scene = (nits / 1000) ** (1 / 1.2)
    if scene <= 1 / 12:
        return float(np.sqrt(3 * scene))
    return float(0.17883277 * np.log(12 * scene - 0.28466892) + 0.55991073)


@pytest.mark.parametrize(("transfer", "level"), [(PQ, pq_level), (HLG, hlg_level)])
def test_hdr_becomes_sdr(transfer: int, level: Any) -> None:
    nits = np.array([0, 1, 10, 50, 100, 203, 400, 1000])
    signal = np.array([level(value) for value in nits])
    grey = np.rint(signal * 65535).astype(np.uint16)[None, :, None].repeat(3, axis=2)
    seen = to_sdr(grey, transfer, np.eye(3))[0, :, 0].astype(int)
    # Up to 0.8 of diffuse white, light is what it was.
    light = nits[:5] / 203
    expected = 255 * np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    assert np.abs(seen[:5] - expected).max() <= 1
    assert 240 <= seen[5] < seen[6] < seen[7] <= 255
    coarse = to_sdr(
        np.rint(signal * 255).astype(np.uint8)[None, :, None].repeat(3, axis=2), transfer, np.eye(3)
    )
    assert np.abs(coarse[0, 2:, 0] - seen[2:]).max() <= 4


@pytest.mark.parametrize(("transfer", "level"), [(PQ, pq_level), (HLG, hlg_level)])
@pytest.mark.parametrize("kind", ["AVIF", "HEIF"])
def test_hdr_photos(transfer: int, level: Any, kind: str) -> None:
    white = round(255 * level(203))
    assert min(decode(with_numbers(kind, (white,) * 3, 9, transfer))) >= 235
    grey = round(255 * level(50))
    assert_color(with_numbers(kind, (grey,) * 3, 9, transfer), (137,) * 3, 5)


def test_hdr_png() -> None:
    grey = round(255 * pq_level(50))
    assert_color(with_chunks(flat((grey,) * 3), cicp(9, PQ)), (137,) * 3, 3)


def test_bright_colours_keep_their_hue() -> None:
    """A red of 1000 cd/m² stays red: clipped channels would turn it yellow or white."""
    signal = np.array([[[pq_level(1000), pq_level(250), pq_level(50)]]])
    red, green, blue = to_sdr(np.rint(signal * 65535).astype(np.uint16), PQ, np.eye(3))[0, 0].astype(int)
    assert red > 250
    assert 120 < green < 150
    assert blue < green - 40
