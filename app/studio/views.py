"""The pages of the studio: upload, choose, watch, compare, download, delete."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import cast

import structlog
from flask import Blueprint, Response, flash, redirect, render_template, request, send_file, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from flask_security import auth_required
from PIL import Image
from sqlalchemy import select
from werkzeug.datastructures import FileStorage

from app.accounts.models import User
from app.billing import ledger
from app.db import transaction
from app.engine.catalogue import Style
from app.engine.errors import UnknownStyle
from app.errors import DomainError
from app.extensions import db, limiter
from app.imaging import encode_jpeg
from app.imaging.errors import EmptyFile, FileTooLarge
from app.storage.base import StorageError
from app.studio import services
from app.studio.errors import NotFound
from app.studio.forms import DeleteForm, PaintForm, UploadForm
from app.studio.models import Photo, Render, RenderStatus
from app.wiring import catalogue, render_queue, settings, storage

log = structlog.get_logger(__name__)
bp = Blueprint("studio", __name__)

PICTURES_PER_PAGE = 24
PHOTOS_SHOWN = 48


def _user() -> User:
    """The person of this request; on a private file's address nobody gets the same answer as a stranger."""
    if not current_user.is_authenticated:
        raise NotFound
    return cast(User, current_user._get_current_object())


# --- choosing -----------------------------------------------------------------------------------


@bp.get("/studio")
@auth_required("session")
def index() -> ResponseReturnValue:
    return _studio_page(PaintForm(token=str(uuid.uuid4())))


def _studio_page(form: PaintForm, status: int = 200) -> ResponseReturnValue:
    user = _user()
    form.offer(catalogue())
    photos = db.session.scalars(
        select(Photo).where(Photo.user_id == user.id).order_by(Photo.created_at.desc()).limit(PHOTOS_SHOWN)
    ).all()
    page = render_template(
        "studio/index.html",
        photos=photos,
        selected=_selected_photos(form, photos),
        styles=catalogue().styles,
        selected_style=form.style.data or request.args.get("style"),
        form=form,
        upload_form=UploadForm(),
        max_megabytes=settings().upload_max_megabytes,
        max_megapixels=settings().upload_max_megapixels,
        max_files=settings().upload_max_files,
        credits_per_picture=settings().credits_per_picture,
    )
    return page, status


def _selected_photos(form: PaintForm, photos: Sequence[Photo]) -> set[str]:
    """The photos to show as chosen: those of the form sent, those just uploaded, or the only one there is."""
    wanted = {str(photo_id) for photo_id in form.photos.data or []} or set(request.args.getlist("photos"))
    if not wanted and len(photos) == 1:
        return {str(photos[0].id)}
    return wanted & {str(photo.id) for photo in photos}


@bp.post("/renders")
@auth_required("session")
def create_renders() -> ResponseReturnValue:
    form = PaintForm()
    form.offer(catalogue())
    if not form.validate_on_submit():
        flash(form.first_error, "error")
        return _studio_page(form, 400)
    user = _user()
    user_id, wallet_id = user.id, user.wallet_id
    try:
        with transaction() as session:
            renders = services.submit_renders(
                session,
                user_id=user_id,
                wallet_id=wallet_id,
                photo_ids=form.photos.data,
                choices=form.chosen(),
                credits_each=settings().credits_per_picture,
                form_token=form.token.data,
            )
            waiting = [render.id for render in renders if render.status is RenderStatus.QUEUED]
            first, count = renders[0].id, len(renders)
    except ledger.InsufficientCredits as error:
        flash(str(error), "error")
        return _studio_page(form, error.status)
    for render_id in waiting:
        render_queue().submit(render_id)
    if count == 1:
        return redirect(url_for("studio.picture", picture_id=first), 303)
    return redirect(url_for("studio.pictures"), 303)


# --- photos -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class RefusedUpload:
    """A file that was not taken, and why."""

    name: str
    sentence: str
    status: int


@bp.post("/photos")
@auth_required("session")
@limiter.limit("120/minute")
def upload() -> ResponseReturnValue:
    user_id = _user().id
    db.session.commit()  # decoding takes a while; hold no transaction meanwhile
    files = [file for file in request.files.getlist("photos") if file.filename]
    kept: list[Photo] = []
    refused: list[RefusedUpload] = []
    for file in files[: settings().upload_max_files]:
        try:
            kept.append(_keep_upload(user_id, file))
        except DomainError as error:
            log.info("upload.refused", error=type(error).__name__, cause=repr(error.__cause__))
            refused.append(RefusedUpload(file.filename or "", str(error), error.status))
    for file in files[settings().upload_max_files :]:
        sentence = f"At most {settings().upload_max_files} photos can be uploaded at once."
        refused.append(RefusedUpload(file.filename or "", sentence, 413))
    if not files:
        refused.append(RefusedUpload("", "Choose a photo to upload.", 400))
    return _upload_answer(kept, refused)


def _keep_upload(user_id: int, file: FileStorage) -> Photo:
    """Check, keep and record one uploaded file; nothing of it stays behind if any of that fails."""
    limit = settings().upload_max_bytes
    data = file.stream.read(limit + 1)
    if len(data) > limit:
        raise FileTooLarge(settings().upload_max_megabytes)
    if not data:
        raise EmptyFile
    photo = services.keep_photo(
        storage(), user_id, file.filename or "", data, max_pixels=settings().upload_max_pixels
    )
    prefix = photo.storage_prefix
    try:
        with transaction() as session:
            session.add(photo)
    except BaseException:
        services.discard_files(storage(), [prefix])
        raise
    return photo


def _upload_answer(kept: list[Photo], refused: list[RefusedUpload]) -> ResponseReturnValue:
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
    return _studio_page(PaintForm(formdata=None, token=str(uuid.uuid4())), status)


