"""The studio's tables: photos, orders, and the renders of each order."""

from __future__ import annotations

import enum
import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, String, false
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import Mapped, mapped_column, relationship
from sqlalchemy.types import TypeDecorator

from app.db import Base, text_enum, utc_now
from app.imaging.prints import FULL, WHOLE, Crop, Frame, dots_per_inch
from app.studio.domain.controls import Controls
from app.studio.domain.files import PhotoFiles, RenderFiles

FAILURE_LENGTH = 300


class ControlsColumn(TypeDecorator[Controls]):
    """A column that holds controls as JSON."""

    impl = JSON
    cache_ok = True

    def process_bind_param(self, value: Controls | None, dialect: Dialect) -> dict[str, Any] | None:
        return None if value is None else value.to_json()

    def process_result_value(self, value: dict[str, Any] | None, dialect: Dialect) -> Controls | None:
        return None if value is None else Controls.from_json(value)


class CropColumn(TypeDecorator[Crop]):
    """A column that holds a crop as JSON."""

    impl = JSON
    cache_ok = True

    def process_bind_param(self, value: Crop | None, dialect: Dialect) -> list[float] | None:
        return None if value is None else value.to_json()

    def process_result_value(self, value: Sequence[float] | None, dialect: Dialect) -> Crop | None:
        return None if value is None else Crop.from_json(value)


class Photo(Base):
    """A photo that a person uploaded to their account."""

    __tablename__ = "photos"
    __table_args__ = (Index(None, "user_id", "created_at"),)

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    # The file's name on the person's device, without folder and ending. Downloads are named after it.
    name: Mapped[str] = mapped_column(String(100))
    media_type: Mapped[str] = mapped_column(String(32))
    width: Mapped[int]
    height: Mapped[int]
    byte_size: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)

    renders: Mapped[list[Render]] = relationship(back_populates="photo", passive_deletes=True)

    @property
    def files(self) -> PhotoFiles:
        """Where its files lie."""
        return PhotoFiles(self.id)


class RenderStatus(enum.StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"

    @property
    def finished(self) -> bool:
        return self in (RenderStatus.DONE, RenderStatus.FAILED)


class PictureOrder(Base):
    """One picture or many, asked for and paid together."""

    __tablename__ = "picture_orders"
    __table_args__ = (
        Index(None, "user_id", "created_at"),
        CheckConstraint("credits > 0", name="credits_positive"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    # A hash of the form's token and content. A form that is sent twice makes, and costs, one order.
    request_key: Mapped[str] = mapped_column(String(64), unique=True)
    credits: Mapped[int]
    # The site's address and the language in the person's request. The worker needs them for mails.
    site_address: Mapped[str] = mapped_column(String(300))
    language: Mapped[str] = mapped_column(String(8), default="en", server_default="en")
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    # When the last picture was finished. The owner gets one mail at most, at this moment.
    completed_at: Mapped[datetime | None]

    renders: Mapped[list[Render]] = relationship(
        back_populates="order", order_by="Render.created_at, Render.id", passive_deletes=True
    )


class Render(Base):
    """One picture to be painted. The row is the truth; the queue carries its id.

    ``attempt`` counts the starts, and is a fencing token: a worker that lost its lease finds another number
    there, and does not change the row.
    """

    __tablename__ = "renders"
    __table_args__ = (
        # The gallery is sorted like this index, and reads its pages from it.
        Index(None, "user_id", "created_at", "id"),
        Index(None, "status", "lease_expires_at"),
        CheckConstraint("progress >= 0 AND progress <= 1", name="progress_range"),
        CheckConstraint("credits > 0", name="credits_positive"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    # None when the photo is deleted. The pictures painted from it stay.
    photo_id: Mapped[uuid.UUID | None] = mapped_column(
        ForeignKey("photos.id", ondelete="SET NULL"), index=True
    )
    order_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("picture_orders.id"), index=True)
    name: Mapped[str] = mapped_column(String(100))
    width: Mapped[int]
    height: Mapped[int]
    print_size: Mapped[str] = mapped_column(String(16), default=FULL.slug)
    crop: Mapped[Crop] = mapped_column(CropColumn, default=WHOLE)
    controls: Mapped[Controls] = mapped_column(ControlsColumn)
    credits: Mapped[int]
    status: Mapped[RenderStatus] = mapped_column(
        text_enum(RenderStatus, 16),
        default=RenderStatus.QUEUED,
    )
    progress: Mapped[float] = mapped_column(default=0.0)
    attempt: Mapped[int] = mapped_column(default=0)
    lease_expires_at: Mapped[datetime | None]
    # The secret part of the shared link. The link shows the picture, and the photo too if the owner agrees.
    share_token: Mapped[str | None] = mapped_column(String(64), unique=True, index=True)
    share_shows_photo: Mapped[bool] = mapped_column(default=False, server_default=false())
    # The sentence for the owner, see app.studio.painting.failures. The log has the cause.
    failure: Mapped[str | None] = mapped_column(String(FAILURE_LENGTH))
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]

    photo: Mapped[Photo | None] = relationship(back_populates="renders")
    order: Mapped[PictureOrder] = relationship(back_populates="renders")

    @property
    def files(self) -> RenderFiles:
        """Where the files of the current attempt lie."""
        return RenderFiles(self.id, self.attempt)

    @property
    def frame(self) -> Frame:
        """The picture's size and the part of the photo that it shows."""
        return Frame(self.width, self.height, self.crop)

    @property
    def dpi(self) -> int | None:
        """The resolution of the print; None for a picture that is not for printing."""
        return dots_per_inch(self.print_size)
