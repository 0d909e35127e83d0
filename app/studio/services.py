"""What the studio does: keeps photos, takes orders for pictures, and moves renders through their states.

Every function works in the caller's transaction and commits nothing. The state of a render only
changes by conditional updates, so that two workers, or a worker and the sweep, cannot both win.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from io import BytesIO
from pathlib import PurePath

from sqlalchemy import ColumnElement, delete, exists, func, select, update
from sqlalchemy.engine import CursorResult
from sqlalchemy.orm import Session

from app.billing import ledger
from app.db import utc_now
from app.imaging import decode_photo, make_preview
from app.sentences import translatable
from app.storage.base import Storage, discard_files
from app.studio.errors import BeingPainted, NotFound
from app.studio.models import Photo, PictureOrder, Render, RenderStatus
from app.studio.thumbnails import keep_thumbnails

FINISHED = [status for status in RenderStatus if status.finished]
RENDER_FAILED = translatable(
    "This picture could not be painted, and its credit is back on your account. Please try again."
)
IN_HAND = translatable("This is being painted just now. Delete it in a moment, when it is done.")


# --- photos -------------------------------------------------------------------------------------


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
            translatable("This photo is being painted just now. Delete it when the picture is done.")
        )
    prefix = photo.storage_prefix
    session.delete(photo)
    session.flush()
    return prefix


# --- pictures -----------------------------------------------------------------------------------


def find_render(session: Session, user_id: int, render_id: uuid.UUID) -> Render:
    """Return the person's render.

    Raises:
        NotFound: there is none with this id, or it is somebody else's.
    """
    render = session.get(Render, render_id)
    if render is None or render.user_id != user_id:
        raise NotFound
    return render


def find_renders(session: Session, user_id: int, render_ids: Sequence[uuid.UUID]) -> list[Render]:
    """Return the person's renders, in the order asked for and each once.

    Raises:
        NotFound: one of them does not exist, or is somebody else's.
    """
    renders = renders_of(session, user_id, render_ids)
    if len(renders) < len(set(render_ids)):
        raise NotFound
    return renders


def renders_of(session: Session, user_id: int, render_ids: Sequence[uuid.UUID]) -> list[Render]:
    """Those of the renders that are the person's, in the order asked for and each once."""
    wanted = list(dict.fromkeys(render_ids))
    found = session.scalars(select(Render).where(Render.id.in_(wanted), Render.user_id == user_id))
    renders = {render.id: render for render in found}
    return [renders[render_id] for render_id in wanted if render_id in renders]


def delete_renders(
    session: Session, user_id: int, wallet_id: uuid.UUID, render_ids: Sequence[uuid.UUID]
) -> list[str]:
    """Delete pictures, all or none, and take back those that have not been begun.

    Returns the prefixes of the files to discard.

    Raises:
        NotFound: one of them does not exist, or is somebody else's.
        BeingPainted: a worker has one of them in hand.
    """
    renders = find_renders(session, user_id, render_ids)
    deleted = _delete_idle(session, wallet_id, renders)
    if len(deleted) < len(renders):
        raise BeingPainted(IN_HAND)
    _forget_empty_orders(session, {render.order_id for render in renders})
    return [render.storage_prefix for render in deleted]


def delete_order(session: Session, wallet_id: uuid.UUID, order: PictureOrder) -> list[str]:
    """Delete an order's pictures and take back those that have not been begun; what is in hand stays.

    Painting goes on for minutes, and somebody who wants an end of it saves every picture not begun.
    Returns the prefixes of the files to discard.

    Raises:
        BeingPainted: nothing can be deleted, because workers have all of it in hand.
    """
    renders = list(order.renders)
    deleted = _delete_idle(session, wallet_id, renders)
    if renders and not deleted:
        raise BeingPainted(IN_HAND)
    _forget_empty_orders(session, [order.id])
    return [render.storage_prefix for render in deleted]


def _delete_idle(session: Session, wallet_id: uuid.UUID, renders: Sequence[Render]) -> list[Render]:
    """Delete those of the pictures that no worker has in hand, and return the credits of those not begun."""
    # As everywhere: first the wallet, then its renders, so that no two transactions wait for each other.
    ledger.lock_wallet(session, wallet_id)
    ids = [render.id for render in renders]
    # Read again under the statement's own locks: a worker may have claimed one since.
    waiting = session.scalars(
        delete(Render).where(Render.id.in_(ids), Render.status == RenderStatus.QUEUED).returning(Render.id)
    ).all()
    finished = session.scalars(
        delete(Render).where(Render.id.in_(ids), Render.status.in_(FINISHED)).returning(Render.id)
    ).all()
    for render in renders:
        if render.id in waiting:
            ledger.return_credits(session, wallet_id, render.credits, reference=str(render.id))
    gone = {*waiting, *finished}
    return [render for render in renders if render.id in gone]


def _forget_empty_orders(session: Session, order_ids: Iterable[uuid.UUID]) -> None:
    left = exists().where(Render.order_id == PictureOrder.id)
    session.execute(delete(PictureOrder).where(PictureOrder.id.in_(order_ids), ~left))


