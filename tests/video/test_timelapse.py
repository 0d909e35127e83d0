"""Films of a picture's making."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from app.video.errors import VideoError
from app.video.timelapse import GIF_FRAMES, LAST_SECONDS, RATE, write_timelapse


@pytest.fixture
def frames(tmp_path: Path) -> list[Path]:
    """Seventy grey pictures, ever lighter; the first half is small."""
    paths = []
    for index in range(70):
        size = (24, 16) if index < 35 else (48, 32)
        paths.append(tmp_path / f"{index:03}.png")
        Image.new("RGB", size, (index * 3,) * 3).save(paths[-1])
    return paths


def test_an_mp4_has_every_picture_and_stays_on_the_last(frames: list[Path], tmp_path: Path) -> None:
    target = tmp_path / "film.mp4"
    write_timelapse(target, frames)
    with av.open(str(target)) as film:
        decoded = [(frame.time, frame.to_ndarray(format="rgb24")) for frame in film.decode(video=0)]
        assert float(film.duration / av.time_base) == pytest.approx(69 / RATE + LAST_SECONDS, abs=0.1)
    assert [round(time * RATE) for time, _ in decoded] == list(range(70))
    for index, (_, pixels) in enumerate(decoded):
        assert pixels.shape == (32, 48, 3)
        assert pixels.mean() == pytest.approx(index * 3, abs=4)
    assert [path.name for path in tmp_path.iterdir() if path.suffix != ".png"] == ["film.mp4"]


def test_a_gif_has_few_pictures_and_ends_with_the_last(frames: list[Path], tmp_path: Path) -> None:
    target = tmp_path / "film.GIF"
    write_timelapse(target, frames)
    with Image.open(target) as film:
        assert film.n_frames == 35 <= GIF_FRAMES
        film.seek(34)
        assert film.info["duration"] == 1000 * LAST_SECONDS
        assert np.asarray(film.convert("RGB")).mean() == pytest.approx(69 * 3, abs=4)
        assert film.size == (48, 32)


def test_other_endings_are_refused(frames: list[Path], tmp_path: Path) -> None:
    with pytest.raises(VideoError, match="must end in"):
        write_timelapse(tmp_path / "film.avi", frames)
