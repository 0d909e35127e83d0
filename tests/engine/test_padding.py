"""Photos continued beyond their border, strip by strip."""

from __future__ import annotations

import numpy as np
import pytest

from app.engine.padding import REACH, PaddedPhoto
from app.engine.typing import Pixels


def chance_picture(height: int, width: int) -> Pixels:
    return np.random.default_rng(1).integers(0, 256, (height, width, 3)).astype(np.uint8)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (2, 3), (5, 31), (64, 48), (63, 50)])
@pytest.mark.parametrize(("margin", "least"), [(0, 0), (0, 16), (32, 0)])
@pytest.mark.parametrize("reflect", [True, False])
def test_strips_are_those_of_the_picture_mirrored_outwards(
    height: int, width: int, margin: int, least: int, reflect: bool
) -> None:
    picture = chance_picture(height, width)
    padded = PaddedPhoto(picture, margin=margin, multiple=8, least=max(least, 8), reflect=reflect)
    margins = padded.margins
    assert padded.height % 8 == padded.width % 8 == 0
    assert min(padded.height, padded.width) >= least
    around = [(margins.top, margins.bottom), (margins.left, margins.right), (0, 0)]
    beyond = [(REACH, REACH), (REACH, REACH), (0, 0)]
    expected = np.pad(picture, around, mode="reflect")
    assert expected.shape == (padded.height, padded.width, 3)
    expected = np.pad(expected, beyond, mode="reflect" if reflect else "constant")
    step = 7
    strips = [
        padded.slab(start, min(start + step, padded.height + REACH))
        for start in range(-REACH, padded.height + REACH, step)
    ]
    assert np.array_equal(np.concatenate(strips, axis=1)[0], expected)


def test_cropping_strips_gives_the_picture_back() -> None:
    picture = chance_picture(63, 50)
    padded = PaddedPhoto(picture, margin=32, multiple=4, least=16, reflect=True)
    result = np.zeros(padded.shape, np.uint8)
    for start in range(0, padded.height, 20):
        stop = min(start + 20, padded.height)
        strip = padded.slab(start, stop)[0, :, REACH:-REACH]
        padded.crop_into(result, strip, start)
    assert np.array_equal(result, picture)


def test_a_map_is_continued_like_its_photo() -> None:
    picture = chance_picture(13, 21)
    padded = PaddedPhoto(picture, margin=0, multiple=8, least=16, reflect=True)
    expected = padded.slab(0, padded.height)[0, :, REACH:-REACH, 1]
    assert np.array_equal(padded.pad_map(picture[..., 1]), expected)
