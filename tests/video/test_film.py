"""Whole films: what is kept of the source, and what an interruption leaves."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.video.errors import VideoError
from app.video.film import Summary, Wishes, paint_film
from app.video.reader import Pixels
from testing.clips import Watcher, loudness, make_film, read, same_film, sound_packets, spoil

WISHES = Wishes(damping=0.9, segment_seconds=0.2, identity={"style": "negative"})


def negative(photo: Pixels) -> Pixels:
    return 255 - photo


def paint(
    source: Path,
    target: Path,
    *,
    how: Callable[[Pixels], Pixels] = negative,
    wishes: Wishes = WISHES,
    watcher: Watcher | None = None,
) -> Summary:
    return paint_film(source, target, lambda: how, wishes, watcher or Watcher())


def unfinished(target: Path) -> Path:
    return target.with_name(f"{target.name}.partial")


@pytest.mark.parametrize("ending", ["mp4", "mov", "m4v", "mkv", "webm"])
def test_a_film_is_painted_frame_by_frame(ending: str, tmp_path: Path) -> None:
    source, target = make_film(tmp_path / "film.mp4"), tmp_path / f"painted.{ending}"
    summary = paint(source, target, wishes=Wishes(0.0, 0.2, {}))
    before, after = read(source), read(target)
    assert (summary.frames, summary.resumed, summary.damage) == (30, 0, "")
    assert len(after.frames) == 30
    # Matroska has no negative times, but AAC begins below zero. So pictures and sound are equally late.
    shift = 0.0 if ending != "mkv" else 1024 / 44100
    expected = [float(time) + shift for time in before.times]
    assert [float(time) for time in after.times] == pytest.approx(expected, abs=0.001)
    for photo, painted in zip(before.frames, after.frames, strict=True):
        assert np.abs(painted.astype(int) - negative(photo)).mean() < 6
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([source.name, target.name])


def test_a_colon_in_a_name_means_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_film(tmp_path / "a:b.mp4", frames=10)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        paint(Path("a:b.mp4"), Path("c:d.mp4"), watcher=Watcher(8))
    summary = paint(Path("a:b.mp4"), Path("c:d.mp4"))
    assert (summary.resumed, summary.sounds) == (6, ["copied"])
    assert len(read(tmp_path / "c:d.mp4").frames) == 10


def test_the_longest_name_of_a_film_has_room_for_its_folder(tmp_path: Path) -> None:
    source, target = make_film(tmp_path / "film.mp4", frames=10), tmp_path / ("x" * 251 + ".mp4")
    with pytest.raises(KeyboardInterrupt):
        paint(source, target, watcher=Watcher(8))
    assert paint(source, target).resumed == 6
    assert {path.name for path in tmp_path.iterdir()} == {source.name, target.name}


def test_uneven_times_and_durations_are_kept(tmp_path: Path) -> None:
    times = [0, 400, 1000, 1001, 9000, 20000, 90000]
    source = make_film(tmp_path / "film.mp4", frames=7, times=times, time_base=Fraction(1, 12800))
    summary = paint(source, tmp_path / "painted.mp4")
    assert read(tmp_path / "painted.mp4").times == [Fraction(time, 12800) for time in times]
    assert summary.frames == 7


@pytest.mark.parametrize("ending", ["mp4", "ts"])
def test_pictures_and_sound_stay_together(ending: str, tmp_path: Path) -> None:
    """Pictures may begin a second after the sound; a broadcast's times do not begin at zero."""
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
    """The film has two broadcasts of different sizes, one after the other."""
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
        # Matroska has no negative times, where AAC's first packet lies, and counts in milliseconds.
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


