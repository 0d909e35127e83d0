"""What a training is asked to do, as a small typed TOML file. Loads without TensorFlow."""

from __future__ import annotations

import dataclasses
import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from app.engine.config import NetworkConfig
from app.engine.errors import InvalidOption

LossNetworkName = Literal["vgg16", "vgg19"]


@dataclass(frozen=True)
class LossRecipe:
    """What the network is to come close to.

    A weight per layer of the loss network. Distances are relative (``model.Measure``), so that weights mean
    the same at every layer and for every style, and no style outshouts or starves another.
    """

    content: Mapping[str, float]
    style: Mapping[str, float]
    # Per level of 255 by which neighbouring pixels differ.
    total_variation: float = 0.0
    # Styles that need more or less than their equal share, by slug.
    emphasis: Mapping[str, float] = dataclasses.field(default_factory=dict)
    network: LossNetworkName = "vgg16"


@dataclass(frozen=True)
class DataRecipe:
    """What it learns from. ``held_out`` names photos to judge by, which are never trained on."""

    styles: tuple[str, ...]
    # The long side of a painting, in pixels: the larger, the broader the strokes.
    painting_side: int = 640
    # The same for single layers of the loss network. Deep layers see shapes, which may be broader than the
    # touches of the brush that shallow ones see.
    layer_painting_sides: Mapping[str, int] = dataclasses.field(default_factory=dict)
    held_out: tuple[str, ...] = ()


@dataclass(frozen=True)
class Stage:
    """A stretch of the training with crops of one size."""

    # Which part of the whole it takes; the shares of all stages sum to 1.
    share: float
    crop: int
    photos: int = 2
    # Each photo of a step is painted in so many styles: what the loss network sees in it counts for all.
    styles_per_photo: int = 2
    # Only give the photo back, whatever the style: in a minute a fresh network learns to let shapes through,
    # for which the style's pull would leave it little room later.
    reconstruct: bool = False


@dataclass(frozen=True)
class Schedule:
    """How long, and how fast. Either ``minutes`` of work or ``steps`` end it.

    The rate falls from ``rate`` to ``final_rate`` along half a cosine.
    """

    stages: tuple[Stage, ...]
    minutes: float = 0.0
    steps: int = 0
    rate: float = 1e-3
    final_rate: float = 5e-5
    # The gradient's global norm is cut off here.
    clip: float = 1.0
    # How slowly the averages of the weights, which are what is kept, follow the weights.
    average: float = 0.995
    seed: int = 1
    # Steps between looks at the clock; a stage or a checkpoint begins only there.
    steps_per_round: int = 25
    checkpoint_minutes: float = 10.0


@dataclass(frozen=True)
class Recipe:
    """A training from its first step to its last."""

    name: str
    network: NetworkConfig
    loss: LossRecipe
    data: DataRecipe
    schedule: Schedule
    precision: Literal["float32", "mixed_bfloat16"] = "mixed_bfloat16"

    def layers_by_painting_side(self) -> dict[int, list[str]]:
        """Which layers of the style are taken from paintings of which long side, in pixels."""
        sides: dict[int, list[str]] = {}
        for layer in self.loss.style:
            side = self.data.layer_painting_sides.get(layer, self.data.painting_side)
            sides.setdefault(side, []).append(layer)
        return sides


def read_recipe(path: Path) -> Recipe:
    """Read a recipe.

    Raises:
        InvalidOption: the file is missing, is not TOML, or asks for something that cannot be done.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidOption(f"The recipe {path} cannot be read.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidOption(f"{path.name} is not a TOML file: {error}") from error
    try:
        recipe = parse_recipe(values)
    except ValueError as error:
        raise InvalidOption(f"{path.name} is not a recipe: {error}") from error
    _check(recipe, path.name)
    return recipe


def parse_recipe(values: Mapping[str, Any]) -> Recipe:
    """Build a recipe from what TOML or JSON holds (:func:`dataclasses.asdict` gives it back).

    Raises:
        ValueError: a field is missing, unknown or of the wrong type; the message names it.
    """
    try:
        # Strictly from JSON: lists become tuples, but no text becomes a number.
        text = json.dumps(values, default=str)
        recipe = TypeAdapter(Recipe).validate_json(text, strict=True, extra="forbid")
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        raise ValueError(f"{field}: {first['msg']}") from error
    recipe.network.check()
    return recipe


def _check(recipe: Recipe, name: str) -> None:
    schedule, data, loss = recipe.schedule, recipe.data, recipe.loss
    multiple, least = recipe.network.multiple, recipe.network.least_side
    shares = sum(stage.share for stage in schedule.stages)
    crops = [stage.crop for stage in schedule.stages]
    right = {
        "its schedule needs either minutes or steps": (schedule.minutes > 0) != (schedule.steps > 0),
        "its schedule needs steps_per_round, photos and styles_per_photo of at least 1": all(
            count >= 1
            for count in (
                schedule.steps_per_round,
                *(stage.photos for stage in schedule.stages),
                *(stage.styles_per_photo for stage in schedule.stages),
            )
        ),
        "its schedule needs stages whose shares sum to 1": abs(shares - 1.0) < 1e-6,
        f"its crops must be multiples of {multiple}, from {least} on": all(
            crop >= least and crop % multiple == 0 for crop in crops
        ),
        "it needs styles, each once": 0 < len(data.styles) == len(set(data.styles)),
        "it needs a layer for content and one for style": bool(loss.content and loss.style),
        "its emphasis names a style that it does not train": set(loss.emphasis) <= set(data.styles),
        "it sizes paintings for a layer that is not one of the style's": set(data.layer_painting_sides)
        <= set(loss.style),
    }
    for complaint, fits in right.items():
        if not fits:
            raise InvalidOption(f"{name}: {complaint}.")
