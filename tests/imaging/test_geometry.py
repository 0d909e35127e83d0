"""What part of a picture is shown, and which way up: clean aperture, and orientation in XMP."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import ExifTags, Image

from app.imaging import decode_photo
from testing.hostile import box
from testing.photo_files import assert_like
from testing.pictures import encoded, scene

XMP = b"""<?xpacket begin='' id='W5M0MpCehiHzreSzNTczkc9d'?><x:xmpmeta xmlns:x='adobe:ns:meta/'>
<rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'><rdf:Description
xmlns:tiff='http://ns.adobe.com/tiff/1.0/' tiff:Orientation="1"/></rdf:RDF></x:xmpmeta>"""


def decode(data: bytes) -> Image.Image:
    return decode_photo(io.BytesIO(data), max_pixels=1_000_000).image


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "TIFF", "AVIF", "HEIF", "PNG"])
def test_orientation_in_xmp_alone_turns_nothing(kind: str) -> None:
    if kind == "PNG":
        from PIL.PngImagePlugin import PngInfo

        info = PngInfo()
        info.add_itxt("XML:com.adobe.xmp", XMP.decode())
        data = encoded(scene(), kind, pnginfo=info)
    elif kind == "TIFF":
        data = encoded(scene(), kind, tiffinfo={700: XMP})
    else:
        data = encoded(scene(), kind, xmp=XMP)
    turned = data.replace(b'tiff:Orientation="1"', b'tiff:Orientation="6"')
    assert turned != data
    if kind == "PNG":  # the chunk's checksum
        at = turned.index(b"iTXt")
        end = at + 4 + int.from_bytes(turned[at - 4 : at], "big")
        turned = turned[:end] + zlib.crc32(turned[at:end]).to_bytes(4, "big") + turned[end + 4 :]
    assert_like(decode(turned), scene())


def test_exif_turns_whatever_xmp_says() -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 3
    data = encoded(scene().transpose(Image.Transpose.ROTATE_180), "JPEG", exif=exif.tobytes(), xmp=XMP)
    assert_like(decode(data), scene())


def fraction(value: float) -> tuple[int, int]:
    return round(2 * value), 2


def cropped(data: bytes, width: float, height: float, across: float, down: float) -> bytes:
    """An AVIF or HEIC of one item with a clean aperture added."""
    numbers = [number for value in (width, height, across, down) for number in fraction(value)]
    clap = box(b"clap", struct.pack(">4IiIiI", *numbers))
    spoiled = bytearray(data)
    at = {kind: data.index(kind) for kind in (b"meta", b"iprp", b"ipco", b"ipma", b"iloc")}
    ends = {kind: start - 4 + int.from_bytes(data[start - 4 : start], "big") for kind, start in at.items()}
    properties, offset = 0, at[b"ipco"] + 4
    while offset < ends[b"ipco"]:
        properties += 1
        offset += int.from_bytes(data[offset : offset + 4], "big")
    associated = at[b"ipma"] + 4 + 4 + 4 + 2  # version, count of items, number of the item
    growth = len(clap) + 1
    for kind, grown in ((b"meta", growth), (b"iprp", growth), (b"ipco", len(clap)), (b"ipma", 1)):
        struct.pack_into(">I", spoiled, at[kind] - 4, ends[kind] - at[kind] + 4 + grown)
    spoiled[associated] += 1
    mdat = data.index(b"mdat") + 4
    for place in range(at[b"iloc"], ends[b"iloc"] - 3):
        if data[place : place + 4] == struct.pack(">I", mdat):
            struct.pack_into(">I", spoiled, place, mdat + growth)
    end = ends[b"ipma"]
    spoiled[end:end] = bytes([0x80 | properties + 1])
    spoiled[ends[b"ipco"] : ends[b"ipco"]] = clap
    return bytes(spoiled)


@pytest.mark.parametrize("kind", ["AVIF", "HEIF"])
def test_a_clean_aperture_is_all_that_is_shown(kind: str) -> None:
    image = Image.new("RGB", (128, 96), (0, 0, 255))
    image.paste((200, 30, 30), (16, 8, 16 + 64, 8 + 40))
    data = cropped(encoded(image, kind, quality=100), 64, 40, 16 + 32 - 64, 8 + 20 - 48)
    seen = decode(data)
    assert seen.size == (64, 40)
    assert np.abs(np.asarray(seen).astype(int)[3:-3, 3:-3] - (200, 30, 30)).max() <= 12


def test_a_clean_aperture_counts_before_the_rotation() -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    image = Image.new("RGB", (128, 96), (200, 30, 30))
    image.paste((0, 0, 255), (64, 0, 128, 96))
    data = cropped(encoded(image, "AVIF", quality=100, exif=exif.tobytes()), 64, 40, -32, 0)
    seen = decode(data)
    assert seen.size == (40, 64)
    assert np.abs(np.asarray(seen).astype(int)[3:-6, 3:-3] - (200, 30, 30)).max() <= 12


@pytest.mark.parametrize("aperture", [(64, 40, 400, 0), (0, 40, 0, 0), (63, 40, 0, 0), (200, 40, 0, 0)])
def test_an_impossible_aperture_is_ignored(aperture: tuple[float, ...]) -> None:
    assert decode(cropped(encoded(scene(128, 96), "AVIF"), *aperture)).size == (128, 96)


def test_a_division_by_zero_is_ignored() -> None:
    data = cropped(encoded(scene(128, 96), "AVIF"), 64, 40, 0, 0)
    at = data.index(b"clap") + 8
    assert decode(data[:at] + bytes(4) + data[at + 4 :]).size == (128, 96)