@pytest.mark.parametrize(
    ("sound", "rate", "layout", "ending"),
    [
        ("ac3", 48_000, "5.1(side)", "webm"),
        ("flac", 192_000, "stereo", "mov"),
        ("flac", 48_000, "2.1", "webm"),
    ],
)
def test_unusual_sound_is_coded_anew_too(
    sound: str, rate: int, layout: str, ending: str, tmp_path: Path
) -> None:
    """Encoders support few rates and channel layouts, but report that only after all painting."""
    source = make_film(tmp_path / "film.mkv", sound=sound, rate=rate, layout=layout, frames=30)
    target = tmp_path / f"painted.{ending}"
    assert paint(source, target).sounds == [{"webm": "opus", "mov": "aac"}[ending]]
    assert loudness(target)[1] == pytest.approx(loudness(source)[1], abs=0.06)
    assert loudness(target)[2] > 0.001


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


def test_sound_that_cannot_be_decoded_is_counted(tmp_path: Path) -> None:
    source = make_film(tmp_path / "film.mp4", frames=60)
    _, whole, _ = loudness(source)
    spoil(source, slice(40, 60), "audio")
    summary = paint(source, tmp_path / "painted.webm")
    assert summary.damage == "20 missing pieces of sound"
    assert loudness(tmp_path / "painted.webm")[1] < whole - 0.3


def test_sound_that_comes_out_of_order_is_counted(tmp_path: Path) -> None:
    """The film has two broadcasts, and the times of the second begin anew."""
    source = make_film(tmp_path / "film.ts")
    source.write_bytes(source.read_bytes() * 2)
    summary = paint(source, tmp_path / "painted.mp4")
    missing = len(sound_packets(source)) - len(sound_packets(tmp_path / "painted.mp4"))
    assert missing > 20
    assert summary.damage == f"{missing} missing pieces of sound"


def test_where_a_file_cannot_be_read_further_sound_is_missing(tmp_path: Path) -> None:
    source = make_film(tmp_path / "film.mp4", frames=90)
    data = bytearray(source.read_bytes())
    size = data.rfind(b"stsz") + 16 + 4 * 100  # the hundredth packet, larger than any file
    data[size : size + 4] = (2**29).to_bytes(4, "big")
    source.write_bytes(data)
    summary = paint(source, tmp_path / "painted.mp4")
    assert summary.damage.endswith("1 missing pieces of sound")
    assert len(sound_packets(tmp_path / "painted.mp4")) == 100


@pytest.mark.soak
@pytest.mark.parametrize("stop_after", [1, 14, 15, 29])
def test_an_interrupted_film_goes_on_and_comes_out_the_same(stop_after: int, tmp_path: Path) -> None:
    source = make_film(tmp_path / "film.mp4")
    paint(source, tmp_path / "at-once.mp4")
    target = tmp_path / "painted.mp4"
    stopped = Watcher(stop_after)
    with pytest.raises(KeyboardInterrupt):
        paint(source, target, watcher=stopped)
    assert not target.exists()
    watcher, painted = Watcher(), []

    def counting(photo: Pixels) -> Pixels:
        painted.append(photo)
        return negative(photo)

    summary = paint(source, target, how=counting, watcher=watcher)
    finished = stop_after // 6 * 6  # segments of 0.2 seconds have six frames
    finished -= 6 if stop_after % 6 == 0 else 0  # a segment is closed when the next one begins
    assert watcher.began == (finished, False)
    assert stopped.finished == finished
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


