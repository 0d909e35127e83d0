"""A whole film: read, paint, steady and write it frame by frame, in segments that survive an interruption."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from fractions import Fraction
from itertools import groupby, islice
from pathlib import Path
from typing import Any, Protocol

import av
import cv2
from av.error import FFmpegError

from app.engine.typing import Pixels
from app.video.damping import Flicker, FlickerDamper
from app.video.errors import VideoError
from app.video.files import sync
from app.video.joining import join
from app.video.partial import Partial, open_partial
from app.video.reader import Film, Frame
from app.video.writer import Kind, SegmentWriter, Shape, kind_of

# From a frame, uint8 [height, width, 3], to its painting of the same shape.
Paint = Callable[[Pixels], Pixels]


@dataclass(frozen=True)
class Wishes:
    """How to make a film.

    Attributes:
        damping: the share of the past that a pixel may keep, 0 to below 1; 0 leaves the flicker as it is.
        segment_seconds: how much of the film is lost at most when the process is killed.
        identity: whatever else decides how the film will look, its source included, fit for JSON.
    """

    damping: float
    segment_seconds: float
    identity: dict[str, Any]


@dataclass(frozen=True)
class Summary:
    """What was made: its size in pixels, its length, and how many of its frames had been painted before.

    ``sounds`` tells for every sound whether it was copied, or what it was coded with; ``damage`` what could
    not be read, if anything; ``flicker`` is None where none was damped.
    """

    width: int
    height: int
    frames: int
    resumed: int
    seconds: float
    sounds: list[str]
    damage: str
    flicker: Flicker | None


class Watcher(Protocol):
    """Is told how a film comes along, and may raise to stop it."""

    def begins(self, finished: int, anew: bool) -> None:
        """So many frames are finished already; ``anew`` if there were others, painted otherwise."""

    def painted(self, frames: int, share: float | None) -> None:
        """So many frames are painted, which is that share of the film if it tells its length."""

    def kept(self, frames: int) -> None:
        """So many frames are finished for good, and will not be painted again."""


def paint_film(
    source: Path, target: Path, load: Callable[[], Paint], wishes: Wishes, watcher: Watcher
) -> Summary:
    """Paint the film ``source`` into the file ``target``.

    Args:
        source: a film that FFmpeg reads.
        target: its ending says what kind of file it becomes. What is finished of it waits in a folder of its
            name with ``.partial`` after it until the film is whole.
        load: brings what paints. It is called when the film is open and nothing is written yet, so that an
            engine that cannot be had leaves nothing behind and takes nothing away.
        wishes: how it shall look; with others, what was finished before is of no use.
        watcher: is told about the progress.

    Raises:
        VideoError: the film cannot be read, or the result cannot be written.
        OSError: a file cannot be read or written.
    """
    kind = kind_of(target)
    identity = asdict(wishes) | {"codec": [kind.pictures, kind.options, av.__version__, cv2.__version__]}
    folder = target.with_name(f"{target.name}.partial")
    with Film(source) as film:
        paint = load()
        with open_partial(folder, identity) as (partial, anew):
            finished = partial.frames
            watcher.begins(finished, anew)
            try:
                _paint_segments(film, kind, partial, paint, wishes, watcher)
                whole = folder / f"whole{target.suffix}"
                sounds = join(partial.files, film.time_base, source, whole, kind, film.damage)
            except FFmpegError as error:
                raise VideoError(f"{target}: the film could not be written ({error.strerror})") from error
            sync(whole)
            whole.replace(target)
            partial.remove()
        return Summary(
            *_shape(film).coded,
            frames=partial.frames,
            resumed=finished,
            seconds=float(film.end * film.time_base),
            sounds=sounds,
            damage=str(film.damage),
            flicker=partial.flicker if wishes.damping else None,
        )


def _paint_segments(
    film: Film,
    kind: Kind,
    partial: Partial,
    paint: Paint,
    wishes: Wishes,
    watcher: Watcher,
) -> None:
    damper = FlickerDamper(wishes.damping, partial.past(), partial.flicker) if wishes.damping else None
    length = Fraction(str(wishes.segment_seconds))
    done = partial.frames
    # Decoding costs little beside painting: to read from the beginning again is cheap, and exact.
    frames = islice(film.frames(), done, None)
    for _, segment in groupby(frames, lambda frame: frame.time * film.time_base // length):
        start = None
        before = done
        with SegmentWriter(partial.unfinished, kind, _shape(film)) as writer:
            for frame in segment:
                start = frame.time if start is None else start
                photo = film.pixels(frame)
                painted = paint(photo)
                writer.write(damper.damp(photo, painted) if damper else painted, frame.time, frame.duration)
                done += 1
                watcher.painted(done, _share(film, frame))
        assert start is not None
        partial.add(start, done - before, damper)
        watcher.kept(done)


def _shape(film: Film) -> Shape:
    return Shape(film.width, film.height, film.pixel_aspect, film.time_base, film.rate)


def _share(film: Film, frame: Frame) -> float | None:
    end = float((frame.time + frame.duration) * film.time_base)
    return min(1.0, end / film.seconds) if film.seconds else None
