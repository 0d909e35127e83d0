"""Painting from coarse to fine."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from app.engine.cascade import FACTOR, WORKING_SIZE, paint_coarse_to_fine, plan
from app.engine.typing import Pixels


def test_a_picture_of_the_natural_size_is_painted_once() -> None:
    assert plan(640, WORKING_SIZE, 1.0) == [(640, WORKING_SIZE)]
    assert plan(100, 80, 1.0) == [(100, 80)]
    assert plan(1, 1, 4.0) == [(1, 1)]


@pytest.mark.parametrize(("height", "width"), [(4000, 6000), (12000, 9000), (1, 20000)])
@pytest.mark.parametrize("brush", [0.25, 1.0, 4.0])
def test_sizes_grow_evenly_from_the_brush_to_the_picture(height: int, width: int, brush: float) -> None:
    sizes = plan(height, width, brush)
    longest = [max(size) for size in sizes]
    assert sizes[-1] == (height, width)
    assert longest[0] == pytest.approx(WORKING_SIZE / brush, rel=0.01)
    for before, after in itertools.pairwise(longest):
        assert FACTOR**0.5 < after / before < FACTOR**1.5
    assert all(min(size) >= 1 for size in sizes)


def test_a_broader_brush_starts_smaller() -> None:
    assert max(plan(2000, 3000, 2.0)[0]) < max(plan(2000, 3000, 1.0)[0])


def test_each_pass_is_given_the_painting_and_the_photo(photo: Pixels) -> None:
    given: list[Pixels] = []
    shares: list[float] = []

    def paint(here: Pixels, report: object) -> Pixels:
        given.append(here)
        report(0.5)  # type: ignore[operator]
        return np.full_like(here, 200) if len(given) == 1 else stripes(here)

    result = paint_coarse_to_fine(photo, [(32, 48), (64, 96)], paint, shares.append)
    assert [picture.shape[:2] for picture in given] == [(32, 48), (64, 96)]
    expected = 0.75 * 200 + 0.25 * photo
    assert np.abs(given[1] - expected).max() <= 1
    # Half the way from the first painting to the second, with the tones of the first.
    assert (result == 200.0 + 0.5 * (stripes(photo) - 50.0)).all()
    assert shares == pytest.approx([0.5 * 0.2, 0.2, 0.2 + 0.5 * 0.8, 1.0])


def stripes(like: Pixels) -> Pixels:
    """Alternating rows of levels 20 and 80; the mean is 50."""
    painted = np.full_like(like, 20)
    painted[1::2] = 80
    return painted


@pytest.mark.parametrize("height", [97, 200])
def test_the_first_paintings_tones_stay(height: int) -> None:
    """The tones stay although a pass shifts light and dark, left and right, above and below."""
    rows, columns = np.mgrid[0:height, 0:150]
    photo = np.stack([rows, columns, rows * 0 + 120], axis=-1).astype(np.uint8)

    def paint(here: Pixels, report: object) -> Pixels:
        return here if len(here) < height else 255 - here

    result = paint_coarse_to_fine(photo, [(height // 2, 75), (height, 150)], paint, lambda share: None)
    inside = np.s_[8:-8, 8:-8]
    assert np.abs(result[inside].astype(int) - photo[inside]).max() <= 2
