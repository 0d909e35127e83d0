"""Whole films: what of the source is kept, and what an interruption leaves behind."""

from __future__ import annotations

import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.video.errors import VideoError
from app.video.film import Summary, Wishes, paint_film
from app.video.reader import Pixels
from tests.video.clips import loudness, make_film, read, same_film, sound_packets

WISHES = Wishes(damping=0.9, segment_seconds=0.2, identity={"style": "negative"})


def negative(photo: Pixels) -> Pixels:
    return 255 - photo


class Watcher:
    """Notes what it is told, and presses Ctrl-C after some frames."""

    def __init__(self, stop_after: int | None = None) -> None:
        self.stop_after = stop_after
        self.began: tuple[int, bool] | None = None
        self.shares: list[float | None] = []

    def begins(self, finished: int, anew: bool) -> None:
        self.began = (finished, anew)

    def painted(self, frames: int, share: float | None) -> None:
        self.shares.append(share)
        if frames == self.stop_after:
            raise KeyboardInterrupt


def paint(
    source: Path,
    target: Path,
    *,
    how: Callable[[Pixels], Pixels] = negative,
    wishes: Wishes = WISHES,
    watcher: Watcher | None = None,
) -> Summary:
    return paint_film(source, target, how, wishes, watcher or Watcher())


def unfinished(target: Path) -> Path:
    return target.with_name(f"{target.name}.partial")


@pytest.mark.parametrize("ending", ["mp4", "mov", "m4v", "mkv", "webm"])
def test_a_film_is_painted_frame_by_frame(ending: str, tmp_path: Path) -> None:
    source, target = make_film(tmp_path / "film.mp4"), tmp_path / f"painted.{ending}"
    summary = paint(source, target, wishes=Wishes(0.0, 0.2, {}))
    before, after = read(source), read(target)
    assert (summary.frames, summary.resumed, summary.damage) == (30, 0, "")
    assert len(after.frames) == 30
    # Matroska has no times below zero, where AAC begins, so that pictures and sound are later alike.
    shift = 0.0 if ending != "mkv" else 1024 / 44100
    expected = [float(time) + shift for time in before.times]
    assert [float(time) for time in after.times] == pytest.approx(expected, abs=0.001)
    for photo, painted in zip(before.frames, after.frames, strict=True):
        assert np.abs(painted.astype(int) - negative(photo)).mean() < 6
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([source.name, target.name])


def test_uneven_times_and_durations_are_kept(tmp_path: Path) -> None:
    times = [0, 400, 1000, 1001, 9000, 20000, 90000]
    source = make_film(tmp_path / "film.mp4", frames=7, times=times, time_base=Fraction(1, 12800))
    summary = paint(source, tmp_path / "painted.mp4")
    assert read(tmp_path / "painted.mp4").times == [Fraction(time, 12800) for time in times]
    assert summary.frames == 7


@pytest.mark.parametrize("ending", ["mp4", "ts"])
def test_pictures_and_sound_stay_together(ending: str, tmp_path: Path) -> None:
    """Pictures that begin a second after their sound; a broadcast's times do not begin at zero."""
    times = [15360 + 512 * number for number in range(30)]
    source = make_film(tmp_path / f"film.{ending}", times=times)
    paint(source, tmp_path / "painted.mp4")
    delays = [read(path).times[0] - sound_packets(path)[0][0] for path in (source, tmp_path / "painted.mp4")]
    assert float(delays[0]) == pytest.approx(1.0, abs=0.05)
    assert float(delays[1]) == pytest.approx(float(delays[0]), abs=0.001)


@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_a_turned_film_is_shown_upright(rotation: int, tmp_path: Path) -> None:
    source = make_film(tmp_path / "film.mp4", rotation=rotation, aspect=Fraction(4, 3))
    paint(source, tmp_path / "painted.mp4", wishes=Wishes(0.0, 1.0, {}))
    before, after = read(source), read(tmp_path / "painted.mp4")
    assert before.rotated
    assert not after.rotated
    assert (after.size, after.pixel_aspect) == (before.size, before.pixel_aspect)
    assert np.abs(after.frames[9].astype(int) - negative(before.frames[9])).mean() < 6


