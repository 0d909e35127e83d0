"""Photos that people upload and the renders made from them."""

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

FAILURE_LENGTH = 300


class ControlsColumn(TypeDecorator[Controls]):
    """The controls of a picture, kept as JSON."""

    impl = JSON
    cache_ok = True

    def process_bind_param(self, value: Controls | None, dialect: Dialect) -> dict[str, Any] | None:
        return None if value is None else value.to_json()

    def process_result_value(self, value: dict[str, Any] | None, dialect: Dialect) -> Controls | None:
        return None if value is None else Controls.from_json(value)


class CropColumn(TypeDecorator[Crop]):
    """The part of the photo that a picture shows, kept as JSON."""

    impl = JSON
    cache_ok = True

    def process_bind_param(self, value: Crop | None, dialect: Dialect) -> list[float] | None:
        return None if value is None else value.to_json()

    def process_result_value(self, value: Sequence[float] | None, dialect: Dialect) -> Crop | None:
        return None if value is None else Crop.from_json(value)


class Photo(Base):
    """An uploaded photo. ``original_key`` names the file as it came; it is never served."""

    __tablename__ = "photos"
    __table_args__ = (Index(None, "user_id", "created_at"),)

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    # What the person's device called it, without folder and ending: for download names only.
    name: Mapped[str] = mapped_column(String(100))
    media_type: Mapped[str] = mapped_column(String(32))
    width: Mapped[int]
    height: Mapped[int]
    byte_size: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)

    renders: Mapped[list[Render]] = relationship(back_populates="photo", passive_deletes=True)

    @property
    def storage_prefix(self) -> str:
        return f"photos/{self.id}"

    @property
    def original_key(self) -> str:
        """The file as it came: decoded again for every render, never served."""
        return f"{self.storage_prefix}/original"

    @property
    def thumbnail_key(self) -> str:
        return f"{self.storage_prefix}/thumbnail.webp"

    @property
    def preview_key(self) -> str:
        return f"{self.storage_prefix}/preview.jpg"

    @property
    def mask_folder(self) -> str:
        return f"{self.storage_prefix}/masks"

    def mask_key(self, mask_id: uuid.UUID) -> str:
        """A mask painted over this photo: an 8-bit grey PNG of the photo's proportions."""
        return f"{self.mask_folder}/{mask_id}.png"


class RenderStatus(enum.StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"

    @property
    def finished(self) -> bool:
        return self in (RenderStatus.DONE, RenderStatus.FAILED)


class PictureOrder(Base):
    """What was asked for and paid at once: one picture or many."""

    __tablename__ = "picture_orders"
    __table_args__ = (
        Index(None, "user_id", "created_at"),
        CheckConstraint("credits > 0", name="credits_positive"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    # Made from the form that asked for it, so that sending the form twice makes (and costs) one order.
    request_key: Mapped[str] = mapped_column(String(64), unique=True)
    credits: Mapped[int]
    # The site's address as the person used it: a worker has no request to make links from.
    site_address: Mapped[str] = mapped_column(String(300))
    # Likewise the language that the person used.
    language: Mapped[str] = mapped_column(String(8), default="en", server_default="en")
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    # When it was seen to be complete: from then on there is nothing to tell its owner any more.
    completed_at: Mapped[datetime | None]

    renders: Mapped[list[Render]] = relationship(
        back_populates="order", order_by="Render.created_at, Render.id", passive_deletes=True
    )


class Render(Base):
    """One picture to be painted. This row is the truth; the queue only carries its id.

    ``attempt`` counts the starts and is the fencing token: a worker that lost its lease finds
    another number there and leaves the row alone.
    """

    __tablename__ = "renders"
    __table_args__ = (
        # The order in which pictures hang: pages are cut out of this index.
        Index(None, "user_id", "created_at", "id"),
        Index(None, "status", "lease_expires_at"),
        CheckConstraint("progress >= 0 AND progress <= 1", name="progress_range"),
        CheckConstraint("credits > 0", name="credits_positive"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    # A picture outlives its photo: who deletes the photo keeps what was painted from it.
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
    # Who has the link with this in it may look at the picture, and at the photo if its owner wants that.
    share_token: Mapped[str | None] = mapped_column(String(64), unique=True, index=True)
    share_shows_photo: Mapped[bool] = mapped_column(default=False, server_default=false())
    # What is told to the person, see app.studio.painting.failures; the cause is in the log.
    failure: Mapped[str | None] = mapped_column(String(FAILURE_LENGTH))
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]

    photo: Mapped[Photo | None] = relationship(back_populates="renders")
    order: Mapped[PictureOrder] = relationship(back_populates="renders")

    @property
    def storage_prefix(self) -> str:
        return f"renders/{self.id}"

    @property
    def attempt_prefix(self) -> str:
        """The folder of the current attempt's files."""
        return f"{self.storage_prefix}/{self.attempt}"

    @property
    def frame(self) -> Frame:
        """Its size and the part of the photo that fills it."""
        return Frame(self.width, self.height, self.crop)

    @property
    def dpi(self) -> int | None:
        """The resolution that it is printed at, if it is for printing."""
        return dots_per_inch(self.print_size)

    def result_key(self, name: str) -> str:
        """Key of a file of the current attempt: ``picture.png``, ``preview.jpg`` or ``thumbnail.webp``."""
        return f"{self.attempt_prefix}/{name}"
