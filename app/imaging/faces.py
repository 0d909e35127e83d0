"""Faces in a photo, and a mask that spares them."""

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

# Faces are looked for, and the mask is drawn, at this size (long side in pixels), whatever the photo's: so a
# preview and the full-size picture spare the same faces.
SEARCH_SIDE = 512
# The least side of a face's box, as a share of the photo's shorter side.
LEAST_FACE = 0.08
# How many overlapping hits make a face, and how sure the detector of profiles must be on top: chosen by
# looking at what it takes for a face in nine hundred photos of all kinds.
FRONTAL_NEIGHBORS, PROFILE_NEIGHBORS, PROFILE_CERTAINTY = 5, 4, 2.0
# The share of the strength that is left in the middle of a face; from its outline on it rises softly to the
# whole, which it reaches at so many times the face's radius.
SPARED_SHARE = 0.2
SOFT_UNTIL = 1.7

# A cascade keeps what it works on, so threads take turns.
_one_at_a_time = threading.Lock()


@dataclass(frozen=True)
class Face:
    """An upright ellipse around a face, in shares of the photo's width and height."""

    x: float
    y: float
    radius_x: float
    radius_y: float


def find_faces(photo: Image.Image) -> list[Face]:
    """The faces in an RGB photo, as OpenCV's cascades see them: from the front and from both sides."""
    grey = photo.convert("L")
    grey.thumbnail((SEARCH_SIDE, SEARCH_SIDE), Image.Resampling.LANCZOS)
    pixels = np.asarray(cv2.equalizeHist(np.asarray(grey)), np.uint8)
    height, width = pixels.shape
    faces: list[Face] = []
    for x, y, side in _boxes(pixels):
        # The box reaches from the brows to the chin; hair and ears lie around it.
        face = Face((x + side / 2) / width, (y + side / 2) / height, 0.55 * side / width, 0.7 * side / height)
        if not any(_same(face, known) for known in faces):
            faces.append(face)
    return faces


def _boxes(pixels: Pixels) -> Iterator[tuple[float, float, float]]:
    """Left, top and side of every square that a cascade takes for a face, the best detector's first."""
    least = max(16, round(min(pixels.shape) * LEAST_FACE))
    for x, y, side, _ in _hits(pixels, "frontalface_alt2", FRONTAL_NEIGHBORS, least):
        yield x, y, side
    for mirrored in (False, True):  # the cascade of profiles knows those that look to one side
        view = np.ascontiguousarray(pixels[:, ::-1]) if mirrored else pixels
        for x, y, side, certainty in _hits(view, "profileface", PROFILE_NEIGHBORS, least):
            if certainty >= PROFILE_CERTAINTY:
                yield (pixels.shape[1] - x - side if mirrored else x), y, side


def _hits(pixels: Pixels, name: str, neighbors: int, least: int) -> Iterator[tuple[int, int, int, float]]:
    """Left, top and side of what one of OpenCV's cascades finds, and how sure it is."""
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
    """Whether the middle of one face lies within the other."""
    return ((face.x - known.x) / known.radius_x) ** 2 + ((face.y - known.y) / known.radius_y) ** 2 < 1.0


def spare_faces(photo: Image.Image, faces: Sequence[Face]) -> Pixels:
    """The share of the strength at each pixel that is kind to faces, 0 to 255.

    Returns uint8 [height, width] of the photo; 255 everywhere but around the faces.
    """
    scale = min(1.0, SEARCH_SIDE / max(photo.size))
    width, height = (max(1, round(side * scale)) for side in photo.size)
    x = (np.arange(width, dtype=np.float32) + 0.5) / width
    y = (np.arange(height, dtype=np.float32)[:, None] + 0.5) / height
    share = np.ones((height, width), np.float32)
    for face in faces:
        distance = np.hypot((x - face.x) / face.radius_x, (y - face.y) / face.radius_y)
        rise = np.clip((distance - 1.0) / (SOFT_UNTIL - 1.0), 0.0, 1.0)
        # A rise without corners at its two ends (smoothstep), so that no outline shows.
        share = np.minimum(share, SPARED_SHARE + (1.0 - SPARED_SHARE) * rise * rise * (3.0 - 2.0 * rise))
    mask = Image.fromarray(np.rint(share * 255).astype(np.uint8))
    return np.asarray(mask.resize(photo.size, Image.Resampling.BICUBIC))
