"""The finished parts of a film, in a folder beside it, so a run can continue.

The folder holds the finished segments, the last frame before the next segment (for damping) and a manifest.
The manifest is replaced atomically and last. So a file that it names is on the disk, and any other file is
unfinished.
"""

from __future__ import annotations

import fcntl
import json
import shutil
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import av
import numpy as np
import structlog
from av.error import FFmpegError

from app.video.damping import Flicker, FlickerDamper, Past
from app.video.errors import VideoError
from app.video.files import address, sync

log = structlog.get_logger(__name__)

MANIFEST = "manifest.json"
NEXT_MANIFEST = "manifest.json.part"
LOCK = "lock"
# Files that may exist before any segment is finished.
BEGINNINGS = (LOCK, MANIFEST, NEXT_MANIFEST)


@dataclass(frozen=True)
class Segment:
    """A finished part of a film: its file, first frame's time and number of frames."""

    file: str
    time: int
    frames: int


@dataclass
class Partial:
    """The finished segments of a film painted with one set of options."""

    folder: Path
    identity: dict[str, Any]
    segments: list[Segment] = field(default_factory=list)
    flicker: Flicker = field(default_factory=Flicker)

    @property
    def frames(self) -> int:
        """The number of finished frames."""
        return sum(segment.frames for segment in self.segments)

    @property
    def files(self) -> list[tuple[Path, int]]:
        """The finished segments, each with its first frame's time."""
        return [(self.folder / segment.file, segment.time) for segment in self.segments]

    @property
    def unfinished(self) -> Path:
        """The file for the next segment."""
        return self.folder / "unfinished.mp4"

    def past(self) -> Past | None:
        """The frame before the next segment, or None; without it damping starts afresh."""
        try:
            with self._past_path(len(self.segments)).open("rb") as file:
                return Past(**np.load(file, allow_pickle=False))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, EOFError, zipfile.BadZipFile):
            log.warning("video.past_damaged", folder=str(self.folder), exc_info=True)
            return None

    def add(self, time: int, frames: int, damper: FlickerDamper | None) -> None:
        """Mark the file :attr:`unfinished` as finished, and store the damper's state."""
        number = len(self.segments)
        if damper and damper.past:
            with self._past_path(number + 1).open("wb") as file:
                np.savez(file, **vars(damper.past))
            sync(self._past_path(number + 1))
            self.flicker = damper.flicker
        name = f"{number:06}.mp4"
        sync(self.unfinished)
        self.unfinished.replace(self.folder / name)
        self.segments.append(Segment(name, time, frames))
        self.save()
        self._past_path(number).unlink(missing_ok=True)

    def drop_torn(self) -> None:
        """Drop the first unreadable segment and all after it; they are painted again."""
        for number, segment in enumerate(self.segments):
            if not self._is_whole(segment):
                log.warning("video.segment_damaged", file=str(self.folder / segment.file))
                del self.segments[number:]
                return

    def remove(self) -> None:
        """Remove the folder once the film is complete."""
        shutil.rmtree(self.folder)

    def save(self) -> None:
        """Write the manifest."""
        manifest = {
            "identity": self.identity,
            "segments": [asdict(segment) for segment in self.segments],
            "flicker": asdict(self.flicker),
        }
        temporary = self.folder / NEXT_MANIFEST
        temporary.write_text(json.dumps(manifest, indent=1), encoding="utf-8")
        sync(temporary)
        temporary.replace(self.folder / MANIFEST)

    def _is_whole(self, segment: Segment) -> bool:
        try:
            with av.open(address(self.folder / segment.file)) as container:
                packets = container.demux(container.streams.video)
                return sum(packet.pts is not None for packet in packets) == segment.frames
        except FFmpegError:
            return False

    def _past_path(self, segments: int) -> Path:
        return self.folder / f"{segments:06}.npz"


@contextmanager
def open_partial(folder: Path, identity: dict[str, Any]) -> Iterator[tuple[Partial, bool]]:
    """Yield the finished part of a film, and whether another one was removed for it.

    Only one process at a time may open a folder. ``identity`` has all facts that determine the result, as
    JSON values. A part with another identity is useless and is removed.

    Raises:
        VideoError: the folder contains something else, or another process uses it.
    """
    identity = json.loads(json.dumps(identity))
    folder.mkdir(exist_ok=True)
    manifest = folder / MANIFEST
    if not manifest.exists() and any(path.name not in BEGINNINGS for path in folder.iterdir()):
        raise VideoError(
            f"{folder}: this folder is needed for the unfinished film, but holds other files. Move them away"
        )
    with (folder / LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise VideoError(
                f"{folder}: another process is painting this film. Wait until it is done"
            ) from error
        partial = _read(folder) if manifest.exists() else None
        anew = partial is not None and partial.identity != identity
        if partial is None or anew:
            partial = Partial(folder, identity)
            partial.save()
            _clear(folder)
        partial.drop_torn()
        try:
            yield partial, anew
        finally:
            if not partial.segments:
                partial.remove()  # nothing is finished yet


def _read(folder: Path) -> Partial | None:
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        return Partial(
            folder,
            manifest["identity"],
            [Segment(**segment) for segment in manifest["segments"]],
            Flicker(**manifest["flicker"]),
        )
    except (ValueError, KeyError, TypeError):
        return None  # another version wrote it, so its parts are useless


def _clear(folder: Path) -> None:
    for path in folder.iterdir():
        if path.name not in BEGINNINGS:
            path.unlink()
