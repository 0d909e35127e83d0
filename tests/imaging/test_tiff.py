"""TIFFs in all bits, colours and layouts, against the levels that were written and other readers."""

from __future__ import annotations

import io
import struct
from typing import Any

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

from app.imaging import decode_photo
from app.imaging.errors import DamagedPhoto, ImageError, RawPhoto, UnknownTiff
from testing.photo_files import ADOBE_RGB
from testing.pictures import scene

LIMIT = 1_000_000
RGB = np.asarray(scene(96, 64))
GREY = np.asarray(scene(96, 64).convert("L"))
THUMBNAIL = np.full((8, 12, 3), 7, np.uint8)
WHOLE_RANGE = {
    np.uint8: 255,
    np.uint16: 65535,
    np.uint32: 2**32 - 1,
    np.float16: 1,
    np.float32: 1,
    np.float64: 1,
}


def scaled(levels: Any, dtype: type) -> Any:
    """Levels of 0 to 255 in the range of another type of numbers."""
    values = levels.astype(np.float64) / 255 * WHOLE_RANGE[dtype]
    return values.astype(dtype) if np.dtype(dtype).kind == "f" else np.rint(values).astype(dtype)


def tiff(values: Any, **options: Any) -> bytes:
    buffer = io.BytesIO()
    options.setdefault("metadata", None)
    big = {key: options.pop(key) for key in ("bigtiff", "byteorder") if key in options}
    with tifffile.TiffWriter(buffer, **big) as writer:
        writer.write(values, **options)
    return buffer.getvalue()


def decode(data: bytes) -> Any:
    return np.asarray(decode_photo(io.BytesIO(data), max_pixels=LIMIT).image).astype(int)


def assert_levels(data: bytes, expected: Any, tolerance: int = 1) -> None:
    seen = decode(data)
    expected = expected if expected.ndim == 3 else expected[..., None].repeat(3, axis=2)
    assert seen.shape == expected.shape
    assert np.abs(seen - expected).max() <= tolerance


@pytest.mark.parametrize("dtype", WHOLE_RANGE)
@pytest.mark.parametrize("layout", ["contig", "separate"])
@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("shape", ["strips", "tiles"])
def test_rgb(dtype: type, layout: str, byteorder: str, shape: str) -> None:
    values = scaled(RGB, dtype)
    values = values if layout == "contig" else np.moveaxis(values, -1, 0)
    options = {"tile": (32, 32)} if shape == "tiles" else {"rowsperstrip": 10}
    data = tiff(values, photometric="rgb", planarconfig=layout, byteorder=byteorder, **options)
    assert_levels(data, RGB)


@pytest.mark.parametrize("dtype", WHOLE_RANGE)
@pytest.mark.parametrize("photometric", ["minisblack", "miniswhite"])
@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_grey(dtype: type, photometric: str, byteorder: str) -> None:
    levels = GREY if photometric == "minisblack" else 255 - GREY
    # Floating point has no agreed range: a picture without white, in 0..1, still counts as 0..1.
    assert_levels(tiff(scaled(levels, dtype), photometric=photometric, byteorder=byteorder), GREY)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("compression", [None, "lzw", "zlib", "packbits", "zstd", "lzma"])
@pytest.mark.parametrize("predictor", [False, True])
@pytest.mark.parametrize("bigtiff", [False, True])
def test_compression(dtype: type, compression: str | None, predictor: bool, bigtiff: bool) -> None:
    if predictor and compression in (None, "packbits"):
        pytest.skip("no predictor goes with it")
    data = tiff(
        scaled(RGB, dtype), photometric="rgb", compression=compression, predictor=predictor, bigtiff=bigtiff
    )
    assert_levels(data, RGB)


JPEGS: dict[str, tuple[Any, dict[str, Any]]] = {
    "RGB": (RGB, {"photometric": "rgb", "planarconfig": "contig"}),
    "RGB in planes": (np.moveaxis(RGB, -1, 0), {"photometric": "rgb", "planarconfig": "separate"}),
    "grey": (GREY, {"photometric": "minisblack"}),
}


def assert_quarters(data: bytes, expected: Any) -> None:
    seen = decode(data)
    for row, column in ((8, 8), (8, 70), (50, 8), (50, 70)):
        assert np.abs(seen[row, column] - expected[row, column]).max() <= 4


@pytest.mark.parametrize("name", JPEGS)
def test_jpeg_inside(name: str) -> None:
    values, options = JPEGS[name]
    data = tiff(values, compression="jpeg", compressionargs={"level": 98}, tile=(32, 32), **options)
    assert_quarters(data, GREY[..., None].repeat(3, axis=2) if name == "grey" else RGB)


@pytest.mark.parametrize("compression", ["jpeg", "raw"])
def test_luma_and_chroma(compression: str) -> None:
    buffer = io.BytesIO()
    options = {"quality": 98} if compression == "jpeg" else {}
    scene(96, 64).convert("YCbCr").save(buffer, "TIFF", compression=compression, **options)
    assert_quarters(buffer.getvalue(), RGB)


