"""Pages of pictures: the gallery, one picture, downloads, deletion."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from io import BytesIO

from flask import Blueprint, Response, flash, redirect, render_template, request, send_file, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext, ngettext
from flask_security import auth_required

from app.db import db, transaction
from app.extensions import limiter
from app.sentences import translatable
from app.storage.base import discard_files
from app.studio.domain import orders
from app.studio.domain.descriptions import painting_title, settings_in_words, size_note, style_title
from app.studio.domain.errors import NotFound, NothingChosen
from app.studio.domain.gallery import Cursor, newest_page, oldest_page, page_after, page_before
from app.studio.domain.models import Render, RenderStatus
from app.studio.domain.pictures import delete_renders, find_render, find_renders, renders_of
from app.studio.pages.downloads import ENDINGS, MEDIA_TYPES, PictureFile, as_jpeg
from app.studio.pages.forms import DeleteForm, as_fields, print_fields
from app.studio.pages.responses import (
    open_kept,
    photo_behind,
    private_data,
    private_file,
    private_thumbnail,
    send_archive,
    signed_in,
    wanted_kind,
)
from app.studio.pages.visitors import visitor
from app.studio.painting.failures import failure_in_words
from app.wiring import storage

bp = Blueprint("pictures", __name__, url_prefix="/pictures")

PICTURES_PER_PAGE = 24


@bp.app_template_global("painting_of")
def painting_of(render: Render) -> str:
    """The title of the painting that a picture's style comes from."""
    return painting_title(render.controls, style_title)


bp.add_app_template_filter(failure_in_words)
bp.add_app_template_filter(size_note)


# --- the gallery --------------------------------------------------------------------------------


@bp.get("")
@auth_required("session")
def gallery() -> ResponseReturnValue:
    """The person's pictures, newest first; ``before`` and ``after`` are cursors."""
    session, user_id = db.session(), signed_in().id
    if before := request.args.get("before"):
        page = page_before(session, user_id, PICTURES_PER_PAGE, Cursor.parse(before))
    elif after := request.args.get("after"):
        page = page_after(session, user_id, PICTURES_PER_PAGE, Cursor.parse(after))
    elif "oldest" in request.args:
        page = oldest_page(session, user_id, PICTURES_PER_PAGE)
    else:
        page = newest_page(session, user_id, PICTURES_PER_PAGE)
    return render_template("pictures/gallery.html", page=page, **_waiting(page.renders))


@bp.get("/cards")
def cards() -> ResponseReturnValue:
    """The current state of some cards of the gallery, without deleted pictures."""
    wanted = request.args.getlist("picture", uuid.UUID)[:PICTURES_PER_PAGE]
    renders = renders_of(db.session(), signed_in().id, wanted)
    return render_template("pictures/_cards.html", renders=renders, **_waiting(renders))


def _waiting(renders: Sequence[Render]) -> dict[str, object]:
    """The ids of unfinished pictures, and their positions in the queue."""
    return {
        "waiting_for": [render.id for render in renders if not render.status.finished],
        "positions": orders.queue_positions(db.session(), renders),
    }


@bp.get("/chosen")
@auth_required("session")
@limiter.limit("60/minute")
def download_chosen() -> Response:
    """Chosen pictures in one archive."""
    return send_archive(_chosen(request.args.getlist("picture")), gettext("pictures"))


@bp.route("/delete", methods=["GET", "POST"])
@auth_required("session")
def delete_chosen() -> ResponseReturnValue:
    """Ask, and then delete chosen pictures for good."""
    chosen = [render.id for render in _chosen(request.values.getlist("picture"))]
    if request.method == "GET":
        renders = find_renders(db.session(), signed_in().id, chosen)
        return render_template("pictures/delete.html", renders=renders, form=DeleteForm())
    _delete(chosen)
    flash(ngettext("The picture is deleted.", "The pictures are deleted.", len(chosen)), "success")
    return redirect(url_for("pictures.gallery"), 303)


def _chosen(sent: Sequence[str]) -> Sequence[Render]:
    """The person's pictures that the request names."""
    try:
        ids = [uuid.UUID(value) for value in sent]
    except ValueError:
        raise NotFound from None
    if not ids:
        raise NothingChosen(translatable("Select at least one picture first."))
    return find_renders(db.session(), signed_in().id, ids)


