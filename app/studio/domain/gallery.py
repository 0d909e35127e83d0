"""A person's pictures page by page, cut out of an index, so that the last page is as near as the first."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, Select, Uuid, func, literal, select, tuple_
from sqlalchemy.orm import Session

from app.db import UtcDateTime
from app.studio.domain.errors import NotFound
from app.studio.domain.models import Photo, Render

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True)
class Cursor:
    """Where a picture hangs: the newest first, and among those of one moment the highest id."""

    created_at: datetime
    id: uuid.UUID

    @classmethod
    def of(cls, hung: Render | Photo) -> Cursor:
        return cls(hung.created_at, hung.id)

    def __str__(self) -> str:
        """For an address: microseconds since 1970 and the id."""
        return f"{(self.created_at - EPOCH) // MICROSECOND}-{self.id.hex}"

    @classmethod
    def parse(cls, text: str) -> Cursor:
        """Read what ``str`` wrote.

        Raises:
            NotFound: it is nothing of the kind.
        """
        moment, _, picture = text.partition("-")
        try:
            return cls(EPOCH + int(moment) * MICROSECOND, uuid.UUID(hex=picture))
        except (ValueError, OverflowError):
            raise NotFound from None


@dataclass(frozen=True)
class Page:
    """Some pictures, newest first, how many there are in all, and whether there are newer and older ones."""

    renders: Sequence[Render]
    total: int
    has_newer: bool
    has_older: bool

    @property
    def first(self) -> Cursor:
        return Cursor.of(self.renders[0])

    @property
    def last(self) -> Cursor:
        return Cursor.of(self.renders[-1])


def newest_page(session: Session, user_id: int, size: int) -> Page:
    """The pictures that came last."""
    renders = session.scalars(_downwards(_of(user_id)).limit(size + 1)).all()
    return Page(renders[:size], _total(session, user_id), has_newer=False, has_older=len(renders) > size)


def page_before(session: Session, user_id: int, size: int, cursor: Cursor) -> Page:
    """The pictures next older than the one at ``cursor``."""
    older = _of(user_id).where(_position < at(cursor))
    renders = session.scalars(_downwards(older).limit(size + 1)).all()
    return Page(renders[:size], _total(session, user_id), has_newer=True, has_older=len(renders) > size)


def page_after(session: Session, user_id: int, size: int, cursor: Cursor) -> Page:
    """The pictures next newer than the one at ``cursor``; the newest page if they would not fill one."""
    newer = _of(user_id).where(_position > at(cursor))
    renders = session.scalars(_upwards(newer).limit(size + 1)).all()
    if len(renders) <= size:
        return newest_page(session, user_id, size)
    return Page(renders[size - 1 :: -1], _total(session, user_id), has_newer=True, has_older=True)


def oldest_page(session: Session, user_id: int, size: int) -> Page:
    """The pictures that came first."""
    renders = session.scalars(_upwards(_of(user_id)).limit(size + 1)).all()
    if len(renders) <= size:
        return newest_page(session, user_id, size)
    return Page(renders[size - 1 :: -1], _total(session, user_id), has_newer=True, has_older=False)


_position = tuple_(Render.created_at, Render.id)


def at(cursor: Cursor) -> ColumnElement[tuple[datetime, uuid.UUID]]:
    """A cursor as the database compares it with the two columns of a row."""
    return tuple_(literal(cursor.created_at, UtcDateTime()), literal(cursor.id, Uuid()))


def _of(user_id: int) -> Select[Render]:
    return select(Render).where(Render.user_id == user_id)


def _downwards(renders: Select[Render]) -> Select[Render]:
    return renders.order_by(Render.created_at.desc(), Render.id.desc())


def _upwards(renders: Select[Render]) -> Select[Render]:
    return renders.order_by(Render.created_at, Render.id)


def _total(session: Session, user_id: int) -> int:
    return session.scalar(select(func.count()).where(Render.user_id == user_id)) or 0
