"""Recipes: what a training does, as a typed TOML file. Loads without TensorFlow."""

from __future__ import annotations

import dataclasses
import json
import math
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from app.engine.errors import InvalidOption
from app.engine.networks.config import NetworkConfig

LossNetworkName = Literal["vgg16", "vgg19"]
Precision = Literal["float32", "mixed_bfloat16"]

# The number of convolutions in each block of a loss network.
CONVOLUTIONS: Mapping[LossNetworkName, tuple[int, ...]] = {
    "vgg16": (2, 2, 3, 3, 3),
    "vgg19": (2, 2, 4, 4, 4),
}
# The deepest layers have one number for so many pixels, and paintings may be twice as long as high.
DEEPEST = 16
MOST_SCALES = 3


@dataclass(frozen=True)
class LayerWeights:
    """The weights of layers in one style, if they differ from the other styles."""

    content: Mapping[str, float] = dataclasses.field(default_factory=dict)
    style: Mapping[str, float] = dataclasses.field(default_factory=dict)


@dataclass(frozen=True)
class LossRecipe:
    """The weights of the loss.

    There is a weight per layer of the loss network. Distances are relative (``model.Measure``), so a weight
    means the same at every layer and for every style.
    """

    content: Mapping[str, float]
    style: Mapping[str, float]
    # The weight of log(border excess)^2, which is 0 if the border is like the rest.
    border: float = 0.0
    # The weight per mille of losses.checkerboard_energy.
    checkerboard: float = 0.0
    # The weight of the total variation, per level of 255.
    total_variation: float = 0.0
    # Factors of the variation's weight by slug, for smoother (> 1) or rougher (< 1) styles.
    total_variation_by_style: Mapping[str, float] = dataclasses.field(default_factory=dict)
    # The weight of losses.variation_where_plain by slug, per level: these styles keep plain places calm.
    calm_by_style: Mapping[str, float] = dataclasses.field(default_factory=dict)
    # Factors of the style's weight by slug, for styles that need more or less than others.
    emphasis: Mapping[str, float] = dataclasses.field(default_factory=dict)
    # Weights of layers by slug, for styles that need other weights than above.
    layers_by_style: Mapping[str, LayerWeights] = dataclasses.field(default_factory=dict)
    # The number of sizes to compare the style at, each half the size before. On a smaller picture a layer
    # sees broader shapes.
    style_scales: int = 1
    network: LossNetworkName = "vgg16"

    def content_weights(self, layer: str, styles: Iterable[str]) -> list[float]:
        """A content layer's weight in each style."""
        return [self._own_layers(slug).content.get(layer, self.content[layer]) for slug in styles]

    def style_weights(self, layer: str, styles: Iterable[str]) -> list[float]:
        """A style layer's weight in each style, without emphasis."""
        return [self._own_layers(slug).style.get(layer, self.style[layer]) for slug in styles]

    def _own_layers(self, slug: str) -> LayerWeights:
        return self.layers_by_style.get(slug, LayerWeights())


@dataclass(frozen=True)
class DataRecipe:
    """The data to learn from. ``held_out``: photos for judging, never for training."""

    styles: tuple[str, ...]
    # The long side of a painting, in pixels: the larger, the broader the strokes.
    painting_side: int = 640
    # The same for single layers of the loss network: deep layers see shapes, and shapes may be larger than
    # brush strokes.
    layer_painting_sides: Mapping[str, int] = dataclasses.field(default_factory=dict)
    # How many times as often a style is practised, by slug, for harder styles.
    practice: Mapping[str, float] = dataclasses.field(default_factory=dict)
    held_out: tuple[str, ...] = ()

    def draws(self) -> list[float]:
        """How often each of ``styles`` is practised, relative to the others."""
        return [self.practice.get(slug, 1.0) for slug in self.styles]


@dataclass(frozen=True)
class Stage:
    """A stretch of the training with crops of one size."""

    # The stage's share of the training; the shares of all stages sum to 1.
    share: float
    crop: int
    photos: int = 2
    # The number of styles that each photo of a step is painted in: the loss network reads the photo only
    # once.
    styles_per_photo: int = 2
    # Train to give the photo back, whatever the style. A fresh network learns within a minute to let shapes
    # through. Later the style's loss would leave little room for that.
    reconstruct: bool = False


@dataclass(frozen=True)
class Schedule:
    """Length and learning rate. Either ``minutes`` of work or ``steps`` end it.

    The rate falls from ``rate`` to ``final_rate`` along half a cosine.
    """

    stages: tuple[Stage, ...]
    minutes: float = 0.0
    steps: int = 0
    rate: float = 1e-3
    final_rate: float = 5e-5
    # The gradient's global norm is clipped here.
    clip: float = 1.0
    # How slowly the averages follow the weights; the averages become the network.
    average: float = 0.995
    seed: int = 1
    # Steps of a round: the clock is checked, and a stage or checkpoint begins, only between rounds.
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
    precision: Precision = "mixed_bfloat16"
    # Fit only the rows of styles; the kernels of the first network stay.
    rows_only: bool = False

    def layers_by_painting_side(self) -> dict[int, list[str]]:
        """The style's layers by the long side, in pixels, of the painting they look at."""
        sides: dict[int, list[str]] = {}
        for layer in self.loss.style:
            side = self.data.layer_painting_sides.get(layer, self.data.painting_side)
            sides.setdefault(side, []).append(layer)
        return sides


