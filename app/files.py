"""Atomic file writes: a file is there whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

# Prefix of unfinished files. A process killed while writing leaves one behind.
PART = ".part-"


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """Yield a file to write; it gets its name when the block ends without an error.

    After an error nothing is left of it.
    """
    with _unfinished(path) as (file, part):
        yield file
        file.close()
        part.chmod(0o644)
        part.replace(path)


def write_whole(path: Path, data: bytes) -> None:
    """Write a file atomically: it is there whole or not at all."""
    with whole_file(path) as file:
        file.write(data)


def write_new(path: Path, data: bytes) -> None:
    """Write a new file, whole or not at all, safe from a power cut.

    Only its owner can read it.

    Raises:
        FileExistsError: the name is taken; the existing file is unchanged.
    """
    with _unfinished(path) as (file, part):
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
        os.link(part, path)  # unlike a rename, this fails if the name is taken


@contextmanager
def _unfinished(path: Path) -> Iterator[tuple[BinaryIO, Path]]:
    """Yield a temporary file beside ``path``; delete its name after the block."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=PART)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file, Path(name)
    finally:
        Path(name).unlink(missing_ok=True)