def test_odd_sizes_are_filled_up_to_even_ones(tmp_path: Path) -> None:
    source = make_film(tmp_path / "film.mp4", size=(63, 47))
    summary = paint(source, tmp_path / "painted.mp4", wishes=Wishes(0.0, 1.0, {}))
    painted, photo = read(tmp_path / "painted.mp4"), read(source).frames[9]
    assert (summary.width, summary.height) == painted.size == (64, 48)
    assert np.abs(painted.frames[9][:47, :63].astype(int) - negative(photo)).mean() < 6


def test_frames_of_another_size_in_between_are_fitted(tmp_path: Path) -> None:
    """Two broadcasts one after the other, of different sizes."""
    data = [
        make_film(tmp_path / f"{width}.ts", size=(width, 48), sound=None).read_bytes() for width in (64, 96)
    ]
    (tmp_path / "film.ts").write_bytes(b"".join(data))
    summary = paint(tmp_path / "film.ts", tmp_path / "painted.mp4")
    assert (summary.width, summary.height) == (64, 48)
    assert summary.frames == 60


def test_sound_is_copied_where_the_container_takes_it(tmp_path: Path) -> None:
    source = make_film(tmp_path / "film.mp4", frames=60)
    for ending in ("mp4", "mkv"):
        target = tmp_path / f"painted.{ending}"
        assert paint(source, target).sounds == ["copied"]
        before, after = sound_packets(source), sound_packets(target)
        assert [data for _, data in after] == [data for _, data in before]
        # Matroska has no times below zero, where AAC's first packet lies, and counts in milliseconds.
        shift = after[0][0] - before[0][0]
        assert float(shift) == pytest.approx(0 if ending == "mp4" else 1024 / 44100, abs=0.001)
        assert all(abs(b[0] + shift - a[0]) <= Fraction(1, 900) for b, a in zip(before, after, strict=True))


@pytest.mark.parametrize(("sound", "ending", "codec"), [("aac", "webm", "opus"), ("pcm_mulaw", "mp4", "aac")])
def test_sound_is_coded_anew_where_it_must_be(sound: str, ending: str, codec: str, tmp_path: Path) -> None:
    source = make_film(tmp_path / "film.mov", sound=sound, frames=60)
    summary = paint(source, tmp_path / f"painted.{ending}")
    assert summary.sounds == [codec]
    before, after = loudness(source), loudness(tmp_path / f"painted.{ending}")
    assert after[0] == codec
    assert after[1] == pytest.approx(before[1], abs=0.06)
    assert after[2] == pytest.approx(before[2], rel=0.05)


def test_a_silent_film_stays_silent(tmp_path: Path) -> None:
    source = make_film(tmp_path / "film.mp4", sound=None)
    assert paint(source, tmp_path / "painted.mp4").sounds == []


def test_progress_is_told(tmp_path: Path) -> None:
    watcher = Watcher()
    paint(make_film(tmp_path / "film.mp4"), tmp_path / "painted.mp4", watcher=watcher)
    assert watcher.began == (0, False)
    assert watcher.shares == pytest.approx([(number + 1) / 30 for number in range(30)])


