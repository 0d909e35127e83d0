"""Orders: several photos in several styles, asked for and paid together.

Every function works in the caller's transaction and commits nothing.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import exists, func, select, update
from sqlalchemy.orm import Session

from app.billing import ledger
from app.db import utc_now
from app.imaging.prints import FULL, Focus, Orientation, PrintSize, frame_photo
from app.sentences import translatable
from app.studio.domain.controls import Controls
from app.studio.domain.errors import NotFound, NothingChosen, TooManyPictures
from app.studio.domain.models import Photo, PictureOrder, Render, RenderStatus
from app.studio.domain.photos import find_photos
from app.studio.domain.pictures import unfinished


@dataclass(frozen=True)
class OrderItem:
    """One picture that an order asks for."""

    photo_id: uuid.UUID
    controls: Controls
    size: PrintSize = FULL
    orientation: Orientation = Orientation.AS_PHOTO
    focus: Focus | None = None

    def fingerprint(self) -> list[object]:
        """Everything that distinguishes this item, as plain values."""
        focus = self.focus and [self.focus.left, self.focus.top, self.focus.width]
        return [str(self.photo_id), self.controls.to_json(), self.size.slug, self.orientation.value, focus]


def order_items(
    photo_ids: Sequence[uuid.UUID],
    styles: Sequence[str],
    controls: Controls,
    *,
    size: PrintSize = FULL,
    orientation: Orientation = Orientation.AS_PHOTO,
    focuses: dict[uuid.UUID, Focus] | None = None,
) -> list[OrderItem]:
    """Items for every photo in every style; all other controls are the same."""
    photos, slugs = list(dict.fromkeys(photo_ids)), list(dict.fromkeys(styles))
    return [
        OrderItem(
            photo, controls.model_copy(update={"style": slug}), size, orientation, (focuses or {}).get(photo)
        )
        for photo, slug in itertools.product(photos, slugs)
    ]


def place_order(
    session: Session,
    *,
    user_id: int,
    wallet_id: uuid.UUID,
    items: Sequence[OrderItem],
    credits_each: int,
    max_pictures: int,
    form_token: str,
    site_address: str,
    language: str = "en",
) -> PictureOrder:
    """Debit the credits and create one queued render for each item, all or none.

    A form that is sent twice (a double click, the back button) has the same ``form_token`` and items. Then
    the order that it made is returned, and nothing is paid again.

    Raises:
        NothingChosen: there are no items.
        TooManyPictures: there are more than ``max_pictures``.
        NotFound: a photo is not the person's.
        app.billing.ledger.InsufficientCredits: the credits do not suffice for all of them.
    """
    if not items:
        raise NothingChosen(translatable("Choose at least one photo and one style."))
    if len(items) > max_pictures:
        raise TooManyPictures(len(items), max_pictures)
    ledger.lock_wallet(session, wallet_id)
    key = _request_key(user_id, form_token, items)
    placed = session.scalar(select(PictureOrder).where(PictureOrder.request_key == key))
    if placed is not None:
        return placed
    photos = find_photos(session, user_id, [item.photo_id for item in items], lock=True)
    price = credits_each * len(items)
    ledger.require_credits(session, wallet_id, price)
    order = PictureOrder(
        id=uuid.uuid4(),
        user_id=user_id,
        request_key=key,
        credits=price,
        site_address=site_address[:300],
        language=language,
        created_at=utc_now(),
    )
    session.add(order)
    for index, item in enumerate(items):
        render = _queued(order, index, photos[item.photo_id], item, credits_each)
        session.add(render)
        ledger.reserve_credits(session, wallet_id, credits_each, reference=str(render.id))
    session.flush()
    return order


def _request_key(user_id: int, form_token: str, items: Iterable[OrderItem]) -> str:
    asked = [user_id, form_token, [item.fingerprint() for item in items]]
    return hashlib.sha256(json.dumps(asked).encode()).hexdigest()


def _queued(order: PictureOrder, index: int, photo: Photo, item: OrderItem, credits: int) -> Render:
    frame = frame_photo((photo.width, photo.height), item.size, item.orientation, item.focus)
    return Render(
        id=uuid.uuid4(),
        user_id=order.user_id,
        photo_id=photo.id,
        order=order,
        name=photo.name,
        width=frame.width,
        height=frame.height,
        print_size=item.size.slug,
        crop=frame.crop,
        controls=item.controls,
        credits=credits,
        status=RenderStatus.QUEUED,
        # Renders are painted in this order, so the pictures of an order keep its sequence.
        created_at=order.created_at + timedelta(microseconds=index),
    )


def find_order(session: Session, user_id: int, order_id: uuid.UUID) -> PictureOrder:
    """Return the person's order.

    Raises:
        NotFound: there is none with this id, or it is somebody else's.
    """
    order = session.get(PictureOrder, order_id)
    if order is None or order.user_id != user_id:
        raise NotFound
    return order


def count_pictures(session: Session, order_id: uuid.UUID) -> int:
    """How many pictures of an order exist, without deleted ones."""
    return session.scalar(select(func.count()).where(Render.order_id == order_id)) or 0


def complete_order(session: Session, order_id: uuid.UUID) -> PictureOrder | None:
    """Mark an order as complete and return it; None if it is unfinished or marked.

    Only one caller gets the order, and tells its owner.
    """
    left = exists().where(Render.order_id == PictureOrder.id, unfinished())
    noted = session.execute(
        update(PictureOrder)
        .where(PictureOrder.id == order_id, PictureOrder.completed_at.is_(None), ~left)
        .values(completed_at=utc_now())
        .returning(PictureOrder.id)
    ).scalar()
    return session.get(PictureOrder, order_id, populate_existing=True) if noted else None


def queue_positions(session: Session, renders: Sequence[Render]) -> dict[uuid.UUID, int]:
    """How many unfinished renders of anybody come before each of these."""
    place = (func.row_number().over(order_by=(Render.created_at, Render.id)) - 1).label("place")
    line = select(Render.id, place).where(unfinished()).subquery()
    wanted = [render.id for render in renders if not render.status.finished]
    rows = session.execute(select(line.c.id, line.c.place).where(line.c.id.in_(wanted)))
    return {row.id: row.place for row in rows}
