"""Encoded pictures: sizes, fidelity, and no metadata."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable

import numpy as np
import pytest
from PIL import ExifTags, Image, PngImagePlugin

from app.imaging import decode_photo, encode_jpeg, encode_png, encode_webp, make_preview, make_thumbnail
from testing.pictures import encoded, scene

ENCODERS = [encode_jpeg, encode_png, encode_webp, make_preview, make_thumbnail]
PIXEL_CHUNKS = {b"IHDR", b"IDAT", b"IEND", b"VP8 "}
# Frame headers, tables, scans and JFIF's own mark; comments and the other application marks are missing.
PIXEL_MARKERS = {0xC0, 0xC2, 0xC4, 0xDA, 0xDB, 0xDD, 0xE0}


def reopened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def jpeg_markers(data: bytes) -> set[int]:
    """The kinds of segments up to the first scan."""
    markers, place = set(), 2
    while 0xDA not in markers:
        mark, kind, length = struct.unpack_from(">BBH", data, place)
        assert mark == 0xFF
        markers.add(kind)
        place += 2 + length
    return markers


def chunks(data: bytes) -> set[bytes]:
    """The kinds of chunks in a PNG or WebP file."""
    kinds, place = set(), 8 if data.startswith(b"\x89PNG") else 12
    while place < len(data):
        if data.startswith(b"\x89PNG"):
            length, kind = struct.unpack_from(">I4s", data, place)
            place += 12 + length
        else:
            kind, length = struct.unpack_from("<4sI", data, place)
            place += 8 + length + length % 2
        kinds.add(kind)
    return kinds


def telling_photos() -> list[bytes]:
    """Photos with every kind of metadata about their origin."""
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "SecretCamera"
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitude] = (48.0, 12.0, 30.0)
    xmp = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'>SecretPlace</x:xmpmeta>"
    notes = PngImagePlugin.PngInfo()
    notes.add_text("Comment", "SecretComment")
    notes.add_itxt("XML:com.adobe.xmp", xmp.decode())
    profile = b"SecretProfile" * 20
    known = {"exif": exif.tobytes(), "icc_profile": profile}
    return [
        encoded(scene(), "JPEG", comment=b"SecretComment", xmp=xmp, **known),
        encoded(scene(), "PNG", pnginfo=notes, **known),
        encoded(scene(), "WEBP", xmp=xmp, **known),
        encoded(scene(), "AVIF", xmp=xmp, **known),
        encoded(scene(), "HEIF", xmp=xmp, **known),
        encoded(scene(), "TIFF", tiffinfo={270: "SecretComment"}, **known),
        encoded(scene(), "GIF", comment=b"SecretComment"),
    ]


@pytest.mark.parametrize("encode", ENCODERS)
def test_nothing_but_pixels_leaves(encode: Callable[[Image.Image], bytes]) -> None:
    for data in telling_photos():
        assert b"Secret" in data
        out = encode(decode_photo(io.BytesIO(data), max_pixels=10**6).image)
        assert b"Secret" not in out
        if out.startswith(b"\xff\xd8"):
            assert jpeg_markers(out) <= PIXEL_MARKERS
        else:
            assert chunks(out) <= PIXEL_CHUNKS


@pytest.mark.parametrize("encode", ENCODERS)
def test_metadata_is_dropped_even_if_it_comes_along(encode: Callable[[Image.Image], bytes]) -> None:
    photo = reopened(encoded(scene(), "PNG", icc_profile=b"SecretProfile" * 20))
    photo.load()
    assert b"Secret" not in encode(photo)
    assert "icc_profile" in photo.info


def test_png_is_lossless() -> None:
    np.testing.assert_array_equal(np.asarray(reopened(encode_png(scene()))), np.asarray(scene()))


def test_jpeg_keeps_colour_edges_sharp() -> None:
    jpeg = reopened(encode_jpeg(scene()))
    assert np.abs(np.asarray(jpeg).astype(int) - np.asarray(scene())).mean() < 2
    assert [component[1:3] for component in jpeg.layer] == [(1, 1)] * 3  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("make", "side", "kind"), [(make_thumbnail, 480, "WEBP"), (make_preview, 1600, "JPEG")]
)
@pytest.mark.parametrize("size", [(3000, 2000), (2000, 3000), (100, 50), (1, 1), (5000, 2)])
def test_small_pictures_for_the_browser(
    make: Callable[[Image.Image], bytes], side: int, kind: str, size: tuple[int, int]
) -> None:
    image = reopened(make(Image.new("RGB", size, "teal")))
    assert image.format == kind
    shrunk = min(1.0, side / max(size))
    assert image.size == tuple(max(1, round(length * shrunk)) for length in size)
    assert np.abs(np.asarray(image.convert("RGB"))[0, 0].astype(int) - (0, 128, 128)).max() <= 6
