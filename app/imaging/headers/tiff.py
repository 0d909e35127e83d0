"""TIFF: checks the size of tiles and the number of pages (TIFF 6.0 and BigTIFF)."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from app.imaging.errors import DamagedPhoto, LargerThanDeclared, TooManyParts

PAGES, ENTRIES, SAMPLES = 1_000, 4_096, 16
# Strips or tiles of a picture: each costs the decoder time, however small. Strips of one row stay below.
PARTS = 100_000
WIDTH, HEIGHT, SAMPLES_PER_PIXEL, TILE_WIDTH, TILE_HEIGHT = 256, 257, 277, 322, 323
STRIP_OFFSETS, TILE_OFFSETS = 273, 324
# Small pictures have tiles that are larger than they are; a tile is decoded as a whole.
SMALL_TILE_PIXELS = 4_000_000
INTEGERS = {1: "B", 3: "H", 4: "I", 16: "Q"}


def matches(data: bytes) -> bool:
    """Whether this is a TIFF."""
    return data[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def judge(data: bytes, max_pixels: int) -> int:
    """The number of pixels of the first page."""
    order, big = ("<" if data[:1] == b"I" else ">"), 0x2B in data[2:4]
    count_format, entry_bytes, offset_format = ("Q", 20, "Q") if big else ("H", 12, "I")
    (offset,) = struct.unpack_from(order + offset_format, data, 8 if big else 4)
    seen: set[int] = set()
    first: dict[int, int] = {}
    while offset and offset < len(data):
        if offset in seen:
            raise DamagedPhoto
        seen.add(offset)
        (entries,) = struct.unpack_from(order + count_format, data, offset)
        if len(seen) > PAGES or entries > ENTRIES:
            raise TooManyParts("TIFF")
        start = offset + struct.calcsize(count_format)
        if not first:
            found = list(_entries(data, order, start, entries, entry_bytes, offset_format))
            if any(count > PARTS for tag, _, count, _ in found if tag in (STRIP_OFFSETS, TILE_OFFSETS)):
                raise TooManyParts("TIFF")
            first = dict(_integers(data, order, found))
            _check(first)
        offset = _next(data, order + offset_format, start + entries * entry_bytes)
    return first.get(WIDTH, 0) * first.get(HEIGHT, 0)


def _entries(
    data: bytes, order: str, start: int, entries: int, entry_bytes: int, offset_format: str
) -> Iterator[tuple[int, int, int, int]]:
    """Each entry of a page: its tag, the kind and count of its values, and where they or their offset lie."""
    for offset in range(start, min(start + entries * entry_bytes, len(data)), entry_bytes):
        tag, kind, count = struct.unpack_from(f"{order}HH{offset_format}", data, offset)
        yield tag, kind, count, offset + struct.calcsize(f"<HH{offset_format}")


def _integers(data: bytes, order: str, entries: list[tuple[int, int, int, int]]) -> Iterator[tuple[int, int]]:
    """The tags of a page that hold one whole number."""
    for tag, kind, count, at in entries:
        if count == 1 and kind in INTEGERS:
            yield tag, struct.unpack_from(order + INTEGERS[kind], data, at)[0]


def _check(tags: dict[int, int]) -> None:
    """Refuse tiles that are much larger than the picture."""
    pixels = tags.get(WIDTH, 0) * tags.get(HEIGHT, 0)
    if tags.get(SAMPLES_PER_PIXEL, 1) > SAMPLES:
        raise TooManyParts("TIFF")
    if tags.get(TILE_WIDTH, 0) * tags.get(TILE_HEIGHT, 0) > max(SMALL_TILE_PIXELS, 2 * pixels):
        raise LargerThanDeclared("TIFF")


def _next(data: bytes, form: str, offset: int) -> int:
    """The next page's offset; 0 after the last or if the file ends early."""
    if offset + struct.calcsize(form) > len(data):
        return 0
    return int(struct.unpack_from(form, data, offset)[0])
