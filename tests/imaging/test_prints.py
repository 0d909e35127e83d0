"""Print sizes: their pixels, and the part of a photo that fills them."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from app.imaging import encode_jpeg, encode_png
from app.imaging.prints import (
    FULL,
    SIZES,
    WHOLE,
    Crop,
    Focus,
    Frame,
    Orientation,
    cut,
    find_size,
    frame_photo,
)

A4 = find_size("a4")


@pytest.mark.parametrize(
    ("slug", "pixels"),
    [("a4", (2480, 3508)), ("a3", (3508, 4961)), ("30x40", (3543, 4724)), ("square", (1080, 1080))],
)
def test_papers_have_three_hundred_dots_per_inch(slug: str, pixels: tuple[int, int]) -> None:
    size = find_size(slug)
    assert (size.width, size.height) == pixels
    assert size.dpi == (None if slug == "square" else 300)


def test_full_size_is_the_whole_photo() -> None:
    assert frame_photo((640, 480), FULL, Orientation.PORTRAIT, Focus(0.5, 0.5, 0.1)) == Frame(640, 480, WHOLE)


@pytest.mark.parametrize("size", [size for size in SIZES if not size.keeps_photo])
@pytest.mark.parametrize("orientation", list(Orientation))
@pytest.mark.parametrize("photo", [(4000, 3000), (3000, 4000), (500, 4000), (4000, 500), (1, 1)])
@pytest.mark.parametrize(
    "focus", [None, Focus(0, 0, 1), Focus(0.9, 0.9, 0.9), Focus(-3, 7, 0.2), Focus(0.4, 0.4, 0.0001)]
)
def test_what_is_shown_lies_inside_the_photo_and_has_the_shape_of_the_print(
    size, orientation: Orientation, photo: tuple[int, int], focus: Focus | None
) -> None:
    frame = frame_photo(photo, size, orientation, focus)
    left, top, right, bottom = frame.crop.box(photo)
    assert -1e-6 <= left < right <= photo[0] + 1e-6
    assert -1e-6 <= top < bottom <= photo[1] + 1e-6
    assert (right - left) / (bottom - top) == pytest.approx(frame.width / frame.height, rel=1e-6)


def test_without_a_wish_the_largest_part_in_the_middle_is_shown() -> None:
    frame = frame_photo((4000, 3000), find_size("square"))
    assert frame.crop.box((4000, 3000)) == (500, 0, 3500, 3000)


def test_a_print_is_held_as_the_photo_is_unless_it_is_turned() -> None:
    lying, upright = (3508, 2480), (2480, 3508)
    for photo, orientation, size in (
        ((400, 300), Orientation.AS_PHOTO, lying),
        ((300, 400), Orientation.AS_PHOTO, upright),
        ((400, 300), Orientation.PORTRAIT, upright),
        ((300, 400), Orientation.LANDSCAPE, lying),
    ):
        frame = frame_photo(photo, A4, orientation)
        assert (frame.width, frame.height) == size
    phone = frame_photo((400, 300), find_size("phone"), Orientation.LANDSCAPE)
    assert phone.width < phone.height


def test_a_wish_is_followed_where_it_can_be() -> None:
    frame = frame_photo((1000, 1000), find_size("square"), focus=Focus(0.1, 0.3, 0.5))
    assert frame.crop.box((1000, 1000)) == pytest.approx((100, 300, 600, 800))
    outside = frame_photo((1000, 1000), find_size("square"), focus=Focus(0.9, 0.9, 0.5))
    assert outside.crop.box((1000, 1000)) == pytest.approx((500, 500, 1000, 1000))


def test_enlarging_is_counted_along_a_side() -> None:
    assert Frame(2000, 1000, Crop(0, 0, 0.5, 0.5)).enlargement((1000, 500)) == 4.0
    assert Frame(500, 500, WHOLE).enlargement((1000, 1000)) == 0.5


def test_the_pixels_of_the_chosen_part_are_taken() -> None:
    photo = np.zeros((100, 200, 3), np.uint8)
    photo[50:, 100:] = (255, 0, 0)
    picture = np.asarray(cut(Image.fromarray(photo), Frame(40, 20, Crop(0.5, 0.5, 0.5, 0.5))))
    assert picture.shape == (20, 40, 3)
    # Along the two inner edges, resampling mixes pixels from beyond the crop, as it should.
    assert (picture[4:, 4:] == (255, 0, 0)).all()
    whole = np.asarray(cut(Image.fromarray(photo), Frame(200, 100, WHOLE)))
    np.testing.assert_array_equal(whole, photo)


@pytest.mark.parametrize("encode", [encode_png, encode_jpeg])
def test_a_print_says_how_large_it_is_meant(encode) -> None:
    image = Image.new("RGB", (30, 20), "teal")
    with Image.open(io.BytesIO(encode(image, dpi=300))) as print_file:
        assert print_file.info["dpi"] == pytest.approx((300, 300), abs=0.01)
    with Image.open(io.BytesIO(encode(image))) as screen_file:
        assert screen_file.info.get("dpi", (72, 72)) != (300, 300)


def test_a_crop_comes_back_from_the_database() -> None:
    crop = Crop(0.1, 0.2, 0.3, 0.4)
    assert Crop.from_json(crop.to_json()) == crop
