"""Small previews: a photo in one style, painted once and stored."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import structlog

from app.engine.catalogue import Catalogue
from app.storage.base import Storage, StorageError
from app.studio.painting.preview_source import PreviewSource, discard_if_deleted

log = structlog.get_logger(__name__)

# The long side, in pixels.
SMALL_SIDE = 256
# Part of the name of every stored preview. Raise it when previews are to look different.
FORMAT = 1


@dataclass(frozen=True)
class SmallPreview:
    """A photo in one style: a WebP, and how well the style suits the photo, 0 to 1."""

    webp: bytes
    suitability: float


class SmallPreviews:
    """Stores each small preview as a WebP and a JSON with the suitability."""

    def __init__(self, catalogue: Catalogue, storage: Storage) -> None:
        self._catalogue = catalogue
        self._storage = storage

    def version(self, slug: str) -> str:
        """The version of a style's previews; it changes when a file of the style does.

        Raises:
            app.engine.errors.UnknownStyle: there is no such style.
        """
        files = self._catalogue.get(slug).files
        return "-".join([str(FORMAT), *(_digest(path, path.stat().st_mtime_ns) for path in files)])

    def load(self, source: PreviewSource, slug: str) -> SmallPreview | None:
        """The stored preview, None if one of its files is missing."""
        suitability = self.load_suitability(source, slug)
        if suitability is None:
            return None
        try:
            with self._storage.open(self._key(source, slug, "webp")) as file:
                return SmallPreview(file.read(), suitability)
        except StorageError:
            return None

    def load_suitability(self, source: PreviewSource, slug: str) -> float | None:
        """How well the style suits the photo, None if no preview is stored."""
        try:
            with self._storage.open(self._key(source, slug, "json")) as file:
                return float(json.load(file)["suits"])
        except StorageError:
            return None

    def save(self, source: PreviewSource, slug: str, preview: SmallPreview) -> None:
        """Store a preview; a failure is only logged, since no request needs the file."""
        facts = json.dumps({"suits": round(preview.suitability, 4)}).encode()
        # One file may exist while the other is still missing, so each is tried by itself.
        for ending, data in (("webp", preview.webp), ("json", facts)):
            try:
                self._storage.save(self._key(source, slug, ending), data)
            except StorageError as error:
                # Another thread has stored the same file, or the disk is full.
                log.info("preview.not_kept", cause=repr(error.__cause__))
        discard_if_deleted(self._storage, source)

    def _key(self, source: PreviewSource, slug: str, ending: str) -> str:
        return source.files.style_preview_key(f"{slug}-{self.version(slug)}-{SMALL_SIDE}.{ending}")


@lru_cache(maxsize=256)
def _digest(path: Path, _changed: int) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]
