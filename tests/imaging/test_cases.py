"""Photos that people have brought, with their right levels."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from app.imaging import decode_photo
from app.imaging.errors import RawPhoto
from testing.cases import case

RED, BLUE, GREY = (200, 30, 30), (30, 30, 200), (128, 128, 128)
QUARTERS = {(2, 2): RED, (2, 32): BLUE, (48, 32): GREY}
LEVELS = {
    "adobe_r03.jpg": {(5, 5): (137, 100, 78), (60, 40): (137, 100, 78)},
    "p3.avif": {(5, 5): (217, 42, 52)},
    "cicp_p3.png": {(5, 5): (217, 42, 52)},
    "gama1.png": {(5, 5): (188, 188, 188)},
    "grey_g18_LA.png": {(5, 5): (146, 146, 146)},
    "grey4_trns.png": {(0, 0): (255, 255, 255), (1, 0): (204, 204, 204)},
    "t_u16_rgb_planar.tif": QUARTERS,
    "t_float32_rgb.tif": QUARTERS,
    "t_u16_miniswhite.tif": {(2, 2): (200,) * 3, (2, 32): (30,) * 3, (48, 32): (128,) * 3},
    "gif_partial2.gif": {(0, 0): (255, 255, 255), (99, 79): (255, 255, 255)},
    "painting_adobe.jpg": {(16, 16): (137, 100, 77)},
}


def decoded(name: str) -> Image.Image:
    return decode_photo(io.BytesIO(case(name)), max_pixels=1_000_000).image


@pytest.mark.parametrize("name", LEVELS)
def test_levels(name: str) -> None:
    image = decoded(name)
    for point, expected in LEVELS[name].items():
        assert np.abs(np.subtract(image.getpixel(point), expected)).max() <= 3, (point, image.getpixel(point))


def test_hdr_has_a_white_that_is_nearly_white() -> None:
    assert min(decoded("pq.avif").getpixel((5, 5))) >= 235  # type: ignore[type-var, arg-type]


def test_a_raw_photo_is_refused() -> None:
    with pytest.raises(RawPhoto, match="Export it as JPEG, HEIC or TIFF"):
        decoded("raw.nef")


def test_jpegs_without_an_end_marker_have_all_their_pixels() -> None:
    data = case("noeoi_base.jpg")
    with Image.open(io.BytesIO(data + b"\xff\xd9")) as whole:
        pixels = whole.convert("RGB").tobytes()
    assert decoded("noeoi_base.jpg").tobytes() == pixels
    assert decoded("samsung_base.jpg").tobytes() == pixels
