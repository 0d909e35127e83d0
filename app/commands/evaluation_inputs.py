"""What networks are judged by: finds the networks, and reads photos and paintings."""

from __future__ import annotations

import importlib.util
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image

from app.commands.console import BadInput
from app.config import PROJECT_ROOT
from app.engine.training.candidates import PUBLISHED
from app.engine.training.evaluation import Photo, listed_photos
from app.engine.training.pictures import find_paintings
from app.engine.typing import Pixels
from app.imaging import decode_photo

PHOTO_ENDINGS = {".jpg", ".jpeg", ".png", ".webp"}
LARGEST_PHOTO = 100_000_000
LEAST_SIDE = 20


def name_networks(files: Iterable[Path]) -> dict[str, Path]:
    """Networks by the names of their files; where these are the same, with the folder's before.

    Raises:
        BadInput: the names are the same even so.
    """
    paths = list(dict.fromkeys(path.resolve() for path in files))
    stems = Counter([PUBLISHED, *(path.stem for path in paths)])
    named: dict[str, Path] = {}
    for path in paths:
        name = path.stem if stems[path.stem] == 1 else f"{path.parent.name}_{path.stem}"
        if name in named:
            raise BadInput(f"Two networks are called {name}: rename one of them.")
        named[name] = path
    return named


def find_network(name: str) -> Path:
    """A checkpoint by its file, or by its name in models/."""
    for path in (Path(name), PROJECT_ROOT / "models" / f"{name}.npz"):
        if path.is_file():
            return path
    raise BadInput(f"There is no network file {name}, and no network of that name in models/.")


def read_listed(held_out: Path | None, size: int) -> list[Photo]:
    """The listed photos that are at hand here."""
    folders = {"samples": PROJECT_ROOT / "static" / "samples"}
    if held_out:
        folders["held-out"] = held_out
    package = importlib.util.find_spec("skimage")
    if package and package.origin:
        folders["scikit-image"] = Path(package.origin).parent / "data"
    photos = []
    for entry in listed_photos():
        path = folders[entry.source] / entry.file if entry.source in folders else None
        if path and path.is_file():
            pixels = read_picture(path, size, multiple=4)
            photos.append(Photo(entry.name, entry.kind, pixels, entry.rights, shown=bool(entry.rights)))
    return photos


def read_folder(folder: Path, size: int) -> list[Photo]:
    """Every photo of a folder, by the file's name, with its ending only where two would have one name."""
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in PHOTO_ENDINGS)
    stems = Counter(path.stem for path in paths)
    names = [path.stem if stems[path.stem] == 1 else path.name for path in paths]
    return [
        Photo(name, "photo", read_picture(path, size, multiple=4))
        for name, path in zip(names, paths, strict=True)
    ]


def read_paintings(folder: Path | None, slugs: Iterable[str], size: int) -> dict[str, Pixels]:
    """The paintings at hand, by slug: the files that training takes too."""
    paths = find_paintings(folder) if folder else {}
    return {slug: read_picture(paths[slug], size) for slug in slugs if slug in paths}


def read_picture(path: Path, size: int, *, multiple: int = 1) -> Pixels:
    """A picture no longer than ``size``, its sides cut to multiples of ``multiple``."""
    with path.open("rb") as file:
        image = decode_photo(file, max_pixels=LARGEST_PHOTO).image
    image.thumbnail((size, size), Image.Resampling.LANCZOS)
    if min(image.size) < LEAST_SIDE:
        raise BadInput(f"{path.name} is too small to measure.")
    pixels = np.asarray(image)
    height, width = (side // multiple * multiple for side in pixels.shape[:2])
    return np.ascontiguousarray(pixels[:height, :width])
