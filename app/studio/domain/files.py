"""The storage keys of a photo's and a render's files, known from ids alone."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

PHOTOS, RENDERS = "photos", "renders"


@dataclass(frozen=True)
class PhotoFiles:
    """Where the files of a photo lie, also of a sample or a guest's photo."""

    photo_id: uuid.UUID

    @classmethod
    def at(cls, prefix: str) -> PhotoFiles:
        """The files under a prefix such as ``photos/ID``."""
        return cls(uuid.UUID(prefix.removeprefix(f"{PHOTOS}/")))

    @property
    def prefix(self) -> str:
        """The prefix of all files of the photo."""
        return f"{PHOTOS}/{self.photo_id}"

    @property
    def original_key(self) -> str:
        """The uploaded file itself: decoded again for every render, never served."""
        return f"{self.prefix}/original"

    @property
    def thumbnail_key(self) -> str:
        """The larger of the two thumbnails, see :mod:`app.studio.domain.thumbnails`."""
        return f"{self.prefix}/thumbnail.webp"

    @property
    def preview_key(self) -> str:
        """The photo as a JPEG of moderate size, without a style."""
        return f"{self.prefix}/preview.jpg"

    @property
    def mask_folder(self) -> str:
        """The prefix of all masks of the photo."""
        return f"{self.prefix}/masks"

    def mask_key(self, mask_id: uuid.UUID) -> str:
        """A mask painted over the photo: an 8-bit grey PNG with the photo's proportions."""
        return f"{self.mask_folder}/{mask_id}.png"

    def style_preview_key(self, name: str) -> str:
        """A file of a small preview in a style."""
        return f"{self.prefix}/previews/{name}"


@dataclass(frozen=True)
class RenderFiles:
    """Where the files of a render lie. Each attempt writes into a folder of its own."""

    render_id: uuid.UUID
    attempt: int = 0

    @property
    def prefix(self) -> str:
        """The prefix of the files of all attempts."""
        return f"{RENDERS}/{self.render_id}"

    @property
    def attempt_prefix(self) -> str:
        """The prefix of this attempt's files."""
        return f"{self.prefix}/{self.attempt}"

    @property
    def earlier_prefixes(self) -> list[str]:
        """The prefixes of the attempts before this one."""
        return [f"{self.prefix}/{attempt}" for attempt in range(1, self.attempt)]

    @property
    def picture_key(self) -> str:
        """The finished picture with every pixel, as PNG."""
        return f"{self.attempt_prefix}/picture.png"

    @property
    def preview_key(self) -> str:
        """The finished picture as a JPEG of moderate size."""
        return f"{self.attempt_prefix}/preview.jpg"

    @property
    def thumbnail_key(self) -> str:
        """The larger of the two thumbnails, see :mod:`app.studio.domain.thumbnails`."""
        return f"{self.attempt_prefix}/thumbnail.webp"
