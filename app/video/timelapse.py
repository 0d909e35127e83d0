"""A film of still pictures: how an optimised picture came to be."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt
from av.error import FFmpegError
from PIL import Image

from app.engine.cascade import resize
from app.files import PART, whole_file
from app.video.errors import VideoError
from app.video.writer import KINDS, SegmentWriter, Shape

Pixels = npt.NDArray[np.uint8]

ENDINGS = (".mp4", ".gif")
# Frames a second, and how many seconds the last picture stays.
RATE, LAST_SECONDS = 25, 2
# A GIF has a palette per frame and no motion: it stays small only with few frames and few pixels.
GIF_SIDE, GIF_RATE, GIF_FRAMES = 320, 10, 60


def check_timelapse(target: Path) -> None:
    """Check a film's name.

    Raises:
        VideoError: its ending is none that can be written.
    """
    if target.suffix.lower() not in ENDINGS:
        raise VideoError(f"{target}: the film's name must end in .mp4 or .gif")


def write_timelapse(target: Path, frames: Sequence[Path]) -> None:
    """Write pictures as a film, whole or not at all; all get the size of the last one.

    Args:
        target: an .mp4 or .gif file.
        frames: at least one file that Pillow reads, in their order.

    Raises:
        VideoError: the film cannot be written.
        OSError: a file cannot be read or written.
    """
    check_timelapse(target)
    if target.suffix.lower() == ".gif":
        _write_gif(target, frames)
    else:
        _write_mp4(target, frames)


def _write_mp4(target: Path, frames: Sequence[Path]) -> None:
    height, width = _read(frames[-1]).shape[:2]
    second = Fraction(1)
    shape = Shape(width, height, second, second / RATE, RATE * second)
    unfinished = target.with_name(f"{PART}{target.name}")
    try:
        with SegmentWriter(unfinished, KINDS[".mp4"], shape) as writer:
            for time, path in enumerate(frames):
                last = time == len(frames) - 1
                writer.write(resize(_read(path), height, width), time, LAST_SECONDS * RATE if last else 1)
        unfinished.replace(target)
    except FFmpegError as error:
        raise VideoError(f"{target}: the film could not be written ({error.strerror})") from error
    finally:
        unfinished.unlink(missing_ok=True)


def _write_gif(target: Path, frames: Sequence[Path]) -> None:
    step = -(-len(frames) // GIF_FRAMES)
    # Counted from the last one, which must be there.
    chosen = list(frames[::-1][::step])[::-1]
    height, width = _read(frames[-1]).shape[:2]
    scale = min(1.0, GIF_SIDE / max(height, width))
    size = max(1, round(height * scale)), max(1, round(width * scale))
    pictures = [Image.fromarray(resize(_read(path), *size)) for path in chosen]
    durations = [1000 // GIF_RATE] * (len(pictures) - 1) + [1000 * LAST_SECONDS]
    with whole_file(target) as file:
        pictures[0].save(
            file, "GIF", save_all=True, append_images=pictures[1:], duration=durations, loop=0, optimize=False
        )


def _read(path: Path) -> Pixels:
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"))
