"""Finds faces in a photo, and makes a mask that protects them."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from cv2.data import haarcascades
from PIL import Image

from app.engine.typing import Pixels

# The long side, in pixels, for finding faces and drawing the mask. It is the same for every photo, so a
# preview and the full-size picture protect the same faces.
SEARCH_SIDE = 512
# The smallest side of a face's box, as a share of the photo's shorter side.
LEAST_FACE = 0.08
# The number of overlapping hits that make a face, and the profile detector's minimum certainty. They were
# chosen by looking at the hits in nine hundred photos of all kinds.
FRONTAL_NEIGHBORS, PROFILE_NEIGHBORS, PROFILE_CERTAINTY = 5, 4, 2.0
# The share of the strength in the middle of a face. From the face's outline it rises smoothly to 1, which it
# reaches at SOFT_UNTIL times the face's radius.
SPARED_SHARE = 0.2
SOFT_UNTIL = 1.7

# A cascade has working memory of its own, so threads take turns.
_one_at_a_time = threading.Lock()


@dataclass(frozen=True)
class Face:
    """An upright ellipse around a face, as shares of the photo's width and height."""

    x: float
    y: float
    radius_x: float
    radius_y: float


def find_faces(photo: Image.Image) -> list[Face]:
    """The faces that OpenCV finds in an RGB photo: frontal and both profiles."""
    grey = photo.convert("L")
    grey.thumbnail((SEARCH_SIDE, SEARCH_SIDE), Image.Resampling.LANCZOS)
    pixels = np.asarray(cv2.equalizeHist(np.asarray(grey)), np.uint8)
    height, width = pixels.shape
    faces: list[Face] = []
    for x, y, side in _boxes(pixels):
        # The box reaches from the brows to the chin; the ellipse includes hair and ears.
        face = Face((x + side / 2) / width, (y + side / 2) / height, 0.55 * side / width, 0.7 * side / height)
        if not any(_same(face, known) for known in faces):
            faces.append(face)
    return faces


def _boxes(pixels: Pixels) -> Iterator[tuple[float, float, float]]:
    """Yield left, top and side of each detected square, the best detector's first."""
    least = max(16, round(min(pixels.shape) * LEAST_FACE))
    for x, y, side, _ in _hits(pixels, "frontalface_alt2", FRONTAL_NEIGHBORS, least):
        yield x, y, side
    for mirrored in (False, True):  # the profile cascade knows only one side
        view = np.ascontiguousarray(pixels[:, ::-1]) if mirrored else pixels
        for x, y, side, certainty in _hits(view, "profileface", PROFILE_NEIGHBORS, least):
            if certainty >= PROFILE_CERTAINTY:
                yield (pixels.shape[1] - x - side if mirrored else x), y, side


def _hits(pixels: Pixels, name: str, neighbors: int, least: int) -> Iterator[tuple[int, int, int, float]]:
    """Yield left, top, side and certainty of each hit of one OpenCV cascade."""
    with _one_at_a_time:
        boxes, _, certainties = _cascade(name).detectMultiScale3(
            pixels, 1.1, neighbors, minSize=(least, least), outputRejectLevels=True
        )
    for (x, y, side, _), certainty in zip(boxes, certainties, strict=True):
        yield int(x), int(y), int(side), float(certainty)


@cache
def _cascade(name: str) -> cv2.CascadeClassifier:
    return cv2.CascadeClassifier(str(Path(haarcascades) / f"haarcascade_{name}.xml"))


def _same(face: Face, known: Face) -> bool:
    """Whether the centre of ``face`` lies within ``known``."""
    return ((face.x - known.x) / known.radius_x) ** 2 + ((face.y - known.y) / known.radius_y) ** 2 < 1.0


def spare_faces(photo: Image.Image, faces: Sequence[Face]) -> Pixels:
    """The share of the strength at each pixel, 0 to 255, lower on faces.

    Returns uint8 [height, width] of the photo; 255 everywhere except around the faces.
    """
    scale = min(1.0, SEARCH_SIDE / max(photo.size))
    width, height = (max(1, round(side * scale)) for side in photo.size)
    x = (np.arange(width, dtype=np.float32) + 0.5) / width
    y = (np.arange(height, dtype=np.float32)[:, None] + 0.5) / height
    share = np.ones((height, width), np.float32)
    for face in faces:
        distance = np.hypot((x - face.x) / face.radius_x, (y - face.y) / face.radius_y)
        rise = np.clip((distance - 1.0) / (SOFT_UNTIL - 1.0), 0.0, 1.0)
        # Smoothstep: the slope is 0 at both ends, so that no outline shows.
        share = np.minimum(share, SPARED_SHARE + (1.0 - SPARED_SHARE) * rise * rise * (3.0 - 2.0 * rise))
    mask = Image.fromarray(np.rint(share * 255).astype(np.uint8))
    return np.asarray(mask.resize(photo.size, Image.Resampling.BICUBIC))
