"""WebP: the canvas's size, which the decoder allocates at once (RFC 9649)."""

from __future__ import annotations

import struct

from app.imaging.errors import TooManyParts, TooManyPixels, TooMuchMetadata
from app.imaging.headers.limits import METADATA_BYTES

CHUNKS = 10_000
METADATA = (b"ICCP", b"EXIF", b"XMP ")
PICTURE = (b"VP8X", b"VP8 ", b"VP8L", b"ALPH", b"ANIM", b"ANMF")


def matches(data: bytes) -> bool:
    """Whether this is a WebP."""
    return data[:4] == b"RIFF" and data[8:12] == b"WEBP"


def judge(data: bytes, max_pixels: int) -> int:
    """The canvas's number of pixels."""
    width, height = _size(data)
    if width * height > max_pixels:
        raise TooManyPixels(width, height, max_pixels)
    offset, chunks, beside = 12, 0, 0
    while offset + 8 <= len(data):
        kind, length = struct.unpack_from("<4sI", data, offset)
        chunks += 1
        beside += 0 if kind in PICTURE else length
        if beside > METADATA_BYTES:
            raise TooMuchMetadata("WebP")
        if chunks > CHUNKS:
            raise TooManyParts("WebP")
        offset += 8 + length + length % 2
    return width * height


def _size(data: bytes) -> tuple[int, int]:
    """The width and height in the first chunk."""
    match data[12:16]:
        case b"VP8X":
            return tuple(1 + int.from_bytes(data[at : at + 3], "little") for at in (24, 27))  # type: ignore[return-value]
        case b"VP8L":
            (bits,) = struct.unpack_from("<I", data, 21)
            return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
        case b"VP8 ":
            width, height = struct.unpack_from("<2H", data, 26)
            return width & 0x3FFF, height & 0x3FFF
    return 0, 0
