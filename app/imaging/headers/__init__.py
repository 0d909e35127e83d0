"""Checks a file's headers before a decoder reads it.

Small files can cost decoders minutes and gigabytes.
"""

from __future__ import annotations

import struct

from app.imaging.headers import gif, heif, jpeg, png, raw, tiff, webp

JUDGES = (jpeg, png, gif, webp, tiff, heif, raw)


def judge(data: bytes, max_pixels: int) -> int:
    """The number of pixels that the headers declare, at most ``max_pixels``; 0 where they do not say.

    Broken headers are left to the decoder: many files of cameras have them and can still be read.

    Raises:
        ImageError: the file would cost more than a photo.
    """
    for format_ in JUDGES:
        if format_.matches(data):
            try:
                return min(int(format_.judge(data, max_pixels)), max_pixels)
            except (struct.error, IndexError, ValueError):
                return 0
    return 0
