"""Films as people have them: several sounds and videos, data, edit lists, no times, fields, transparency."""

from __future__ import annotations

import struct
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.stream import Disposition

from app.config import PROJECT_ROOT
from app.video.errors import NoPictures, Undecodable, UnknownCoding, VideoError
from app.video.film import Summary, Wishes, paint_film
from app.video.reader import Film, Pixels
from testing.clips import Watcher, make_film, picture, read, spoil
from testing.streams import RATE, recode, samples, transparent, unknown_sound, write

CASES = PROJECT_ROOT.parent / "shared" / "cases"
ENDINGS = ["mp4", "mov", "mkv", "webm"]


def copy(source: Path, target: Path, *, keep_alpha: bool = False, watcher: Watcher | None = None) -> Summary:
    """Write a film anew without painting it."""
    wishes = Wishes(0.0, 2.0, {}, keep_alpha)
    return paint_film(source, target, lambda: lambda photo: photo, wishes, watcher or Watcher())


def case(name: str) -> Path:
    path = CASES / name
    if not path.exists():
        pytest.skip(f"{path.name} is not here")
    return path


def tracks(path: Path) -> list[tuple[str, str | None, str | None, bool]]:
    """Each sound's codec, language, title, and whether it is the default."""
    with av.open(str(path)) as film:
        return [
            (
                stream.codec.canonical_name,
                stream.metadata.get("language"),
                stream.metadata.get("title") or stream.metadata.get("name"),
                bool(stream.disposition & Disposition.default),
            )
            for stream in film.streams.audio
        ]


# What has no place in the result.


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_sound_that_cannot_be_decoded_is_left_out_before_painting(ending: str, tmp_path: Path) -> None:
    source, watcher = unknown_sound(tmp_path / "film.mov", [{"default": True}, {}]), Watcher()
    told: list[list[str]] = []

    def load() -> Callable[[Pixels], Pixels]:
        told.append(watcher.left_out)
        return lambda photo: photo

    summary = paint_film(source, tmp_path / f"out.{ending}", load, Wishes(0.0, 2.0, {}), watcher)
    assert told == [["a sound that cannot be decoded"]] == [summary.left_out]
    assert len(summary.sounds) == len(tracks(tmp_path / f"out.{ending}")) == 1
    assert summary.damage == ""


@pytest.mark.parametrize("ending", ENDINGS)
def test_spatial_sound_of_a_phone_is_left_out(ending: str, tmp_path: Path) -> None:
    summary = copy(case("apac.mov"), tmp_path / f"out.{ending}")
    assert (summary.frames, len(summary.sounds)) == (50, 1)
    assert summary.left_out == ["a sound that cannot be decoded"]


def test_the_only_sound_may_be_unknown(tmp_path: Path) -> None:
    summary = copy(unknown_sound(tmp_path / "film.mov", [{}]), tmp_path / "out.mp4")
    assert (summary.sounds, summary.left_out) == ([], ["a sound that cannot be decoded"])


def test_a_sound_that_holds_nothing_readable_is_left_out(tmp_path: Path) -> None:
    source = make_film(tmp_path / "film.mov", sound="alac")
    spoil(source, slice(None), "audio")
    summary = copy(source, tmp_path / "out.webm")
    assert (summary.frames, summary.sounds) == (30, [])
    assert summary.left_out == ["a sound that cannot be decoded"]


def test_data_and_attachments_are_left_out(tmp_path: Path) -> None:
    source = write(tmp_path / "film.ts", extra=lambda container: container.add_data_stream(None))
    assert copy(source, tmp_path / "out.mp4").left_out == ["a data track"]

    def attach(container: Any) -> None:
        for name in ("one.ttf", "two.ttf"):
            container.add_attachment(name, "application/x-truetype-font", b"letters")

    source = write(tmp_path / "film.mkv", extra=attach)
    assert copy(source, tmp_path / "out.mp4").left_out == ["2 attachments"]