def test_a_damaged_film_is_painted_as_far_as_it_goes(tmp_path: Path) -> None:
    whole = make_film(tmp_path / "whole.mkv", frames=90).read_bytes()
    source = tmp_path / "cut.mkv"
    source.write_bytes(whole[: len(whole) // 2])
    summary = paint(source, tmp_path / "painted.mp4")
    assert "seconds missing at the end" in summary.damage
    assert len(read(tmp_path / "painted.mp4").frames) == summary.frames == len(read(source).frames)


@pytest.mark.parametrize("stop_after", [1, 14, 15, 29])
def test_an_interrupted_film_goes_on_and_comes_out_the_same(stop_after: int, tmp_path: Path) -> None:
    source = make_film(tmp_path / "film.mp4")
    paint(source, tmp_path / "at-once.mp4")
    target = tmp_path / "painted.mp4"
    with pytest.raises(KeyboardInterrupt):
        paint(source, target, watcher=Watcher(stop_after))
    assert not target.exists()
    watcher, painted = Watcher(), []

    def counting(photo: Pixels) -> Pixels:
        painted.append(photo)
        return negative(photo)

    summary = paint(source, target, how=counting, watcher=watcher)
    finished = stop_after // 6 * 6  # segments of 0.2 seconds have six frames
    finished -= 6 if stop_after % 6 == 0 else 0  # the last one is not closed before the next begins
    assert watcher.began == (finished, False)
    assert (summary.resumed, len(painted)) == (finished, 30 - finished)
    same_film(target, tmp_path / "at-once.mp4")
    assert not unfinished(target).exists()


def test_flicker_is_measured_across_an_interruption(tmp_path: Path) -> None:
    source = make_film(tmp_path / "film.mp4")
    chance = np.random.default_rng(1)

    def flickering(photo: Pixels) -> Pixels:
        return np.clip(photo + chance.normal(0, 8, photo.shape), 0, 255).astype(np.uint8)

    with pytest.raises(KeyboardInterrupt):
        paint(source, tmp_path / "painted.mp4", how=flickering, watcher=Watcher(20))
    summary = paint(source, tmp_path / "painted.mp4", how=flickering)
    assert summary.flicker is not None
    assert summary.flicker.pixels > 25 * 64 * 48 * 0.5
    assert summary.flicker.after < summary.flicker.before / 3


@pytest.mark.parametrize(
    "change", [{"identity": {"style": "another"}}, {"damping": 0.5}, {"segment_seconds": 0.3}]
)
def test_another_way_of_painting_begins_anew(change: dict[str, Any], tmp_path: Path) -> None:
    source, target = make_film(tmp_path / "film.mp4"), tmp_path / "painted.mp4"
    with pytest.raises(KeyboardInterrupt):
        paint(source, target, watcher=Watcher(20))
    watcher = Watcher()
    wishes = Wishes(**(vars(WISHES) | change))
    summary = paint(source, target, wishes=wishes, watcher=watcher)
    assert watcher.began == (0, True)
    assert (summary.frames, summary.resumed) == (30, 0)
    paint(source, tmp_path / "at-once.mp4", wishes=wishes)
    same_film(target, tmp_path / "at-once.mp4")


def test_a_torn_manifest_is_a_new_beginning(tmp_path: Path) -> None:
    source, target = make_film(tmp_path / "film.mp4"), tmp_path / "painted.mp4"
    with pytest.raises(KeyboardInterrupt):
        paint(source, target, watcher=Watcher(20))
    manifest = unfinished(target) / "manifest.json"
    assert len(json.loads(manifest.read_text())["segments"]) == 3
    manifest.write_text(manifest.read_text()[:50])
    watcher = Watcher()
    assert paint(source, target, watcher=watcher).frames == 30
    assert watcher.began == (0, False)


@pytest.mark.parametrize("kept", [0, 100])
def test_a_torn_frame_of_the_past_is_done_without(kept: int, tmp_path: Path) -> None:
    source, target = make_film(tmp_path / "film.mp4"), tmp_path / "painted.mp4"
    with pytest.raises(KeyboardInterrupt):
        paint(source, target, watcher=Watcher(20))
    (past,) = unfinished(target).glob("*.npz")
    past.write_bytes(past.read_bytes()[:kept])
    summary = paint(source, target)
    assert (summary.frames, summary.resumed > 0) == (30, True)


def test_a_folder_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    source, target = make_film(tmp_path / "film.mp4"), tmp_path / "painted.mp4"
    unfinished(target).mkdir()
    (unfinished(target) / "diary.txt").write_text("mine")
    with pytest.raises(VideoError, match="something else"):
        paint(source, target)
    assert (unfinished(target) / "diary.txt").read_text() == "mine"


def test_two_at_once_do_not_mix(tmp_path: Path) -> None:
    source, target = make_film(tmp_path / "film.mp4"), tmp_path / "painted.mp4"
    refused = []

    def painting_again(photo: Pixels) -> Pixels:
        if not refused:
            with pytest.raises(VideoError, match="another process"):
                paint(source, target)
            refused.append(True)
        return negative(photo)

    assert paint(source, target, how=painting_again).frames == 30
    assert refused


def test_a_name_that_says_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(VideoError, match=r"\.mp4, "):
        paint(make_film(tmp_path / "film.mp4"), tmp_path / "painted.txt")
