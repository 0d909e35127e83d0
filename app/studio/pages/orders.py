"""Pages of orders: review an order with its price, place it, watch it."""

from __future__ import annotations

import dataclasses
import uuid
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext, ngettext
from flask_security import auth_required

from app.billing import ledger
from app.db import db, transaction
from app.errors import in_words
from app.extensions import limiter
from app.imaging.prints import SIZES, Frame, Orientation, frame_photo
from app.storage.base import discard_files
from app.studio.domain import orders
from app.studio.domain.descriptions import sharpness
from app.studio.domain.errors import TooManyPictures
from app.studio.domain.masks import foreign_masks
from app.studio.domain.models import Photo, RenderStatus
from app.studio.domain.orders import OrderItem
from app.studio.domain.photos import find_photos
from app.studio.domain.pictures import delete_order
from app.studio.pages.forms import DeleteForm, PaintForm, read_focus
from app.studio.pages.responses import send_archive, signed_in
from app.translation import language
from app.wiring import catalogue, render_queue, settings, storage

bp = Blueprint("orders", __name__, url_prefix="/orders")


# --- before it is placed ------------------------------------------------------------------------


@dataclass(frozen=True)
class FramedPhoto:
    """A photo of an order, and the frame that the chosen size gives it."""

    photo: Photo
    frame: Frame

    @property
    def sharpness(self) -> str:
        return sharpness(self.frame, (self.photo.width, self.photo.height))


@bp.route("/new", methods=["GET", "POST"])
@auth_required("session")
def review() -> ResponseReturnValue:
    """The order before it is placed: its pictures and its price. Changes nothing."""
    return _review_page(_sent_form())


def _sent_form() -> PaintForm:
    sent = request.form if request.method == "POST" else request.args
    # The CSRF token of every POST is checked before. Reviewing an order changes nothing.
    form = PaintForm(sent, token=str(uuid.uuid4()), meta={"csrf": False})
    form.offer(catalogue())
    return form


def _review_page(form: PaintForm, status: int = 200) -> ResponseReturnValue:
    """The order so far; the page names what is still missing."""
    user = signed_in()
    photos = find_photos(db.session(), user.id, form.photos.data or [])
    items = _order_items(form, photos) if form.validate() else []
    page = render_template(
        "orders/review.html",
        form=form,
        missing="" if items else form.first_error,
        framed=[_framed(photos[photo_id], form) for photo_id in dict.fromkeys(form.photos.data or [])],
        styles=catalogue().styles,
        sizes=SIZES,
        size=form.print_size,
        pictures=len(items),
        price=_price(items),
        too_many=len(items) > settings().order_max_pictures,
        max_pictures=settings().order_max_pictures,
    )
    return page, status


def _order_items(form: PaintForm, photos: Mapping[uuid.UUID, Photo]) -> list[OrderItem]:
    """The items of the validated form; each mask stays only for its own photo."""
    items = form.order_items(request.values)
    # All items name the same masks, so each photo is checked once.
    foreign = {
        photo.id: foreign_masks(storage(), photo.files, items[0].controls) for photo in photos.values()
    }
    return [
        dataclasses.replace(item, controls=item.controls.model_copy(update=foreign[item.photo_id]))
        for item in items
    ]


def _forget_lost_masks(form: PaintForm, items: list[OrderItem]) -> bool:
    """Remove masks of other photos from the form; return whether there were any."""
    lost = [
        field
        for field in (form.mask, form.style_mask)
        if field.data and not any(getattr(item.controls, field.name) for item in items)
    ]
    for field in lost:
        field.data = None
    return bool(lost)


def _framed(photo: Photo, form: PaintForm) -> FramedPhoto:
    orientation = (
        Orientation(form.orientation.data)
        if form.orientation.data in set(Orientation)
        else Orientation.AS_PHOTO
    )
    focus = read_focus(photo.id, request.values)
    return FramedPhoto(photo, frame_photo((photo.width, photo.height), form.print_size, orientation, focus))


def _price(items: list[OrderItem]) -> int:
    """The price of an order, in credits."""
    return settings().credits_per_picture * len(items)


# --- placing it ---------------------------------------------------------------------------------


