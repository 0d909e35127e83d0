"""The losses of one picture against one photo and its paintings, with their gradient by the pixels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf
from keras import ops

from app.engine.optimization.recipe import OptimizationRecipe
from app.engine.training.losses import content_distance, gram_matrix, style_distance, total_variation

Floats = npt.NDArray[np.float32]
# The order of the values of a point.
TERMS = ("total", "content", "style", "second_style", "total_variation")


class Point(NamedTuple):
    """A picture, float32 [1, height, width, 3] in levels, with its losses and their gradient.

    ``losses`` is float32 [5], weighted, in the order of TERMS; ``gradient`` is that of the total.
    """

    pixels: Any
    losses: Any
    gradient: Any

    @property
    def loss(self) -> float:
        return float(self.losses[0])

    def named(self) -> dict[str, float]:
        """The losses by the names of TERMS."""
        return dict(zip(TERMS, (float(value) for value in self.losses), strict=True))


class Objective:
    """What an optimisation minimises, at one size of the picture."""

    def __init__(
        self,
        network: keras.Model,
        recipe: OptimizationRecipe,
        photo: Floats,
        paintings: Sequence[Floats],
    ) -> None:
        """Compute what the picture is compared with.

        Args:
            network: from pixels to the activations of ``recipe.layers``, in that order.
            recipe: the weights and the scaling.
            photo: float32 [height, width, 3], RGB in 0..255, of the picture's size.
            paintings: one or two, each float32 [height, width, 3] of any size.
        """
        self._network = network
        self._recipe = recipe
        self._content = self._look(photo[None])
        self._grams = [self._paint_grams(painting) for painting in paintings]
        self._evaluate = tf.function(self._losses_and_gradient, autograph=False)

    def __call__(self, pixels: Any) -> Point:
        """The losses of a picture and their gradient."""
        return Point(pixels, *self._evaluate(pixels))

    def loss(self, picture: npt.NDArray[np.generic]) -> float:
        """The total loss of a picture [height, width, 3], without a gradient."""
        return float(self._losses(ops.convert_to_tensor(picture[None], "float32"))[0])

    def _look(self, pixels: Any) -> dict[str, Any]:
        seen = self._network(pixels, training=False)
        layers = self._recipe.layers
        return dict(zip(layers, seen if isinstance(seen, list | tuple) else [seen], strict=True))

    def _paint_grams(self, painting: Floats) -> dict[str, Any]:
        seen = self._look(painting[None])
        return {layer: gram_matrix(seen[layer]) for layer in self._recipe.style}

    def _losses_and_gradient(self, pixels: Any) -> tuple[Any, Any]:
        with tf.GradientTape() as tape:
            tape.watch(pixels)
            losses = self._losses(pixels)
        return losses, tape.gradient(losses, pixels, output_gradients=tf.one_hot(0, len(TERMS)))

    def _losses(self, pixels: Any) -> Any:
        recipe = self._recipe
        seen = self._look(pixels)
        grams = {layer: gram_matrix(seen[layer]) for layer in recipe.style}
        styles = [_weighted(style_distance, recipe.style, grams, target) for target in self._grams]
        if len(styles) == 1:
            styles.append(ops.zeros(1))
        content = _weighted(self._content_distance, recipe.content, seen, self._content)
        # Gatys et al. 2015, equation 4, has a quarter of the mean.
        quarter = 0.25 if recipe.scaling == "paper" else 1.0
        terms = [
            recipe.content_weight * content,
            recipe.style_weight * quarter * styles[0],
            recipe.second_style_weight * quarter * styles[1],
            recipe.total_variation * total_variation(pixels),
        ]
        return ops.concatenate([sum(terms), *terms])

    def _content_distance(self, painted: Any, photo: Any) -> Any:
        mean = content_distance(painted, photo)
        if self._recipe.scaling == "mean":
            return mean
        # Gatys et al. 2015, equation 1: half of the sum.
        return mean * ops.cast(ops.size(photo), "float32") / 2


def _weighted(
    distance: Any, weights: Mapping[str, float], found: Mapping[str, Any], target: Mapping[str, Any]
) -> Any:
    parts = [weight * distance(found[layer], target[layer]) for layer, weight in weights.items()]
    return sum(parts, ops.zeros(1))
