"""Makes films with several sounds and videos, unknown codes and transparency."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
from av.stream import Disposition

from testing.clips import picture

RATE = 48_000


def write(
    path: Path,
    *,
    videos: Sequence[tuple[int, Disposition]] = ((64, Disposition.default),),
    sounds: Sequence[dict[str, Any]] = (),
    extra: Callable[[Any], None] = lambda container: None,
) -> Path:
    """Write a second of film with videos (width, disposition) and sounds (language, title, default)."""
    with av.open(str(path), "w") as container:
        pictures = []
        for width, disposition in videos:
            stream: Any = container.add_stream("libx264", rate=25)
            stream.width, stream.height, stream.pix_fmt = width, 48, "yuv420p"
            stream.disposition = disposition
            pictures.append(stream)
        tones = []
        for facts in sounds:
            tone: Any = container.add_stream("aac", rate=RATE, layout="mono")
            tone.metadata.update({key: facts[key] for key in ("language", "title") if key in facts})
            tone.disposition = Disposition.default if facts.get("default") else Disposition(0)
            tones.append(tone)
        extra(container)
        for number in range(25):
            for stream in pictures:
                frame = av.VideoFrame.from_ndarray(picture(number, stream.width, 48))
                frame.pts, frame.time_base = number, Fraction(1, 25)
                container.mux(stream.encode(frame))
            for tone in tones:
                container.mux(tone.encode(samples(np.zeros(RATE // 25), number * RATE // 25)))
        for stream in [*pictures, *tones]:
            container.mux(stream.encode())
    return path


def samples(values: npt.NDArray[np.float64], start: int) -> av.AudioFrame:
    frame = av.AudioFrame.from_ndarray((values * 20_000).astype(np.int16)[None], "s16", "mono")
    frame.sample_rate, frame.pts = RATE, start
    return frame


def recode(path: Path, *changes: tuple[bytes, bytes]) -> Path:
    """Replace codes in the description of the last track of a MOV file."""
    data = path.read_bytes()
    at = data.rindex(b"stsd")
    description = data[at:]
    for old, new in changes:
        assert old in description
        description = description.replace(old, new)
    path.write_bytes(data[:at] + description)
    return path


def unknown_sound(path: Path, sounds: Sequence[dict[str, Any]]) -> Path:
    """A film whose last sound has a code that no decoder knows, as Apple's spatial sound has."""
    return recode(write(path, sounds=sounds), (b"mp4a", b"apac"), (b"esds", b"dapa"))


def transparent(path: Path, codec: str, layout: str) -> Path:
    """Red on the left, half of it half transparent; nothing on the right."""
    pixels = np.zeros((48, 64, 4), np.uint8)
    pixels[:, :32] = (200, 40, 40, 255)
    pixels[:24, :32, 3] = 128
    with av.open(str(path), "w") as film:
        stream: Any = film.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, layout
        if codec.startswith("libvpx"):
            stream.options = {"auto-alt-ref": "0", "crf": "10", "b": "0"}
        for number in range(5):
            frame = av.VideoFrame.from_ndarray(pixels, "rgba").reformat(format=layout)
            frame.pts, frame.time_base = number, Fraction(1, 25)
            film.mux(stream.encode(frame))
        film.mux(stream.encode())
    return path