def read_recipe(path: Path) -> Recipe:
    """Read a recipe.

    Raises:
        InvalidOption: the file is missing, is not TOML, or cannot be followed.
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
    check_recipe(recipe, path.name)
    return recipe


def parse_recipe(values: Mapping[str, Any]) -> Recipe:
    """Build a recipe from TOML or JSON; :func:`dataclasses.asdict` inverts it.

    Raises:
        ValueError: a field is missing, unknown or of the wrong type; the message names it.
    """
    try:
        # Strict mode for JSON: lists become tuples, but text does not become a number.
        text = json.dumps(values, default=str)
        recipe = TypeAdapter(Recipe).validate_json(text, strict=True, extra="forbid")
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        raise ValueError(f"{field}: {first['msg']}") from error
    recipe.network.check()
    return recipe


def check_recipe(recipe: Recipe, name: str) -> None:
    """Check that a recipe can be followed.

    Raises:
        InvalidOption: it cannot; the message begins with ``name``.
    """
    for complaint, fits in (_check_schedule(recipe) | _check_loss(recipe) | _check_data(recipe)).items():
        if not fits:
            raise InvalidOption(f"{name}: {complaint}.")


def _check_schedule(recipe: Recipe) -> dict[str, bool]:
    schedule, stages = recipe.schedule, recipe.schedule.stages
    multiple, least = recipe.network.multiple, recipe.network.least_side
    counts = [schedule.steps_per_round]
    counts += [count for stage in stages for count in (stage.photos, stage.styles_per_photo)]
    return {
        "its schedule needs either minutes or steps, and neither below 0": (
            schedule.minutes >= 0 and schedule.steps >= 0 and (schedule.minutes > 0) != (schedule.steps > 0)
        ),
        "its schedule needs steps_per_round, photos and styles_per_photo of at least 1": min(counts) >= 1,
        "its stages need shares above 0": all(stage.share > 0 for stage in stages),
        "its schedule needs stages whose shares sum to 1": (
            abs(sum(stage.share for stage in stages) - 1.0) < 1e-6
        ),
        f"its crops must be multiples of {multiple}, from {least} on": all(
            stage.crop >= least and stage.crop % multiple == 0 for stage in stages
        ),
        "its rate must be above 0 and its final_rate not below": (
            0 < schedule.rate < math.inf and 0 <= schedule.final_rate < math.inf
        ),
        "its clip must be above 0": schedule.clip > 0,
        "its average must be from 0 on and below 1": 0 <= schedule.average < 1,
        "its checkpoint_minutes must not be below 0": schedule.checkpoint_minutes >= 0,
    }


def _check_loss(recipe: Recipe) -> dict[str, bool]:
    loss, styles = recipe.loss, set(recipe.data.styles)
    known = loss_layers(loss.network)
    unknown = [layer for layer in (*loss.content, *loss.style) if layer not in known]
    own = loss.layers_by_style.values()
    by_style = [
        *loss.total_variation_by_style.values(),
        *loss.calm_by_style.values(),
        *loss.emphasis.values(),
    ]
    by_style += [weight for layers in own for weight in (*layers.content.values(), *layers.style.values())]
    return {
        "it needs a layer for content and one for style": bool(loss.content and loss.style),
        f"{loss.network} has no layer called {', '.join(unknown)}": not unknown,
        "its losses need weights from 0 on": _not_negative(
            (
                *loss.content.values(),
                *loss.style.values(),
                loss.total_variation,
                loss.border,
                loss.checkerboard,
                *by_style,
            )
        ),
        "its emphasis names a style that it does not train": set(loss.emphasis) <= styles,
        "its total_variation_by_style names a style that it does not train": (
            set(loss.total_variation_by_style) <= styles
        ),
        "its calm_by_style names a style that it does not train": set(loss.calm_by_style) <= styles,
        "its border needs crops of more than 16 pixels": (
            not loss.border or all(stage.crop > 16 for stage in recipe.schedule.stages)
        ),
        "its layers_by_style names a style that it does not train": set(loss.layers_by_style) <= styles,
        "its layers_by_style names a layer that has no weight for all styles": all(
            set(layers.content) <= set(loss.content) and set(layers.style) <= set(loss.style)
            for layers in own
        ),
        f"its style_scales must be from 1 to {MOST_SCALES}": 1 <= loss.style_scales <= MOST_SCALES,
        f"its style_scales need crops of at least {_deepest(loss)} pixels": all(
            stage.crop >= _deepest(loss) for stage in recipe.schedule.stages
        ),
    }


def _check_data(recipe: Recipe) -> dict[str, bool]:
    data = recipe.data
    sides = (data.painting_side, *data.layer_painting_sides.values())
    least = 2 * _deepest(recipe.loss)
    return {
        "it needs styles, each once": 0 < len(data.styles) == len(set(data.styles)),
        f"its paintings need a side of at least {least} pixels": min(sides) >= least,
        "it sizes paintings for a layer that is not one of the style's": (
            set(data.layer_painting_sides) <= set(recipe.loss.style)
        ),
        "its practice names a style that it does not train": set(data.practice) <= set(data.styles),
        "its practice must be above 0": all(0 < times < math.inf for times in data.practice.values()),
    }


def loss_layers(network: LossNetworkName) -> set[str]:
    """The layers of a loss network, as the papers write them."""
    blocks = enumerate(CONVOLUTIONS[network], 1)
    return {f"relu{block}_{number}" for block, count in blocks for number in range(1, count + 1)}


def _deepest(loss: LossRecipe) -> int:
    """The pixels per side for one number of the deepest layer, at the smallest scale."""
    return DEEPEST << max(0, loss.style_scales - 1)


def _not_negative(weights: Iterable[float]) -> bool:
    return all(0 <= weight < math.inf for weight in weights)