@pytest.mark.parametrize("videos", [0, 1])
def test_cover_art_is_not_painted(videos: int, tmp_path: Path) -> None:
    def cover(container: Any) -> None:
        stream = container.add_stream("mjpeg", rate=25)
        stream.width, stream.height, stream.pix_fmt = 128, 96, "yuvj420p"
        stream.disposition = Disposition.attached_pic
        art = av.VideoFrame.from_ndarray(picture(0, 128, 96)).reformat(format="yuvj420p")
        art.pts = 0
        container.mux(stream.encode(art))

    source = write(
        tmp_path / "film.mp4", videos=[(64, Disposition.default)][:videos], sounds=[{}], extra=cover
    )
    if videos:
        summary = copy(source, tmp_path / "out.mp4")
        assert (summary.width, summary.left_out) == (64, ["the cover art"])
    else:
        with pytest.raises(NoPictures, match="no video"):
            Film(source)


@pytest.mark.parametrize(
    ("videos", "width"),
    [
        ([(64, Disposition(0)), (128, Disposition(0))], 128),
        ([(64, Disposition.default), (128, Disposition(0))], 64),
        ([(64, Disposition.default), (128, Disposition.default), (96, Disposition(0))], 128),
    ],
)
def test_of_several_videos_the_default_else_the_largest_is_painted(
    videos: list[tuple[int, Disposition]], width: int, tmp_path: Path
) -> None:
    summary = copy(write(tmp_path / "film.mkv", videos=videos), tmp_path / "out.mp4")
    assert summary.width == width
    rest = len(videos) - 1
    assert summary.left_out == ["another video" if rest == 1 else f"{rest} other videos"]


def test_a_film_without_a_decoder_is_refused_with_a_way_out(tmp_path: Path) -> None:
    source = recode(write(tmp_path / "film.mov"), (b"avc1", b"zzzz"))
    with pytest.raises(UnknownCoding, match=r"film\.mov: .*no decoder.*Convert it to H\.264"):
        Film(source)


def test_a_film_that_cannot_be_decoded_is_not_said_to_be_sound(tmp_path: Path) -> None:
    source = write(tmp_path / "film.mp4")
    spoil(source, slice(None))
    with pytest.raises(Undecodable, match="damaged or copy-protected"):
        Film(source)


# Sounds.


