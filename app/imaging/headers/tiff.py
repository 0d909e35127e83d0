"""TIFF: its pages, the page that holds the photo, the size of tiles (TIFF 6.0, BigTIFF and TIFF/EP)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from app.imaging.errors import DamagedPhoto, LargerThanDeclared, RawPhoto, TooManyParts

PAGES, ENTRIES, SAMPLES = 1_000, 4_096, 16
# Pages whose tags are read: the photo and its thumbnails are among them. Longer values are no tag of ours.
PAGES_READ, VALUES = 32, 64
# Strips or tiles of a picture: each costs the decoder time, however small. Strips of one row stay below.
PARTS = 100_000
STRIP_OFFSETS, TILE_OFFSETS = 273, 324
NEW_SUBFILE_TYPE, SUBFILE_TYPE, WIDTH, HEIGHT, COMPRESSION, PHOTOMETRIC = 254, 255, 256, 257, 259, 262
MAKE, ORIENTATION, SAMPLES_PER_PIXEL, TILE_WIDTH, TILE_HEIGHT, SUB_PAGES = 271, 274, 277, 322, 323, 330
DNG_VERSION = 50706
REDUCED, MASK, OLD_REDUCED = 1, 4, 2
# Sensor data before colours are computed: a mosaic of filters, or linear light of a sensor.
RAW_PHOTOMETRICS = (32803, 34892)
# How Sony, Nikon, Samsung, Pentax and Kodak compress it.
RAW_COMPRESSIONS = (32767, 34713, 32769, 32770, 65000, 65535)
# Canon's and Phase One's own marks after the header of a TIFF.
RAW_MARKS = (b"CR\2\0", b"IIII", b"MMMM")
# Small pictures have tiles that are larger than they are; a tile is decoded as a whole.
SMALL_TILE_PIXELS = 4_000_000
INTEGERS = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}


@dataclass(frozen=True)
class Page:
    """One picture of a TIFF.

    Attributes:
        index: its position in the chain of pages; None where another page leads to it (SubIFDs).
        offset: where its directory begins.
        tags: the whole numbers of each tag.
    """

    index: int | None
    offset: int
    tags: dict[int, tuple[int, ...]]

    def number(self, tag: int, default: int = 0) -> int:
        """The first value of a tag."""
        return self.tags[tag][0] if tag in self.tags else default

    @property
    def full_size(self) -> bool:
        """Whether this is neither a thumbnail nor a mask."""
        reduced = self.number(NEW_SUBFILE_TYPE) & (REDUCED | MASK)
        return not reduced and self.number(SUBFILE_TYPE) != OLD_REDUCED and WIDTH in self.tags

    @property
    def raw(self) -> bool:
        """Whether it holds, or belongs to, the data of a sensor."""
        return (
            self.number(PHOTOMETRIC) in RAW_PHOTOMETRICS
            or self.number(COMPRESSION) in RAW_COMPRESSIONS
            or DNG_VERSION in self.tags
        )


def matches(data: bytes) -> bool:
    """Whether this is a TIFF."""
    return data[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def judge(data: bytes, max_pixels: int) -> int:
    """The number of pixels of the photo's page."""
    page = photo_page(data)
    _check(page)
    return page.number(WIDTH) * page.number(HEIGHT)


def photo_page(data: bytes) -> Page:
    """The first page of full size, or the first of all where none is.

    Raises:
        RawPhoto: the file holds the data of a camera's sensor.
        ImageError: its chain of pages is endless or far too long.
        struct.error: it has no page.
    """
    pages = list(_pages(data))
    full = [page for page in pages if page.full_size]
    thumbnails_of_a_camera = not full and any(MAKE in page.tags for page in pages)
    if data[8:12] in RAW_MARKS or thumbnails_of_a_camera or any(page.raw for page in pages):
        raise RawPhoto
    if not pages:
        raise struct.error("no page")
    return (full or pages)[0]


def _pages(data: bytes) -> Iterator[Page]:
    """The pages with their tags, each followed by those below it; the whole chain is checked."""
    reader = _Reader(data)
    seen: set[int] = set()
    offset = reader.first
    read = 0
    while offset and offset < len(data):
        if offset in seen:
            raise DamagedPhoto
        if len(seen) >= PAGES:
            raise TooManyParts("TIFF")
        seen.add(offset)
        following = reader.next(offset)
        if read < PAGES_READ:
            page = Page(len(seen) - 1, offset, reader.tags(offset))
            yield page
            below = [at for at in page.tags.get(SUB_PAGES, ()) if at < len(data)][: PAGES_READ - read]
            yield from (Page(None, at, reader.tags(at)) for at in below)
            read += 1 + len(below)
        offset = following


class _Reader:
    """Reads directories of tags, in either byte order and with offsets of 32 or 64 bits."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._order, big = ("<" if data[:1] == b"I" else ">"), 0x2B in data[2:4]
        self._count, self._offset = ("Q", "Q") if big else ("H", "I")
        self._entry_bytes = 20 if big else 12
        (self.first,) = self._unpack(self._offset, 8 if big else 4)

    def next(self, offset: int) -> int:
        """Where the page after this one begins; 0 after the last, or where the file ends early."""
        at = self._start(offset) + self._entries(offset) * self._entry_bytes
        if at + struct.calcsize(self._offset) > len(self._data):
            return 0
        return self._unpack(self._offset, at)[0]

    def tags(self, offset: int) -> dict[int, tuple[int, ...]]:
        """The tags of a page that hold whole numbers, but for long lists."""
        start = self._start(offset)
        end = min(start + self._entries(offset) * self._entry_bytes, len(self._data))
        found: dict[int, tuple[int, ...]] = {}
        for entry in range(start, end, self._entry_bytes):
            tag, kind, count = self._unpack(f"HH{self._offset}", entry)
            if tag in (STRIP_OFFSETS, TILE_OFFSETS, ORIENTATION) and count > PARTS:
                raise TooManyParts("TIFF")
            if tag in (MAKE, DNG_VERSION):
                found[tag] = (0,)  # that it is there tells enough
            elif kind in INTEGERS and 0 < count <= VALUES:
                form = f"{count}{INTEGERS[kind]}"
                at = entry + struct.calcsize(f"<HH{self._offset}")
                if struct.calcsize(f"<{form}") > struct.calcsize(self._offset):
                    at = self._unpack(self._offset, at)[0]
                if at + struct.calcsize(f"<{form}") <= len(self._data):
                    found[tag] = self._unpack(form, at)
        return found

    def _entries(self, offset: int) -> int:
        (entries,) = self._unpack(self._count, offset)
        if entries > ENTRIES:
            raise TooManyParts("TIFF")
        return entries

    def _start(self, offset: int) -> int:
        return offset + struct.calcsize(self._count)

    def _unpack(self, form: str, at: int) -> tuple[int, ...]:
        return struct.unpack_from(self._order + form, self._data, at)


def _check(page: Page) -> None:
    """Refuse tiles that are larger than the picture by far."""
    pixels = page.number(WIDTH) * page.number(HEIGHT)
    if page.number(SAMPLES_PER_PIXEL, 1) > SAMPLES:
        raise TooManyParts("TIFF")
    if page.number(TILE_WIDTH) * page.number(TILE_HEIGHT) > max(SMALL_TILE_PIXELS, 2 * pixels):
        raise LargerThanDeclared("TIFF")
