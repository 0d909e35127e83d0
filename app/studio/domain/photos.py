"""Photos: keeping an upload, finding and deleting it.

Every function that takes a session works in the caller's transaction and commits nothing.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from io import BytesIO
from pathlib import PurePath

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.file_names import clean, cut
from app.imaging import decode_photo, make_preview
from app.sentences import translatable
from app.storage.base import Storage, discard_files
from app.studio.domain.errors import BeingPainted, NotFound
from app.studio.domain.models import Photo, Render
from app.studio.domain.pictures import unfinished
from app.studio.domain.thumbnails import keep_thumbnails


def keep_photo(storage: Storage, user_id: int, file_name: str, data: bytes, *, max_pixels: int) -> Photo:
    """Check an upload, keep its files and return the row, not yet added to a session.

    Decoding takes seconds for a large photo, so this runs before any transaction is opened.
    Whoever fails to store the row discards the files under ``photo.storage_prefix``.

    Raises:
        app.imaging.errors.ImageError: the file is not a photo that can be used.
        StorageError: the files could not be kept.
    """
    decoded = decode_photo(BytesIO(data), max_pixels=max_pixels)
    photo = Photo(
        id=uuid.uuid4(),
        user_id=user_id,
        name=_display_name(file_name),
        media_type=decoded.media_type,
        width=decoded.image.width,
        height=decoded.image.height,
        byte_size=len(data),
    )
    try:
        storage.save(photo.original_key, data)
        keep_thumbnails(storage, photo.thumbnail_key, decoded.image)
        storage.save(photo.preview_key, make_preview(decoded.image))
    except BaseException:
        discard_files(storage, [photo.storage_prefix])
        raise
    return photo


def _display_name(file_name: str) -> str:
    """The name a person gave their photo, without folders, ending and control characters."""
    stem = clean(PurePath(file_name.replace("\\", "/")).stem)
    return cut(stem, len(stem[:100].encode())) or "photo"


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
    session: Session, user_id: int, photo_ids: Iterable[uuid.UUID], *, keep: bool = False
) -> dict[uuid.UUID, Photo]:
    """Return the person's photos by their ids.

    Args:
        session: in whose transaction.
        user_id: whose photos.
        photo_ids: which of them.
        keep: let nobody delete them before the transaction ends.

    Raises:
        NotFound: one of them does not exist, or is somebody else's.
    """
    wanted = set(photo_ids)
    asked = select(Photo).where(Photo.id.in_(wanted), Photo.user_id == user_id)
    if keep:
        asked = asked.with_for_update(read=True, key_share=True)
    photos = {photo.id: photo for photo in session.scalars(asked)}
    if photos.keys() != wanted:
        raise NotFound
    return photos


def delete_photo(session: Session, user_id: int, photo_id: uuid.UUID) -> str:
    """Delete a photo but keep the pictures made from it; return the prefix of the files to discard.

    Raises:
        NotFound: as for :func:`find_photo`.
        BeingPainted: a render still needs it.
    """
    mine = select(Photo).where(Photo.id == photo_id, Photo.user_id == user_id)
    # An order that is being placed holds its photos: this waits for it, and counts its renders.
    photo = session.scalar(mine.with_for_update())
    if photo is None:
        raise NotFound
    in_use = select(func.count()).where(Render.photo_id == photo.id, unfinished())
    if session.scalar(in_use):
        raise BeingPainted(
            translatable("This photo is still being painted. Delete it when the picture is done.")
        )
    prefix = photo.storage_prefix
    session.delete(photo)
    session.flush()
    return prefix


def unnamed_masks(session: Session, photo: Photo, keys: Sequence[str]) -> list[str]:
    """Those of a photo's masks that no picture is painted with."""
    kept = session.scalars(select(Render.controls).where(Render.photo_id == photo.id))
    masks = {mask for controls in kept for mask in (controls.mask, controls.style_mask) if mask}
    named = {photo.mask_key(mask) for mask in masks}
    return [key for key in keys if key not in named]
