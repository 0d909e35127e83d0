"""Finds and decodes photos and paintings for training. Loads without TensorFlow."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from app.engine.errors import InvalidPicture
from app.engine.typing import Pixels

# Reads a file as decode_picture does. The commands hand over one that knows colour profiles.
Reader = Callable[[Path], Pixels]
SUFFIXES = {".jpg", ".jpeg", ".png"}
FORMATS = ("JPEG", "PNG")


def find_photos(folder: Path, held_out: Sequence[str] = ()) -> list[Path]:
    """Every photo below a folder by name, without the file names held out.

    Raises:
        InvalidPicture: there are none.
    """
    photos = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    photos = [path for path in photos if path.name not in held_out]
    if not photos:
        raise InvalidPicture(f"There are no photos in {folder}.")
    return photos


def find_paintings(folder: Path) -> dict[str, Path]:
    """The pictures in a folder by slug: the file name without its ending.

    Raises:
        InvalidPicture: two of them have one slug.
    """
    paintings: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() not in SUFFIXES:
            continue
        other = paintings.setdefault(path.stem, path)
        if other != path:
            raise InvalidPicture(f"{other.name} and {path.name} are both paintings of {path.stem}.")
    return paintings


def decode_picture(path: Path) -> Pixels:
    """A picture upright, and on white where it is transparent. Colour profiles are ignored.

    Returns uint8 [height, width, 3], RGB.

    Raises:
        InvalidPicture: the file is missing or no JPEG or PNG, or it is damaged.
    """
    try:
        with Image.open(path, formats=FORMATS) as file:
            return np.asarray(_flat(ImageOps.exif_transpose(file)))
    except Exception as error:  # decoders raise nearly anything for broken files
        raise InvalidPicture(f"{path.name} is not a JPEG or PNG picture, or it is damaged.") from error


def _flat(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):  # Pillow would clip 16 bits of grey instead of scaling them
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if not image.has_transparency_data:
        return image.convert("RGB")
    colors = image.convert("RGBA")
    white = Image.new("RGBA", colors.size, "white")
    return Image.alpha_composite(white, colors).convert("RGB")