@pytest.mark.parametrize("bits", [2, 4, 8, 10, 12, 14, 16])
def test_odd_bits(bits: int) -> None:
    levels = np.arange(64 * 64).reshape(64, 64) * (2**bits - 1) // (64 * 64 - 1)
    data = tiff(
        levels.astype(np.uint16 if bits > 8 else np.uint8), bitspersample=bits, photometric="minisblack"
    )
    assert_levels(data, levels * 255.0 / (2**bits - 1))


def test_twelve_bits_of_rgb() -> None:
    values = np.rint(RGB / 255.0 * 4095).astype(np.uint16)
    assert_levels(tiff(values, bitspersample=12, photometric="rgb"), RGB)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("kind", ["unassalpha", "assocalpha", "unspecified"])
@pytest.mark.parametrize("colors", [RGB, GREY], ids=["rgb", "grey"])
def test_extra_channel(dtype: type, kind: str, colors: Any) -> None:
    colors = colors if colors.ndim == 3 else colors[..., None]
    share = np.full((*colors.shape[:2], 1), 255, np.uint8)
    share[:20] = 0
    share[20:40] = 128
    given = np.rint(colors * (share / 255)) if kind == "assocalpha" else colors
    values = scaled(np.concatenate([given, share], axis=2), dtype)
    photometric = "rgb" if colors.shape[2] == 3 else "minisblack"
    data = tiff(values, photometric=photometric, planarconfig="contig", extrasamples=[kind])
    mixed = colors * (share / 255) + 255 - share
    expected = colors if kind == "unspecified" else mixed
    assert_levels(data, expected.repeat(3 // colors.shape[2], axis=2), 2)
    alpha = decode_photo(io.BytesIO(data), max_pixels=LIMIT).alpha
    if kind == "unspecified":
        assert alpha is None
    else:
        assert alpha is not None
        assert np.array_equal(np.asarray(alpha), share[..., 0])


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("layout", ["contig", "separate"])
def test_cmyk(dtype: type, layout: str) -> None:
    inks = scene(96, 64).convert("CMYK")
    values = scaled(np.asarray(inks), dtype)
    values = values if layout == "contig" else np.moveaxis(values, -1, 0)
    data = tiff(values, photometric="separated", planarconfig=layout)
    assert_levels(data, np.asarray(inks.convert("RGB")))


# The primaries of sRGB and a grey as CIE L*a*b* under D50 (CIE 15, Bradford's adaptation).
LAB_OF = {
    (255, 0, 0): (54.29, 80.81, 69.89),
    (0, 255, 0): (87.82, -79.29, 80.99),
    (0, 0, 255): (29.57, 68.30, -112.03),
    (128, 128, 128): (53.59, 0.0, 0.0),
}


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("kind", [8, 9])
@pytest.mark.parametrize("layout", ["contig", "separate"])
@pytest.mark.parametrize("color", LAB_OF)
def test_lab(bits: int, kind: int, layout: str, color: tuple[int, int, int]) -> None:
    lightness, *hue = LAB_OF[color]
    unit = 2 ** (bits - 8)
    if kind == 8:  # CIE L*a*b*: a* and b* are two's complements (TIFF 6.0, section 23)
        samples = [lightness / 100 * (2**bits - 1), *(value * unit % 2**bits for value in hue)]
    else:  # ICC L*a*b*: 128 is added (TIFF Technical Note 4)
        samples = [lightness / 100 * 255 * unit, *((value + 128) * unit for value in hue)]
    values = np.empty((16, 16, 3), np.uint8 if bits == 8 else np.uint16)
    values[:] = np.rint(samples)
    values = values if layout == "contig" else np.moveaxis(values, -1, 0)
    seen = decode(tiff(values, photometric=kind, planarconfig=layout))[8, 8]
    # Steps of a* and b* of 1 are several levels of a channel that is nearly dark.
    assert np.abs(seen - color).max() <= (3 if max(color) == min(color) else 25), seen


def test_a_profile_counts_in_sixteen_bits() -> None:
    values = scaled(np.full((16, 16, 3), (127, 100, 80), np.uint8), np.uint16)
    data = tiff(values, photometric="rgb", iccprofile=ADOBE_RGB)
    assert np.abs(decode(data)[8, 8] - (137, 100, 78)).max() <= 2


def test_orientation_counts_in_sixteen_bits() -> None:
    lying = scene(96, 64).transpose(Image.Transpose.ROTATE_90)
    data = tiff(scaled(np.asarray(lying), np.uint16), photometric="rgb", extratags=[(274, 3, 1, 6, True)])
    assert_levels(data, RGB)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("compression", [None, "lzw", "zlib"])
def test_opencv_reads_the_same(dtype: type, compression: str | None) -> None:
    gradient = np.linspace(0, 255, 64 * 96 * 3).reshape(64, 96, 3)
    data = tiff(scaled(gradient, dtype), photometric="rgb", compression=compression)
    other = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)[..., ::-1]
    assert_levels(data, other.astype(np.float64) / WHOLE_RANGE[dtype] * 255)


# --- which page counts --------------------------------------------------------------------------


def pages(*written: tuple[Any, dict[str, Any]], subifds: int = 0) -> bytes:
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer) as writer:
        for index, (values, options) in enumerate(written):
            below = subifds if index == 0 else 0
            writer.write(values, metadata=None, photometric="rgb", subifds=below, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_thumbnail_before_the_photo_is_passed_over(dtype: type) -> None:
    thumbnail = (THUMBNAIL, {"subfiletype": 1})
    assert_levels(pages(thumbnail, (scaled(RGB, dtype), {})), RGB)
    assert_levels(pages(thumbnail, thumbnail, (scaled(RGB, dtype), {"subfiletype": 2})), RGB)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_photo_below_its_thumbnail_counts(dtype: type) -> None:
    data = pages((THUMBNAIL, {"subfiletype": 1}), (scaled(RGB, dtype), {"subfiletype": 0}), subifds=1)
    assert_levels(data, RGB)


def test_thumbnails_below_and_after_the_photo_do_not_count() -> None:
    thumbnail = (THUMBNAIL, {"subfiletype": 1})
    assert_levels(pages((RGB, {}), thumbnail, thumbnail, subifds=1), RGB)


# --- what is refused ----------------------------------------------------------------------------


RAW_TAGS: dict[str, dict[str, Any]] = {
    "mosaic of filters": {"photometric": 32803},
    "linear light of a sensor": {"photometric": 34892},
    "DNG": {"extratags": [(50706, 1, 4, (1, 4, 0, 0), True)]},
}


@pytest.mark.parametrize("tags", RAW_TAGS)
@pytest.mark.parametrize("place", ["first", "below"])
def test_raw_photos_are_refused(tags: str, place: str) -> None:
    sensor = GREY if "photometric" in RAW_TAGS[tags] else RGB
    options = {"photometric": "rgb", "metadata": None} | RAW_TAGS[tags]
    if RAW_TAGS[tags].get("photometric") == 34892:
        sensor = RGB
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer) as writer:
        if place == "below":
            writer.write(THUMBNAIL, photometric="rgb", subfiletype=1, subifds=1, metadata=None)
        writer.write(sensor, **options)
    with pytest.raises(RawPhoto, match="raw photo") as caught:
        decode(buffer.getvalue())
    assert caught.value.status == 415


