"""Thumbnails: two sizes of each, made together and stored side by side."""

from __future__ import annotations

from functools import lru_cache
from io import BytesIO
from pathlib import Path

from PIL import Image

from app.imaging import make_thumbnail, shrink_thumbnail
from app.imaging.encode import SMALL_THUMBNAIL_SIDE
from app.storage.base import Storage


def small_key(key: str) -> str:
    """The key of the smaller thumbnail, from the key of the larger one."""
    return f"{key.removesuffix('.webp')}-{SMALL_THUMBNAIL_SIDE}.webp"


def keep_thumbnails(storage: Storage, key: str, image: Image.Image) -> None:
    """Make both thumbnails of a picture and store them.

    Raises:
        StorageError: one of them could not be stored.
    """
    thumbnail = make_thumbnail(image)
    storage.save(key, thumbnail)
    storage.save(small_key(key), shrink_thumbnail(BytesIO(thumbnail)))


def small_preview(preview: Path) -> bytes:
    """The smaller preview of a style; made once, and again when the file changes."""
    return _shrunk(preview, preview.stat().st_mtime_ns)


@lru_cache(maxsize=256)
def _shrunk(preview: Path, _changed: int) -> bytes:
    with preview.open("rb") as file:
        return shrink_thumbnail(file)
