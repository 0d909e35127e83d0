"""File helpers for films."""

from __future__ import annotations

import os
from pathlib import Path


def address(path: Path) -> str:
    """``file:PATH`` for FFmpeg, which would read ``a`` in ``a:b.mp4`` as a protocol."""
    return f"file:{path}"


def sync(path: Path) -> None:
    """Write a file's content to the disk, so that it survives a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
