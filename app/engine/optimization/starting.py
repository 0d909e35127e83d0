"""Which of the styles on offer gives an optimisation its feed-forward start."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from app.engine.cascade import resize
from app.engine.optimization.losses import Objective
from app.engine.optimization.recipe import OptimizationRecipe
from app.engine.optimization.run import working_size
from app.engine.training.loss_network import build_loss_network
from app.engine.typing import Pixels

# The long side at which styles are compared, in pixels. A larger one costs more and ranks them alike.
TRIED_AT = 128


def nearest_style(
    recipe: OptimizationRecipe,
    photo: Pixels,
    paintings: Iterable[Pixels],
    styles: Iterable[str],
    paint: Callable[[Pixels, str], Pixels],
    weights: str | Path | None,
) -> str:
    """Return the style whose small feed-forward picture has the least loss.

    Args:
        recipe: whose losses decide.
        photo: uint8 [height, width, 3].
        paintings: as :class:`Sources` has them.
        styles: the slugs to try, at least one.
        paint: the feed-forward picture of a photo in a style.
        weights: as :func:`build_loss_network` takes them.
    """
    network = build_loss_network(recipe.network, recipe.layers, weights, pooling=recipe.pooling)
    small = resize(photo, *working_size(photo, TRIED_AT))
    smaller = [resize(one, *working_size(one, TRIED_AT)).astype(np.float32) for one in paintings]
    objective = Objective(network, recipe, small.astype(np.float32), smaller)
    losses = {style: objective.loss(paint(small, style)) for style in styles}
    return min(losses, key=lambda style: losses[style])
