"""Makes small films, and reads what a film holds."""

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
    """Corners of four colours, and between them a bar that wanders to the right."""
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
    """Write a film of 30 frames per second (or with ``times``, in units of ``time_base``) and a tone."""
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
    """What a film shows: upright frames, and when each begins, in seconds."""

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
    """The coded sound of a film: when each packet is played after the film's beginning, and its bytes."""
    with av.open(str(path)) as container:
        begin = Fraction(container.start_time, 1_000_000)
        return [
            (packet.pts * packet.time_base - begin, bytes(packet))
            for packet in container.demux(audio=0)
            if packet.pts is not None
        ]


def loudness(path: Path) -> tuple[str, float, float]:
    """The codec of a film's sound, its length in seconds, and its mean square (1 is the most possible)."""
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
    """The same sound, and the same frames at the same times.

    The files' bytes will not do: optical flow on several cores differs in a last digit now and then, and the
    average bit rate that a container notes hangs on the order in which pictures and sound reached it.
    """
    ours, theirs = read(film), read(other)
    assert sound_packets(film) == sound_packets(other)
    assert ours.times == theirs.times
    for one, two in zip(ours.frames, theirs.frames, strict=True):
        assert np.abs(one.astype(int) - two).mean() < 1