def test_while_films_give_way_the_folder_can_be_told_from_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process may be killed while it removes useless files; the next must know the folder."""
    source, target = make_film(tmp_path / "film.mp4"), tmp_path / "painted.mp4"
    with pytest.raises(KeyboardInterrupt):
        paint(source, target, watcher=Watcher(20))
    unlink, told = Path.unlink, []

    def noting(path: Path, missing_ok: bool = False) -> None:
        unlink(path, missing_ok)
        told.append((path.name, (unfinished(target) / "manifest.json").exists()))

    monkeypatch.setattr(Path, "unlink", noting)
    paint(source, target, wishes=Wishes(0.5, 0.2, {}))
    assert ("000000.mp4", True) in told
    assert all(there for _, there in told)


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


@pytest.mark.parametrize(("torn", "kept"), [(0, 0), (1, 0), (1, 1000), (2, 0)])
def test_a_torn_segment_and_those_after_it_are_painted_anew(torn: int, kept: int, tmp_path: Path) -> None:
    source, target = make_film(tmp_path / "film.mp4"), tmp_path / "painted.mp4"
    wishes = Wishes(0.0, 0.2, {})
    paint(source, tmp_path / "at-once.mp4", wishes=wishes)
    with pytest.raises(KeyboardInterrupt):
        paint(source, target, wishes=wishes, watcher=Watcher(20))
    segment = unfinished(target) / f"{torn:06}.mp4"
    segment.write_bytes(segment.read_bytes()[:kept])
    watcher = Watcher()
    summary = paint(source, target, wishes=wishes, watcher=watcher)
    assert watcher.began == (6 * torn, False)
    assert (summary.frames, summary.resumed) == (30, 6 * torn)
    same_film(target, tmp_path / "at-once.mp4")


def test_a_segment_that_is_gone_is_painted_anew_with_damping(tmp_path: Path) -> None:
    source, target = make_film(tmp_path / "film.mp4"), tmp_path / "painted.mp4"
    with pytest.raises(KeyboardInterrupt):
        paint(source, target, watcher=Watcher(20))
    (unfinished(target) / "000001.mp4").unlink()
    summary = paint(source, target)
    assert (summary.frames, summary.resumed) == (30, 6)
    assert len(read(target).frames) == 30


def test_what_the_manifest_names_has_reached_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = make_film(tmp_path / "film.mp4"), tmp_path / "painted.mp4"
    fsync = os.fsync
    on_disk: set[tuple[int, int, int]] = set()
    counts: list[int] = []

    def noting(descriptor: int) -> None:
        fsync(descriptor)
        on_disk.add(state(os.fstat(descriptor)))

    def state(status: os.stat_result) -> tuple[int, int, int]:
        return status.st_ino, status.st_size, status.st_mtime_ns

    class Looking(Watcher):
        def painted(self, frames: int, share: float | None) -> None:
            super().painted(frames, share)
            others = {unfinished(target) / "lock", unfinished(target) / "unfinished.mp4"}
            files = set(unfinished(target).iterdir()) - others
            counts.append(len(files))
            assert {state(path.stat()) for path in files} <= on_disk

    monkeypatch.setattr(os, "fsync", noting)
    paint(source, target, watcher=Looking())
    assert counts[0] == 1
    assert counts[-1] == 1 + 4 + 1  # the manifest, four segments, and the frame before the fifth
    assert state(target.stat()) in on_disk


def test_a_beginning_that_was_cut_off_is_no_obstacle(tmp_path: Path) -> None:
    source, target = make_film(tmp_path / "film.mp4"), tmp_path / "painted.mp4"
    unfinished(target).mkdir()
    (unfinished(target) / "manifest.json.part").touch()
    assert paint(source, target).frames == 30


def test_what_cannot_paint_leaves_nothing_behind(tmp_path: Path) -> None:
    source, target = make_film(tmp_path / "film.mp4"), tmp_path / "painted.mp4"

    def broken(photo: Pixels) -> Pixels:
        raise VideoError("no brush")

    with pytest.raises(VideoError, match="no brush"):
        paint(source, target, how=broken)
    assert not unfinished(target).exists()


def test_what_cannot_be_loaded_takes_nothing_away(tmp_path: Path) -> None:
    source, target = make_film(tmp_path / "film.mp4"), tmp_path / "painted.mp4"
    with pytest.raises(KeyboardInterrupt):
        paint(source, target, watcher=Watcher(20))

    def load() -> Callable[[Pixels], Pixels]:
        raise VideoError("no brush")

    with pytest.raises(VideoError, match="no brush"):
        paint_film(source, target, load, Wishes(0.5, 0.2, {}), Watcher())
    assert paint(source, target).resumed == 18


def test_a_folder_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    source, target = make_film(tmp_path / "film.mp4"), tmp_path / "painted.mp4"
    unfinished(target).mkdir()
    (unfinished(target) / "diary.txt").write_text("mine")
    with pytest.raises(VideoError, match="holds other files"):
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