def delete_everything_of(session: Session, user_id: int) -> list[str]:
    """Delete every photo and picture of a person; return the prefixes of the files to discard.

    A worker that is painting one of them finds its row gone and throws its result away.
    """
    renders = session.scalars(select(Render).where(Render.user_id == user_id)).all()
    photos = session.scalars(select(Photo).where(Photo.user_id == user_id)).all()
    prefixes = [render.storage_prefix for render in renders] + [photo.storage_prefix for photo in photos]
    session.execute(delete(Render).where(Render.user_id == user_id))
    session.execute(delete(PictureOrder).where(PictureOrder.user_id == user_id))
    session.execute(delete(Photo).where(Photo.user_id == user_id))
    return prefixes


# --- the life of a render -----------------------------------------------------------------------


def claim(session: Session, render_id: uuid.UUID, lease: timedelta) -> Render | None:
    """Take a queued render for this worker, or return None if there is nothing to take."""
    now = utc_now()
    claimed = session.execute(
        update(Render)
        .where(Render.id == render_id, Render.status == RenderStatus.QUEUED)
        .values(
            status=RenderStatus.RUNNING,
            attempt=Render.attempt + 1,
            progress=0.0,
            started_at=now,
            lease_expires_at=now + lease,
        )
    )
    return session.get(Render, render_id, populate_existing=True) if _changed(claimed) else None


def report_progress(
    session: Session, render_id: uuid.UUID, attempt: int, progress: float, lease: timedelta
) -> bool:
    """Prolong the lease and note the progress (0 to 1). False: the lease is lost, stop working."""
    values = {"progress": progress, "lease_expires_at": utc_now() + lease}
    return _update_running(session, render_id, attempt, values)


def finish(session: Session, render_id: uuid.UUID, attempt: int) -> bool:
    """Mark a render as done. False: the lease is lost, the result is not wanted."""
    values = {
        "status": RenderStatus.DONE,
        "progress": 1.0,
        "finished_at": utc_now(),
        "lease_expires_at": None,
    }
    return _update_running(session, render_id, attempt, values)


def give_back(session: Session, render_id: uuid.UUID, attempt: int) -> bool:
    """Put a render that this worker could not complete back into the queue."""
    values = {"status": RenderStatus.QUEUED, "progress": 0.0, "lease_expires_at": None}
    return _update_running(session, render_id, attempt, values)


def fail(session: Session, render_id: uuid.UUID, attempt: int, wallet_id: uuid.UUID, failure: str) -> bool:
    """Mark a render as failed, with what its owner is told, and return its credits (once)."""
    ledger.lock_wallet(session, wallet_id)  # before the render, as in _delete_idle
    values = {
        "status": RenderStatus.FAILED,
        "failure": failure,
        "finished_at": utc_now(),
        "lease_expires_at": None,
    }
    if not _update_running(session, render_id, attempt, values):
        return False
    render = session.get_one(Render, render_id, populate_existing=True)
    ledger.return_credits(session, wallet_id, render.credits, reference=str(render_id))
    return True


def expired_leases(session: Session, now: datetime) -> Sequence[Render]:
    """Renders whose worker has not been heard of in time."""
    expired = select(Render).where(Render.status == RenderStatus.RUNNING, Render.lease_expires_at < now)
    return session.scalars(expired).all()


def queued_renders(session: Session) -> Sequence[uuid.UUID]:
    """The ids of everything waiting, oldest first."""
    waiting = select(Render.id).where(Render.status == RenderStatus.QUEUED).order_by(Render.created_at)
    return session.scalars(waiting).all()


def without_row(session: Session, prefixes: Sequence[str]) -> list[str]:
    """Those of the prefixes (``photos/ID``, ``renders/ID``) that belong to no photo and no render."""
    ids = [uuid.UUID(prefix.rpartition("/")[2]) for prefix in prefixes]
    photos = session.scalars(select(Photo).where(Photo.id.in_(ids)))
    renders = session.scalars(select(Render).where(Render.id.in_(ids)))
    known = {photo.storage_prefix for photo in photos} | {render.storage_prefix for render in renders}
    return [prefix for prefix in prefixes if prefix not in known]


def unnamed_masks(session: Session, photo: Photo, keys: Sequence[str]) -> list[str]:
    """Those of a photo's masks that no picture is painted with."""
    kept = session.scalars(select(Render.controls).where(Render.photo_id == photo.id))
    masks = {mask for controls in kept for mask in (controls.mask, controls.style_mask) if mask}
    named = {photo.mask_key(mask) for mask in masks}
    return [key for key in keys if key not in named]


def _update_running(session: Session, render_id: uuid.UUID, attempt: int, values: dict[str, object]) -> bool:
    held = (Render.id == render_id, Render.attempt == attempt, Render.status == RenderStatus.RUNNING)
    return _changed(session.execute(update(Render).where(*held).values(**values)))


def _changed(result: object) -> bool:
    assert isinstance(result, CursorResult)
    return bool(result.rowcount)


def unfinished() -> ColumnElement[bool]:
    """The condition that a render waits or is being painted."""
    return Render.status.in_([RenderStatus.QUEUED, RenderStatus.RUNNING])
