"""Faces are found in place, and spared with soft edges."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from app.config import PROJECT_ROOT
from app.imaging.faces import SPARED_SHARE, Face, find_faces, spare_faces

ASTRONAUT = PROJECT_ROOT / "static" / "samples" / "astronaut.jpg"
COFFEE = PROJECT_ROOT / "static" / "samples" / "coffee.jpg"


@pytest.fixture(scope="module")
def astronaut() -> Image.Image:
    return Image.open(ASTRONAUT).convert("RGB")


def test_the_one_face_is_found(astronaut: Image.Image) -> None:
    (face,) = find_faces(astronaut)
    assert face.x * 512 == pytest.approx(224, abs=15)
    assert face.y * 512 == pytest.approx(113, abs=20)
    assert 30 < face.radius_x * 512 < 75


def test_a_cup_of_coffee_has_none() -> None:
    assert find_faces(Image.open(COFFEE).convert("RGB")) == []


@pytest.mark.parametrize("side", [1024, 2048])
def test_the_same_face_at_any_size(astronaut: Image.Image, side: int) -> None:
    """A preview and the full-size picture must spare the same place."""
    (small,) = find_faces(astronaut)
    (large,) = find_faces(astronaut.resize((side, side), Image.Resampling.LANCZOS))
    for name in ("x", "y", "radius_x", "radius_y"):
        assert getattr(large, name) == pytest.approx(getattr(small, name), abs=0.02), name


def test_a_mirrored_face_is_found_too(astronaut: Image.Image) -> None:
    (face,) = find_faces(astronaut.transpose(Image.Transpose.FLIP_LEFT_RIGHT))
    assert face.x * 512 == pytest.approx(512 - 224, abs=15)


def test_the_strength_rises_softly_from_the_face(astronaut: Image.Image) -> None:
    mask = spare_faces(astronaut, [Face(0.5, 0.5, 0.1, 0.15)])
    assert mask.shape == (512, 512)
    assert mask[256, 256] == round(SPARED_SHARE * 255)
    assert mask[256, 20] == 255
    assert mask[20, 256] == 255
    row = mask[256, 256:].astype(int)
    assert (np.diff(row) >= -1).all(), "it only rises outwards"
    assert np.diff(row).max() <= 10, "no step is seen"


def test_without_faces_nothing_is_spared(astronaut: Image.Image) -> None:
    assert (spare_faces(astronaut, []) == 255).all()


def test_odd_shapes_get_a_mask_of_their_size() -> None:
    photo = Image.new("RGB", (3000, 7), "gray")
    assert find_faces(photo) == []
    assert spare_faces(photo, [Face(0.5, 0.5, 0.1, 0.3)]).shape == (7, 3000)
