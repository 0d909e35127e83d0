"""Judges the headers of a file before a decoder sees it.

Small files can cost decoders minutes and gigabytes.
"""

from __future__ import annotations

import struct

from app.imaging.headers import gif, heif, jpeg, png, raw, tiff, webp

JUDGES = (jpeg, png, gif, webp, tiff, heif, raw)


def judge(data: bytes, max_pixels: int) -> int:
    """The number of pixels that the headers declare, 0 where they do not say.

    What is broken is left to the decoder: many files of cameras are, and can be read all the same.

    Raises:
        ImageError: the file would cost more than a photo does.
    """
    for format_ in JUDGES:
        if format_.matches(data):
            try:
                return int(format_.judge(data, max_pixels))
            except (struct.error, IndexError, ValueError):
                return 0
    return 0
