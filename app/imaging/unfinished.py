"""JPEGs without their end marker: whole but for it, or cut.

Programs that copy photos lose the two bytes, and some phones write data of their own in their place.
"""

from __future__ import annotations

from io import BytesIO

from PIL import Image, ImageChops

from app.imaging.headers.jpeg import find_end

# Two continuations that have no bit pattern in common. Without 0xFF, so both are coded data.
FILLERS = (bytes(range(1, 255)) * 8, bytes(range(254, 0, -1)) * 8)
END = b"\xff\xd9"


def complete_jpeg(data: bytes) -> Image.Image | None:
    """The picture of a JPEG that lacks its end marker; None if any of its pixels is missing.

    Whatever follows the coded data changes no pixel of a whole picture. A cut picture takes its missing
    pixels from there, so two continuations give two pictures.
    """
    end = find_end(data)
    if end is None:
        return None
    first, second = (_decoded(data[:end].rstrip(b"\xff") + filler + END) for filler in FILLERS)
    return first if ImageChops.difference(first, second).getbbox() is None else None


def _decoded(data: bytes) -> Image.Image:
    image = Image.open(BytesIO(data), formats=("JPEG",))
    image.load()
    return image
