"""The controls of a picture: everything that decides how it looks, apart from its size.

What a person set in the studio, what a preview is painted with, what an order keeps and what the worker
paints from: all of them are this one value.
"""

from __future__ import annotations

import uuid
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from app.engine.options import BRUSH_LEAST, BRUSH_MOST, Mixture
from app.errors import DomainError
from app.sentences import translatable

Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(_[a-z0-9]+)*$", max_length=64)]
Share = Annotated[float, Field(ge=0.0, le=1.0, allow_inf_nan=False)]


class InvalidControls(DomainError):
    """The stored or sent form of the controls cannot be read."""

    def __init__(self) -> None:
        super().__init__(
            translatable("These settings cannot be used. Open the photo in the studio and choose again.")
        )


class Controls(BaseModel):
    """How a photo is painted. Whether the catalogue has the styles is found out when it is painted.

    Attributes:
        style: the first style's slug.
        second_style: the slug of a style that is mixed in, or that ``style_mask`` paints.
        mix: the share of the second style everywhere, 0 to 1; a style mask takes its place.
        strength: 0 (the photo itself) to 1 (the full style).
        keep_colors: take strokes and light from the painting, colours from the photo.
        brush: breadth of the strokes relative to the picture, 0.25 to 4; 1 is the natural one.
        protect_faces: lower the strength softly over the faces that are found.
        mask: the id of a painted mask beside the photo: the share of the strength at each pixel.
        style_mask: likewise: 0 is the first style, 255 the second.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    style: Slug
    second_style: Slug | None = None
    mix: Share = 0.0
    strength: Share = 1.0
    keep_colors: bool = False
    brush: float = Field(default=1.0, ge=BRUSH_LEAST, le=BRUSH_MOST, allow_inf_nan=False)
    protect_faces: bool = False
    mask: uuid.UUID | None = None
    style_mask: uuid.UUID | None = None

    def mixture(self) -> Mixture:
        """What the whole picture is painted in; with a style mask, what its dark parts are painted in."""
        first, second = self.style, self.second_style
        if second is None or second == first or self.style_mask or self.mix == 0.0:
            return Mixture(((first, 1.0),))
        if self.mix == 1.0:
            return Mixture(((second, 1.0),))
        return Mixture(((first, 1.0 - self.mix), (second, self.mix)))

    def mapped_style(self) -> Mixture | None:
        """What the bright parts of the style mask are painted in, if there is one to follow."""
        if self.second_style is None or self.style_mask is None:
            return None
        return Mixture(((self.second_style, 1.0),))

    def without_masks(self) -> Self:
        """The same for another photo: what was painted over one fits no other."""
        return self.model_copy(update={"mask": None, "style_mask": None})

    def to_json(self) -> dict[str, Any]:
        """Plain values, for the database and for pages."""
        return self.model_dump(mode="json")

    @classmethod
    def from_json(cls, values: object) -> Self:
        """Read what :meth:`to_json` wrote, now or years ago: what is missing has its default, what is
        unknown is left out.

        Raises:
            InvalidControls: a value is out of range, or there is no style.
        """
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise InvalidControls from error
