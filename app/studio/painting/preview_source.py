"""The photo behind previews: an uploaded one or a sample."""

from __future__ import annotations

import uuid
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import structlog

from app.imaging.encode import PREVIEW_SIDE
from app.storage.base import Storage, StorageError
from app.studio.domain.files import PhotoFiles
from app.studio.domain.models import Photo
from app.studio.domain.photos import UploadedPhoto

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class PreviewSource:
    """A photo that previews are made of.

    Attributes:
        photo_id: names the folder of its previews and masks.
        image: the file with its pixels: a key of the storage, or the path of a sample.
    """

    photo_id: uuid.UUID
    image: str | Path

    @classmethod
    def of(cls, photo: Photo | UploadedPhoto) -> PreviewSource:
        """An uploaded photo; large ones are read from their JPEG preview, for speed."""
        small = max(photo.width, photo.height) <= PREVIEW_SIDE
        return cls(photo.id, photo.files.original_key if small else photo.files.preview_key)

    @property
    def files(self) -> PhotoFiles:
        """Where its files lie."""
        return PhotoFiles(self.photo_id)

    def open(self, storage: Storage) -> BinaryIO:
        """Open the file with its pixels.

        Raises:
            StorageError, FileNotFoundError: it is gone.
        """
        return self.image.open("rb") if isinstance(self.image, Path) else storage.open(self.image)


def discard_if_deleted(storage: Storage, source: PreviewSource) -> None:
    """Discard all files of a deleted photo. Call this after storing one of them.

    Painting takes a moment. If the person deletes the photo in that moment, no painted copy may stay.
    """
    if isinstance(source.image, Path):
        return  # nobody deletes a sample
    with suppress(StorageError):  # another thread stores a file there now, and calls this afterwards
        if not storage.holds(source.image):
            log.info("photo.deleted_meanwhile", photo=str(source.photo_id))
            storage.delete_prefix(source.files.prefix)
