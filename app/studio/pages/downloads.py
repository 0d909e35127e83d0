"""Downloads: a picture as a file with a telling name, or many in one archive.

An archive is made while it is sent. Neither memory nor disk ever holds all of it, only one picture at a time.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, Literal

import structlog
from flask_babel import gettext
from PIL import Image
from zipstream import ZipStream

from app.imaging import encode_jpeg
from app.imaging.prints import known_size
from app.storage.base import Storage, StorageError
from app.studio.domain.descriptions import Title, painting_title
from app.studio.domain.models import Render
from app.studio.domain.slots import download_slot
from app.translation import translated

log = structlog.get_logger(__name__)

Kind = Literal["jpeg", "png"]
ENDINGS: dict[Kind, str] = {"jpeg": "jpg", "png": "png"}
MEDIA_TYPES: dict[Kind, str] = {"jpeg": "image/jpeg", "png": "image/png"}
BLOCK = 1 << 18

# Characters that some system forbids in file names.
_FORBIDDEN = re.compile(r'[<>:"/\\|?*\x00-\x1f]+')


@dataclass(frozen=True)
class PictureFile:
    """A finished picture as a file to send, usable after its transaction."""

    key: str
    name: str
    dpi: int | None

    @classmethod
    def of(cls, render: Render, title: Title) -> PictureFile:
        """The file of a finished render, named after photo, painting and size."""
        size = known_size(render.print_size)
        parts = [render.name, painting_title(render.controls, title)]
        if size is not None and not size.keeps_photo:
            parts.append(translated(size.title))
        name = " - ".join(_FORBIDDEN.sub("_", part) for part in parts)
        return cls(render.files.picture_key, name, render.dpi)


def as_jpeg(kept: BinaryIO, picture: PictureFile, visitor: str, *, patient: bool = False) -> bytes:
    """The picture as a JPEG, made from the stored PNG in a download slot.

    Raises:
        TooBusy: as :func:`download_slot` does.
    """
    with download_slot(visitor, patient=patient), Image.open(kept, formats=["PNG"]) as image:
        return encode_jpeg(image, dpi=picture.dpi)


def zip_pictures(
    storage: Storage, pictures: Iterable[PictureFile], kind: Kind, visitor: str
) -> Iterator[bytes]:
    """An archive of pictures, block by block, with a note about lost files."""
    archive = ZipStream()  # without compression: pictures are compressed already
    taken: set[str] = set()
    lost: list[str] = []
    for picture in pictures:
        if not _is_there(storage, picture):
            lost.append(picture.name)
            continue
        archive.add(_read(storage, picture, kind, visitor), _unused(picture.name, ENDINGS[kind], taken))
    if lost:
        note = gettext("These pictures could not be found. Please write to us:")
        archive.add("\n".join((note, *lost, "")), gettext("Not included") + ".txt")
    return iter(archive)


def _is_there(storage: Storage, picture: PictureFile) -> bool:
    try:
        storage.open(picture.key).close()
    except StorageError as error:
        log.error("file.missing", key=picture.key, cause=repr(error.__cause__))
        return False
    return True


def _read(storage: Storage, picture: PictureFile, kind: Kind, visitor: str) -> Iterator[bytes]:
    """The bytes of one file, read only when the archive needs them."""
    with storage.open(picture.key) as file:
        if kind == "jpeg":
            yield as_jpeg(file, picture, visitor, patient=True)
            return
        while block := file.read(BLOCK):
            yield block


def _unused(name: str, ending: str, taken: set[str]) -> str:
    """The file's name, with a number if another file has the same name in any case."""
    candidate, number = f"{name}.{ending}", 1
    while candidate.lower() in taken:
        number += 1
        candidate = f"{name} ({number}).{ending}"
    taken.add(candidate.lower())
    return candidate
