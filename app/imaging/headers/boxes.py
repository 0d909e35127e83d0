"""The boxes and items of HEIC and AVIF files (ISO/IEC 14496-12 and 23008-12)."""

from __future__ import annotations

import struct
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

# Real files have a few hundred boxes at one level: one or two properties per tile.
BOXES = 20_000


@dataclass
class Item:
    """One item: a coded picture, a grid of pictures, or other data."""

    kind: bytes = b""
    data: bytes = b""
    properties: list[tuple[bytes, bytes]] = field(default_factory=list)

    def content(self, kind: bytes) -> bytes | None:
        """The first property of a kind."""
        return next((body for name, body in self.properties if name == kind), None)

    @property
    def declared(self) -> tuple[int, int] | None:
        """The item's declared width and height."""
        body = self.content(b"ispe")
        return struct.unpack_from(">2I", body, 4) if body else None


@dataclass
class Items:
    """A file's items by number, and the references between them."""

    primary: int
    items: dict[int, Item]
    references: dict[tuple[bytes, int], list[int]]


def boxes(data: bytes, start: int = 0, end: int | None = None) -> Iterator[tuple[bytes, bytes]]:
    """Yield the kind and content of each box between two offsets."""
    offset, end = start, len(data) if end is None else end
    for _ in range(BOXES):
        if offset + 8 > end:
            return
        length, kind = struct.unpack_from(">I4s", data, offset)
        header = 8
        if length == 1:
            (length,) = struct.unpack_from(">Q", data, offset + 8)
            header = 16
        length = length or end - offset
        if length < header:
            raise ValueError("A box is shorter than its header.")
        yield kind, data[offset + header : min(offset + length, end)]
        offset += length


def find(data: bytes, *path: bytes, start: int = 0) -> Iterator[bytes]:
    """Yield the content of each box at a path of kinds; ``start`` skips a version."""
    for kind, body in boxes(data, start):
        if kind == path[0]:
            yield from find(body, *path[1:]) if path[1:] else [body]


def read_items(data: bytes, meta: bytes) -> Items:
    """The items of a file, from the content of its ``meta`` box."""
    inner = dict(boxes(meta, 4))
    items: defaultdict[int, Item] = defaultdict(Item)
    (primary,) = struct.unpack_from(">I" if inner[b"pitm"][0] else ">H", inner[b"pitm"], 4)
    for number, kind in _kinds(inner[b"iinf"]):
        items[number].kind = kind
    for number, body in _contents(inner[b"iloc"], data, inner.get(b"idat", b"")):
        items[number].data = body
    for number, found in _properties(inner[b"iprp"]):
        items[number].properties.append(found)
    references = _references(inner[b"iref"]) if b"iref" in inner else {}
    return Items(primary, dict(items), references)


def _kinds(iinf: bytes) -> Iterator[tuple[int, bytes]]:
    for kind, entry in boxes(iinf, 8 if iinf[0] else 6):
        if kind == b"infe" and entry[0] >= 2:
            wide = entry[0] > 2
            (number,) = struct.unpack_from(">I" if wide else ">H", entry, 4)
            at = 10 if wide else 8
            yield number, entry[at : at + 4]


class _Fields:
    """Reads integers of given lengths, one after the other."""

    def __init__(self, data: bytes, offset: int) -> None:
        self._data, self._offset = data, offset

    def take(self, length: int) -> int:
        start = self._offset
        self._offset += length
        if self._offset > len(self._data):
            raise ValueError("The box ends early.")
        return int.from_bytes(self._data[start : self._offset], "big")


def _contents(iloc: bytes, data: bytes, idat: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield each item's number and data, joined from all its extents."""
    version, fields = iloc[0], _Fields(iloc, 4)
    lengths = fields.take(2)
    offset_bytes, length_bytes, base_bytes = lengths >> 12, lengths >> 8 & 15, lengths >> 4 & 15
    index_bytes = lengths & 15 if version else 0
    number_bytes = 4 if version > 1 else 2
    for _ in range(fields.take(number_bytes)):
        number = fields.take(number_bytes)
        method = fields.take(2) & 15 if version else 0
        fields.take(2)
        base, pieces = fields.take(base_bytes), []
        source = idat if method == 1 else data
        for _ in range(fields.take(2)):
            fields.take(index_bytes)
            offset, length = base + fields.take(offset_bytes), fields.take(length_bytes)
            pieces.append(source[offset : offset + length if length else None])
            if sum(map(len, pieces)) > len(data):
                raise ValueError("An item is longer than its file.")
        yield number, b"".join(pieces)


def _properties(iprp: bytes) -> Iterator[tuple[int, tuple[bytes, bytes]]]:
    """Yield each item's number with the kind and content of one of its properties."""
    known = list(boxes(next(find(iprp, b"ipco"))))
    for ipma in find(iprp, b"ipma"):
        fields = _Fields(ipma, 4)
        wide = ipma[3] & 1
        for _ in range(fields.take(4)):
            number = fields.take(4 if ipma[0] else 2)
            for _ in range(fields.take(1)):
                index = fields.take(2) & 0x7FFF if wide else fields.take(1) & 0x7F
                if 0 < index <= len(known):
                    yield number, known[index - 1]


def _references(iref: bytes) -> dict[tuple[bytes, int], list[int]]:
    """Referenced items by (kind of reference, number of the referring item)."""
    number_bytes = 4 if iref[0] else 2
    found: dict[tuple[bytes, int], list[int]] = {}
    for kind, body in boxes(iref, 4):
        fields = _Fields(body, 0)
        number = fields.take(number_bytes)
        found[kind, number] = [fields.take(number_bytes) for _ in range(fields.take(2))]
    return found
