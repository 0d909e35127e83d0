"""HEIC and AVIF: compares coded sizes with declared sizes, tile by tile."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from app.imaging.errors import LargerThanDeclared, TooManyParts, TooManyPixels, TooMuchMetadata
from app.imaging.headers.bits import Size, av1_sizes, hevc_sizes, hevc_unit_size
from app.imaging.headers.boxes import Item, Items, boxes, find, read_items
from app.imaging.headers.limits import METADATA_BYTES

BRANDS = (b"avif", b"avis", b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1", b"miaf")
# The largest number of tiles. Phones split 48 megapixels into 192.
TILES = 1_000
# The deepest nesting of grids and overlays in a photo.
DEPTH = 4
# HEVC codes whole blocks of at most 64 pixels a side, and crops the result.
MARGIN = 64
METADATA = (b"Exif", b"mime", b"uri ")
DERIVED = (b"grid", b"iovl", b"iden")


def matches(data: bytes) -> bool:
    """Whether this is a HEIC or AVIF file."""
    return data[4:8] == b"ftyp" and any(brand in data[8:64] for brand in BRANDS)


def judge(data: bytes, max_pixels: int) -> int:
    """The number of pixels to decode, for the picture and its transparency."""
    kind = "AVIF" if b"avi" in data[8:64] else "HEIC"
    pixels = 0
    for track in find(data, b"moov", b"trak", b"mdia", b"minf", b"stbl"):
        _check_size(list(_track_sizes(track, data)), _track_declares(track), kind, max_pixels)
    for meta in find(data, b"meta"):
        items = read_items(data, meta)
        beside = sum(
            len(item.data) for item in items.items.values() if item.kind in (b"Exif", b"mime", b"uri ")
        )
        if beside > METADATA_BYTES:
            raise TooMuchMetadata(kind)
        pixels = _Judgement(items, kind, max_pixels).pixels()
    return pixels


def coded_colors(data: bytes) -> tuple[int, int] | None:
    """The primaries and the transfer function of the picture by their numbers in ITU-T H.273 (``nclx``)."""
    for body in _primary_contents(data, b"colr"):
        if body[:4] == b"nclx":
            return struct.unpack_from(">2H", body, 4)
    return None


def clean_aperture(data: bytes) -> tuple[float, ...] | None:
    """Width, height and offset from the middle of the part that is shown (``clap``)."""
    for body in _primary_contents(data, b"clap"):
        numbers = struct.unpack(">4IiIiI", body[:32].ljust(32, b"\0"))
        if all(numbers[1::2]):
            return tuple(above / below for above, below in zip(numbers[::2], numbers[1::2], strict=True))
    return None


def _primary_contents(data: bytes, kind: bytes) -> list[bytes]:
    """The properties of a kind that the primary item has; none where the file is broken."""
    try:
        items = read_items(data, next(find(data, b"meta")))
        primary = items.items[items.primary]
    except (StopIteration, KeyError, IndexError, ValueError, struct.error):
        return []
    return [body for name, body in primary.properties if name == kind]


class _Judgement:
    """Counts the pixels to decode for a file's primary item."""

    def __init__(self, items: Items, kind: str, max_pixels: int) -> None:
        self._items, self._kind, self._max_pixels = items, kind, max_pixels
        self._tiles = 0
        self._known: dict[int, int] = {}

    def pixels(self) -> int:
        primary, references = self._items.primary, self._items.references
        masks = [number for (kind, number), to in references.items() if kind == b"auxl" and primary in to]
        return max(self._pixels_of(number) for number in (primary, *masks))

    def _pixels_of(self, number: int, depth: int = 0) -> int:
        item = self._items.items[number]
        if item.kind not in DERIVED:
            if number not in self._known:
                self._known[number] = self._coded_pixels(item)
            return self._known[number]
        parts = self._items.references.get((b"dimg", number), [])
        self._tiles += len(parts)
        if self._tiles > TILES or depth > DEPTH:
            raise TooManyParts(self._kind)
        width, height = _grid_size(item) or item.declared or (0, 0)
        _check_pixels((width, height), self._max_pixels)
        sizes = [self._pixels_of(part, depth + 1) for part in parts]
        # The last row and column of tiles may extend beyond the picture.
        declared = [self._items.items[part].declared or (0, 0) for part in parts]
        tile_width, tile_height = (
            max((w for w, _ in declared), default=0),
            max((h for _, h in declared), default=0),
        )
        if sum(sizes) > (width + tile_width + MARGIN) * (height + tile_height + MARGIN):
            raise LargerThanDeclared(self._kind)
        return max(width * height, sum(sizes))

    def _coded_pixels(self, item: Item) -> int:
        sizes = list(_sizes(item))
        _check_size(sizes, item.declared, self._kind, self._max_pixels)
        return max((width * height for width, height in sizes), default=0)


def _check_size(sizes: list[Size], declared: Size | None, kind: str, max_pixels: int) -> None:
    """Refuse sizes that exceed the declared size or the limit."""
    for size in [declared] if declared else sizes:
        _check_pixels(size, max_pixels)
    for width, height in sizes:
        if declared and (width > declared[0] + MARGIN or height > declared[1] + MARGIN):
            raise LargerThanDeclared(kind)


def _check_pixels(size: Size, max_pixels: int) -> None:
    if size[0] * size[1] > max_pixels:
        raise TooManyPixels(*size, max_pixels)


def _grid_size(item: Item) -> Size | None:
    """The declared size of a grid."""
    if item.kind != b"grid":
        return None
    return struct.unpack_from(">2I" if item.data[1] & 1 else ">2H", item.data, 4)


def _sizes(item: Item) -> Iterator[Size]:
    """Yield an item's coded sizes, from its configuration and its data."""
    if item.kind == b"av01":
        yield from av1_sizes((item.content(b"av1C") or b"")[4:])
        yield from av1_sizes(item.data)
    elif item.kind in (b"hvc1", b"hev1"):
        configuration = item.content(b"hvcC") or bytes(23)
        for unit in _configured_units(configuration):
            yield from hevc_unit_size(unit)
        yield from hevc_sizes(item.data, 1 + (configuration[21] & 3))


def _configured_units(configuration: bytes) -> Iterator[bytes]:
    """Yield the HEVC units in a configuration (ISO/IEC 14496-15, 8.3.3.1)."""
    offset = 23
    for _ in range(configuration[22]):
        (count,) = struct.unpack_from(">H", configuration, offset + 1)
        offset += 3
        for _ in range(count):
            (length,) = struct.unpack_from(">H", configuration, offset)
            yield configuration[offset + 2 : offset + 2 + length]
            offset += 2 + length


def _track_declares(track: bytes) -> Size | None:
    """The declared size in a track's first sample entry."""
    for kind, entry in boxes(next(find(track, b"stsd")), 8):
        if kind == b"av01":
            return struct.unpack_from(">2H", entry, 24)
    return None


def _track_sizes(track: bytes, data: bytes) -> Iterator[Size]:
    """Yield the coded sizes of an AV1 track's first picture."""
    inner = dict(boxes(track))
    if _track_declares(track) is None:
        return
    if b"co64" in inner:
        (offset,) = struct.unpack_from(">Q", inner[b"co64"], 8)
    else:
        (offset,) = struct.unpack_from(">I", inner[b"stco"], 8)
    (common,) = struct.unpack_from(">I", inner[b"stsz"], 4)
    length = common or struct.unpack_from(">I", inner[b"stsz"], 12)[0]
    yield from av1_sizes(data[offset : offset + length])
