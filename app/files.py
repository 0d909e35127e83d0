"""Files that are there whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

# Names of unfinished files begin so. A process that is killed while it writes leaves one behind.
PART = ".part-"


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """A file to write. It gets its name when the block ends well; otherwise nothing is left of it."""
    with _unfinished(path) as (file, part):
        yield file
        file.close()
        part.chmod(0o644)
        part.replace(path)


def write_whole(path: Path, data: bytes) -> None:
    """Write a file so that it is there whole or not at all."""
    with whole_file(path) as file:
        file.write(data)


def write_new(path: Path, data: bytes) -> None:
    """Write a new file for its owner alone, whole and safe from a power cut, or not at all.

    Raises:
        FileExistsError: the name is taken; that file stays as it is.
    """
    with _unfinished(path) as (file, part):
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
        os.link(part, path)  # fails when the name is taken, unlike a rename


@contextmanager
def _unfinished(path: Path) -> Iterator[tuple[BinaryIO, Path]]:
    """A file beside ``path`` and its own name, which is gone after the block."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=PART)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file, Path(name)
    finally:
        Path(name).unlink(missing_ok=True)