@pytest.mark.parametrize(
    ("sound", "ending", "becomes"),
    [
        ("pcm_s16le", "mp4", "aac"),
        ("pcm_s16le", "m4v", "aac"),
        ("pcm_s24be", "mov", "pcm_s24be"),
        ("pcm_s16le", "mkv", "pcm_s16le"),
        ("pcm_s16le", "webm", "opus"),
        ("flac", "mp4", "aac"),
        ("mp2", "mp4", "aac"),
        ("mp2", "mov", "aac"),
        ("ac3", "mp4", "ac3"),
        ("alac", "mp4", "alac"),
        ("libmp3lame", "mp4", "mp3"),
        ("libopus", "mp4", "aac"),
        ("libopus", "webm", "opus"),
        ("vorbis", "mp4", "aac"),
        ("vorbis", "mov", "aac"),
        ("vorbis", "webm", "vorbis"),
        ("adpcm_ima_wav", "mkv", "aac"),
    ],
)
def test_sounds_become_what_players_take(sound: str, ending: str, becomes: str, tmp_path: Path) -> None:
    container = {"pcm_s24be": "mov", "alac": "mov", "adpcm_ima_wav": "avi"}.get(sound, "mkv")
    options = {"vorbis": {"strict": "experimental"}}.get(sound, {})
    source = tmp_path / f"film.{container}"
    with av.open(str(source), "w") as film:
        pictures: Any = film.add_stream("mpeg4", rate=25)
        pictures.width, pictures.height, pictures.pix_fmt = 64, 48, "yuv420p"
        tone: Any = film.add_stream(sound, rate=RATE, layout="stereo", options=options)
        for number in range(25):
            frame = av.VideoFrame.from_ndarray(picture(number, 64, 48))
            film.mux(pictures.encode(frame))
            film.mux(tone.encode(samples(np.zeros(RATE // 25), number * RATE // 25)))
        film.mux(pictures.encode())
        film.mux(tone.encode())
    target = tmp_path / f"out.{ending}"
    summary = copy(source, target)
    assert [codec for codec, *_ in tracks(target)] == [becomes]
    assert summary.left_out == []


def test_camera_sound_becomes_aac_in_mp4(tmp_path: Path) -> None:
    assert copy(case("pcm.mov"), tmp_path / "out.mp4").sounds == ["aac"]


def test_a_sound_whose_loudspeakers_change_is_coded_on(tmp_path: Path) -> None:
    """A broadcast turns from stereo to mono and another rate in the middle."""
    parts = []
    for number, (layout, rate) in enumerate((("stereo", 48_000), ("mono", 44_100))):
        times = [number * 15360 + 512 * frame for frame in range(30)]
        part = make_film(tmp_path / f"{layout}.ts", sound="mp2", layout=layout, rate=rate, times=times)
        parts.append(part.read_bytes())
    source = tmp_path / "film.ts"
    source.write_bytes(b"".join(parts))
    summary = copy(source, tmp_path / "out.mp4")
    assert (summary.sounds, summary.frames) == (["aac"], 60)


@pytest.mark.parametrize("source", ["mkv", "mp4"])
@pytest.mark.parametrize("ending", ENDINGS)
def test_languages_titles_and_the_default_stay(source: str, ending: str, tmp_path: Path) -> None:
    sounds = [
        {"language": "eng"},
        {"language": "deu", "default": True},
        {"language": "fra", "title": "Le commentaire"},
    ]
    film = write(tmp_path / f"film.{source}", sounds=sounds)
    copy(film, tmp_path / f"out.{ending}")
    after = tracks(tmp_path / f"out.{ending}")
    german = "ger" if ending == "mov" else "deu"  # FFmpeg's word for QuickTime's number of German
    assert [(language, default) for _, language, _, default in after] == [
        ("eng", False),
        (german, True),
        ("fra", False),
    ]
    assert [title for _, _, title, _ in after] == [None, None, "Le commentaire"]


def test_the_languages_of_a_disc_stay(tmp_path: Path) -> None:
    copy(case("lang.mkv"), tmp_path / "out.mp4")
    assert [(language, default) for _, language, _, default in tracks(tmp_path / "out.mp4")] == [
        ("eng", False),
        ("deu", True),
    ]


def test_the_title_of_a_film_stays(tmp_path: Path) -> None:
    def name(container: Any) -> None:
        container.metadata["title"] = "Holidays"

    copy(write(tmp_path / "film.mkv", extra=name), tmp_path / "out.mp4")
    with av.open(str(tmp_path / "out.mp4")) as film:
        assert film.metadata["title"] == "Holidays"


# Times.


@pytest.mark.parametrize(
    ("codec", "container", "options"),
    [
        ("libx264", "h264", {"bf": "0"}),
        ("libx264", "h264", {"bf": "2"}),
        ("libx265", "hevc", {"x265-params": "log-level=none"}),
        ("mpeg2video", "mpeg2video", {}),
        ("mpeg4", "m4v", {}),
    ],
)
@pytest.mark.parametrize("ending", ENDINGS)
def test_frames_without_times_get_the_rate_of_the_film(
    codec: str, container: str, options: dict[str, str], ending: str, tmp_path: Path
) -> None:
    source = tmp_path / "film.raw"
    with av.open(str(source), "w", format=container) as film:
        stream: Any = film.add_stream(codec, rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(50):
            film.mux(stream.encode(av.VideoFrame.from_ndarray(picture(number, 64, 48))))
        film.mux(stream.encode())
    summary = copy(source, tmp_path / f"out.{ending}")
    assert (summary.frames, summary.seconds) == (50, pytest.approx(2.0, abs=0.001))
    times = [float(time) for time in read(tmp_path / f"out.{ending}").times]
    assert times == pytest.approx([number / 25 for number in range(50)], abs=0.001)


def test_a_raw_film_lasts_two_seconds(tmp_path: Path) -> None:
    copy(case("raw_nob.h264"), tmp_path / "out.mp4")
    with av.open(str(tmp_path / "out.mp4")) as film:
        assert film.duration == 2_000_000


@pytest.mark.parametrize("ending", ENDINGS)
def test_uneven_times_are_kept_in_every_container(ending: str, tmp_path: Path) -> None:
    times = [0, 400, 1000, 1100, 9000, 20000, 90000]
    source = make_film(tmp_path / "film.mp4", frames=7, times=times, time_base=Fraction(1, 12800), sound=None)
    copy(source, tmp_path / f"out.{ending}")
    kept = [float(time) for time in read(tmp_path / f"out.{ending}").times]
    assert kept == pytest.approx([time / 12800 for time in times], abs=0.001)


def trim(path: Path, track: int, start: int, duration: int) -> Path:
    """Let a track begin at ``start`` in units of its media and last ``duration`` milliseconds."""
    data = bytearray(path.read_bytes())
    at = -1
    for _ in range(track + 1):
        at = data.index(b"elst", at + 1)
    assert struct.unpack_from(">I", data, at + 8) == (1,)
    struct.pack_into(">Ii", data, at + 12, duration, start)
    path.write_bytes(data)
    return path


def beep(path: Path, sound: str, at: float) -> Path:
    """Two seconds of film with silence, and a tone from ``at`` on."""
    with av.open(str(path), "w") as film:
        pictures: Any = film.add_stream("libx264", rate=25, options={"bf": "0"})
        pictures.width, pictures.height, pictures.pix_fmt = 64, 48, "yuv420p"
        tone: Any = film.add_stream(sound, rate=RATE, layout="mono")
        phase = np.arange(2 * RATE) / RATE
        wave = np.where(phase >= at, np.sin(2 * np.pi * 440 * phase), 0.0)
        for number in range(50):
            frame = av.VideoFrame.from_ndarray(picture(number, 64, 48))
            frame.pts, frame.time_base = number, Fraction(1, 25)
            film.mux(pictures.encode(frame))
            start = number * RATE // 25
            film.mux(tone.encode(samples(wave[start : start + RATE // 25], start)))
        film.mux(pictures.encode())
        film.mux(tone.encode())
    return path


def loud_spans(path: Path) -> list[tuple[float, float]]:
    """From when to when a film's sound is loud, in seconds, as players show it."""
    with av.open(str(path)) as film:
        resampler = av.AudioResampler("flt", "mono", RATE)
        loud = [
            (float(part.pts * part.time_base) + index / RATE)
            for frame in film.decode(audio=0)
            for part in resampler.resample(frame)
            for index in np.flatnonzero(np.abs(part.to_ndarray()[0]) > 0.2)
        ]
    ends = [index for index in range(1, len(loud)) if loud[index] - loud[index - 1] > 0.01]
    return [(loud[a], loud[b - 1]) for a, b in zip([0, *ends], [*ends, len(loud)], strict=True)]


@pytest.mark.parametrize(("sound", "delay", "container"), [("aac", 1024, "mp4"), ("pcm_s16le", 0, "mov")])
@pytest.mark.parametrize("ending", ENDINGS)
def test_what_the_edit_list_cuts_of_a_sound_is_not_heard(
    sound: str, delay: int, container: str, ending: str, tmp_path: Path
) -> None:
    """The tone begins at 0.5 s. Its first half second is cut: it is heard from the beginning on."""
    source = beep(tmp_path / f"film.{container}", sound, 0.5)
    trim(source, 1, RATE + delay, 600)
    target = tmp_path / f"out.{ending}"
    copy(source, target)
    ((begin, end),) = loud_spans(target)
    assert begin == pytest.approx(0.0, abs=0.012)
    assert end == pytest.approx(0.6, abs=0.05)
    assert float(read(target).times[0]) == pytest.approx(0.0, abs=0.001)


@pytest.mark.parametrize(("sound", "delay", "container"), [("aac", 1024, "mp4"), ("pcm_s16le", 0, "mov")])
@pytest.mark.parametrize("ending", ENDINGS)
def test_a_trimmed_sound_stays_in_time(
    sound: str, delay: int, container: str, ending: str, tmp_path: Path
) -> None:
    """The tone begins at 1.25 s of the media, of which a second is cut."""
    source = trim(beep(tmp_path / f"film.{container}", sound, 1.25), 1, RATE + delay, 1000)
    target = tmp_path / f"out.{ending}"
    copy(source, target)
    begin = loud_spans(target)[0][0]
    assert begin - float(read(target).times[0]) == pytest.approx(0.25, abs=0.012)


@pytest.mark.parametrize("ending", ENDINGS)
def test_what_the_edit_list_cuts_of_the_pictures_is_not_seen(ending: str, tmp_path: Path) -> None:
    source = trim(beep(tmp_path / "film.mp4", "aac", 0.0), 0, 6400, 1000)  # from 0.5 s of a 12800th on
    target = tmp_path / f"out.{ending}"
    assert copy(source, target).frames == 25
    film = read(target)
    assert np.abs(film.frames[0].astype(int) - picture(13, 64, 48)).mean() < 12
    assert float(film.times[0]) == pytest.approx(0.0, abs=0.025)


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_trimmed_film_of_a_phone_begins_in_time(ending: str, tmp_path: Path) -> None:
    target = tmp_path / f"out.{ending}"
    assert copy(case("trimmed.mp4"), target).frames == 82
    with av.open(str(target)) as film:
        starts = [stream.start_time * stream.time_base for stream in film.streams]
        assert [float(start) for start in starts] == pytest.approx([0.0, 0.0], abs=0.001)
        assert film.duration == pytest.approx(3_300_000, abs=40_000)
    ours, theirs = loud_spans(target), loud_spans(CASES / "trimmed.mp4")
    assert ours[0][0] == pytest.approx(theirs[0][0], abs=0.02)


# Fields.


def interlaced(path: Path, rotation: int | None = None) -> list[Pixels]:
    """Write fields of a bar that moves by 4 pixels a field, and return the frames at each first field."""
    shown = []
    with av.open(str(path), "w") as film:
        stream: Any = film.add_stream("v210", rate=25)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv422p10le"
        stream.codec_context.field_order = 2  # the top field first
        if rotation is not None:
            stream.set_display_rotation(rotation)
        for number in range(8):
            fields = []
            for field in range(2):
                whole = np.full((64, 96, 3), 60, np.uint8)
                left = 8 + 4 * (2 * number + field)
                whole[:, left : left + 12] = 200
                fields.append(whole)
            woven = fields[0].copy()
            woven[1::2] = fields[1][1::2]
            shown.append(fields[0])
            frame = av.VideoFrame.from_ndarray(woven).reformat(format="yuv422p10le")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            film.mux(stream.encode(frame))
    return shown


def comb(frame: Pixels) -> float:
    """The mean square of how far rows differ from the mean of their neighbours."""
    rows = frame.astype(float)
    return float(np.square(rows[1:-1] - (rows[:-2] + rows[2:]) / 2).mean())


def test_fields_become_whole_frames_at_their_times(tmp_path: Path) -> None:
    shown = interlaced(tmp_path / "film.mov")
    film = read(tmp_path / "film.mov")
    assert film.times == [Fraction(number, 25) for number in range(8)]
    for frame, expected in zip(film.frames[1:-1], shown[1:-1], strict=True):
        assert comb(frame) < 30
        assert np.abs(frame.astype(int) - expected).mean() < 3
    with Film(tmp_path / "film.mov") as opened:
        assert [frame.duration * opened.time_base for frame in opened.frames()] == [Fraction(1, 25)] * 8


def test_a_turned_interlaced_film_is_upright(tmp_path: Path) -> None:
    interlaced(tmp_path / "film.mov", rotation=90)
    frame = read(tmp_path / "film.mov").frames[3]
    assert frame.shape[:2] == (96, 64)
    assert comb(frame.swapaxes(0, 1)) < 30


def test_whole_frames_are_not_touched(tmp_path: Path) -> None:
    """Rows of a fine pattern would be blurred by the filter."""
    path = tmp_path / "film.mkv"
    rows = np.zeros((64, 96, 3), np.uint8)
    rows[::2] = 255
    with av.open(str(path), "w") as film:
        stream: Any = film.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv444p"
        for _ in range(3):
            film.mux(stream.encode(av.VideoFrame.from_ndarray(rows)))
        film.mux(stream.encode())
    assert np.abs(read(path).frames[1].astype(int) - rows).max() < 3


def test_a_camcorder_film_is_deinterlaced(tmp_path: Path) -> None:
    path = case("comb.mpg")
    with av.open(str(path)) as film:
        woven = [comb(frame.to_ndarray(format="rgb24")) for frame in film.decode(video=0)]
    copy(path, tmp_path / "out.mp4")
    painted = [comb(frame) for frame in read(tmp_path / "out.mp4").frames]
    assert len(painted) == len(woven)
    assert np.mean(painted) < np.mean(woven) / 4


# Transparency.


TRANSPARENT = [
    ("film.mov", "prores_ks", "yuva444p10le"),
    ("film.mov", "qtrle", "argb"),
    ("film.mov", "png", "rgba"),
    ("film.mkv", "ffv1", "yuva420p"),
    ("film.webm", "libvpx", "yuva420p"),
    ("film.webm", "libvpx-vp9", "yuva420p"),
]


@pytest.mark.parametrize(("name", "codec", "layout"), TRANSPARENT)
def test_transparent_films_are_painted_on_white(name: str, codec: str, layout: str, tmp_path: Path) -> None:
    frame = read(transparent(tmp_path / name, codec, layout)).frames[2].astype(int)
    assert np.abs(frame[40, 8] - (200, 40, 40)).max() <= 5
    assert np.abs(frame[8, 8] - (227, 147, 147)).max() <= 5
    assert frame[8:40, 40:].min() >= 253


def test_a_half_transparent_film_is_painted_on_white(tmp_path: Path) -> None:
    copy(case("alpha_half.webm"), tmp_path / "out.mp4")
    frame = read(tmp_path / "out.mp4").frames[3]
    assert frame[20:, 70:].min() >= 250


@pytest.mark.parametrize("ending", ["mov", "mkv", "webm"])
def test_transparency_is_kept_on_request(ending: str, tmp_path: Path) -> None:
    source, target = transparent(tmp_path / "film.webm", "libvpx-vp9", "yuva420p"), tmp_path / f"out.{ending}"
    copy(source, target, keep_alpha=True)
    with Film(target) as film:
        frames = [film.alpha(frame) for frame in film.frames()]
        assert film.transparent
    assert len(frames) == 5
    levels = [int(frames[2][place][0]) for place in ((40, 8), (8, 8), (8, 50))]
    assert levels == pytest.approx([255, 128, 0], abs=6)


def test_a_kind_of_file_without_transparency_is_refused_before_painting(tmp_path: Path) -> None:
    source = transparent(tmp_path / "film.webm", "libvpx-vp9", "yuva420p")
    with pytest.raises(VideoError, match=r"no transparency.*\.webm"):
        copy(source, tmp_path / "out.mp4", keep_alpha=True)
    assert copy(make_film(tmp_path / "film.mp4"), tmp_path / "out.mp4", keep_alpha=True).frames == 30


def test_a_transparent_film_goes_on_after_an_interruption(tmp_path: Path) -> None:
    source, target = transparent(tmp_path / "film.webm", "libvpx-vp9", "yuva420p"), tmp_path / "out.webm"
    wishes = Wishes(0.5, 0.08, {}, keep_alpha=True)
    with pytest.raises(KeyboardInterrupt):
        paint_film(source, target, lambda: lambda photo: photo, wishes, Watcher(4))
    summary = paint_film(source, target, lambda: lambda photo: photo, wishes, Watcher())
    assert (summary.frames, summary.resumed) == (5, 2)
    assert float(read(target).times[-1]) == pytest.approx(4 / 25, abs=0.001)
