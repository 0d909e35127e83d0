"""Photos that people upload and the renders made from them."""

from __future__ import annotations

import enum
import uuid
from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.db import Base, text_enum, utc_now


class Photo(Base):
    """An uploaded photo. ``storage_key`` names the file as it came; it is never served."""

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


class RenderStatus(enum.StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"

    @property
    def finished(self) -> bool:
        return self in (RenderStatus.DONE, RenderStatus.FAILED)


class Render(Base):
    """One picture to be painted. This row is the truth; the queue only carries its id.

    ``attempt`` counts the starts and is the fencing token: a worker that lost its lease finds
    another number there and leaves the row alone.
    """

    __tablename__ = "renders"
    __table_args__ = (
        Index(None, "user_id", "created_at"),
        Index(None, "status", "lease_expires_at"),
        CheckConstraint("strength >= 0 AND strength <= 1", name="strength_range"),
        CheckConstraint("progress >= 0 AND progress <= 1", name="progress_range"),
        CheckConstraint("credits > 0", name="credits_positive"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    # A picture outlives its photo: who deletes the photo keeps what was painted from it.
    photo_id: Mapped[uuid.UUID | None] = mapped_column(
        ForeignKey("photos.id", ondelete="SET NULL"), index=True
    )
    name: Mapped[str] = mapped_column(String(100))
    width: Mapped[int]
    height: Mapped[int]
    # Made from the form that asked for it, so that sending the form twice makes (and costs) one picture.
    request_key: Mapped[str] = mapped_column(String(64), unique=True)
    style: Mapped[str] = mapped_column(String(64))
    strength: Mapped[float] = mapped_column(default=1.0)
    keep_colors: Mapped[bool] = mapped_column(default=False)
    credits: Mapped[int]
    status: Mapped[RenderStatus] = mapped_column(
        text_enum(RenderStatus, 16),
        default=RenderStatus.QUEUED,
    )
    progress: Mapped[float] = mapped_column(default=0.0)
    attempt: Mapped[int] = mapped_column(default=0)
    lease_expires_at: Mapped[datetime | None]
    # One sentence for the person; the cause is in the log.
    failure: Mapped[str | None] = mapped_column(String(300))
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]

    photo: Mapped[Photo | None] = relationship(back_populates="renders")

    @property
    def storage_prefix(self) -> str:
        return f"renders/{self.id}"

    def result_key(self, name: str) -> str:
        """Key of a file of the current attempt: ``picture.png``, ``preview.jpg`` or ``thumbnail.webp``."""
        return f"{self.storage_prefix}/{self.attempt}/{name}"
