"""Makes small films, and reads films."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from app.engine.typing import Pixels
from app.video.reader import Film

SAMPLE_RATE = 44_100
# The corners of every frame: top left, top right, bottom left, bottom right.
CORNERS = ((220, 40, 40), (40, 200, 60), (50, 60, 210), (230, 210, 50))


def picture(number: int, width: int, height: int) -> Pixels:
    """A frame: corners of four colours, and a bar that moves to the right."""
    frame = np.full((height, width, 3), 120, np.uint8)
    tall, wide = height // 3, width // 3
    for index, color in enumerate(CORNERS):
        rows = slice(None, tall) if index < 2 else slice(-tall, None)
        columns = slice(None, wide) if index % 2 == 0 else slice(-wide, None)
        frame[rows, columns] = color
    left = 2 * number % (width - 4)
    frame[tall:-tall, left : left + 4] = 255
    return frame


def make_film(
    path: Path,
    *,
    frames: int = 30,
    size: tuple[int, int] = (64, 48),
    times: Sequence[int] | None = None,
    time_base: Fraction = Fraction(1, 15360),
    rotation: int | None = None,
    mirrored: bool = False,
    aspect: Fraction | None = None,
    pictures: str = "libx264",
    sound: str | None = "aac",
    rate: int = SAMPLE_RATE,
    layout: str = "mono",
    options: dict[str, str] | None = None,
) -> Path:
    """Write a film with a tone, at 30 frames per second.

    ``times`` sets other times of the frames, in units of ``time_base``.
    """
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(
            pictures, rate=30, options={"crf": "10", "g": "10"} | (options or {})
        )
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p" if size[0] % 2 == size[1] % 2 == 0 else "yuv444p"
        stream.time_base = stream.codec_context.time_base = time_base
        if aspect:
            stream.codec_context.sample_aspect_ratio = aspect
        if rotation is not None:
            stream.set_display_rotation(rotation, hflip=mirrored)
        tone: Any = container.add_stream(sound, rate=rate, layout=layout) if sound else None
        step = round(Fraction(1, 30) / time_base)
        for number in range(frames):
            frame = av.VideoFrame.from_ndarray(picture(number, *size))
            frame.pts, frame.time_base = times[number] if times else number * step, time_base
            container.mux(stream.encode(frame))
            if tone:
                container.mux(tone.encode(_tone(number)))
        container.mux(stream.encode())
        if tone:
            container.mux(tone.encode())
    return path


def _tone(number: int) -> av.AudioFrame:
    """A thirtieth of a second of 440 Hz."""
    samples = SAMPLE_RATE // 30
    phase = np.arange(number * samples, (number + 1) * samples) * 2 * np.pi * 440 / SAMPLE_RATE
    frame = av.AudioFrame.from_ndarray((8000 * np.sin(phase)).astype(np.int16)[None], "s16", "mono")
    frame.sample_rate, frame.pts = SAMPLE_RATE, number * samples
    return frame


def spoil(path: Path, which: slice, kind: str = "video") -> None:
    """Overwrite some of the coded frames, or of the coded sound ("audio"), with zeros."""
    with av.open(str(path)) as container:
        packets = list(container.demux(**{kind: 0}))
        places = [(start, packet.size) for packet in packets if (start := packet.pos) is not None]
    data = bytearray(path.read_bytes())
    for position, size in places[which]:
        data[position : position + size] = bytes(size)
    path.write_bytes(data)


@dataclass(frozen=True)
class Contents:
    """A film's upright frames, and the time of each in seconds."""

    frames: list[Pixels]
    times: list[Fraction]
    rotated: bool
    pixel_aspect: Fraction

    @property
    def size(self) -> tuple[int, int]:
        height, width = self.frames[0].shape[:2]
        return width, height


def read(path: Path) -> Contents:
    with Film(path) as film:
        frames, times, rotated = [], [], False
        for frame in film.frames():
            frames.append(film.pixels(frame))
            times.append(frame.time * film.time_base)
            rotated = rotated or frame.raw.rotation != 0
        return Contents(frames, times, rotated, film.pixel_aspect)


def sound_packets(path: Path) -> list[tuple[Fraction, bytes]]:
    """The coded sound of a film: the time of each packet, and its bytes."""
    with av.open(str(path)) as container:
        begin = Fraction(container.start_time, 1_000_000)
        return [
            (packet.pts * packet.time_base - begin, bytes(packet))
            for packet in container.demux(audio=0)
            if packet.pts is not None
        ]


def loudness(path: Path) -> tuple[str, float, float]:
    """A film's sound: codec, length in seconds, mean square (at most 1)."""
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        resampler = av.AudioResampler(format="flt", layout="mono")
        samples = [
            resampled.to_ndarray()
            for frame in container.decode(stream)
            for resampled in resampler.resample(frame)
        ]
        values = np.concatenate(samples, axis=1)
        seconds = values.size / stream.rate
        return stream.codec.canonical_name, seconds, float(np.square(values).mean())


def same_film(film: Path, other: Path) -> None:
    """Assert that two films have equal sound, and equal frames at equal times.

    Bytes of files cannot be compared. Optical flow on several cores differs in the last digit now and then.
    And the average bit rate in a container depends on the order in which pictures and sound arrive.
    """
    ours, theirs = read(film), read(other)
    assert sound_packets(film) == sound_packets(other)
    assert ours.times == theirs.times
    for one, two in zip(ours.frames, theirs.frames, strict=True):
        assert np.abs(one.astype(int) - two).mean() < 1


class Watcher:
    """Notes what it is told, and presses Ctrl-C after some frames."""

    def __init__(self, stop_after: int | None = None) -> None:
        self.stop_after = stop_after
        self.began: tuple[int, bool] | None = None
        self.shares: list[float | None] = []
        self.finished = 0
        self.left_out: list[str] = []

    def leaves_out(self, streams: list[str]) -> None:
        self.left_out = streams

    def begins(self, finished: int, anew: bool) -> None:
        self.began = (finished, anew)

    def painted(self, frames: int, share: float | None) -> None:
        self.shares.append(share)
        if frames == self.stop_after:
            raise KeyboardInterrupt

    def kept(self, frames: int) -> None:
        self.finished = frames
