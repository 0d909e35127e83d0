"""The forms of the studio."""

from __future__ import annotations

import uuid

from flask_wtf import FlaskForm
from wtforms import BooleanField, HiddenField, IntegerField, RadioField, SelectMultipleField
from wtforms.validators import UUID, DataRequired, NumberRange, Optional
from wtforms.widgets import CheckboxInput, ListWidget

from app.engine.catalogue import Catalogue
from app.studio.services import RenderChoices


class UploadForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF ships no types
    """Carries the CSRF token; the files themselves are checked one by one."""


class DeleteForm(FlaskForm):  # type: ignore[misc]
    """Carries the CSRF token of a delete button."""


class PhotoChoices(SelectMultipleField):  # type: ignore[misc]
    """Checkboxes, one per photo."""

    widget = ListWidget(prefix_label=False)
    option_widget = CheckboxInput()


class PaintForm(FlaskForm):  # type: ignore[misc]
    """Which photos to paint, in which style, and how strongly."""

    # Made anew each time the page is drawn: the same form sent twice paints (and costs) once.
    token = HiddenField(validators=[DataRequired(), UUID()])
    photos = PhotoChoices(
        coerce=uuid.UUID,
        validate_choice=False,
        validators=[DataRequired("Choose at least one photo to paint.")],
    )
    style = RadioField(validators=[DataRequired("Choose a style.")])
    strength = IntegerField(
        default=100, validators=[Optional(), NumberRange(0, 100, "The strength goes from 0 to 100.")]
    )
    keep_colors = BooleanField()

    def offer(self, catalogue: Catalogue) -> None:
        """Fill in what there is to choose from."""
        self.style.choices = [(style.slug, style.title) for style in catalogue.styles]

    def chosen(self) -> RenderChoices:
        """The validated choices as plain values."""
        strength = 100 if self.strength.data is None else self.strength.data
        return RenderChoices(self.style.data, strength / 100, bool(self.keep_colors.data))

    @property
    def first_error(self) -> str:
        """One sentence about what is wrong with the form."""
        return next((str(message) for messages in self.errors.values() for message in messages), "")
