"""The files that training and judging read: photos and paintings. Loads without TensorFlow."""

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
    """Every photo below a folder, in the order of their names, without those held out (by file name).

    Raises:
        InvalidPicture: there are none.
    """
    photos = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    photos = [path for path in photos if path.name not in held_out]
    if not photos:
        raise InvalidPicture(f"There are no photos in {folder}.")
    return photos


def find_paintings(folder: Path) -> dict[str, Path]:
    """The pictures in a folder by their names without the ending, which are the slugs of styles.

    Raises:
        InvalidPicture: two of them are of one style.
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
    except Exception as error:  # decoders fed with broken files raise nearly anything
        raise InvalidPicture(f"{path.name} is not a JPEG or PNG picture, or it is damaged.") from error


def _flat(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):  # 16 bits of grey, which Pillow would cut off instead of scaling
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if not image.has_transparency_data:
        return image.convert("RGB")
    colors = image.convert("RGBA")
    white = Image.new("RGBA", colors.size, "white")
    return Image.alpha_composite(white, colors).convert("RGB")
