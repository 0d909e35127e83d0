"""Responses that several pages share: private files, thumbnails, archives."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import BinaryIO, cast

import structlog
from flask import Response, request, send_file
from flask_login import current_user
from PIL import Image

from app.accounts.models import User
from app.caching import ask_each_time
from app.errors import DomainError
from app.imaging import make_preview, shrink_thumbnail
from app.imaging.encode import SMALL_THUMBNAIL_SIDE
from app.imaging.prints import WHOLE
from app.sentences import translatable
from app.storage.base import StorageError
from app.studio.domain.descriptions import style_title
from app.studio.domain.errors import NotFound, NothingChosen
from app.studio.domain.models import Render, RenderStatus
from app.studio.domain.thumbnails import small_key
from app.studio.pages.downloads import ENDINGS, Kind, PictureFile, zip_pictures
from app.studio.pages.visitors import visitor
from app.wiring import storage

log = structlog.get_logger(__name__)


def signed_in() -> User:
    """The person who is logged in.

    Raises:
        NotFound: nobody is, so that guests get the same answer as strangers.
    """
    if not current_user.is_authenticated:
        raise NotFound
    return cast(User, current_user._get_current_object())


def private_file(key: str, media_type: str) -> Response:
    """A file that never changes, which the owner's browser revalidates on every use.

    Raises:
        NotFound: it is not there.
    """
    response = send_file(open_kept(key), media_type)
    response.set_etag(hashlib.sha256(key.encode()).hexdigest()[:32])  # files never change under their key
    return ask_each_time(response)


def private_thumbnail(key: str) -> Response:
    """A thumbnail, in the size that the request asks for.

    Raises:
        NotFound: it is not there.
    """
    if not wants_small():
        return private_file(key, "image/webp")
    if storage().holds(small_key(key)):
        return private_file(small_key(key), "image/webp")
    with open_kept(key) as file:  # an old picture has only one
        return private_data(shrink_thumbnail(file), "image/webp")


def wants_small() -> bool:
    """Whether the request asks for the smaller of the two thumbnails."""
    return request.args.get("side") == str(SMALL_THUMBNAIL_SIDE)


def open_kept(key: str) -> BinaryIO:
    """Open a stored file to send it.

    Raises:
        NotFound: it is not there.
    """
    try:
        return storage().open(key)
    except StorageError as error:
        log.error("file.missing", key=key, cause=repr(error.__cause__))
        raise NotFound from error


def private_data(data: bytes, media_type: str) -> Response:
    """Like :func:`private_file`, for data that was just made."""
    return ask_each_time(Response(data, mimetype=media_type))


def photo_behind(render: Render) -> Response:
    """The part of the photo that a picture shows, to be compared with it.

    Raises:
        NotFound: the photo is deleted, or its file is not there.
    """
    photo = render.photo
    if photo is None:
        raise NotFound
    if render.crop == WHOLE:
        return private_file(photo.files.preview_key, "image/jpeg")
    with open_kept(photo.files.preview_key) as file, Image.open(file, formats=["JPEG"]) as image:
        left, top, right, bottom = (round(edge) for edge in render.crop.box(image.size))
        part = image.crop((left, top, max(right, left + 1), max(bottom, top + 1)))
    return private_data(make_preview(part), "image/jpeg")


def wanted_kind() -> Kind:
    """The kind of file that the request asks for.

    Raises:
        DomainError: there is no such kind.
    """
    wanted = request.args.get("format", "jpeg")
    if wanted not in ENDINGS:
        raise DomainError(translatable("Pictures come as JPEG or PNG. Go back and choose one of the two."))
    return wanted


def send_archive(renders: Iterable[Render], name: str) -> Response:
    """The finished ones of some pictures in one archive, made while it is sent.

    Raises:
        NothingChosen: none of them is finished.
    """
    finished = [render for render in renders if render.status is RenderStatus.DONE]
    if not finished:
        raise NothingChosen(translatable("None of these pictures is ready yet. Wait a moment and try again."))
    pictures = [PictureFile.of(render, style_title) for render in finished]
    archive = zip_pictures(storage(), pictures, wanted_kind(), visitor())
    response = Response(archive, mimetype="application/zip")
    response.headers.set("Content-Disposition", "attachment", filename=f"{name}.zip")
    return response
