"""Judges pictures: distances to photo and painting, and faults such as patterns.

The distances are those of Johnson, Alahi and Fei-Fei 2016, "Perceptual Losses for Real-Time Style Transfer
and Super-Resolution", as means of squares, so a layer's width does not decide its weight. Layers with large
activations still outweigh the others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from app.engine.training.evaluation import Photo, Score
from app.engine.training.loss_network import build_loss_network
from app.engine.training.losses import (
    border_excess,
    checkerboard_energy,
    content_distance,
    gram_matrix,
    style_distance,
    total_variation,
    variation_where_plain,
)
from app.engine.training.metrics import color_distance
from app.engine.typing import Floats, Pixels

CONTENT_LAYER = "relu3_3"
STYLE_LAYERS = ("relu1_2", "relu2_2", "relu3_3", "relu4_3")

# Pictures that go through VGG-16 at a time.
BATCH = 4

Precision = Literal["float32", "bfloat16"]


class Distances(NamedTuple):
    """Distances to the photo and, if there is one, the painting.

    ``nearest`` is the slug of the nearest painting of all.
    """

    content: float
    style: float | None
    nearest: str | None


class Judge:
    """Measures pictures in VGG-16's activations; caches those of photos and paintings."""

    def __init__(
        self, weights: str | Path | None, paintings: Mapping[str, Pixels], *, precision: Precision = "float32"
    ) -> None:
        """Load the network.

        Args:
            weights: the weights of VGG-16, see :func:`build_loss_network`.
            paintings: by the style's slug; a style without a painting gets no style distance.
            precision: of VGG-16; bfloat16 changes distances by less than a hundredth.

        Raises:
            InvalidOption: ``weights`` cannot be used.
        """
        self._network = build_loss_network("vgg16", [*STYLE_LAYERS], weights, precision=precision)
        self._paintings = paintings
        self._contents: dict[str, Any] = {}

    def score(self, network: str, photo: Photo, pictures: Mapping[str, Pixels]) -> list[Score]:
        """Measure the pictures that ``network`` painted of ``photo``, by style."""
        distances = self.distances(photo, list(pictures.items()))
        return [
            self._score(network, style, photo, picture, distance)
            for (style, picture), distance in zip(pictures.items(), distances, strict=True)
        ]

    def distances(self, photo: Photo, pictures: Sequence[tuple[str, Pixels]]) -> list[Distances]:
        """The distances of pictures, each with its style, to photo and painting."""
        batches = [pictures[start : start + BATCH] for start in range(0, len(pictures), BATCH)]
        return [distance for batch in batches for distance in self._distances(photo, batch)]

    def _distances(self, photo: Photo, pictures: Sequence[tuple[str, Pixels]]) -> list[Distances]:
        if photo.name not in self._contents:
            self._contents[photo.name] = self._activations(photo.pixels[None])[CONTENT_LAYER]
        activations = self._activations(np.stack([picture for _, picture in pictures]))
        contents = content_distance(activations[CONTENT_LAYER], self._contents[photo.name])
        grams = [np.asarray(gram_matrix(activations[layer])) for layer in STYLE_LAYERS]
        return [
            Distances(float(contents[index]), *self._from_paintings([gram[index] for gram in grams], style))
            for index, (style, _) in enumerate(pictures)
        ]

    def _from_paintings(self, grams: Sequence[Floats], style: str) -> tuple[float | None, str | None]:
        """The style distance to the style's own painting, and the nearest painting of all.

        To find the nearest, each layer's distance is divided by the norms of both matrices. So no layer
        decides alone, and pale paintings are not nearer to everything than bold ones.
        """
        slugs = list(self._paintings)
        if not slugs:
            return None, None
        apart = [np.asarray(style_distance(gram, own)) for gram, own in zip(grams, self._grams, strict=True)]
        norms = [
            np.linalg.norm(gram) * np.linalg.norm(own, axis=(1, 2))
            for gram, own in zip(grams, self._grams, strict=True)
        ]
        relative = sum(layer / norm for layer, norm in zip(apart, norms, strict=True))
        nearest = slugs[int(np.argmin(relative))]
        if style not in slugs:
            return None, nearest
        place = slugs.index(style)
        return sum(float(layer[place]) / gram.size for layer, gram in zip(apart, grams, strict=True)), nearest

    def _score(self, network: str, style: str, photo: Photo, picture: Pixels, distances: Distances) -> Score:
        painting = self._paintings.get(style)
        return Score(
            network=network,
            style=style,
            photo=photo.name,
            kind=photo.kind,
            content=distances.content,
            style_distance=distances.style,
            total_variation=float(total_variation(picture[None])[0]),
            plain_variation=float(variation_where_plain(picture[None], photo.pixels[None])[0]),
            border_excess=float(border_excess(picture[None], photo.pixels[None])[0]),
            checkerboard=float(checkerboard_energy(picture[None])[0]),
            color_distance=None if painting is None else color_distance(picture, painting),
            recognized=None if painting is None else float(distances.nearest == style),
        )

    def _activations(self, pictures: Pixels) -> dict[str, Any]:
        outputs = self._network(pictures.astype(np.float32), training=False)
        return dict(zip(STYLE_LAYERS, outputs, strict=True))

    @cached_property
    def _grams(self) -> list[Floats]:
        """The paintings' Gram matrices by layer, each [paintings, channels, channels]."""
        seen = [self._activations(painting[None]) for painting in self._paintings.values()]
        return [np.concatenate([gram_matrix(one[layer]) for one in seen]) for layer in STYLE_LAYERS]
