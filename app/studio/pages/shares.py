"""Shared links: the owner makes and withdraws them, strangers see the picture."""

from __future__ import annotations

import uuid

from flask import Blueprint, Response, flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from app.db import db, transaction
from app.extensions import limiter
from app.imaging import preview_size
from app.studio.domain import sharing
from app.studio.domain.errors import NotFound
from app.studio.domain.models import Render
from app.studio.pages.responses import photo_behind, private_file, signed_in

bp = Blueprint("shares", __name__)


@bp.post("/pictures/<uuid:picture_id>/share")
def share(picture_id: uuid.UUID) -> ResponseReturnValue:
    user_id = signed_in().id
    with transaction() as session:
        sharing.share(session, user_id, picture_id, shows_photo="shows_photo" in request.form)
    flash(gettext("Anyone with the link below can see the picture until you remove the link."), "success")
    return redirect(url_for("pictures.show", picture_id=picture_id, _anchor="share"), 303)


@bp.post("/pictures/<uuid:picture_id>/withdraw")
def withdraw(picture_id: uuid.UUID) -> ResponseReturnValue:
    user_id = signed_in().id
    with transaction() as session:
        sharing.withdraw(session, user_id, picture_id)
    flash(gettext("The link is removed. It no longer works."), "success")
    return redirect(url_for("pictures.show", picture_id=picture_id, _anchor="share"), 303)


# --- for strangers ------------------------------------------------------------------------------


@bp.get("/s/<token>")
@limiter.limit("240/minute")
def show(token: str) -> ResponseReturnValue:
    """The picture as strangers see it, without any hint of its owner."""
    render = sharing.find_shared(db.session(), token)
    width, height = preview_size(render.width, render.height)
    page = render_template(
        "shares/show.html",
        render=render,
        token=token,
        width=width,
        height=height,
        shows_photo=_shows_photo(render),
    )
    return _not_indexed(make_response(page))


@bp.get("/s/<token>/picture.jpg")
@limiter.limit("240/minute")
def picture(token: str) -> Response:
    render = sharing.find_shared(db.session(), token)
    return _not_indexed(private_file(render.files.preview_key, "image/jpeg"))


@bp.get("/s/<token>/before.jpg")
@limiter.limit("240/minute")
def photo(token: str) -> Response:
    render = sharing.find_shared(db.session(), token)
    if not _shows_photo(render):
        raise NotFound
    return _not_indexed(photo_behind(render))


def _shows_photo(render: Render) -> bool:
    return render.share_shows_photo and render.photo_id is not None


def _not_indexed(response: Response) -> Response:
    """Keep search engines out."""
    response.headers["X-Robots-Tag"] = "noindex, nofollow, noarchive"
    return response
