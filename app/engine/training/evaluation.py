"""Photos and scores of an evaluation. Loads without TensorFlow."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from app.engine.typing import Pixels

PHOTOS = Path(__file__).with_name("evaluation_photos.tsv")


@dataclass(frozen=True)
class PhotoEntry:
    """A photo of the list.

    ``source``: where its file is. ``rights``: why it may be shown, if it may.
    """

    name: str
    kind: str
    source: str
    file: str
    rights: str


def listed_photos() -> list[PhotoEntry]:
    """The photos of the evaluation. No training may use them."""
    with PHOTOS.open(encoding="utf-8", newline="") as file:
        return [PhotoEntry(**row) for row in csv.DictReader(file, delimiter="\t")]


def held_out_files() -> frozenset[str]:
    """The names of training photos that training must leave out."""
    return frozenset(entry.file for entry in listed_photos() if entry.source == "held-out")


@dataclass(frozen=True, eq=False)
class Photo:
    """A photo to be painted: uint8 [height, width, 3], sides multiples of 4."""

    name: str
    kind: str
    pixels: Pixels
    rights: str = ""
    shown: bool = True  # on contact sheets


@dataclass(frozen=True)
class Score:
    """The measures of one picture; None for those that need a missing painting."""

    network: str
    style: str
    photo: str
    kind: str
    content: float
    style_distance: float | None
    total_variation: float
    plain_variation: float
    border_excess: float
    checkerboard: float
    color_distance: float | None
    recognized: float | None  # 1 where no other style's painting is nearer, else 0


@dataclass(frozen=True)
class Blended:
    """Distances to photo and painting of a picture that is blended with the photo."""

    network: str
    style: str
    photo: str
    strength: float
    content: float
    style_distance: float


@dataclass(frozen=True)
class CurvePoint:
    """The means over all photos, for one network, style and strength."""

    strength: float
    content: float
    style_distance: float


def curves(blended: Iterable[Blended]) -> dict[tuple[str, str], list[CurvePoint]]:
    """Style against content distance, by style and network, from full strength down."""
    groups: dict[tuple[str, str], dict[float, list[Blended]]] = {}
    for one in blended:
        points = groups.setdefault((one.style, one.network), {})
        points.setdefault(one.strength, []).append(one)
    return {
        group: [
            CurvePoint(
                strength,
                float(np.mean([one.content for one in members])),
                float(np.mean([one.style_distance for one in members])),
            )
            for strength, members in sorted(points.items(), reverse=True)
        ]
        for group, points in groups.items()
    }


def at_content(curve: Sequence[CurvePoint], content: float) -> CurvePoint | None:
    """The point of a curve at a content distance, interpolated; None beyond its ends."""
    falling = sorted(curve, key=lambda point: point.content)
    contents = [point.content for point in falling]
    if not contents[0] <= content <= contents[-1]:
        return None
    strength = float(np.interp(content, contents, [point.strength for point in falling]))
    style = float(np.interp(content, contents, [point.style_distance for point in falling]))
    return CurvePoint(strength, content, style)


def mean_scores(scores: Iterable[Score], *keys: str) -> dict[tuple[str, ...], dict[str, float]]:
    """The mean of every measure per group; ``keys`` names the fields to group by.

    Groups come in the order of appearance. A measure that is missing in one score of a group is left out.
    """
    groups: dict[tuple[str, ...], list[Score]] = {}
    for score in scores:
        groups.setdefault(tuple(getattr(score, key) for key in keys), []).append(score)
    return {group: _means(members) for group, members in groups.items()}


MEASURES = (
    "content",
    "style_distance",
    "total_variation",
    "plain_variation",
    "border_excess",
    "checkerboard",
    "color_distance",
    "recognized",
)


def _means(scores: list[Score]) -> dict[str, float]:
    means = {}
    for measure in MEASURES:
        values = [getattr(score, measure) for score in scores]
        if None not in values:
            means[measure] = float(np.mean(values))
    return means
