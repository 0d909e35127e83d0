"""Makes pictures for tests of decoding and encoding."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image


def scene(width: int = 48, height: int = 32) -> Image.Image:
    """A picture with red, green, blue and grey quarters."""
    pixels = np.full((height, width, 3), 128, np.uint8)
    pixels[: height // 2, : width // 2] = (200, 30, 30)
    pixels[: height // 2, width // 2 :] = (30, 200, 30)
    pixels[height // 2 :, : width // 2] = (30, 30, 200)
    return Image.fromarray(pixels)


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    if kind in ("JPEG", "WEBP", "AVIF", "HEIF"):
        options.setdefault("quality", 95)
    image.save(buffer, kind, **options)
    return buffer.getvalue()
