"""What the studio does: keeps photos, takes orders for pictures, and moves renders through their states.

Every function works in the caller's transaction and commits nothing. The state of a render only
changes by conditional updates, so that two workers, or a worker and the sweep, cannot both win.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from io import BytesIO
from pathlib import PurePath

from sqlalchemy import ColumnElement, delete, func, select, update
from sqlalchemy.engine import CursorResult
from sqlalchemy.orm import Session

from app.billing import ledger
from app.db import utc_now
from app.imaging import decode_photo, make_preview, make_thumbnail
from app.storage.base import Storage, StorageError
from app.studio.errors import BeingPainted, NotFound, NothingChosen
from app.studio.models import Photo, Render, RenderStatus

RENDER_FAILED = "This picture could not be painted, and its credit is back on your account. Please try again."


@dataclass(frozen=True)
class RenderChoices:
    """How a photo is to be painted; ``strength`` lies between 0 (the photo itself) and 1 (the full style)."""

    style: str
    strength: float = 1.0
    keep_colors: bool = False


# --- photos -------------------------------------------------------------------------------------


def keep_photo(storage: Storage, user_id: int, file_name: str, data: bytes, *, max_pixels: int) -> Photo:
    """Check an upload, keep its files and return the row, not yet added to a session.

    Decoding takes seconds for a large photo, so this runs before any transaction is opened.
    Whoever fails to store the row calls :func:`discard_files` with ``photo.storage_prefix``.

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
        storage.save(photo.thumbnail_key, make_thumbnail(decoded.image))
        storage.save(photo.preview_key, make_preview(decoded.image))
    except StorageError:
        discard_files(storage, [photo.storage_prefix])
        raise
    return photo


def _display_name(file_name: str) -> str:
    """The name a person gave their photo, without folders, ending and control characters."""
    stem = PurePath(file_name.replace("\\", "/")).stem
    printable = "".join(character for character in stem if character.isprintable()).strip(". ")
    return printable[:100] or "photo"


def discard_files(storage: Storage, prefixes: Sequence[str]) -> None:
    """Remove the files of photos and renders whose rows are gone."""
    for prefix in prefixes:
        storage.delete_prefix(prefix)


def find_photo(session: Session, user_id: int, photo_id: uuid.UUID) -> Photo:
    """Return the person's photo.

    Raises:
        NotFound: there is none with this id, or it is somebody else's.
    """
    photo = session.get(Photo, photo_id)
    if photo is None or photo.user_id != user_id:
        raise NotFound
    return photo


def delete_photo(session: Session, user_id: int, photo_id: uuid.UUID) -> str:
    """Delete a photo but keep the pictures made from it; return the prefix of the files to discard.

    Raises:
        NotFound: as for :func:`find_photo`.
        BeingPainted: a render still needs it.
    """
    photo = find_photo(session, user_id, photo_id)
    unfinished = select(func.count()).where(Render.photo_id == photo.id, _unfinished())
    if session.scalar(unfinished):
        raise BeingPainted("This photo is being painted just now. Delete it when the picture is done.")
    prefix = photo.storage_prefix
    session.delete(photo)
    session.flush()
    return prefix


# --- orders for pictures ------------------------------------------------------------------------


