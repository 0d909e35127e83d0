"""Plans which photos become which files, and records which are finished."""

from __future__ import annotations

import fcntl
import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from app.commands.console import BadInput
from app.commands.painting import stamp
from app.file_names import file_stem, same
from app.files import PART
from app.imaging import (
    encode_fine_png,
    encode_fine_tiff,
    encode_jpeg,
    encode_png,
    encode_tiff,
    encode_transparent,
    encode_webp,
)
from app.imaging.transparency import off_white

Encoder = Callable[[Image.Image], bytes]
ENCODERS: dict[str, Encoder] = {
    "png": encode_png,
    "jpg": encode_jpeg,
    "jpeg": encode_jpeg,
    "webp": encode_webp,
    "tif": encode_tiff,
    "tiff": encode_tiff,
}
# Pictures of photos in a folder keep these kinds; a TIFF becomes a JPEG unless TIFF is asked for.
KEPT = ("png", "jpg", "jpeg", "webp")
# The kinds that can be transparent, by their names in Pillow, and those that can have 16 bits.
TRANSPARENT = {"png": "PNG", "webp": "WEBP", "tif": "TIFF", "tiff": "TIFF"}
FINE: dict[str, Callable[[npt.NDArray[np.uint16]], bytes]] = {
    "png": encode_fine_png,
    "tif": encode_fine_tiff,
    "tiff": encode_fine_tiff,
}
# The suffixes of photos in a folder. A file named on the command line is always tried.
PHOTO_ENDINGS = {".jpg", ".jpeg", ".png", ".webp", ".avif", ".heic", ".heif", ".tif", ".tiff", ".gif"}
# Standard input or output.
STANDARD = Path("-")
# An unfinished file older than this, in seconds, is a leftover.
LEFTOVER_SECONDS = 3600


@dataclass(frozen=True)
class Job:
    """A photo, its output file, and that file's kind (a key of ``ENCODERS``)."""

    source: Path
    target: Path
    kind: str


def encode(kind: str, pixels: npt.NDArray[Any], alpha: Image.Image | None) -> bytes:
    """The file of a picture.

    Args:
        kind: a key of ``ENCODERS``; of ``FINE`` for uint16.
        pixels: uint8 or uint16 [height, width, 3], on white where the photo is transparent.
        alpha: its transparency; kinds that have none leave it out.
    """
    if alpha is not None and kind in TRANSPARENT:
        pixels = off_white(pixels, alpha)
    if pixels.dtype == np.uint16:
        return FINE[kind](pixels)
    if pixels.shape[2] == 4:
        return encode_transparent(Image.fromarray(pixels), TRANSPARENT[kind])
    return ENCODERS[kind](Image.fromarray(pixels))


def check_depth(jobs: Sequence[Job]) -> None:
    """Check that every picture can have 16 bits.

    Raises:
        BadInput: one cannot.
    """
    for job in jobs:
        if job.kind not in FINE:
            raise BadInput(
                f"{job.target}: only PNG and TIFF can have 16 bits. Use --format png or --format tif"
            )


def plan_single(source: Path, target: Path, kind: str | None) -> Job:
    """The job for one photo and one file; either may be standard input or output.

    Raises:
        BadInput: the file cannot be written, or it would replace the photo.
    """
    if target == STANDARD:
        return Job(source, target, kind or "png")
    ending = target.suffix.lower().removeprefix(".")
    if ending not in ENCODERS and kind is None:
        raise BadInput(
            f"{target}: the picture's name must end in one of {', '.join(f'.{name}' for name in ENCODERS)}"
        )
    if kind and ending in ENCODERS and ENCODERS[ending] is not ENCODERS[kind]:
        raise BadInput(f"{target}: --format {kind} does not match the name")
    if not target.parent.is_dir():
        raise BadInput(f"{target.parent}: there is no such folder. Create it first")
    if target.is_dir():
        raise BadInput(f"{target}: this is a folder. Name a file")
    _check_apart([Job(source, target, kind or ending)])
    return Job(source, target, kind or ending)


def plan_folder(sources: Sequence[Path], folder: Path, kind: str | None) -> list[Job]:
    """Jobs for photos and folders; pictures keep their subfolders in ``folder``.

    A photo that is given twice, by itself and in its folder, becomes one picture, at the first place. The
    picture keeps the photo's file type if the project can write it; otherwise it is a JPEG. ``kind``
    overrides both.

    Raises:
        BadInput: there is no photo, or two outputs, or a photo and an output, would be the same file.
    """
    if folder.exists() and not folder.is_dir():
        raise BadInput(f"{folder}: this is a file. Name a folder")
    photos = _distinct(photo for source in sources for photo in _photos(source, folder))
    if not photos:
        raise BadInput(f"{', '.join(map(str, sources))}: there are no photos here")
    jobs = [_job(photo, folder / place, kind) for photo, place in photos]
    wanted = Counter(_file(job.target) for job in jobs)
    # IMG_1.heic and IMG_1.jpg would both become IMG_1.jpg, so each keeps its whole name.
    jobs = [
        Job(job.source, _named(folder / place, place.name, f".{job.kind}"), job.kind)
        if wanted[_file(job.target)] > 1
        else job
        for job, (_, place) in zip(jobs, photos, strict=True)
    ]
    _check_apart(jobs)
    return jobs


