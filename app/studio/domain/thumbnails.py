"""Thumbnails come in two sizes; both are made when the picture comes, and lie side by side."""

from __future__ import annotations

from functools import lru_cache
from io import BytesIO
from pathlib import Path

from PIL import Image

from app.imaging import make_thumbnail, shrink_thumbnail
from app.imaging.encode import SMALL_THUMBNAIL_SIDE
from app.storage.base import Storage


def small_key(key: str) -> str:
    """The key of the smaller of the two thumbnails, ``key`` being that of the larger."""
    return f"{key.removesuffix('.webp')}-{SMALL_THUMBNAIL_SIDE}.webp"


def keep_thumbnails(storage: Storage, key: str, image: Image.Image) -> None:
    """Make both thumbnails of a picture and keep them.

    Raises:
        StorageError: one of them could not be kept.
    """
    thumbnail = make_thumbnail(image)
    storage.save(key, thumbnail)
    storage.save(small_key(key), shrink_thumbnail(BytesIO(thumbnail)))


def small_preview(preview: Path) -> bytes:
    """A style's preview, smaller: made once for everybody, and anew when the file changes."""
    return _shrunk(preview, preview.stat().st_mtime_ns)


@lru_cache(maxsize=256)
def _shrunk(preview: Path, _changed: int) -> bytes:
    with preview.open("rb") as file:
        return shrink_thumbnail(file)