def submit_renders(
    session: Session,
    *,
    user_id: int,
    wallet_id: uuid.UUID,
    photo_ids: Sequence[uuid.UUID],
    choices: RenderChoices,
    credits_each: int,
    form_token: str,
) -> list[Render]:
    """Debit the credits and create one queued render per photo, all or none.

    A form that is sent twice (a double click, the back button) has the same ``form_token``; renders it
    already asked for are returned, not made and paid for again.

    Raises:
        NothingChosen: no photo was chosen.
        NotFound: a photo is not the person's.
        app.billing.ledger.InsufficientCredits: the credits do not suffice for all of them.
    """
    if not photo_ids:
        raise NothingChosen("Choose at least one photo to paint.")
    ledger.lock_wallet(session, wallet_id)
    photos = [find_photo(session, user_id, photo_id) for photo_id in dict.fromkeys(photo_ids)]
    keys = {photo.id: _request_key(form_token, photo.id, choices) for photo in photos}
    known = {
        render.request_key: render
        for render in session.scalars(select(Render).where(Render.request_key.in_(keys.values())))
    }
    new = [photo for photo in photos if keys[photo.id] not in known]
    ledger.require_credits(session, wallet_id, credits_each * len(new))
    for photo in new:
        render = Render(
            id=uuid.uuid4(),
            user_id=user_id,
            photo_id=photo.id,
            name=photo.name,
            width=photo.width,
            height=photo.height,
            request_key=keys[photo.id],
            style=choices.style,
            strength=choices.strength,
            keep_colors=choices.keep_colors,
            credits=credits_each,
            status=RenderStatus.QUEUED,
        )
        ledger.reserve_credits(session, wallet_id, credits_each, reference=str(render.id))
        session.add(render)
        known[render.request_key] = render
    session.flush()
    return [known[key] for key in keys.values()]


def _request_key(form_token: str, photo_id: uuid.UUID, choices: RenderChoices) -> str:
    parts = (form_token, photo_id, choices.style, f"{choices.strength:.4f}", choices.keep_colors)
    return hashlib.sha256("|".join(map(str, parts)).encode()).hexdigest()


def find_render(session: Session, user_id: int, render_id: uuid.UUID) -> Render:
    """Return the person's render.

    Raises:
        NotFound: there is none with this id, or it is somebody else's.
    """
    render = session.get(Render, render_id)
    if render is None or render.user_id != user_id:
        raise NotFound
    return render


def delete_render(session: Session, user_id: int, wallet_id: uuid.UUID, render_id: uuid.UUID) -> str:
    """Delete a picture, or take back an order that has not begun; return the prefix of the files to discard.

    Raises:
        NotFound: as for :func:`find_render`.
        BeingPainted: a worker has it in hand.
    """
    render = find_render(session, user_id, render_id)
    deleted = session.execute(
        delete(Render).where(Render.id == render.id, Render.status != RenderStatus.RUNNING)
    )
    if not _changed(deleted):
        raise BeingPainted("This picture is being painted just now. Delete it in a moment, when it is done.")
    if render.status is RenderStatus.QUEUED:
        ledger.return_credits(session, wallet_id, render.credits, reference=str(render.id))
    return render.storage_prefix


def queue_position(session: Session, render: Render) -> int:
    """How many unfinished renders, of anybody, come before this one."""
    before = select(func.count()).where(_unfinished(), Render.created_at < render.created_at)
    return session.scalar(before) or 0


def delete_everything_of(session: Session, user_id: int) -> list[str]:
    """Delete every photo and picture of a person; return the prefixes of the files to discard.

    A worker that is painting one of them finds its row gone and throws its result away.
    """
    renders = session.scalars(select(Render).where(Render.user_id == user_id)).all()
    photos = session.scalars(select(Photo).where(Photo.user_id == user_id)).all()
    prefixes = [render.storage_prefix for render in renders] + [photo.storage_prefix for photo in photos]
    session.execute(delete(Render).where(Render.user_id == user_id))
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


def fail(session: Session, render_id: uuid.UUID, attempt: int, wallet_id: uuid.UUID, sentence: str) -> bool:
    """Mark a render as failed, with a sentence for the person, and return its credits (once)."""
    values = {
        "status": RenderStatus.FAILED,
        "failure": sentence[:300],
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


def _update_running(session: Session, render_id: uuid.UUID, attempt: int, values: dict[str, object]) -> bool:
    held = (Render.id == render_id, Render.attempt == attempt, Render.status == RenderStatus.RUNNING)
    return _changed(session.execute(update(Render).where(*held).values(**values)))


def _changed(result: object) -> bool:
    assert isinstance(result, CursorResult)
    return bool(result.rowcount)


def _unfinished() -> ColumnElement[bool]:
    return Render.status.in_([RenderStatus.QUEUED, RenderStatus.RUNNING])