@bp.post("")
@auth_required("session")
def place() -> ResponseReturnValue:
    form = _sent_form()
    if not form.validate():
        flash(form.first_error, "error")
        return _review_page(form, 400)
    photos = find_photos(db.session(), signed_in().id, form.photos.data or [])
    items = _order_items(form, photos)
    if _forget_lost_masks(form, items):
        flash(gettext("Your painted areas belong to another photo, so they are not used here."), "info")
        return _review_page(form)
    if not _agreed(form, items):
        flash(gettext("Please check your order: this is what we will paint, and what it costs."), "info")
        return _review_page(form)
    user = signed_in()
    user_id, wallet_id = user.id, user.wallet_id
    try:
        with transaction() as session:
            order = orders.place_order(
                session,
                user_id=user_id,
                wallet_id=wallet_id,
                items=items,
                credits_each=settings().credits_per_picture,
                max_pictures=settings().order_max_pictures,
                form_token=form.token.data,
                site_address=settings().site_url or request.url_root,
                language=language(),
            )
            order_id = order.id
            renders = [(render.id, render.status) for render in order.renders]
    except (ledger.InsufficientCredits, TooManyPictures) as error:
        flash(in_words(error), "error")
        return _review_page(form, error.status)
    render_queue().submit(*(render_id for render_id, status in renders if status is RenderStatus.QUEUED))
    if len(renders) == 1:
        return redirect(url_for("pictures.show", picture_id=renders[0][0]), 303)
    return redirect(url_for("orders.show", order_id=order_id), 303)


def _agreed(form: PaintForm, items: list[OrderItem]) -> bool:
    """Whether the page showed this price; a single picture needs none."""
    price = _price(items)
    shown = form.credits.data
    return bool(shown == price if shown is not None else len(items) == 1)


# --- while it is painted ------------------------------------------------------------------------


@bp.get("/<uuid:order_id>")
@auth_required("session")
def show(order_id: uuid.UUID) -> ResponseReturnValue:
    return render_template("orders/order.html", **_order_context(order_id))


@bp.get("/<uuid:order_id>/status")
def status(order_id: uuid.UUID) -> ResponseReturnValue:
    return render_template("orders/_polled.html", **_order_context(order_id))


def _order_context(order_id: uuid.UUID) -> dict[str, object]:
    order = orders.find_order(db.session(), signed_in().id, order_id)
    count = Counter(render.status for render in order.renders)
    return {
        "order": order,
        "renders": order.renders,
        "positions": orders.queue_positions(db.session(), order.renders),
        "done": count[RenderStatus.DONE],
        "failed": count[RenderStatus.FAILED],
        # Failed renders have given their credits back.
        "charged": sum(
            render.credits for render in order.renders if render.status is not RenderStatus.FAILED
        ),
        "waiting": count[RenderStatus.QUEUED] + count[RenderStatus.RUNNING],
        "progress": sum(render.progress for render in order.renders) / max(1, len(order.renders)),
        "delete_form": DeleteForm(),
    }


@bp.get("/<uuid:order_id>/download")
@auth_required("session")
@limiter.limit("60/minute")
def download(order_id: uuid.UUID) -> Response:
    """Every finished picture of an order in one archive."""
    order = orders.find_order(db.session(), signed_in().id, order_id)
    return send_archive(order.renders, f"Style-Transfer-Art {order.created_at:%Y-%m-%d}")


@bp.post("/<uuid:order_id>/delete")
def delete(order_id: uuid.UUID) -> ResponseReturnValue:
    """Delete an order. Pictures being painted stay; those not started return credits."""
    user = signed_in()
    user_id, wallet_id = user.id, user.wallet_id
    with transaction() as session:
        order = orders.find_order(session, user_id, order_id)
        prefixes = delete_order(session, wallet_id, order)
        staying = orders.count_pictures(session, order_id)
    discard_files(storage(), prefixes)
    if staying:
        flash(_all_but(staying), "info")
        return redirect(url_for("orders.show", order_id=order_id), 303)
    flash(gettext("The order and its pictures are deleted."), "success")
    return redirect(url_for("pictures.gallery"), 303)


def _all_but(staying: int) -> str:
    """The message after deleting an order with pictures that are being painted."""
    said: str = ngettext(
        "Deleted, except one picture that is still being painted. Delete it when it is done.",
        "Deleted, except %(num)d pictures that are still being painted. Delete them when they are done.",
        staying,
    )
    return said
