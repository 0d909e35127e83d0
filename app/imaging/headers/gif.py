"""GIF: the amount of data before the first picture (GIF89a specification)."""

from __future__ import annotations

import struct

from app.imaging.errors import TooManyPixels, TooMuchMetadata

# Comments and texts come in blocks of at most 255 bytes, which decoders join one by one.
BLOCKS = 4_000
PICTURE, EXTENSION = 0x2C, 0x21


def matches(data: bytes) -> bool:
    """Whether this is a GIF."""
    return data.startswith((b"GIF87a", b"GIF89a"))


def judge(data: bytes, max_pixels: int) -> int:
    """The canvas's number of pixels."""
    width, height, flags = struct.unpack_from("<2HB", data, 6)
    if width * height > max_pixels:  # Pillow makes room for it as soon as it opens some files
        raise TooManyPixels(width, height, max_pixels)
    offset = 13 + (3 << (flags & 7) + 1 if flags & 0x80 else 0)
    blocks = 0
    while data[offset] == EXTENSION:
        offset += 2
        while length := data[offset]:
            offset += 1 + length
            blocks += 1
            if blocks > BLOCKS:
                raise TooMuchMetadata("GIF")
        offset += 1
        blocks += 1
    return int(width * height)