def test_compressions_and_marks_of_cameras_are_refused() -> None:
    data = tiff(RGB, photometric="rgb")
    at = data.index(struct.pack("<HHI", 259, 3, 1)) + 8
    for compression in (32767, 34713, 32770, 65535):
        with pytest.raises(RawPhoto):
            decode(data[:at] + struct.pack("<H", compression) + data[at + 2 :])
    with pytest.raises(RawPhoto):
        decode(b"II*\0" + struct.pack("<I", 16) + b"CR\2\0" + bytes(4) + bytes(200))


def test_a_camera_file_with_nothing_but_a_thumbnail_is_refused() -> None:
    data = tiff(THUMBNAIL, photometric="rgb", subfiletype=1, extratags=[(271, 2, 0, "Maker", True)])
    with pytest.raises(RawPhoto):
        decode(data)
    assert decode(tiff(THUMBNAIL, photometric="rgb", subfiletype=1)).shape == (8, 12, 3)


@pytest.mark.parametrize(
    "beginning",
    [
        b"\0\0\0\x18ftypcrx \0\0\0\1crx isom",
        b"FUJIFILMCCD-RAW 0201",
        b"IIRO\x08\0\0\0",
        b"IIRS\x08\0\0\0",
        b"MMOR\0\0\0\x08",
        b"IIU\0\x18\0\0\0",
        b"FOVb\0\0\0\2",
        b"\0MRM\0\0\1\0",
        b"II\x1a\0\0\0HEAPCCDR",
    ],
)
def test_raw_photos_that_are_no_tiff_are_refused(beginning: bytes) -> None:
    with pytest.raises(RawPhoto, match="raw photo"):
        decode(beginning + bytes(500))


@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.uint64, np.complex64])
def test_numbers_without_a_known_meaning_are_refused(dtype: type) -> None:
    with pytest.raises((UnknownTiff, DamagedPhoto)):
        decode(tiff(np.ones((16, 16), dtype), photometric="minisblack"))


def test_missing_strips_are_no_black_ones() -> None:
    data = tiff(scaled(RGB, np.uint16), photometric="rgb", compression="zlib", rowsperstrip=16)
    with pytest.raises(ImageError):
        decode(data[: len(data) // 2])
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        counts = file.pages[0].tags[279]
    spoiled = bytearray(data)
    width = struct.calcsize({3: "H", 4: "I"}[int(counts.dtype)])
    spoiled[counts.valueoffset + width : counts.valueoffset + 2 * width] = bytes(width)
    with pytest.raises(DamagedPhoto):
        decode(bytes(spoiled))
