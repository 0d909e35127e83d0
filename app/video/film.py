"""Paints a whole film frame by frame, in segments that survive an interruption."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from fractions import Fraction
from itertools import groupby, islice
from pathlib import Path
from typing import Any, Protocol

import av
import cv2
import numpy as np
from av.error import FFmpegError

from app.engine.typing import Pixels
from app.file_names import LONGEST, cut
from app.video.damping import Flicker, FlickerDamper
from app.video.errors import VideoError
from app.video.files import sync
from app.video.joining import join
from app.video.partial import Partial, open_partial
from app.video.reader import Film, Frame
from app.video.sounds import plan_sounds
from app.video.writer import Kind, SegmentWriter, Shape, kind_of

PARTIAL = ".partial"
# From a frame, uint8 [height, width, 3], to its painting of the same shape.
Paint = Callable[[Pixels], Pixels]


@dataclass(frozen=True)
class Wishes:
    """Options for a film.

    Attributes:
        damping: the largest share of the past in a pixel, 0 to below 1; 0 does not damp flicker.
        segment_seconds: the longest part of the film that a killed process can lose.
        identity: all other facts that determine the result, including the source, as JSON values.
        keep_alpha: keeps a transparent film transparent; otherwise it is painted on white.
    """

    damping: float
    segment_seconds: float
    identity: dict[str, Any]
    keep_alpha: bool = False


@dataclass(frozen=True)
class Summary:
    """The result: size in pixels, length, and frames painted by earlier runs.

    ``sounds`` has "copied" or the new codec for each sound. ``left_out`` names the streams missing from the
    result. ``damage`` says what could not be read, if anything. ``flicker`` is None without damping.
    """

    width: int
    height: int
    frames: int
    resumed: int
    seconds: float
    sounds: list[str]
    left_out: list[str]
    damage: str
    flicker: Flicker | None


class Watcher(Protocol):
    """Receives the progress of a film; it may raise an error to stop."""

    def leaves_out(self, streams: list[str]) -> None:
        """These streams of the film, in words, have no place in the result; told before painting."""

    def begins(self, finished: int, anew: bool) -> None:
        """``finished`` frames exist already; ``anew`` if earlier ones had other options."""

    def painted(self, frames: int, share: float | None) -> None:
        """``frames`` are painted: a ``share`` of the film, if its length is known."""

    def kept(self, frames: int) -> None:
        """``frames`` are stored for good and will not be painted again."""


def paint_film(
    source: Path, target: Path, load: Callable[[], Paint], wishes: Wishes, watcher: Watcher
) -> Summary:
    """Paint the film ``source`` into the file ``target``.

    Args:
        source: a film that FFmpeg reads.
        target: its suffix sets the kind of file. Until the film is complete, finished parts are in a folder
            with the same name and ``.partial``.
        load: returns the function that paints. It is called once the film is open and before anything is
            written, so an engine that fails to load changes no files.
        wishes: the options; parts that were finished with other options are dropped.
        watcher: receives the progress.

    Raises:
        VideoError: the film cannot be read, or the result cannot be written.
        OSError: a file cannot be read or written.
    """
    kind_of(target)
    folder = target.with_name(cut(target.name, LONGEST - len(PARTIAL)) + PARTIAL)
    with Film(source) as film:
        transparent = film.transparent and wishes.keep_alpha
        kind = kind_of(target, transparent=transparent)
        identity = asdict(wishes) | {"codec": [kind.pictures, kind.options, av.__version__, cv2.__version__]}
        plans, lost = plan_sounds(source, kind)
        left_out = film.others + _silenced(lost)
        if left_out:
            watcher.leaves_out(left_out)
        paint = load()
        with open_partial(folder, identity) as (partial, anew):
            finished = partial.frames
            watcher.begins(finished, anew)
            try:
                _paint_segments(film, kind, partial, paint, wishes, watcher)
                whole = folder / f"whole{target.suffix}"
                sounds = join(partial.files, film, whole, kind, plans)
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
            left_out=left_out,
            damage=str(film.damage),
            flicker=partial.flicker if wishes.damping else None,
        )


def _silenced(sounds: int) -> list[str]:
    if not sounds:
        return []
    return ["a sound that cannot be decoded" if sounds == 1 else f"{sounds} sounds that cannot be decoded"]


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
    # Decoding is cheap compared with painting, so read again from the beginning; that is exact.
    frames = islice(film.frames(), done, None)
    for _, segment in groupby(frames, lambda frame: frame.time * film.time_base // length):
        start = None
        before = done
        with SegmentWriter(partial.unfinished, kind, _shape(film)) as writer:
            for frame in segment:
                start = frame.time if start is None else start
                photo = film.pixels(frame)
                painted = paint(photo)
                if damper:
                    painted = damper.damp(photo, painted)
                if kind.transparent:
                    painted = np.dstack((painted, film.alpha(frame)))
                writer.write(painted, frame.time, frame.duration)
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
