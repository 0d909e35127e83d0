"""Photos and paintings: finding, decoding, and the random draws of a training."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from app.engine.errors import InvalidPicture
from app.engine.networks.config import NetworkConfig
from app.engine.training.data import CROP, ORDER, STYLES, draw_key, read_picture, read_square, stream
from app.engine.training.pictures import decode_picture, find_paintings, find_photos
from app.engine.training.recipe import DataRecipe, Stage
from app.engine.training.sheets import GAP, LABEL, save_sheet
from testing.networks import chance_checkpoint


def test_photos_held_out_are_never_shown(pictures: Path) -> None:
    photos = find_photos(pictures / "photos", ("held.jpg",))
    assert [path.name for path in photos] == ["a.jpg", "b.jpg", "c.png"]
    with pytest.raises(InvalidPicture):
        find_photos(pictures / "nowhere")


def test_the_stream_goes_on_where_it_was(pictures: Path) -> None:
    photos = find_photos(pictures / "photos")
    stage = Stage(1.0, crop=16, photos=2, styles_per_photo=3)
    whole = list(stream(photos, [1.0] * 5, stage, seed=2, first_step=0).take(4).as_numpy_iterator())
    late = list(stream(photos, [1.0] * 5, stage, seed=2, first_step=2).take(2).as_numpy_iterator())
    for (photo, styles), (same_photo, same_styles) in zip(whole[2:], late, strict=True):
        np.testing.assert_array_equal(photo, same_photo)
        np.testing.assert_array_equal(styles, same_styles)
    assert whole[0][0].shape == (2, 16, 16, 3)
    for _, styles in whole:
        assert all(len(set(row)) == 3 for row in styles.tolist()), "a photo's styles differ"
    other = next(stream(photos, [1.0] * 5, stage, seed=3, first_step=0).as_numpy_iterator())
    assert not np.array_equal(other[0], whole[0][0])


def test_every_photo_comes_once_before_any_comes_again(tmp_path: Path) -> None:
    for level in range(6):
        Image.new("RGB", (16, 16), (level * 40,) * 3).save(tmp_path / f"{level}.png")
    batches = stream(find_photos(tmp_path), [1.0], Stage(1.0, crop=16, photos=3), seed=1, first_step=0)
    levels = [round(float(photo.mean()) / 40) for photos, _ in batches.take(4) for photo in photos.numpy()]
    assert sorted(levels[:6]) == sorted(levels[6:]) == list(range(6))
    assert levels[:6] != levels[6:]


def test_the_next_photo_takes_the_place_of_a_damaged_one(
    with_damage: Path, caplog: pytest.LogCaptureFixture
) -> None:
    photos = find_photos(with_damage, ("held.jpg",))
    assert [path.name for path in photos] == ["a.jpg", "aa.jpg", "b.jpg", "c.png", "z.png"]
    sound = [photos[0], photos[2], photos[2], photos[3], photos[0]]
    stage = Stage(1.0, crop=16, photos=5)
    seen = list(stream(photos, [1.0, 1.0], stage, seed=2, first_step=0).take(4).as_numpy_iterator())
    expected = list(stream(sound, [1.0, 1.0], stage, seed=2, first_step=0).take(4).as_numpy_iterator())
    late = list(stream(photos, [1.0, 1.0], stage, seed=2, first_step=3).take(1).as_numpy_iterator())
    for (batch, styles), (same, same_styles) in zip([*seen, *late], [*expected, expected[3]], strict=True):
        np.testing.assert_array_equal(batch, same)
        np.testing.assert_array_equal(styles, same_styles)
    for name in ("aa.jpg", "z.png"):
        assert sum(name in record.message for record in caplog.records) == 1


def test_a_picture_is_read_at_the_size_asked_for(pictures: Path, tmp_path: Path) -> None:
    assert read_picture(pictures / "paintings" / "red.jpg", 90).shape == (60, 90, 3)
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"no picture")
    for damaged in (broken, tmp_path / "missing.jpg"):
        with pytest.raises(InvalidPicture, match=damaged.name):
            read_picture(damaged, 90)


def test_two_paintings_of_one_style_are_refused(tmp_path: Path) -> None:
    for name in ("red.jpg", "blue.png", "notes.txt"):
        (tmp_path / name).touch()
    assert list(find_paintings(tmp_path)) == ["blue", "red"]
    (tmp_path / "red.png").touch()
    with pytest.raises(InvalidPicture, match=r"red\.jpg and red\.png are both paintings of red"):
        find_paintings(tmp_path)


def test_pictures_are_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # lies on its side
    picture = Image.new("RGB", (48, 32), "black")
    picture.paste("white", (0, 0, 24, 32))
    picture.save(tmp_path / "lying.jpg", exif=exif, quality=95)
    for pixels in (decode_picture(tmp_path / "lying.jpg"), read_picture(tmp_path / "lying.jpg", 48)):
        assert pixels.shape == (48, 32, 3)
        assert pixels[:20].mean() > 250
        assert pixels[28:].mean() < 5
    batches = stream([tmp_path / "lying.jpg"], [1.0], Stage(1.0, crop=32, photos=8), seed=1, first_step=0)
    for photo in next(batches.as_numpy_iterator())[0]:
        assert np.ptp(photo.mean(axis=(0, 2))) < 5, "what was left and right is above and below"


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_what_is_transparent_is_white(mode: str, tmp_path: Path) -> None:
    picture = Image.new("RGBA", (4, 2), (0, 0, 0, 0))
    picture.paste((0, 0, 0, 255), (0, 0, 2, 2))
    picture.convert(mode).save(tmp_path / "half.png")
    pixels = decode_picture(tmp_path / "half.png")
    assert pixels[:, :2].max() == 0
    assert pixels[:, 2:].min() == 255


def test_sixteen_bits_of_grey_are_scaled(tmp_path: Path) -> None:
    Image.fromarray(np.full((4, 4), 0x8000, np.uint16)).save(tmp_path / "grey.png")
    assert (decode_picture(tmp_path / "grey.png") == 0x80).all()


@pytest.mark.parametrize(("width", "height"), [(80, 40), (40, 80), (40, 40)])
def test_a_square_is_the_whole_of_the_shorter_side(width: int, height: int, tmp_path: Path) -> None:
    down, across = np.mgrid[:height, :width] * 3
    Image.fromarray(np.stack([across, down, down], axis=2).astype(np.uint8)).save(tmp_path / "photo.png")
    square = read_square(tmp_path / "photo.png", 20)
    assert square.shape == (20, 20, 3)
    for channel, axis, length in ((0, 1, width), (1, 0, height)):
        first, last = (square[..., channel].take(end, axis=axis).mean() / 3 for end in (0, -1))
        assert last - first == pytest.approx(38, abs=1.5), "forty pixels from the first to the last"
        assert (first + last) / 2 == pytest.approx((length - 1) / 2, abs=1.5), "and they are the middle"


def test_a_sheet_names_its_styles(tmp_path: Path) -> None:
    photos = [np.full((32, 32, 3), level, np.float32) for level in (60.0, 180.0)]
    checkpoint = chance_checkpoint(NetworkConfig(base_width=4, residual_blocks=1))
    save_sheet(tmp_path / "sheet.jpg", checkpoint, photos)
    with Image.open(tmp_path / "sheet.jpg") as sheet:
        pixels = np.asarray(sheet.convert("L"))
    width, height = 2 * (32 + GAP), LABEL + 32 + GAP
    rows = 1 + -(-len(checkpoint.styles) // 2)
    assert pixels.shape == (rows * height, 2 * width)
    for index in (0, *range(2, 2 + len(checkpoint.styles))):
        top, left = index // 2 * height, index % 2 * width
        assert pixels[top : top + LABEL, left : left + width].min() < 100, "a name"
    assert abs(int(pixels[LABEL + 16, 16]) - 60) < 4
    assert abs(int(pixels[LABEL + 16, 32 + GAP + 16]) - 180) < 4


def test_every_draw_has_a_key_of_its_own() -> None:
    """Keys of crops and styles differ between all stages and seeds."""
    purposes = (ORDER, CROP, STYLES)
    every = itertools.product((1, 2, 3), range(3), purposes, range(3))
    keys = [tuple(draw_key(*numbers).numpy()) for numbers in every]
    assert len(set(keys)) == len(keys)
    firsts = {key[0] for key in keys}
    assert len(firsts) == 3 * 3 * 3, "keys of one seed, stage and purpose differ in the index alone"


def test_stages_draw_differently(pictures: Path) -> None:
    photos, stage = find_photos(pictures / "photos"), Stage(1.0, crop=16, photos=8)
    first, again, second = (
        next(stream(photos, [1.0] * 9, stage, seed=2, number=number, first_step=0).as_numpy_iterator())
        for number in (0, 0, 1)
    )
    np.testing.assert_array_equal(first[0], again[0])
    assert not np.array_equal(first[0], second[0])
    assert not np.array_equal(first[1], second[1])


def test_styles_are_practised_as_often_as_the_recipe_says(pictures: Path) -> None:
    photos, stage = find_photos(pictures / "photos"), Stage(1.0, crop=16, photos=200)
    draws = DataRecipe(("a", "b", "c", "d"), practice={"b": 4.0, "d": 0.5}).draws()
    _, styles = next(stream(photos, draws, stage, seed=4, first_step=0).as_numpy_iterator())
    shares = np.bincount(styles[:, 0], minlength=4) / len(styles)
    # Four standard deviations of a share in 200 draws.
    np.testing.assert_allclose(shares, np.array([1.0, 4.0, 1.0, 0.5]) / 6.5, atol=4 * (0.25 / 200) ** 0.5)
    assert shares[1] > 2 * shares[0]


def test_crops_and_mirrors_vary_and_stay_inside(tmp_path: Path) -> None:
    """Red is a pixel's column, green its row."""
    width, height, crop = 80, 60, 24
    down, across = np.mgrid[:height, :width] * 3
    pixels = np.stack([across, down, np.zeros_like(down)], axis=2).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "where.png")
    stage = Stage(1.0, crop=crop, photos=60)
    batches = stream([tmp_path / "where.png"], [1.0], stage, seed=3, first_step=0)
    squares = next(batches.as_numpy_iterator())[0] / 3.0

    # Differences of inner pixels: resizing bends the values near the border.
    across_first, across_last = squares[:, crop // 2, 4, 0], squares[:, crop // 2, -5, 0]
    down_first, down_last = squares[:, 4, crop // 2, 1], squares[:, -5, crop // 2, 1]
    mirrored = across_first > across_last
    sides = np.abs(across_last - across_first) / (crop - 9) * crop
    np.testing.assert_allclose((down_last - down_first) / (crop - 9) * crop, sides, rtol=0.03)
    assert 15 < mirrored.sum() < 45
    assert sides.min() > crop - 1
    assert sides.max() < height + 1
    assert sides.max() - sides.min() > 20

    lefts = (across_first + across_last) / 2 - sides / 2
    tops = (down_first + down_last) / 2 - sides / 2
    for starts, length in ((lefts, width), (tops, height)):
        assert starts.min() > -1.5
        assert (starts + sides).max() < length + 1.5
        assert np.ptp(starts) > 15
    assert squares.min() >= 0.0
    assert squares.max() <= 85.0


def test_what_is_drawn_does_not_hang_on_how_many_are_drawn_at_a_time(pictures: Path) -> None:
    photos = find_photos(pictures / "photos")
    batches = [
        stream(photos, [1.0] * 3, Stage(1.0, crop=16, photos=count), seed=5, first_step=0).take(12 // count)
        for count in (1, 4)
    ]
    one, four = (np.concatenate([photo for photo, _ in drawn.as_numpy_iterator()]) for drawn in batches)
    np.testing.assert_array_equal(one, four)