def _delete(picture_ids: Sequence[uuid.UUID]) -> None:
    user = signed_in()
    user_id, wallet_id = user.id, user.wallet_id
    with transaction() as session:
        prefixes = delete_renders(session, user_id, wallet_id, picture_ids)
    discard_files(storage(), prefixes)


# --- one picture --------------------------------------------------------------------------------


@bp.get("/<uuid:picture_id>")
@auth_required("session")
def show(picture_id: uuid.UUID) -> ResponseReturnValue:
    """The picture. Mails link here, so the page asks for a log-in."""
    return render_template("pictures/picture.html", **_context(picture_id))


@bp.get("/<uuid:picture_id>/status")
def status(picture_id: uuid.UUID) -> ResponseReturnValue:
    return render_template("pictures/_polled.html", **_context(picture_id))


@bp.get("/<uuid:picture_id>/edit")
def edit(picture_id: uuid.UUID) -> ResponseReturnValue:
    """Open the studio with the photo, the print and all settings of this picture."""
    render = _find(picture_id)
    if render.photo_id is None:
        flash(
            gettext("The photo of this picture is deleted. Upload it again: your settings are still here."),
            "info",
        )
    masks = render.controls if render.photo_id else render.controls.without_masks()
    fields = as_fields(masks) | print_fields(render)
    return redirect(url_for("studio.index", photos=render.photo_id, **fields))


@bp.post("/<uuid:picture_id>/delete")
def delete(picture_id: uuid.UUID) -> ResponseReturnValue:
    _delete([picture_id])
    flash(gettext("The picture is deleted."), "success")
    return redirect(url_for("pictures.gallery"), 303)


def _context(picture_id: uuid.UUID) -> dict[str, object]:
    render = _find(picture_id)
    return {
        "render": render,
        "photo": render.photo,
        "before_yours": orders.queue_positions(db.session(), [render]).get(render.id, 0),
        "settings": settings_in_words(render, style_title),
        "together": orders.count_pictures(db.session(), render.order_id),
        "delete_form": DeleteForm(),
    }


def _find(picture_id: uuid.UUID) -> Render:
    return find_render(db.session(), signed_in().id, picture_id)


def _finished(picture_id: uuid.UUID) -> Render:
    render = _find(picture_id)
    if render.status is not RenderStatus.DONE:
        raise NotFound
    return render


# --- files --------------------------------------------------------------------------------------


@bp.get("/<uuid:picture_id>/preview.jpg")
def preview(picture_id: uuid.UUID) -> Response:
    return private_file(_finished(picture_id).files.preview_key, "image/jpeg")


@bp.get("/<uuid:picture_id>/thumbnail.webp")
def thumbnail(picture_id: uuid.UUID) -> Response:
    return private_thumbnail(_finished(picture_id).files.thumbnail_key)


@bp.get("/<uuid:picture_id>/before.jpg")
def photo_before(picture_id: uuid.UUID) -> Response:
    """The part of the photo that the picture shows."""
    return photo_behind(_find(picture_id))


@bp.get("/<uuid:picture_id>/full.jpg")
@limiter.limit("60/minute")
def full(picture_id: uuid.UUID) -> Response:
    """Every pixel of the picture, to be looked at."""
    who, picture = visitor(), _picture_file(picture_id)
    with open_kept(picture.key) as kept:
        return private_data(as_jpeg(kept, picture, who), "image/jpeg")


@bp.get("/<uuid:picture_id>/download")
@limiter.limit("60/minute")
def download(picture_id: uuid.UUID) -> Response:
    """The picture as a file. A JPEG is made from the stored PNG at each download."""
    who, picture, kind = visitor(), _picture_file(picture_id), wanted_kind()
    kept = open_kept(picture.key)
    if kind == "jpeg":
        with kept:
            kept = BytesIO(as_jpeg(kept, picture, who))
    name = f"{picture.name}.{ENDINGS[kind]}"
    return send_file(kept, MEDIA_TYPES[kind], as_attachment=True, download_name=name)


def _picture_file(picture_id: uuid.UUID) -> PictureFile:
    """The file of a finished picture. Ends the transaction: a JPEG takes a while."""
    picture = PictureFile.of(_finished(picture_id), style_title)
    db.session.rollback()
    return picture
