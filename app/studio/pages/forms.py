"""The forms of the studio."""

from __future__ import annotations

import math
import uuid
from collections.abc import Mapping
from typing import Any

from flask_babel import gettext, lazy_gettext
from flask_wtf import FlaskForm
from wtforms import (
    BooleanField,
    FloatField,
    HiddenField,
    IntegerField,
    RadioField,
    SelectChoice,
    SelectField,
    SelectMultipleField,
    StringField,
)
from wtforms.validators import UUID, DataRequired, NumberRange, Optional, ValidationError
from wtforms.widgets import CheckboxInput, ListWidget

from app.engine.catalogue import Catalogue, Style
from app.engine.options import BRUSH_LEAST, BRUSH_MOST
from app.imaging.prints import FULL, SIZES, Focus, Orientation, PrintSize, find_size, frame_photo, known_size
from app.studio.domain.controls import Controls
from app.studio.domain.models import Render
from app.studio.domain.orders import OrderItem, order_items
from app.translation import translated

ORIENTATIONS = {
    Orientation.AS_PHOTO: lazy_gettext("Same as the photo"),
    Orientation.PORTRAIT: lazy_gettext("Portrait"),
    Orientation.LANDSCAPE: lazy_gettext("Landscape"),
}
# The finest brush size on offer. The engine has finer ones, but previews have too few pixels to show them.
BRUSH_FINEST = 0.75
# The fields of a photo's crop; the photo's id follows in the name of each.
SIDES = ("left", "top", "width")
PERCENT = NumberRange(
    0, 100, lazy_gettext("The share of the second style goes from 0 to 100. Choose a value in between.")
)


class UploadForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF ships no types
    """Carries the CSRF token. The files are checked one by one."""


class DeleteForm(FlaskForm):  # type: ignore[misc]
    """Carries the CSRF token of a delete button."""


class Choices(SelectMultipleField):  # type: ignore[misc]
    """Checkboxes, several of which may be ticked; a radio button works too."""

    widget = ListWidget(prefix_label=False)
    option_widget = CheckboxInput()


class PaintForm(FlaskForm):  # type: ignore[misc]
    """The photos to paint, the styles, the controls and the size.

    A form may also have ``left-ID``, ``top-ID`` and ``width-ID`` for each photo: its crop in the print, in
    per cent of the photo.
    """

    # New on each page. The same form sent twice has the same token, and costs once.
    token = HiddenField(validators=[DataRequired(), UUID()])
    photos = Choices(
        coerce=uuid.UUID,
        validate_choice=False,
        validators=[DataRequired(lazy_gettext("Choose at least one photo to paint."))],
    )
    style = Choices(validators=[DataRequired(lazy_gettext("Choose a style."))])
    second_style = SelectField(default="")
    mix = IntegerField(default=50, validators=[Optional(), PERCENT])
    strength = IntegerField(
        default=100,
        validators=[
            Optional(),
            NumberRange(0, 150, lazy_gettext("The strength goes from 0 to 150. Choose a value in between.")),
        ],
    )
    keep_colors = BooleanField()
    brush = FloatField(
        default=1.0,
        validators=[
            Optional(),
            NumberRange(
                BRUSH_LEAST,
                BRUSH_MOST,
                lazy_gettext(
                    "The brush size goes from %(least)s to %(most)s. Choose a value in between.",
                    least=f"{BRUSH_FINEST:g}",
                    most=f"{BRUSH_MOST:g}",
                ),
            ),
        ],
    )
    protect_faces = BooleanField()
    mask = StringField(
        validators=[Optional(), UUID(lazy_gettext("The painted areas cannot be read. Paint them again."))]
    )
    style_mask = StringField(
        validators=[Optional(), UUID(lazy_gettext("The painted areas cannot be read. Paint them again."))]
    )
    size = RadioField(choices=[SelectChoice(size.slug, size.title) for size in SIZES], default=FULL.slug)
    orientation = RadioField(
        choices=[SelectChoice(orientation.value, title) for orientation, title in ORIENTATIONS.items()],
        default=Orientation.AS_PHOTO,
    )
    # The price that was on the page when its button was pressed.
    credits = IntegerField(validators=[Optional()])

    def offer(self, catalogue: Catalogue) -> None:
        """Fill in the styles to choose from."""
        self.offered: dict[str, Style] = {style.slug: style for style in catalogue.styles}
        self.style.choices = [
            SelectChoice(slug, translated(style.title)) for slug, style in self.offered.items()
        ]
        self.second_style.choices = [SelectChoice("", gettext("None")), *self.style.choices]

    def validate_second_style(self, field: SelectField) -> None:
        """Refuse to mix styles of different networks; 0 or 100 per cent is no mixture."""
        second = self.offered.get(field.data)
        mixed = self.style_mask.data or 0.0 < _share(self.mix.data, 50) < 1.0
        if second is None or not mixed:
            return
        for first in (self.offered[slug] for slug in self.style.data or [] if slug in self.offered):
            if first.checkpoint != second.checkpoint:
                raise ValidationError(
                    gettext(
                        "%(first)s and %(second)s cannot be mixed. Choose another second style, or none.",
                        first=translated(first.title),
                        second=translated(second.title),
                    )
                )

    @property
    def print_size(self) -> PrintSize:
        """The size asked for; the photo's own if there is no such size."""
        return known_size(self.size.data) or FULL

    def order_items(self, sent: Mapping[str, str]) -> list[OrderItem]:
        """The pictures that the validated form asks for; ``sent`` has the crops."""
        focuses = {photo: read_focus(photo, sent) for photo in self.photos.data or []}
        return order_items(
            self.photos.data or [],
            self.style.data or [],
            self.controls((self.style.data or [""])[0]),
            size=find_size(self.size.data),
            orientation=Orientation(self.orientation.data),
            focuses={photo: focus for photo, focus in focuses.items() if focus},
        )

    def controls(self, style: str) -> Controls:
        """The validated controls, in this style."""
        return Controls(
            style=style,
            second_style=self.second_style.data or None,
            mix=_share(self.mix.data, 50) if self.second_style.data else 0.0,
            strength=_share(self.strength.data, 100),
            keep_colors=self.keep_colors.data,
            brush=max(self.brush.data or 1.0, BRUSH_FINEST),
            protect_faces=self.protect_faces.data,
            mask=_mask_id(self.mask.data),
            style_mask=_mask_id(self.style_mask.data),
        )

    @property
    def first_error(self) -> str:
        """The first error of the form as a sentence."""
        return next((str(message) for messages in self.errors.values() for message in messages), "")


