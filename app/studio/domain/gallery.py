"""The gallery: a person's pictures page by page, read from an index by cursor."""

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
    """A position in a list, sorted by time and then by id, the newest first."""

    created_at: datetime
    id: uuid.UUID

    @classmethod
    def at(cls, row: Render | Photo) -> Cursor:
        """The cursor at a picture or photo."""
        return cls(row.created_at, row.id)

    def __str__(self) -> str:
        """The cursor for an address: microseconds since 1970 and the id."""
        return f"{(self.created_at - EPOCH) // MICROSECOND}-{self.id.hex}"

    @classmethod
    def parse(cls, text: str) -> Cursor:
        """Read what ``str`` wrote.

        Raises:
            NotFound: the text is not a cursor.
        """
        moment, _, picture = text.partition("-")
        try:
            return cls(EPOCH + int(moment) * MICROSECOND, uuid.UUID(hex=picture))
        except (ValueError, OverflowError):
            raise NotFound from None

    def sql(self) -> ColumnElement[tuple[datetime, uuid.UUID]]:
        """The cursor as an SQL tuple, to be compared with the columns created_at and id."""
        return tuple_(literal(self.created_at, UtcDateTime()), literal(self.id, Uuid()))


@dataclass(frozen=True)
class Page:
    """One page of pictures, newest first, with the count of all pictures."""

    renders: Sequence[Render]
    total: int
    has_newer: bool
    has_older: bool

    @property
    def first(self) -> Cursor:
        """The cursor at the newest picture of the page."""
        return Cursor.at(self.renders[0])

    @property
    def last(self) -> Cursor:
        """The cursor at the oldest picture of the page."""
        return Cursor.at(self.renders[-1])


def newest_page(session: Session, user_id: int, size: int) -> Page:
    """The page of the newest pictures."""
    renders = session.scalars(_newest_first(_pictures_of(user_id)).limit(size + 1)).all()
    return Page(renders[:size], _total(session, user_id), has_newer=False, has_older=len(renders) > size)


def page_before(session: Session, user_id: int, size: int, cursor: Cursor) -> Page:
    """The page that follows the cursor: older pictures."""
    older = _pictures_of(user_id).where(_position < cursor.sql())
    renders = session.scalars(_newest_first(older).limit(size + 1)).all()
    return Page(renders[:size], _total(session, user_id), has_newer=True, has_older=len(renders) > size)


def page_after(session: Session, user_id: int, size: int, cursor: Cursor) -> Page:
    """The page before the cursor; the newest page if newer pictures do not fill one."""
    newer = _pictures_of(user_id).where(_position > cursor.sql())
    renders = session.scalars(_oldest_first(newer).limit(size + 1)).all()
    if len(renders) <= size:
        return newest_page(session, user_id, size)
    return Page(renders[size - 1 :: -1], _total(session, user_id), has_newer=True, has_older=True)


def oldest_page(session: Session, user_id: int, size: int) -> Page:
    """The page of the oldest pictures."""
    renders = session.scalars(_oldest_first(_pictures_of(user_id)).limit(size + 1)).all()
    if len(renders) <= size:
        return newest_page(session, user_id, size)
    return Page(renders[size - 1 :: -1], _total(session, user_id), has_newer=True, has_older=False)


_position = tuple_(Render.created_at, Render.id)


def _pictures_of(user_id: int) -> Select[Render]:
    return select(Render).where(Render.user_id == user_id)


def _newest_first(renders: Select[Render]) -> Select[Render]:
    return renders.order_by(Render.created_at.desc(), Render.id.desc())


def _oldest_first(renders: Select[Render]) -> Select[Render]:
    return renders.order_by(Render.created_at, Render.id)


def _total(session: Session, user_id: int) -> int:
    return session.scalar(select(func.count()).where(Render.user_id == user_id)) or 0
