"""What leaves the site: sizes, fidelity, and nothing but pixels."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from app.imaging import decode_photo, encode_jpeg, encode_png, encode_webp, make_preview, make_thumbnail
from tests.imaging.test_decode import encoded, scene

# What Pillow reports of every file of these kinds, whatever was put in.
CONTAINER = {
    "jfif",
    "jfif_version",
    "jfif_unit",
    "jfif_density",
    "progressive",
    "progression",
    "loop",
    "background",
}
ENCODERS = [encode_jpeg, encode_png, encode_webp, make_preview, make_thumbnail]


def reopened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


@pytest.mark.parametrize("encode", ENCODERS)
def test_nothing_but_pixels_leaves(encode: Callable[[Image.Image], bytes]) -> None:
    exif = Image.Exif()
    exif[0x010F] = "SecretCamera"
    exif.get_ifd(0x8825)[2] = (48.0, 12.0, 30.0)
    notes = PngImagePlugin.PngInfo()
    notes.add_text("Comment", "SecretComment")
    for data in (
        encoded(scene(), "JPEG", exif=exif, comment=b"SecretComment", icc_profile=b"SecretProfile" * 20),
        encoded(scene(), "PNG", exif=exif, pnginfo=notes),
        encoded(scene(), "TIFF", exif=exif),
    ):
        photo = decode_photo(io.BytesIO(data), max_pixels=10**6).image
        out = encode(photo)
        assert b"Secret" not in out
        assert b"Exif" not in out
        image = reopened(out)
        assert not image.getexif()
        assert set(image.info) <= CONTAINER


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
    assert max(image.size) == min(side, max(size))
    assert (
        abs(image.width / image.height - size[0] / size[1]) / (size[0] / size[1]) < 0.01
        or min(image.size) == 1
    )