def as_fields(controls: Controls) -> dict[str, Any]:
    """The controls as form fields, for a link that opens the studio with them."""
    fields = {
        "style": controls.style,
        "second_style": controls.second_style,
        "mix": round(controls.mix * 100) if controls.second_style else None,
        "strength": round(controls.strength * 100),
        "keep_colors": "y" if controls.keep_colors else None,
        "brush": f"{controls.brush:g}",
        "protect_faces": "y" if controls.protect_faces else None,
        "mask": controls.mask,
        "style_mask": controls.style_mask,
    }
    return {name: value for name, value in fields.items() if value is not None}


def print_fields(render: Render) -> dict[str, Any]:
    """A picture's size and crop as form fields; empty for the photo's own size."""
    size, photo = known_size(render.print_size) or FULL, render.photo
    if size.keeps_photo:
        return {}
    fields: dict[str, Any] = {"size": size.slug}
    if photo is None or frame_photo((photo.width, photo.height), size).width != render.width:
        fields["orientation"] = (
            Orientation.LANDSCAPE if render.width > render.height else Orientation.PORTRAIT
        ).value
    if photo is not None:
        shares = (render.crop.left, render.crop.top, render.crop.width)
        fields |= {
            f"{side}-{photo.id}": f"{share * 100:.6g}" for side, share in zip(SIDES, shares, strict=True)
        }
    return fields


def _mask_id(sent: str | None) -> uuid.UUID | None:
    """The validated id of a mask, in any accepted spelling; None for blanks."""
    return uuid.UUID(sent) if sent and sent.strip() else None


def _share(percent: int | None, default: int) -> float:
    return (default if percent is None else percent) / 100


def read_focus(photo_id: uuid.UUID, sent: Mapping[str, str]) -> Focus | None:
    """The chosen crop of a photo in a print, None if nothing valid was sent."""
    try:
        left, top, width = (float(sent[f"{side}-{photo_id}"]) / 100 for side in SIDES)
    except (KeyError, ValueError):
        return None
    sensible = math.isfinite(left) and math.isfinite(top) and 0.0 < width <= 1.0
    return Focus(left, top, width) if sensible else None
