"""Pictures: finding and deleting renders, and everything that a person keeps here.

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
from app.studio.domain.models import Photo, PictureOrder, Render, RenderStatus

FINISHED = [status for status in RenderStatus if status.finished]
IN_HAND = translatable("This is still being painted. Delete it when it is done.")


def unfinished() -> ColumnElement[bool]:
    """The condition that a render waits or is being painted."""
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


def without_row(session: Session, prefixes: Sequence[str]) -> list[str]:
    """Those of the prefixes (``photos/ID``, ``renders/ID``) that belong to no photo and no render."""
    ids = [uuid.UUID(prefix.rpartition("/")[2]) for prefix in prefixes]
    photos = session.scalars(select(Photo).where(Photo.id.in_(ids)))
    renders = session.scalars(select(Render).where(Render.id.in_(ids)))
    known = {photo.storage_prefix for photo in photos} | {render.storage_prefix for render in renders}
    return [prefix for prefix in prefixes if prefix not in known]
