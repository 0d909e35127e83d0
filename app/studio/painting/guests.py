"""Guests, who have no account: the samples, and one photo of their own.

A guest's photo has files like every photo, but no row. The guest's signed session holds what the row would
hold. The sweep removes the files after a day. When the guest opens an account, only the row is added.
"""

from __future__ import annotations

import uuid
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from flask import session as browser_session
from flask_login import current_user
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.config import PROJECT_ROOT
from app.sentences import translatable
from app.studio.domain.errors import NotFound
from app.studio.domain.models import Photo
from app.studio.domain.photos import UploadedPhoto, find_photo
from app.studio.painting.preview_source import PreviewSource
from app.wiring import storage

SESSION_KEY = "guest_photo"

# The namespace of the samples' ids.
_SAMPLES = uuid.UUID("6c1a3b0e-5a52-4d0e-9f0e-2f3c8f6f5b11")


@dataclass(frozen=True)
class Sample:
    """A photo that ships with the site, for people who have none ready."""

    name: str
    title: str
    width: int
    height: int

    @property
    def path(self) -> Path:
        """The file with its pixels."""
        return PROJECT_ROOT / "static" / "samples" / f"{self.name}.jpg"

    @property
    def source(self) -> PreviewSource:
        """The sample as a source of previews."""
        return PreviewSource(uuid.uuid5(_SAMPLES, self.name), self.path)


SAMPLES = {
    sample.name: sample
    for sample in (
        Sample("astronaut", translatable("The astronaut"), 512, 512),
        Sample("chelsea", translatable("The cat"), 451, 300),
        Sample("coffee", translatable("The coffee"), 600, 400),
    )
}


def guest_photo() -> UploadedPhoto | None:
    """The photo that this guest uploaded; None if there is none any more.

    Raises:
        StorageError: the storage does not say whether the files are there.
    """
    kept: Any = browser_session.get(SESSION_KEY)
    if not isinstance(kept, dict):
        return None
    photo = UploadedPhoto(**(kept | {"id": uuid.UUID(kept["id"])}))
    # A session lasts longer than the files, and still names a photo that was swept. It is not cleared here:
    # a page asks for many previews at once, and a changed session could undo an upload made meanwhile.
    return photo if storage().holds(photo.files.original_key) else None


def own_photo(session: Session, photo_id: uuid.UUID) -> Photo | UploadedPhoto:
    """The photo of this request's person, who has an account or is a guest.

    Raises:
        NotFound: there is none with this id, or it is somebody else's.
    """
    guest = guest_photo()
    if guest is not None and guest.id == photo_id:
        return guest
    if not current_user.is_authenticated:
        raise NotFound
    return find_photo(session, current_user.id, photo_id)


def remember_guest_photo(photo: UploadedPhoto) -> list[str]:
    """Put a photo into the guest's session; return the old one's prefix to discard."""
    before = forget_guest_photo()
    browser_session[SESSION_KEY] = asdict(photo) | {"id": str(photo.id)}
    return before


def forget_guest_photo() -> list[str]:
    """Take the guest's photo out of the session; return its prefix to discard."""
    before = guest_photo()
    browser_session.pop(SESSION_KEY, None)
    return [before.files.prefix] if before else []


def adopt_guest_photo(session: Session, user_id: int) -> Photo | None:
    """Give the guest's photo to their new account; None if there is no photo.

    Two tabs may do this at the same moment. The second one finds the row of the first.
    """
    uploaded = guest_photo()
    browser_session.pop(SESSION_KEY, None)
    if uploaded is None:
        return None
    photo = uploaded.row(user_id)
    try:
        with session.begin_nested():
            session.add(photo)
    except IntegrityError:
        photo = session.get_one(Photo, uploaded.id)
    return photo if photo.user_id == user_id else None
