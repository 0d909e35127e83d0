"""Photos: storing an upload, finding photos, and deleting them.

Every function that takes a session works in the caller's transaction and commits nothing.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import PurePath

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.imaging import decode_photo, make_preview
from app.sentences import translatable
from app.storage.base import Storage, discard_files
from app.studio.domain.errors import BeingPainted, NotFound
from app.studio.domain.files import PhotoFiles
from app.studio.domain.models import Photo, Render
from app.studio.domain.pictures import unfinished
from app.studio.domain.thumbnails import keep_thumbnails


@dataclass(frozen=True)
class UploadedPhoto:
    """A photo with stored files but no row: a guest's, or just uploaded."""

    id: uuid.UUID
    name: str
    media_type: str
    width: int
    height: int
    byte_size: int

    @property
    def files(self) -> PhotoFiles:
        """Where its files lie."""
        return PhotoFiles(self.id)

    def row(self, user_id: int) -> Photo:
        """A new row that gives the photo to an account, not yet added to a session."""
        return Photo(user_id=user_id, **asdict(self))


def keep_photo(storage: Storage, file_name: str, data: bytes, *, max_pixels: int) -> UploadedPhoto:
    """Check an upload, store its files and return what is known about it.

    Decoding a large photo takes seconds, so callers open no transaction before.
    A caller that cannot store the row discards the files under ``photo.files.prefix``.

    Raises:
        app.imaging.errors.ImageError: the file is not a photo that can be used.
        StorageError: the files could not be stored.
    """
    decoded = decode_photo(BytesIO(data), max_pixels=max_pixels)
    photo = UploadedPhoto(
        id=uuid.uuid4(),
        name=_display_name(file_name),
        media_type=decoded.media_type,
        width=decoded.image.width,
        height=decoded.image.height,
        byte_size=len(data),
    )
    try:
        storage.save(photo.files.original_key, data)
        keep_thumbnails(storage, photo.files.thumbnail_key, decoded.image)
        storage.save(photo.files.preview_key, make_preview(decoded.image))
    except BaseException:
        discard_files(storage, [photo.files.prefix])
        raise
    return photo


def _display_name(file_name: str) -> str:
    """The file's name without folders, ending and control characters."""
    stem = PurePath(file_name.replace("\\", "/")).stem
    printable = "".join(character for character in stem if character.isprintable()).strip(". ")
    return printable[:100] or "photo"


def find_photo(session: Session, user_id: int, photo_id: uuid.UUID) -> Photo:
    """Return the person's photo.

    Raises:
        NotFound: there is none with this id, or it is somebody else's.
    """
    photo = session.get(Photo, photo_id)
    if photo is None or photo.user_id != user_id:
        raise NotFound
    return photo


def find_photos(
    session: Session, user_id: int, photo_ids: Iterable[uuid.UUID], *, lock: bool = False
) -> dict[uuid.UUID, Photo]:
    """Return the person's photos by their ids.

    Args:
        session: the session of the caller's transaction.
        user_id: the owner.
        photo_ids: the photos wanted.
        lock: let nobody delete them before the transaction ends.

    Raises:
        NotFound: one of them does not exist, or is somebody else's.
    """
    wanted = set(photo_ids)
    asked = select(Photo).where(Photo.id.in_(wanted), Photo.user_id == user_id)
    if lock:
        asked = asked.with_for_update(read=True, key_share=True)
    photos = {photo.id: photo for photo in session.scalars(asked)}
    if photos.keys() != wanted:
        raise NotFound
    return photos


def delete_photo(session: Session, user_id: int, photo_id: uuid.UUID) -> str:
    """Delete a photo, not its pictures; return the prefix of the files to discard.

    Raises:
        NotFound: as for :func:`find_photo`.
        BeingPainted: a render still needs it.
    """
    mine = select(Photo).where(Photo.id == photo_id, Photo.user_id == user_id)
    # An order that is being placed locks its photos. This waits for the order, and counts its renders.
    photo = session.scalar(mine.with_for_update())
    if photo is None:
        raise NotFound
    in_use = select(func.count()).where(Render.photo_id == photo.id, unfinished())
    if session.scalar(in_use):
        raise BeingPainted(
            translatable("This photo is still being painted. Delete it when the picture is done.")
        )
    prefix = photo.files.prefix
    session.delete(photo)
    session.flush()
    return prefix


def unused_masks(session: Session, files: PhotoFiles, keys: Sequence[str]) -> list[str]:
    """Those mask keys of a photo that no render needs."""
    all_controls = session.scalars(select(Render.controls).where(Render.photo_id == files.photo_id))
    masks = {mask for controls in all_controls for mask in (controls.mask, controls.style_mask) if mask}
    used = {files.mask_key(mask) for mask in masks}
    return [key for key in keys if key not in used]
