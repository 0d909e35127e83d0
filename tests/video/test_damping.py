"""Damping of still and moving parts, and at a cut."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
import pytest
from PIL import Image

from app.config import PROJECT_ROOT
from app.video import DAMPING
from app.video.damping import FlickerDamper, Pixels

WIDTH, HEIGHT, FRAMES = 240, 160, 12


def sample(name: str) -> Pixels:
    with Image.open(PROJECT_ROOT / "static" / "samples" / f"{name}.jpg") as photo:
        return np.asarray(photo.convert("RGB").resize((WIDTH, HEIGHT)))


def noisy(photo: Pixels, seed: int, deviation: float = 2.0) -> Pixels:
    noise = np.random.default_rng(seed).normal(0, deviation, photo.shape)
    return np.clip(photo + noise + 0.5, 0, 255).astype(np.uint8)


def boiling(photo: Pixels, seed: int) -> Pixels:
    """A painting with other strokes in every frame."""
    strokes = np.random.default_rng(1000 + seed).normal(0, 60, photo.shape[:2]).astype(np.float32)
    strokes = cv2.GaussianBlur(strokes, (0, 0), 1.0)
    return np.clip(255.0 - photo + strokes[..., None], 0, 255).astype(np.uint8)


def difference(one: Pixels, other: Pixels) -> float:
    return float(np.abs(one.astype(int) - other).mean())


def test_strokes_stay_where_nothing_moves() -> None:
    damper = FlickerDamper(DAMPING)
    photos = [noisy(sample("coffee"), seed) for seed in range(FRAMES)]
    paintings = [boiling(photo, seed) for seed, photo in enumerate(photos)]
    damped = [damper.damp(*pair) for pair in zip(photos, paintings, strict=True)]
    assert np.array_equal(damped[0], paintings[0])
    before = np.mean([difference(*pair) for pair in zip(paintings[1:], paintings, strict=False)])
    after = np.mean([difference(*pair) for pair in zip(damped[1:], damped, strict=False)])
    assert after < before / 4
    # The film reports exactly this difference where the photos agree.
    assert damper.flicker.pixels > 0.9 * (FRAMES - 1) * WIDTH * HEIGHT
    assert damper.flicker.before == pytest.approx(before, rel=0.1)
    assert damper.flicker.after == pytest.approx(after, rel=0.1)


def test_averaged_strokes_keep_their_contrast() -> None:
    damper = FlickerDamper(DAMPING)
    for seed in range(FRAMES):
        photo = noisy(sample("coffee"), seed)
        painting = boiling(photo, seed)
        damped = damper.damp(photo, painting)
    contrast = [float(np.abs(cv2.Laplacian(frame, cv2.CV_32F)).mean()) for frame in (damped, painting)]
    assert contrast[0] > 0.7 * contrast[1]


def test_what_moves_is_painted_afresh_and_leaves_no_ghost() -> None:
    damper = FlickerDamper(DAMPING)
    thing = sample("astronaut")[:60, :60]
    for seed in range(FRAMES):
        photo = sample("coffee").copy()
        left = 10 + 14 * seed
        photo[40:100, left : left + 60] = thing
        photo = noisy(photo, seed)
        painting = (255 - photo).astype(np.uint8)
        damped = damper.damp(photo, painting)
    inside = np.s_[45:95, left + 5 : left + 55]
    uncovered = np.s_[40:100, left - 14 : left]
    assert difference(damped[inside], painting[inside]) < 4
    assert difference(damped[uncovered], painting[uncovered]) < 8


def test_nothing_is_carried_over_a_cut() -> None:
    damper = FlickerDamper(DAMPING)
    for seed in range(3):
        photo = noisy(sample("coffee"), seed)
        damper.damp(photo, boiling(photo, seed))
    photo = noisy(sample("chelsea"), 3)
    assert np.array_equal(damper.damp(photo, boiling(photo, 3)), boiling(photo, 3))


def test_strokes_travel_with_a_slow_camera() -> None:
    damper = FlickerDamper(DAMPING)
    paintings, damped = [], []
    for number in range(FRAMES):
        # The photo moves a quarter of a pixel per frame. The strokes follow it, but change in every frame.
        there = np.array([[1, 0, -0.25 * number], [0, 1, 0]], np.float32)
        moved = cv2.warpAffine(sample("coffee"), there, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REPLICATE)
        photo = noisy(np.asarray(moved, np.uint8), number)
        paintings.append(boiling(photo, number))
        damped.append(damper.damp(photo, paintings[-1]))
    before = np.mean([difference(*pair) for pair in zip(paintings[1:], paintings, strict=False)])
    after = np.mean([difference(*pair) for pair in zip(damped[1:], damped, strict=False)])
    assert after < before / 2


def test_strokes_travel_with_a_panning_camera() -> None:
    """The background moves by 0.7 pixels a frame; two thirds of the flicker go, and strokes stay crisp."""
    damper, pan = FlickerDamper(DAMPING), 0.7
    paintings, damped = [], []
    for number in range(2 * FRAMES):
        there = np.array([[1, 0, -pan * number], [0, 1, 0]], np.float32)
        moved = cv2.warpAffine(sample("coffee"), there, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REFLECT)
        photo = noisy(np.asarray(moved, np.uint8), number)
        paintings.append(boiling(photo, number))
        damped.append(damper.damp(photo, paintings[-1]))
    back = np.array([[1, 0, -pan], [0, 1, 0]], np.float32)

    def flicker(frames: list[Pixels]) -> float:
        """The mean difference from frame to frame of the background, followed as it moves."""
        differences = []
        for before, after in pairwise(frames[4:]):
            followed = np.asarray(
                cv2.warpAffine(before, back, (WIDTH, HEIGHT), flags=cv2.INTER_CUBIC), np.uint8
            )
            differences.append(difference(followed[:, 4:-24], after[:, 4:-24]))
        return float(np.mean(differences))

    assert flicker(damped) < flicker(paintings) / 3
    contrast = [
        float(np.abs(cv2.Laplacian(frame, cv2.CV_32F)).mean()) for frame in (damped[-1], paintings[-1])
    ]
    assert contrast[0] > 0.6 * contrast[1]


@pytest.mark.parametrize("size", [(1, 1), (3, 50), (16, 9)])
def test_tiny_frames_can_be_damped(size: tuple[int, int]) -> None:
    damper = FlickerDamper(DAMPING)
    for seed in range(3):
        photo = np.random.default_rng(seed).integers(0, 255, (size[1], size[0], 3)).astype(np.uint8)
        assert damper.damp(photo, photo).shape == photo.shape
