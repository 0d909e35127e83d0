"""Masks that a person paints over a photo: where the painting shows, and where the second style does.

They lie beside the photo and go with it. A mask has the photo's proportions and a size of its own.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from io import BytesIO

from PIL import Image

from app.errors import DomainError
from app.imaging import decode_photo, encode_grey_png
from app.imaging.prints import WHOLE, Frame, cut
from app.sentences import translatable
from app.storage.base import Storage, StorageError
from app.studio.domain.controls import Controls
from app.studio.domain.models import Photo

# Strokes painted on a preview need no more than this, on the long side.
MASK_SIDE = 1024
MASK_MAX_PIXELS = 16_000_000


class MaskGone(DomainError):
    """The controls name a mask that is not there."""

    status = 404

    def __init__(self) -> None:
        super().__init__(
            translatable("The painted areas are gone. Open the photo in the studio and paint them again.")
        )


def foreign_masks(storage: Storage, photo: Photo, controls: Controls) -> dict[str, None]:
    """What to change in the controls for this photo: masks that were painted over another fit none but it.

    Raises:
        StorageError: the storage does not say which masks it has.
    """
    masks = {"mask": controls.mask, "style_mask": controls.style_mask}
    return {name: None for name, mask in masks.items() if mask and not storage.holds(photo.mask_key(mask))}


@dataclass(frozen=True)
class Masks:
    """The masks of one picture as 8-bit grey pictures, None where there is none."""

    strength: Image.Image | None = None
    style: Image.Image | None = None

    def framed(self, frame: Frame) -> Masks:
        """The part of them that a frame shows; what shows all of a photo needs them as they are."""
        if frame.crop == WHOLE:
            return self
        return Masks(*(mask and cut(mask, frame) for mask in (self.strength, self.style)))


NO_MASKS = Masks()


def keep_mask(storage: Storage, photo: Photo, data: bytes) -> uuid.UUID:
    """Check a painted mask, keep it beside its photo and return its id.

    Raises:
        app.imaging.errors.ImageError: the file is no picture, or too large.
        StorageError: it could not be kept.
    """
    image = decode_photo(BytesIO(data), max_pixels=MASK_MAX_PIXELS).image.convert("L")
    image.thumbnail((MASK_SIDE, MASK_SIDE))
    mask_id = uuid.uuid4()
    storage.save(photo.mask_key(mask_id), encode_grey_png(image))
    return mask_id


def load_masks(storage: Storage, photo: Photo, controls: Controls) -> Masks:
    """The masks that the controls name.

    Raises:
        MaskGone: one of them is not there.
        StorageError: one is there and cannot be read just now, or the storage does not say.
    """
    return Masks(_load(storage, photo, controls.mask), _load(storage, photo, controls.style_mask))


def _load(storage: Storage, photo: Photo, mask_id: uuid.UUID | None) -> Image.Image | None:
    if mask_id is None:
        return None
    key = photo.mask_key(mask_id)
    try:
        with storage.open(key) as file, Image.open(file, formats=["PNG"]) as mask:
            return mask.convert("L")
    except StorageError as error:
        if storage.holds(key):
            raise  # trying again may help; a mask that is gone is so for good
        raise MaskGone from error
