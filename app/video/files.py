"""What films need of the file system beyond opening a path."""

from __future__ import annotations

import os
from pathlib import Path


def address(path: Path) -> str:
    """A path as FFmpeg must be given it: in ``a:b.mp4`` alone it would take ``a`` for a protocol."""
    return f"file:{path}"


def sync(path: Path) -> None:
    """Wait until what a file holds would outlast a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
