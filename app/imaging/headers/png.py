"""PNG: limits metadata and chunks (PNG specification, third edition)."""

from __future__ import annotations

import struct

from app.imaging.errors import TooManyParts, TooMuchMetadata
from app.imaging.headers.limits import METADATA_BYTES, METADATA_PARTS

SIGNATURE = b"\x89PNG\r\n\x1a\n"
GREY, RGB = 0, 2
PICTURE = (b"IHDR", b"PLTE", b"IDAT", b"fcTL", b"fdAT")
# Chunks that tell the colours, and their lengths in bytes.
COLOR_CHUNKS = {b"cICP": 4, b"sRGB": 1, b"gAMA": 4, b"cHRM": 32}
# Programs write chunks of 8 kB and more.
CHUNKS = 20_000


def matches(data: bytes) -> bool:
    """Whether this is a PNG."""
    return data.startswith(SIGNATURE)


def judge(data: bytes, max_pixels: int) -> int:
    """The number of pixels."""
    width, height = struct.unpack_from(">2I", data, 16)
    offset, chunks, parts, beside = len(SIGNATURE), 0, 0, 0
    while offset + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, offset)
        chunks += 1
        if kind not in PICTURE:
            parts, beside = parts + 1, beside + length
        if parts > METADATA_PARTS or beside > METADATA_BYTES:
            raise TooMuchMetadata("PNG")
        if chunks > CHUNKS:
            raise TooManyParts("PNG")
        if kind == b"IEND":
            break
        offset += 12 + length
    return int(width * height)


def color_chunks(data: bytes) -> dict[bytes, bytes]:
    """The chunks that tell the colours, by their kinds; only whole ones before the picture count."""
    found: dict[bytes, bytes] = {}
    offset = len(SIGNATURE)
    while offset + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, offset)
        if kind == b"IDAT":
            break
        body = data[offset + 8 : offset + 8 + length]
        if COLOR_CHUNKS.get(kind) == len(body):
            found[kind] = body
        offset += 12 + length
    return found


def depth_and_type(data: bytes) -> tuple[int, int]:
    """Bits per sample, and the kind of colours: ``GREY``, ``RGB`` or another."""
    return data[24], data[25]
