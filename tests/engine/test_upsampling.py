"""Enlarging a painting along the edges of the photo."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from app.engine import upsampling
from app.engine.cascade import resize
from app.engine.typing import Pixels
from app.engine.upsampling import EDGE_VARIANCE, enlarge, paint_guided


@pytest.fixture
def halves() -> Pixels:
    """A photo that is dark on the left and bright on the right, 300 wide and 200 high."""
    halves = np.full((200, 300, 3), 40, np.uint8)
    halves[:, 150:] = 210
    return halves


def test_an_edge_of_the_photo_is_sharp_in_the_painting(halves: Pixels) -> None:
    painted = resize(255 - halves, 20, 30)
    plain, guided = resize(painted, 200, 300), enlarge(painted, halves, lambda share: None)
    steps = [np.abs(np.diff(picture[100, :, 0].astype(int))).max() for picture in (plain, guided)]
    assert steps[1] > 100 > steps[0]
    assert np.abs(guided[:, :130].astype(int) - 215).max() <= 2
    assert np.abs(guided[:, 170:].astype(int) - 45).max() <= 2


def test_tiles_leave_no_seams(photo: Pixels, monkeypatch: pytest.MonkeyPatch) -> None:
    guide, painted = resize(photo, 256, 384), photo[::-1]
    shares: list[float] = []
    whole = enlarge(painted, guide, shares.append)
    monkeypatch.setattr(upsampling, "TILE", 37)
    assert np.array_equal(enlarge(painted, guide, shares.append), whole)
    assert shares[0] == 1.0
    assert shares[1:] == sorted(shares[1:])
    filtered = cv2.ximgproc.guidedFilter(guide, resize(painted, 256, 384), 6, EDGE_VARIANCE)
    assert np.array_equal(whole, filtered)


def test_a_small_photo_is_just_painted(photo: Pixels) -> None:
    painted = paint_guided(photo, [(64, 96)], lambda here, report: 255 - here, lambda share: None)
    assert np.array_equal(painted, 255 - photo)
