"""Pictures: finding renders, and deleting some or all of a person's.

Every function works in the caller's transaction and commits nothing.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence

from sqlalchemy import ColumnElement, delete, exists, select
from sqlalchemy.orm import Session

from app.billing import ledger
from app.sentences import translatable
from app.studio.domain.errors import BeingPainted, NotFound
from app.studio.domain.files import PhotoFiles, RenderFiles
from app.studio.domain.models import Photo, PictureOrder, Render, RenderStatus

FINISHED = [status for status in RenderStatus if status.finished]
BEING_PAINTED = translatable("This is still being painted. Delete it when it is done.")


def unfinished() -> ColumnElement[bool]:
    """The SQL condition that a render waits or is being painted."""
    return Render.status.in_([RenderStatus.QUEUED, RenderStatus.RUNNING])


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
    """Return the person's renders in the order of the ids, each once.

    Raises:
        NotFound: one of them does not exist, or is somebody else's.
    """
    renders = renders_of(session, user_id, render_ids)
    if len(renders) < len(set(render_ids)):
        raise NotFound
    return renders


def renders_of(session: Session, user_id: int, render_ids: Sequence[uuid.UUID]) -> list[Render]:
    """Like :func:`find_renders`, but leave out renders that are not the person's."""
    wanted = list(dict.fromkeys(render_ids))
    found = session.scalars(select(Render).where(Render.id.in_(wanted), Render.user_id == user_id))
    renders = {render.id: render for render in found}
    return [renders[render_id] for render_id in wanted if render_id in renders]


def delete_renders(
    session: Session, user_id: int, wallet_id: uuid.UUID, render_ids: Sequence[uuid.UUID]
) -> list[str]:
    """Delete pictures, all or none; return the prefixes of the files to discard.

    Pictures that no worker has started give their credits back.

    Raises:
        NotFound: one of them does not exist, or is somebody else's.
        BeingPainted: a worker is painting one of them.
    """
    renders = find_renders(session, user_id, render_ids)
    deleted = _delete_idle(session, wallet_id, renders)
    if len(deleted) < len(renders):
        raise BeingPainted(BEING_PAINTED)
    _forget_empty_orders(session, {render.order_id for render in renders})
    return [render.files.prefix for render in deleted]


def delete_order(session: Session, wallet_id: uuid.UUID, order: PictureOrder) -> list[str]:
    """Delete an order's pictures; return the prefixes of the files to discard.

    Pictures that no worker has started give their credits back. Pictures that are being painted stay:
    painting takes minutes, and people who cancel an order save all the others.

    Raises:
        BeingPainted: nothing can be deleted, because workers are painting all of it.
    """
    renders = list(order.renders)
    deleted = _delete_idle(session, wallet_id, renders)
    if renders and not deleted:
        raise BeingPainted(BEING_PAINTED)
    _forget_empty_orders(session, [order.id])
    return [render.files.prefix for render in deleted]


def _delete_idle(session: Session, wallet_id: uuid.UUID, renders: Sequence[Render]) -> list[Render]:
    """Delete what no worker is painting; pictures not started return credits."""
    # Every transaction locks the wallet first and its renders second, so that no two can deadlock.
    ledger.lock_wallet(session, wallet_id)
    ids = [render.id for render in renders]
    # Each statement checks the status again: a worker may have claimed a render since it was read.
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
    """Delete all photos and pictures of a person; return the prefixes to discard.

    A worker that is painting one of them finds no row, and discards its result.
    """
    renders = session.scalars(select(Render).where(Render.user_id == user_id)).all()
    photos = session.scalars(select(Photo).where(Photo.user_id == user_id)).all()
    prefixes = [render.files.prefix for render in renders] + [photo.files.prefix for photo in photos]
    session.execute(delete(Render).where(Render.user_id == user_id))
    session.execute(delete(PictureOrder).where(PictureOrder.user_id == user_id))
    session.execute(delete(Photo).where(Photo.user_id == user_id))
    return prefixes


def prefixes_without_row(session: Session, prefixes: Sequence[str]) -> list[str]:
    """Those prefixes (``photos/ID``, ``renders/ID``) that have no row."""
    ids = [uuid.UUID(prefix.rpartition("/")[2]) for prefix in prefixes]
    photos = session.scalars(select(Photo.id).where(Photo.id.in_(ids)))
    renders = session.scalars(select(Render.id).where(Render.id.in_(ids)))
    known = {PhotoFiles(photo_id).prefix for photo_id in photos}
    known |= {RenderFiles(render_id).prefix for render_id in renders}
    return [prefix for prefix in prefixes if prefix not in known]
