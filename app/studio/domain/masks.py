"""Masks painted over a photo: one for the strength, one for the second style.

They are stored beside the photo, and deleted with it. A mask has the photo's proportions, but its own size.
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
from app.studio.domain.files import PhotoFiles

# The long side of a stored mask, in pixels. People paint masks on a preview, so this is enough.
MASK_SIDE = 1024
MASK_MAX_PIXELS = 16_000_000


class MaskGone(DomainError):
    """The controls name a mask that does not exist."""

    status = 404

    def __init__(self) -> None:
        super().__init__(
            translatable("The painted areas are gone. Open the photo in the studio and paint them again.")
        )


def foreign_masks(storage: Storage, files: PhotoFiles, controls: Controls) -> dict[str, None]:
    """The mask fields to clear for this photo: those painted over another photo.

    Raises:
        StorageError: the storage does not say which masks it has.
    """
    masks = {"mask": controls.mask, "style_mask": controls.style_mask}
    return {name: None for name, mask in masks.items() if mask and not storage.holds(files.mask_key(mask))}


@dataclass(frozen=True)
class Masks:
    """The masks of one picture, each an 8-bit grey image or None.

    Attributes:
        strength: the share of the strength at each pixel.
        style: 0 is the first style, 255 the second.
    """

    strength: Image.Image | None = None
    style: Image.Image | None = None

    def framed(self, frame: Frame) -> Masks:
        """The part of the masks that a frame shows."""
        if frame.crop == WHOLE:
            return self
        return Masks(*(mask and cut(mask, frame) for mask in (self.strength, self.style)))


NO_MASKS = Masks()


def keep_mask(storage: Storage, files: PhotoFiles, data: bytes) -> uuid.UUID:
    """Check a painted mask, store it beside its photo and return its id.

    Raises:
        app.imaging.errors.ImageError: the file is no picture, or too large.
        StorageError: it could not be stored.
    """
    image = decode_photo(BytesIO(data), max_pixels=MASK_MAX_PIXELS).image.convert("L")
    image.thumbnail((MASK_SIDE, MASK_SIDE))
    mask_id = uuid.uuid4()
    storage.save(files.mask_key(mask_id), encode_grey_png(image))
    return mask_id


def load_masks(storage: Storage, files: PhotoFiles, controls: Controls) -> Masks:
    """The masks that the controls name.

    Raises:
        MaskGone: one of them does not exist.
        StorageError: one exists but cannot be read now, or the storage does not answer.
    """
    return Masks(_load(storage, files, controls.mask), _load(storage, files, controls.style_mask))


def _load(storage: Storage, files: PhotoFiles, mask_id: uuid.UUID | None) -> Image.Image | None:
    if mask_id is None:
        return None
    key = files.mask_key(mask_id)
    try:
        with storage.open(key) as file, Image.open(file, formats=["PNG"]) as mask:
            return mask.convert("L")
    except StorageError as error:
        if storage.holds(key):
            raise  # it exists, so trying again may help
        raise MaskGone from error
