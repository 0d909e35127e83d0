"""The measures, on pictures with known results."""

from __future__ import annotations

import numpy as np
import pytest

from app.engine.training import losses
from app.engine.training.metrics import color_distance, to_lab
from app.engine.typing import Pixels


def border_excess(picture: Pixels, photo: Pixels) -> float:
    return float(losses.border_excess(picture[None], photo[None])[0])


def checkerboard_energy(picture: Pixels) -> float:
    return float(losses.checkerboard_energy(picture[None])[0])


def plain(color: tuple[int, int, int], height: int = 32, width: int = 48) -> Pixels:
    return np.full((height, width, 3), color, np.uint8)


def grey(values: np.ndarray) -> Pixels:
    return np.repeat(values.astype(np.uint8)[..., None], 3, axis=-1)


def noise(height: int = 128, width: int = 96, seed: int = 1) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def board(period: int, height: int = 64, width: int = 96) -> Pixels:
    rows, columns = np.indices((height, width)) * 2 // period
    return grey((rows + columns) % 2 * 200)


def test_a_picture_equal_to_its_photo_has_no_border_excess(photo: Pixels) -> None:
    assert border_excess(photo, photo) == 1.0


def test_a_line_along_the_border_is_excess() -> None:
    photo = noise()
    framed = photo.copy()
    framed[3] = framed[-4] = framed[:, 3] = framed[:, -4] = 255
    framed[4] = framed[-5] = framed[:, 4] = framed[:, -5] = 0
    assert border_excess(framed, photo) > 1.1
    smooth = photo.copy()
    smooth[:8] = smooth[-8:] = smooth[:, :8] = smooth[:, -8:] = 128
    assert border_excess(smooth, photo) < 0.2


def test_border_excess_does_not_depend_on_contrast() -> None:
    photo = noise() // 2
    assert border_excess(photo * 2, photo) == pytest.approx(1.0)


@pytest.mark.parametrize("period", [2, 4])
def test_a_checkerboard_is_all_checkerboard(period: int) -> None:
    assert checkerboard_energy(board(period)) == pytest.approx(1.0)


def test_stripes_count_and_longer_periods_do_not() -> None:
    assert checkerboard_energy(grey(np.tile(np.arange(64) % 2 * 255, (32, 1)))) == pytest.approx(1.0)
    assert checkerboard_energy(board(16)) < 1e-9
    assert checkerboard_energy(plain((7, 7, 7))) == 0.0


def test_noise_has_the_share_of_its_frequencies() -> None:
    # 15 of all frequencies except the mean, all equally strong.
    shares = [checkerboard_energy(noise(seed=seed)) for seed in range(20)]
    assert np.mean(shares) == pytest.approx(15 / (128 * 96 - 1), rel=0.2)


def test_a_faint_pattern_over_a_photo_is_found(photo: Pixels) -> None:
    pattern = board(4, *photo.shape[:2]) // 25
    patterned = np.clip(photo.astype(int) + pattern, 0, 255).astype(np.uint8)
    assert checkerboard_energy(patterned) > 10 * checkerboard_energy(photo)


def test_lab_of_known_colors() -> None:
    # From Lindbloom's calculator for sRGB and D65, rounded to one place.
    colors = np.array([[[255, 255, 255], [0, 0, 0], [255, 0, 0], [0, 0, 255]]], np.uint8)
    expected = [[100, 0, 0], [0, 0, 0], [53.2, 80.1, 67.2], [32.3, 79.2, -107.9]]
    assert to_lab(colors)[0] == pytest.approx(np.array(expected), abs=0.15)


def test_color_distance_ignores_places_and_sees_shifts() -> None:
    picture = noise()
    shuffled = np.random.default_rng(2).permutation(picture.reshape(-1, 3)).reshape(picture.shape)
    assert color_distance(picture, shuffled) == pytest.approx(0.0, abs=1e-3)
    black, white = plain((0, 0, 0)), plain((255, 255, 255))
    assert color_distance(black, white) == pytest.approx(100.0, abs=0.1)
    assert color_distance(white, black) == pytest.approx(color_distance(black, white))


def test_color_distance_sees_a_wider_spread() -> None:
    narrow, wide = noise() // 8 + 112, noise() // 2 + 64
    assert np.abs(to_lab(narrow).mean((0, 1)) - to_lab(wide).mean((0, 1))).max() < 3.0
    assert color_distance(narrow, wide) > 10.0
