"""What a visitor without an account can try: our sample photos, and one photo of their own.

A visitor's photo is a photo without a row: its files lie where every photo's do, what the row would hold is
in the visitor's signed session, and the sweep removes what has no row after a day.
Opening an account only adds the row.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
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
from app.studio.domain.photos import find_photo
from app.studio.painting.previewer import Subject
from app.wiring import storage

SESSION_KEY = "guest_photo"
# The columns of the row that the session stands in for.
FACTS = ("name", "media_type", "width", "height", "byte_size")
# Stands for an account while there is none.
NOBODY = 0

_SAMPLES = uuid.UUID("6c1a3b0e-5a52-4d0e-9f0e-2f3c8f6f5b11")


@dataclass(frozen=True)
class Sample:
    """A photo that ships with the site, for whoever has none at hand."""

    name: str
    title: str
    width: int
    height: int

    @property
    def path(self) -> Path:
        return PROJECT_ROOT / "static" / "samples" / f"{self.name}.jpg"

    @property
    def subject(self) -> Subject:
        return Subject(uuid.uuid5(_SAMPLES, self.name), self.path)


SAMPLES = {
    sample.name: sample
    for sample in (
        Sample("astronaut", translatable("The astronaut"), 512, 512),
        Sample("chelsea", translatable("The cat"), 451, 300),
        Sample("coffee", translatable("The coffee"), 600, 400),
    )
}


def guest_photo() -> Photo | None:
    """The photo that this visitor uploaded, not in the database; None if there is none, or not any more.

    Raises:
        StorageError: the storage does not say whether it is there.
    """
    kept: Any = browser_session.get(SESSION_KEY)
    if not isinstance(kept, dict):
        return None
    photo = Photo(id=uuid.UUID(kept["id"]), user_id=NOBODY, **{name: kept[name] for name in FACTS})
    # A session lasts longer than the files. It goes on naming a photo that was swept: previews are asked for
    # many at once, and an answer that changed the session could undo an upload made meanwhile.
    return photo if storage().holds(photo.original_key) else None


def own_photo(session: Session, photo_id: uuid.UUID) -> Photo:
    """The photo of whoever asks, with an account or without.

    Raises:
        NotFound: there is none with this id, or it is somebody else's.
    """
    guest = guest_photo()
    if guest is not None and guest.id == photo_id:
        return guest
    if not current_user.is_authenticated:
        raise NotFound
    return find_photo(session, current_user.id, photo_id)


def remember_guest_photo(photo: Photo) -> list[str]:
    """Keep a photo for this visitor; return the prefix of the one before it, if any, whose files can go."""
    before = forget_guest_photo()
    facts = {name: getattr(photo, name) for name in FACTS}
    browser_session[SESSION_KEY] = {"id": str(photo.id), **facts}
    return before


def forget_guest_photo() -> list[str]:
    """Let go of the visitor's photo; return the prefix of its files, if there was one."""
    before = guest_photo()
    browser_session.pop(SESSION_KEY, None)
    return [before.storage_prefix] if before else []


def adopt_guest_photo(session: Session, user_id: int) -> Photo | None:
    """Give the visitor's photo to the account that they now have; None if there is none, or not any more.

    Another tab may do the same at this moment: whichever comes second finds the photo adopted already.
    """
    photo = guest_photo()
    browser_session.pop(SESSION_KEY, None)
    if photo is None:
        return None
    photo.user_id = user_id
    try:
        with session.begin_nested():
            session.add(photo)
    except IntegrityError:
        photo = session.get_one(Photo, photo.id)
    return photo if photo.user_id == user_id else None
