"""Raw files of cameras that are no TIFF; :mod:`app.imaging.headers.tiff` knows the others."""

from __future__ import annotations

from app.imaging.errors import RawPhoto

# How such files begin: Fujifilm, Olympus (three), Panasonic and Leica, Sigma, Minolta, Canon's old ones.
BEGINNINGS = (
    b"FUJIFILMCCD-RAW",
    b"IIRO",
    b"IIRS",
    b"MMOR",
    b"IIU\0",
    b"FOVb",
    b"\0MRM",
    b"II\x1a\0\0\0HEAPCCDR",
)


def matches(data: bytes) -> bool:
    """Whether this is a raw file."""
    canon = data[4:8] == b"ftyp" and data[8:12] == b"crx "
    return canon or data.startswith(BEGINNINGS)


def judge(data: bytes, max_pixels: int) -> int:
    """Refuse the file."""
    raise RawPhoto
