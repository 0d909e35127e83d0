"""Photo files of kinds that Pillow cannot write, colour profiles, and what a decoded photo looks like."""

from __future__ import annotations

import struct
import zlib

import numpy as np
from PIL import Image

Point = tuple[float, float, float]


def quarter_colors(image: Image.Image) -> list[list[int]]:
    """The colours in the middle of the four quarters."""
    width, height = image.size
    points = [(width // 4, height // 4), (3 * width // 4, height // 4), (width // 4, 3 * height // 4)]
    return [list(image.getpixel(point)) for point in points]  # type: ignore[arg-type]


def assert_like(image: Image.Image, expected: Image.Image, tolerance: int = 12) -> None:
    assert image.mode == "RGB"
    assert image.size == expected.size
    difference = np.array(quarter_colors(image)) - np.array(quarter_colors(expected))
    assert np.abs(difference).max() <= tolerance, quarter_colors(image)


def matrix_profile(gamma: float, red: Point, green: Point, blue: Point) -> bytes:
    """An ICC version 2 display profile: primaries (CIE XYZ, D50), one power curve."""

    def number(value: float) -> bytes:
        return struct.pack(">i", round(value * 65536))

    curve = b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256)) + bytes(2)
    white = (0.9642, 1.0, 0.8249)
    tags = {
        b"desc": b"desc" + bytes(4) + struct.pack(">I", 5) + b"test\0" + bytes(78),
        b"cprt": b"text" + bytes(4) + b"none\0",
        b"rTRC": curve,
        b"gTRC": curve,
        b"bTRC": curve,
    }
    for name, point in ((b"wtpt", white), (b"rXYZ", red), (b"gXYZ", green), (b"bXYZ", blue)):
        tags[name] = b"XYZ " + bytes(4) + b"".join(map(number, point))
    table, body = b"", b""
    start = 128 + 4 + 12 * len(tags)
    for name, content in tags.items():
        table += name + struct.pack(">2I", start + len(body), len(content))
        body += content + bytes(-len(content) % 4)
    header = (
        struct.pack(">I4xI4s4s4s12x", start + len(body), 0x02100000, b"mntr", b"RGB ", b"XYZ ")
        + b"acsp"
        + bytes(28)
        + b"".join(map(number, white))
    )
    return header.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body


# The primaries of Adobe RGB (1998), annex C, adapted to D50.


ADOBE_RGB = matrix_profile(
    563 / 256, (0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457)
)


def png(color_type: int, depth: int, size: tuple[int, int], row: bytes, *extra: tuple[bytes, bytes]) -> bytes:
    """A PNG of a kind that Pillow cannot write, with the pixels of ``row`` only."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">2I5B", *size, depth, color_type, 0, 0, 0)
    chunks = [(b"IHDR", header), *extra, (b"IDAT", zlib.compress(b"\0" + row)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(kind, body) for kind, body in chunks)
