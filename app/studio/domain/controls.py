"""The controls of a picture: all settings for its look, except the size.

The studio page sets them, previews are painted with them, an order stores them, the worker paints from them.
"""

from __future__ import annotations

import uuid
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from app.engine.options import BRUSH_LEAST, BRUSH_MOST, STRENGTH_MOST, Mixture
from app.errors import DomainError
from app.sentences import translatable

Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(_[a-z0-9]+)*$", max_length=64)]
Share = Annotated[float, Field(ge=0.0, le=1.0, allow_inf_nan=False)]


class InvalidControls(DomainError):
    """Stored or sent controls cannot be read."""

    def __init__(self) -> None:
        super().__init__(
            translatable("These settings cannot be used. Open the photo in the studio and choose again.")
        )


class Controls(BaseModel):
    """How a photo is painted. Its styles are looked up only when it is painted.

    Attributes:
        style: the first style's slug.
        second_style: the slug of a style that is mixed in, or applied by ``style_mask``.
        mix: the share of the second style everywhere, 0 to 1; a style mask replaces it.
        strength: 0 (the photo itself) to 1 (the full style) and on to 1.5.
        keep_colors: take brushwork and light from the painting, colours from the photo.
        brush: the brush size, 0.25 to 4: scales the strokes; 1 is natural.
        protect_faces: lower the strength softly over faces.
        mask: the id of a mask stored beside the photo: the share of the strength at each pixel.
        style_mask: the id of another mask: 0 is the first style, 255 the second.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    style: Slug
    second_style: Slug | None = None
    mix: Share = 0.0
    strength: float = Field(default=1.0, ge=0.0, le=STRENGTH_MOST, allow_inf_nan=False)
    keep_colors: bool = False
    brush: float = Field(default=1.0, ge=BRUSH_LEAST, le=BRUSH_MOST, allow_inf_nan=False)
    protect_faces: bool = False
    mask: uuid.UUID | None = None
    style_mask: uuid.UUID | None = None

    def mixture(self) -> Mixture:
        """The styles of the whole picture, or of the dark parts of the style mask."""
        first, second = self.style, self.second_style
        if second is None or second == first or self.style_mask or self.mix == 0.0:
            return Mixture(((first, 1.0),))
        if self.mix == 1.0:
            return Mixture(((second, 1.0),))
        return Mixture(((first, 1.0 - self.mix), (second, self.mix)))

    def mapped_style(self) -> Mixture | None:
        """The style of the bright parts of the style mask; None without one."""
        if self.second_style is None or self.style_mask is None:
            return None
        return Mixture(((self.second_style, 1.0),))

    def without_masks(self) -> Self:
        """The same controls for another photo, which masks of this one do not fit."""
        return self.model_copy(update={"mask": None, "style_mask": None})

    def to_json(self) -> dict[str, Any]:
        """Plain values, for the database and for pages."""
        return self.model_dump(mode="json")

    @classmethod
    def from_json(cls, values: object) -> Self:
        """Read what :meth:`to_json` wrote, now or years ago.

        Missing fields get their defaults, and unknown fields are ignored.

        Raises:
            InvalidControls: a value is out of range, or there is no style.
        """
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise InvalidControls from error
