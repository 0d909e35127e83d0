"""Paintings and photos to practise on are read as uploads are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from app.commands.training_data import read_training_picture
from app.engine.errors import InvalidPicture
from app.engine.training.data import read_photos, read_picture, read_square, stream
from app.engine.training.recipe import Stage
from testing.cases import case
from testing.photo_files import ADOBE_RGB

RIGHT = (137, 100, 77)


@pytest.fixture
def painting(tmp_path: Path) -> Path:
    path = tmp_path / "painting.png"
    Image.new("RGB", (48, 48), (127, 100, 80)).save(path, icc_profile=ADOBE_RGB)
    return path


def test_colour_profiles_count(painting: Path) -> None:
    assert np.abs(read_training_picture(painting) - np.array(RIGHT, float)).max() <= 2


def test_a_painting_in_adobe_rgb(tmp_path: Path) -> None:
    (tmp_path / "painting.jpg").write_bytes(case("painting_adobe.jpg"))
    assert np.abs(read_training_picture(tmp_path / "painting.jpg") - np.array(RIGHT, float)).max() <= 2


def test_every_way_into_training_takes_the_reader(painting: Path) -> None:
    decode = read_training_picture
    batches = stream([painting], [1.0], Stage(1.0, crop=32, photos=1), seed=1, first_step=0, decode=decode)
    read = [
        read_picture(painting, 48, decode),
        read_square(painting, 32, decode),
        read_photos([painting], 48, decode)[0],
        next(batches.as_numpy_iterator())[0][0],
    ]
    for pixels in read:
        assert np.abs(pixels - np.array(RIGHT)).max() <= 2


def test_what_is_no_picture_is_told(tmp_path: Path) -> None:
    (tmp_path / "text.jpg").write_text("words")
    for name in ("text.jpg", "missing.jpg"):
        with pytest.raises(InvalidPicture, match=name):
            read_training_picture(tmp_path / name)