def _photos(source: Path, output: Path) -> Iterator[tuple[Path, Path]]:
    """The photos at ``source``, each with its path inside the output folder."""
    if not source.is_dir():
        yield source, Path(source.name)
        return
    for path in sorted(source.rglob("*")):
        place = path.relative_to(source)
        hidden = any(part.startswith(".") for part in place.parts)
        if path.suffix.lower() in PHOTO_ENDINGS and path.is_file() and not hidden:
            if output.resolve() != source.resolve() and output.resolve() in path.resolve().parents:
                continue  # an earlier picture: the output folder lies inside the folder of photos
            yield path, place


def _distinct(photos: Iterable[tuple[Path, Path]]) -> list[tuple[Path, Path]]:
    """Each photo once; a link to a photo counts as another photo."""
    first: dict[Path, tuple[Path, Path]] = {}
    for path, place in photos:
        first.setdefault(path.parent.resolve() / path.name, (path, place))
    return list(first.values())


def _job(source: Path, place: Path, kind: str | None) -> Job:
    ending = source.suffix.lower().removeprefix(".")
    if kind is None and ending in KEPT:
        return Job(source, _named(place, place.stem, place.suffix), ending)
    kind = kind or "jpg"
    return Job(source, _named(place, place.stem, f".{kind}"), kind)


def _named(place: Path, stem: str, ending: str) -> Path:
    """A picture's file in the folder of ``place``, with a name that every system takes."""
    return place.with_name(file_stem(stem) + ending)


def _file(path: Path) -> str:
    """A key that is equal for paths that some file systems treat as equal."""
    return same(str(path))


def _check_apart(jobs: Sequence[Job]) -> None:
    sources = {job.source.resolve() for job in jobs}
    taken: dict[str, Path] = {}
    for job in jobs:
        if job.target.resolve() in sources:
            raise BadInput(f"{job.target}: the picture would overwrite a photo. Choose another name")
        other = taken.setdefault(_file(job.target), job.source)
        if other != job.source:
            raise BadInput(f"{other} and {job.source} would both become {job.target}")


# A picture of the folder, its photo's stamp, and the painting options.
Record = dict[str, Any]


class Finished:
    """The finished pictures of a folder, as lines of JSON in a hidden file there.

    A picture counts as finished if it exists and its photo and the painting options have not changed.
    """

    def __init__(self, folder: Path, file: IO[str], identity: dict[str, Any]) -> None:
        self._folder = folder
        self._file = file
        self._identity = identity
        file.seek(0)
        records = (_record(line) for line in file)
        self._records = {record["picture"]: record for record in records if record}

    @classmethod
    @contextmanager
    def of(cls, folder: Path, identity: dict[str, Any]) -> Iterator[Finished]:
        """Open the list of ``folder``; only one process at a time may.

        Raises:
            BadInput: another process is painting into the folder.
        """
        with (folder / ".painted.jsonl").open("a+", encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise BadInput(
                    f"{folder}: another process is painting into this folder. Wait until it is done"
                ) from error
            yield cls(folder, file, identity)

    def __contains__(self, record: Record) -> bool:
        picture = record["picture"]
        return (self._folder / picture).exists() and self._records.get(picture) == record

    def add(self, record: Record) -> None:
        """Record that a job is done."""
        # Start with a line break: a process killed while writing may have left half a line.
        self._file.write("\n" + json.dumps(record))
        self._file.flush()
        self._records[record["picture"]] = record

    def record(self, job: Job) -> Record:
        """The record of a finished job.

        It has the photo's stamp, so make it before reading the photo.
        """
        picture = str(job.target.relative_to(self._folder))
        return _plain({"picture": picture, "photo": stamp(job.source), "painting": self._identity})


def _plain(value: dict[str, Any]) -> dict[str, Any]:
    """The value after a round trip through JSON."""
    plain: dict[str, Any] = json.loads(json.dumps(value))
    return plain


def _record(line: str) -> Record | None:
    try:
        record: Record = json.loads(line)
    except ValueError:
        return None
    return record if "picture" in record else None


def sweep(jobs: Sequence[Job]) -> None:
    """Remove the leftovers of killed processes in the output folders.

    A recent file may belong to a process that is still writing it.
    """
    long_ago = time.time() - LEFTOVER_SECONDS
    for folder in {job.target.parent for job in jobs}:
        for leftover in folder.glob(f"{PART}*"):
            with suppress(FileNotFoundError):  # its process has just renamed or removed it
                if leftover.stat().st_mtime < long_ago:
                    leftover.unlink()