@bp.get("/photos/<uuid:photo_id>/thumbnail.webp")
def photo_thumbnail(photo_id: uuid.UUID) -> Response:
    photo = services.find_photo(db.session(), _user().id, photo_id)
    return _send_private(photo.thumbnail_key, "image/webp")


@bp.get("/photos/<uuid:photo_id>/preview.jpg")
def photo_preview(photo_id: uuid.UUID) -> Response:
    photo = services.find_photo(db.session(), _user().id, photo_id)
    return _send_private(photo.preview_key, "image/jpeg")


@bp.post("/photos/<uuid:photo_id>/delete")
def delete_photo(photo_id: uuid.UUID) -> ResponseReturnValue:
    user_id = _user().id
    with transaction() as session:
        prefix = services.delete_photo(session, user_id, photo_id)
    services.discard_files(storage(), [prefix])
    flash("The photo is deleted. Pictures painted from it are still yours.", "success")
    return redirect(url_for("studio.index"), 303)


# --- pictures -----------------------------------------------------------------------------------


@bp.get("/pictures")
@auth_required("session")
def pictures() -> ResponseReturnValue:
    page = db.paginate(
        select(Render).where(Render.user_id == _user().id).order_by(Render.created_at.desc(), Render.id),
        per_page=PICTURES_PER_PAGE,
        max_per_page=PICTURES_PER_PAGE,
    )
    return render_template("studio/pictures.html", renders=page.items, pager=page, style_title=_style_title)


@bp.get("/pictures/<uuid:picture_id>")
def picture(picture_id: uuid.UUID) -> ResponseReturnValue:
    return render_template("studio/picture.html", **_picture_context(picture_id))


@bp.get("/pictures/<uuid:picture_id>/status")
def picture_status(picture_id: uuid.UUID) -> ResponseReturnValue:
    return _fresh(render_template("studio/_picture_status.html", **_picture_context(picture_id)))


@bp.get("/pictures/<uuid:picture_id>/card")
def picture_card(picture_id: uuid.UUID) -> ResponseReturnValue:
    render = services.find_render(db.session(), _user().id, picture_id)
    return _fresh(render_template("studio/_card.html", render=render, style_title=_style_title))


def _picture_context(picture_id: uuid.UUID) -> dict[str, object]:
    render = services.find_render(db.session(), _user().id, picture_id)
    return {
        "render": render,
        "photo": render.photo,
        "style": _style(render.style),
        "style_title": _style_title,
        "before_yours": services.queue_position(db.session(), render),
        "delete_form": DeleteForm(),
    }


def _style(slug: str) -> Style | None:
    """The style, or None when it has been removed since the picture was painted."""
    try:
        return catalogue().get(slug)
    except UnknownStyle:
        return None


def _style_title(slug: str) -> str:
    style = _style(slug)
    return style.title if style else slug.replace("_", " ").capitalize()


@bp.get("/pictures/<uuid:picture_id>/preview.jpg")
def picture_preview(picture_id: uuid.UUID) -> Response:
    return _send_private(_finished(picture_id).result_key("preview.jpg"), "image/jpeg")


@bp.get("/pictures/<uuid:picture_id>/thumbnail.webp")
def picture_thumbnail(picture_id: uuid.UUID) -> Response:
    return _send_private(_finished(picture_id).result_key("thumbnail.webp"), "image/webp")


@bp.get("/pictures/<uuid:picture_id>/download")
def download(picture_id: uuid.UUID) -> Response:
    """The picture at full size; the JPEG is made from the kept PNG at each download."""
    render = _finished(picture_id)
    wanted = request.args.get("format", "jpeg")
    if wanted not in ("jpeg", "png"):
        raise DomainError("A picture can be downloaded as jpeg or png.")
    name = f"{render.name} - {_style_title(render.style)}"
    file = storage().open(render.result_key("picture.png"))
    if wanted == "png":
        return send_file(file, "image/png", as_attachment=True, download_name=f"{name}.png")
    with file, Image.open(file) as image:
        jpeg = BytesIO(encode_jpeg(image))
    return send_file(jpeg, "image/jpeg", as_attachment=True, download_name=f"{name}.jpg")


def _finished(picture_id: uuid.UUID) -> Render:
    render = services.find_render(db.session(), _user().id, picture_id)
    if render.status is not RenderStatus.DONE:
        raise NotFound
    return render


@bp.post("/pictures/<uuid:picture_id>/delete")
def delete_picture(picture_id: uuid.UUID) -> ResponseReturnValue:
    user = _user()
    user_id, wallet_id = user.id, user.wallet_id
    with transaction() as session:
        prefix = services.delete_render(session, user_id, wallet_id, picture_id)
    services.discard_files(storage(), [prefix])
    flash("The picture is deleted.", "success")
    return redirect(url_for("studio.pictures"), 303)


# --- answers ------------------------------------------------------------------------------------


def _send_private(key: str, media_type: str) -> Response:
    """A file that never changes, kept by its owner's browser and by nobody in between."""
    try:
        response = send_file(storage().open(key), media_type)
    except StorageError as error:
        log.error("file.missing", key=key, cause=repr(error.__cause__))
        raise NotFound from error
    response.headers["Cache-Control"] = "private, max-age=86400, immutable"
    return response


def _fresh(body: str) -> ResponseReturnValue:
    return body, {"Cache-Control": "no-store"}


@bp.get("/styles/<slug>/preview.webp")
def style_preview(slug: str) -> Response:
    """The preview picture of a style that ships or was imported here."""
    try:
        style = catalogue().get(slug)
    except UnknownStyle:
        raise NotFound from None
    return send_file(style.preview, "image/webp", max_age=86400)
