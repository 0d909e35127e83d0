"""Reading films: upright frames, right colours and times, and damaged films."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.reformatter import ColorRange, Colorspace

from app.config import PROJECT_ROOT
from app.video.errors import NoPictures, NotAVideo
from app.video.reader import Film, Pixels
from testing.clips import CORNERS, make_film, picture, read, spoil


def corners(frame: Pixels) -> list[int]:
    """The colours (0 to 3) at the top left, top right, bottom left and bottom right."""
    places = (frame[4, 4], frame[4, -4], frame[-4, 4], frame[-4, -4])
    return [int(np.abs(np.array(CORNERS) - place).sum(axis=1).argmin()) for place in places]


@pytest.mark.parametrize("ending", ["mp4", "mkv", "mov", "ts"])
def test_frames_come_in_order_at_their_times(ending: str, tmp_path: Path) -> None:
    contents = read(make_film(tmp_path / f"film.{ending}"))
    assert len(contents.frames) == 30
    assert [float(time - contents.times[0]) for time in contents.times] == pytest.approx(
        [number / 30 for number in range(30)], abs=0.0006
    )
    for number, frame in enumerate(contents.frames):
        assert np.abs(frame.astype(int) - picture(number, 64, 48)).mean() < 6


@pytest.mark.parametrize(
    ("ending", "rotation", "mirrored", "expected"),
    [
        ("mp4", None, False, [0, 1, 2, 3]),
        ("mp4", 90, False, [1, 3, 0, 2]),  # anticlockwise: the right side comes to the top
        ("mp4", 180, False, [3, 2, 1, 0]),
        ("mp4", 270, False, [2, 0, 3, 1]),
        ("mp4", 0, True, [1, 0, 3, 2]),
        ("mkv", 90, False, [1, 3, 0, 2]),
    ],
)
def test_frames_are_upright(
    ending: str, rotation: int | None, mirrored: bool, expected: list[int], tmp_path: Path
) -> None:
    path = make_film(tmp_path / f"film.{ending}", rotation=rotation, mirrored=mirrored, frames=3)
    contents = read(path)
    assert corners(contents.frames[1]) == expected
    with Film(path) as film:
        assert (film.width, film.height) == contents.size == ((48, 64) if rotation in (90, 270) else (64, 48))


@pytest.mark.parametrize("rotation", [None, 90])
def test_the_shape_of_pixels_turns_with_the_film(rotation: int | None, tmp_path: Path) -> None:
    path = make_film(tmp_path / "film.mp4", aspect=Fraction(4, 3), rotation=rotation, frames=2)
    assert read(path).pixel_aspect == (Fraction(3, 4) if rotation else Fraction(4, 3))


def test_uneven_times_are_kept(tmp_path: Path) -> None:
    times = [0, 400, 1000, 1001, 9000, 20000]
    path = make_film(tmp_path / "film.mp4", frames=6, times=times, time_base=Fraction(1, 12800))
    assert read(path).times == [Fraction(time, 12800) for time in times]


@pytest.mark.parametrize(
    ("matrix", "number", "height"),
    [
        (Colorspace.ITU709, 1, 64),
        (Colorspace.ITU601, 6, 720),
        (Colorspace.ITU601, 2, 64),
        (Colorspace.ITU709, 2, 720),
    ],
)
@pytest.mark.parametrize("levels", [ColorRange.MPEG, ColorRange.JPEG])
def test_colors_are_those_that_were_meant(
    matrix: Colorspace, number: int, height: int, levels: ColorRange, tmp_path: Path
) -> None:
    """Without a declared matrix, high films are BT.709 and others BT.601, as in players."""
    path, width = tmp_path / "film.mkv", height * 4 // 3
    colors = np.repeat(picture(0, 64, 64)[::4, ::4], height // 16, axis=0)
    colors = np.ascontiguousarray(np.repeat(colors, width // 16, axis=1))
    width = colors.shape[1]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv444p"
        stream.codec_context.color_range = int(levels)
        stream.codec_context.colorspace = number
        frame = av.VideoFrame.from_ndarray(colors).reformat(
            format="yuv444p", dst_colorspace=matrix, dst_color_range=levels
        )
        frame.colorspace = number
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    assert np.abs(read(path).frames[0].astype(int) - colors).max() <= 3


@pytest.mark.parametrize(("transfer", "white"), [(18, 0.75), (16, 0.5807)])
def test_high_dynamic_range_becomes_ordinary(transfer: int, white: float, tmp_path: Path) -> None:
    """In HLG (ITU-R BT.2100) white is at three quarters of the signal; shown as it is, it would be grey."""
    path = tmp_path / "film.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p10le"
        context = stream.codec_context
        context.colorspace, context.color_primaries, context.color_trc = 9, 9, transfer
        context.color_range = int(ColorRange.MPEG)
        frame = av.VideoFrame(64, 64, "yuv420p10le")
        for plane, level in zip(frame.planes, (64 + white * 876, 512, 512), strict=True):
            plane.update(np.full(plane.buffer_size // 2, level, np.uint16).tobytes())
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    assert read(path).frames[0].min() > 240


@pytest.mark.parametrize(
    "content", [b"", b"words, and more words\n" * 40, b"#EXTM3U\n#EXTINF:1,\nother.mp4\n"]
)
def test_other_files_are_not_videos(content: bytes, tmp_path: Path) -> None:
    make_film(tmp_path / "other.mp4", frames=2)
    (tmp_path / "film.mp4").write_bytes(content)
    with pytest.raises(NotAVideo, match=r"film\.mp4"):
        Film(tmp_path / "film.mp4")


def test_a_photo_is_not_a_video() -> None:
    with pytest.raises(NotAVideo, match=r"coffee\.jpg"):
        Film(PROJECT_ROOT / "static" / "samples" / "coffee.jpg")


def test_the_system_says_what_the_system_refuses(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Film(tmp_path / "nothing.mp4")
    with pytest.raises(IsADirectoryError):
        Film(tmp_path)


def test_sound_alone_is_no_film(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "sound.mp4"), "w") as container:
        stream = container.add_stream("aac", rate=44100, layout="mono")
        assert isinstance(stream, av.AudioStream)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 4096), np.int16), "s16", "mono")
        frame.sample_rate, frame.pts = 44100, 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    with pytest.raises(NoPictures, match="has no video"):
        Film(tmp_path / "sound.mp4")


def test_a_film_of_which_no_frame_can_be_decoded_is_refused(tmp_path: Path) -> None:
    path = make_film(tmp_path / "film.mp4", frames=5, sound=None)
    spoil(path, slice(None))
    with pytest.raises(NoPictures):
        Film(path)


def test_a_truncated_film_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    whole = make_film(tmp_path / "whole.mkv", frames=90).read_bytes()
    (tmp_path / "cut.mkv").write_bytes(whole[: len(whole) // 2])
    with Film(tmp_path / "cut.mkv") as film:
        count = sum(1 for _ in film.frames())
        assert 20 < count < 70
        assert film.damage.seconds == pytest.approx((90 - count) / 30, abs=0.07)
        assert "seconds missing at the end" in str(film.damage)


def test_damage_in_the_middle_costs_only_the_middle(tmp_path: Path) -> None:
    path = make_film(tmp_path / "film.mp4", frames=90, sound=None)
    spoil(path, slice(40, 45))
    with Film(path) as film:
        times = [frame.time for frame in film.frames()]
        assert 60 <= len(times) < 90
        assert times == sorted(set(times))
        assert times[-1] == 89 * 512
        assert film.damage
    assert not film.damage.seconds


def test_a_length_that_is_no_time_is_no_length(tmp_path: Path) -> None:
    path = make_film(tmp_path / "film.mkv", frames=5, sound=None)
    data = path.read_bytes()
    assert b"00:00:0" in data
    path.write_bytes(data.replace(b"00:00:0", b"a while"))
    with Film(path) as film:
        assert sum(1 for _ in film.frames()) == 5


def test_a_whole_film_is_not_called_damaged(tmp_path: Path) -> None:
    for ending in ("mp4", "mkv", "ts"):
        with Film(make_film(tmp_path / f"film.{ending}")) as film:
            assert sum(1 for _ in film.frames()) == 30
            assert not film.damage
            assert str(film.damage) == ""
