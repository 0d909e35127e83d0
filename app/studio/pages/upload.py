"""The addresses of the studio page, of photos, and of styles' previews."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from io import BytesIO

import structlog
from flask import Blueprint, Response, flash, redirect, render_template, request, send_file, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext, ngettext
from flask_login import current_user
from werkzeug.datastructures import FileStorage

from app.db import db, transaction
from app.engine.errors import UnknownStyle
from app.errors import SENTENCES, DomainError, in_words, will_pass
from app.extensions import limiter
from app.imaging.errors import EmptyFile, FileTooLarge
from app.request_bodies import FORM_MAX_BYTES, takes_body
from app.sentences import translatable
from app.storage.base import StorageError, discard_files
from app.studio.domain import photos
from app.studio.domain.errors import NotFound
from app.studio.domain.photos import UploadedPhoto
from app.studio.domain.slots import upload_slot
from app.studio.domain.thumbnails import small_preview
from app.studio.pages.forms import DeleteForm
from app.studio.pages.responses import private_file, private_thumbnail, signed_in, wants_small
from app.studio.pages.studio_page import studio_address, studio_page
from app.studio.pages.visitors import visitor
from app.studio.painting.guests import forget_guest_photo, own_photo, remember_guest_photo
from app.translation import PATH_OF_OURS
from app.wiring import catalogue, settings, storage

log = structlog.get_logger(__name__)
bp = Blueprint("studio", __name__)

ONE_PHOTO = translatable("Without an account, you can try one photo at a time. Sign up to paint several.")


# --- choosing -----------------------------------------------------------------------------------


@bp.get("/studio")
def index() -> ResponseReturnValue:
    return studio_page()


@bp.post("/studio")
def show() -> ResponseReturnValue:
    """The studio with the controls that were sent, for pages without scripts."""
    sent = request.form.items(multi=True)
    fields = [(name, value) for name, value in sent if name not in ("csrf_token", "token", "credits")]
    return redirect(f"{studio_address(fields)}#easel", 303)


# --- photos -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class RefusedUpload:
    """A file that was refused, and why."""

    name: str
    sentence: str
    status: int


def _upload_max_bytes() -> int:
    """The largest body of an upload; a guest tries one photo at a time."""
    files = settings().upload_max_files if current_user.is_authenticated else 1
    return FORM_MAX_BYTES + files * settings().upload_max_bytes


@bp.post("/photos")
@limiter.limit("120/minute", exempt_when=lambda: not current_user.is_authenticated)
@limiter.limit("10/minute;200/day", exempt_when=lambda: current_user.is_authenticated)
@takes_body(_upload_max_bytes)
def upload() -> ResponseReturnValue:
    """Store the photos sent, for an account or for a guest, who can try one."""
    user_id = current_user.id if current_user.is_authenticated else None
    who = visitor()
    at_once = settings().upload_max_files if user_id else 1
    db.session.commit()  # decoding takes a while, so no transaction stays open
    files = [file for file in request.files.getlist("photos") if file.filename]
    kept: list[UploadedPhoto] = []
    refused: list[RefusedUpload] = []
    for file in files[:at_once]:
        try:
            kept.append(_keep_upload(user_id, who, file))
        except DomainError as error:
            log.info("upload.refused", error=type(error).__name__, cause=repr(error.__cause__))
            refused.append(RefusedUpload(file.filename or "", in_words(error), error.status))
        except (MemoryError, OSError, StorageError) as error:
            # The photo is not to blame, nor are the others.
            log.exception("upload.failed")
            status = 503 if will_pass(error) else 500
            refused.append(RefusedUpload(file.filename or "", gettext(SENTENCES[status]), status))
    for file in files[at_once:]:
        sentence = (
            ngettext(
                "You can upload %(num)d photo at a time. Choose just one.",
                "You can upload %(num)d photos at a time. Choose fewer.",
                at_once,
            )
            if user_id
            else gettext(ONE_PHOTO)
        )
        refused.append(RefusedUpload(file.filename or "", sentence, 413))
    if not files:
        refused.append(RefusedUpload("", gettext("Choose a photo to upload."), 400))
    return _upload_answer(kept, refused)


def _keep_upload(user_id: int | None, who: str, file: FileStorage) -> UploadedPhoto:
    """Check and store one uploaded file with its row; all of it, or nothing.

    A guest's photo gets no row, and replaces the guest's photo before it.
    """
    limit = settings().upload_max_bytes
    with upload_slot(who):
        data = file.stream.read(limit + 1)
        if len(data) > limit:
            raise FileTooLarge(settings().upload_max_megabytes)
        if not data:
            raise EmptyFile
        photo = photos.keep_photo(
            storage(), file.filename or "", data, max_pixels=settings().upload_max_pixels
        )
    if user_id is None:
        discard_files(storage(), remember_guest_photo(photo))
        return photo
    try:
        with transaction() as session:
            session.add(photo.row(user_id))
    except BaseException:
        discard_files(storage(), [photo.files.prefix])
        raise
    return photo


def _upload_answer(kept: list[UploadedPhoto], refused: list[RefusedUpload]) -> ResponseReturnValue:
    status = 303 if kept else refused[0].status
    location = url_for("studio.index", photos=[str(photo.id) for photo in kept])
    if request.accept_mimetypes.best == "application/json":
        return {
            "photos": [{"id": str(photo.id), "name": photo.name} for photo in kept],
            "errors": [{"name": upload.name, "sentence": upload.sentence} for upload in refused],
            "location": location,
        }, 201 if kept else status
    for upload in refused:
        flash(f"{upload.name}: {upload.sentence}" if upload.name else upload.sentence, "error")
    if kept:
        return redirect(location, 303)
    return studio_page(status)


@bp.get("/photos/<uuid:photo_id>/thumbnail.webp")
def photo_thumbnail(photo_id: uuid.UUID) -> Response:
    photo = own_photo(db.session(), photo_id)
    return private_thumbnail(photo.files.thumbnail_key)


@bp.get("/photos/<uuid:photo_id>/preview.jpg")
def photo_preview(photo_id: uuid.UUID) -> Response:
    photo = own_photo(db.session(), photo_id)
    return private_file(photo.files.preview_key, "image/jpeg")


@bp.post("/photos/<uuid:photo_id>/delete")
def delete_photo(photo_id: uuid.UUID) -> ResponseReturnValue:
    """Delete a photo for good; the field ``ask``, sent without scripts, asks first."""
    photo = own_photo(db.session(), photo_id)
    if "ask" in request.form:
        return render_template("studio/delete.html", photo=photo, form=DeleteForm())
    if isinstance(photo, UploadedPhoto):
        discard_files(storage(), forget_guest_photo())
        flash(gettext("The photo is deleted."), "success")
        return redirect(url_for("studio.index"), 303)
    user_id = signed_in().id
    with transaction() as session:
        prefix = photos.delete_photo(session, user_id, photo_id)
    discard_files(storage(), [prefix])
    flash(gettext("The photo is deleted. Pictures painted from it stay."), "success")
    back = request.form.get("next", "")
    stays = PATH_OF_OURS.fullmatch(back) and str(photo_id) not in back
    return redirect(back if stays else url_for("studio.index"), 303)


@bp.get("/styles/<slug>/preview.webp")
def style_preview(slug: str) -> Response:
    """The preview image of a style that ships or was imported."""
    try:
        style = catalogue().get(slug)
    except UnknownStyle:
        raise NotFound from None
    if wants_small():
        return send_file(BytesIO(small_preview(style.preview)), "image/webp", max_age=86400)
    return send_file(style.preview, "image/webp", max_age=86400)
