"""The studio page: photos, the wall of styles, the easel with its controls."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from flask_login import current_user
from sqlalchemy import ColumnElement, select, tuple_

from app.db import db, transaction
from app.imaging.encode import no_larger
from app.studio.domain.controls import Controls
from app.studio.domain.errors import NotFound
from app.studio.domain.gallery import Cursor
from app.studio.domain.models import Photo
from app.studio.domain.photos import UploadedPhoto
from app.studio.pages.forms import SIDES, PaintForm, UploadForm, as_fields
from app.studio.pages.style_wall import ORDER_TITLES, SortOrder, Tile, arrange_tiles, movements
from app.studio.painting.guests import SAMPLES, adopt_guest_photo, guest_photo
from app.studio.painting.preview_source import PreviewSource
from app.studio.painting.previewer import LARGE_SIDES
from app.studio.painting.small_previews import SMALL_SIDE
from app.translation import translated
from app.wiring import catalogue, previewer, settings

AnyPhoto = Photo | UploadedPhoto

PHOTOS_SHOWN = 48
# Values of the header ECT (effective connection type) that get the smaller of the large previews.
SLOW = ("slow-2g", "2g", "3g")


@dataclass(frozen=True)
class Easel:
    """The photo on the easel, and the addresses of its previews."""

    collection: str
    name: str
    title: str
    width: int
    height: int
    source: PreviewSource

    @classmethod
    def for_photo(cls, photo: AnyPhoto) -> Easel:
        return cls("photos", str(photo.id), photo.name, photo.width, photo.height, PreviewSource.of(photo))

    @classmethod
    def for_sample(cls, name: str) -> Easel:
        sample = SAMPLES[name]
        return cls("samples", name, gettext(sample.title), sample.width, sample.height, sample.source)

    @property
    def is_sample(self) -> bool:
        return self.collection == "samples"

    @property
    def sides(self) -> tuple[int, ...]:
        """The long sides in pixels that large previews are painted at."""
        return LARGE_SIDES

    @property
    def small_size(self) -> tuple[int, int]:
        """Width and height of a small preview."""
        return no_larger(self.width, self.height, SMALL_SIDE)

    def small(self, slug: str) -> str:
        """The address of the small preview in a style."""
        version = previewer().version(slug)
        return url_for("previews.small", collection=self.collection, name=self.name, slug=slug, v=version)

    def large(self, controls: Controls) -> str:
        """The address of the large preview with these controls."""
        side = LARGE_SIDES[1] if _saves_data() else None
        return url_for(
            "previews.large", collection=self.collection, name=self.name, **as_fields(controls), side=side
        )

    @property
    def large_base(self) -> str:
        """The address of the large preview, without the controls."""
        return url_for("previews.large", collection=self.collection, name=self.name)

    @property
    def large_size(self) -> tuple[int, int]:
        """Width and height of the large preview."""
        return no_larger(self.width, self.height, LARGE_SIDES[0])

    @property
    def thumbnail(self) -> str:
        """The address of the photo, small."""
        if self.is_sample:
            return url_for("static", filename=f"samples/thumbnails/{self.name}.webp")
        return url_for("studio.photo_thumbnail", photo_id=self.name)

    @property
    def photo(self) -> str:
        """The address of the photo itself."""
        return url_for("previews.photo", collection=self.collection, name=self.name)

    @property
    def masks(self) -> str:
        """The address that masks are sent to."""
        return url_for("previews.add_mask", collection=self.collection, name=self.name)


@dataclass(frozen=True)
class Strip:
    """Photos to choose from: one page of them, the newest first.

    Attributes:
        page: the photos of this page.
        elsewhere: chosen photos that other pages hold; they are shown before the page.
        has_newer: whether this is not the first page.
        last: the cursor at the page's last photo, None if no page follows.
    """

    page: Sequence[AnyPhoto]
    elsewhere: Sequence[AnyPhoto] = ()
    has_newer: bool = False
    last: Cursor | None = None

    @property
    def photos(self) -> list[AnyPhoto]:
        """All photos on the page, in the order shown."""
        return [*self.elsewhere, *self.page]

    @property
    def only_one(self) -> bool:
        """Whether there is no other photo, on this page or another."""
        return len(self.photos) == 1 and not self.has_newer and not self.has_older

    @property
    def has_older(self) -> bool:
        """Whether a page follows."""
        return self.last is not None

    @property
    def newest_link(self) -> str:
        """The address of the first page."""
        return _strip_address(None)

    @property
    def older_link(self) -> str:
        """The address of the page that follows."""
        return _strip_address(self.last)


def studio_page(status: int = 200) -> ResponseReturnValue:
    """The studio page. Its address may name photos, a style, controls, and a search."""
    if current_user.is_authenticated and guest_photo() is not None:
        return _adopt_photo()
    form = PaintForm(request.args or None, token=str(uuid.uuid4()))
    form.offer(catalogue())
    strip = _strip(form.photos.data or [])
    chosen = _chosen(form, strip)
    easel = _easel(strip.photos, chosen)
    slug = _slug(form)
    tiles = _tiles(easel)
    page = render_template(
        "studio/index.html",
        strip=strip,
        photos=strip.photos,
        chosen=chosen,
        samples=SAMPLES.values(),
        easel=easel,
        wall=tiles,
        found=sum(tile.found for tile in tiles),
        movements=movements(catalogue().styles),
        orders=ORDER_TITLES,
        order=_sort_order(),
        slug=slug,
        controls=_controls(form, slug),
        print_size=form.print_size,
        print_fields=_print_fields(form, chosen),
        form=form,
        upload_form=UploadForm(),
        max_megabytes=settings().upload_max_megabytes,
        max_files=settings().upload_max_files if current_user.is_authenticated else 1,
        credits_per_picture=settings().credits_per_picture,
    )
    return page, status


def studio_address(fields: Iterable[tuple[str, str]]) -> str:
    """The address of the studio with fields from a request.

    ``url_for`` would take some names (``_anchor``, ``_external``) as its own options.
    """
    query = urlencode(list(fields))
    return f"{url_for('studio.index')}?{query}" if query else url_for("studio.index")


def _adopt_photo() -> ResponseReturnValue:
    """Give the photo of a guest who has just signed up to their account, and show it."""
    with transaction() as session:
        adopted = adopt_guest_photo(session, current_user.id)
    query = request.args.copy()
    if adopted is not None and "sample" not in query:
        query.setlist("photos", [str(adopted.id)])
    return redirect(studio_address(query.items(multi=True)), 303)


def _strip(named: Collection[uuid.UUID]) -> Strip:
    """The photos to choose from, with those that the address names."""
    if not current_user.is_authenticated:
        photo = guest_photo()
        return Strip([photo] if photo else [])
    cursor = _cursor()
    page = _own_photos(_position < cursor.sql(), limit=PHOTOS_SHOWN + 1) if cursor else []
    if not page:
        # The address asks for the newest photos, or no older ones are left.
        cursor, page = None, _own_photos(limit=PHOTOS_SHOWN + 1)
    shown = page[:PHOTOS_SHOWN]
    missing = set(named) - {photo.id for photo in shown}
    elsewhere = _own_photos(Photo.id.in_(missing), limit=len(missing)) if missing else ()
    last = Cursor.at(shown[-1]) if len(page) > len(shown) else None
    return Strip(shown, elsewhere, has_newer=cursor is not None, last=last)


_position = tuple_(Photo.created_at, Photo.id)


def _own_photos(*conditions: ColumnElement[bool], limit: int) -> Sequence[Photo]:
    """Photos of the account, the newest first."""
    own = select(Photo).where(Photo.user_id == current_user.id, *conditions)
    return db.session.scalars(own.order_by(Photo.created_at.desc(), Photo.id.desc()).limit(limit)).all()


def _cursor() -> Cursor | None:
    """The cursor in the address, whose page holds older photos; None if invalid."""
    try:
        return Cursor.parse(request.args.get("older", ""))
    except NotFound:
        return None


def _strip_address(older: Cursor | None) -> str:
    """The address of this request with another page of the strip; all choices stay.

    Masks belong to the photo on the easel. Where none is chosen, another page puts another photo there.
    """
    same_easel = request.args.keys() & {"photos", "sample"}
    left_out = {"older"} if same_easel else {"older", "mask", "style_mask"}
    query = [(name, value) for name, value in request.args.items(multi=True) if name not in left_out]
    query += [("older", str(older))] if older else []
    return studio_address(query)


def _chosen(form: PaintForm, strip: Strip) -> list[AnyPhoto]:
    """The photos to be painted: those that the address names, or the only one."""
    if request.args.get("sample") in SAMPLES:
        return []
    wanted = set(form.photos.data or [])
    if not wanted and strip.only_one:
        return strip.photos
    return [photo for photo in strip.photos if photo.id in wanted]


def _easel(photos: Sequence[AnyPhoto], chosen: Sequence[AnyPhoto]) -> Easel:
    """The easel with the named sample, the first chosen, the newest, or a sample."""
    sample = request.args.get("sample")
    if sample in SAMPLES:
        return Easel.for_sample(sample)
    if chosen or photos:
        return Easel.for_photo((chosen or photos)[0])
    return Easel.for_sample(next(iter(SAMPLES)))


def _slug(form: PaintForm) -> str | None:
    """The style that the address names, if it is on offer."""
    offered = {style.slug for style in catalogue().styles}
    return next((slug for slug in form.style.data or [] if slug in offered), None)


def _controls(form: PaintForm, slug: str | None) -> Controls | None:
    """The controls that the address asks for; wrong values get their defaults."""
    if slug is None:
        return None
    form.validate()
    wrong = set(form.errors) - {"token", "photos", "csrf_token"}
    if wrong == {"second_style"}:
        if form.second_style.data in form.offered:  # a style that is gone needs no message
            flash(form.errors["second_style"][0], "error")
        # The refused value may not even be a slug, which controls cannot hold.
        form.second_style.data = form.style_mask.data = ""
        return form.controls(slug)
    return Controls(style=slug) if wrong else form.controls(slug)


def _print_fields(form: PaintForm, chosen: Sequence[AnyPhoto]) -> dict[str, str]:
    """The print fields of the address, which the studio passes on to the order."""
    if form.print_size.keeps_photo:
        return {}
    names = ["size", "orientation", *(f"{side}-{photo.id}" for photo in chosen for side in SIDES)]
    return {name: request.args[name] for name in names if name in request.args}


def _saves_data() -> bool:
    """Whether the browser saves data or is slow; the page's script does the same."""
    return request.headers.get("Save-Data") == "on" or request.headers.get("ECT") in SLOW


def _sort_order() -> SortOrder:
    asked = request.args.get("sort")
    return SortOrder(asked) if asked in set(SortOrder) else SortOrder.BEST


def _tiles(easel: Easel) -> list[Tile]:
    return arrange_tiles(
        catalogue().styles,
        suitability=lambda slug: previewer().known_suitability(easel.source, slug),
        query=request.args.get("q", ""),
        movement=request.args.get("movement", ""),
        order=_sort_order(),
        translate=translated,
    )
