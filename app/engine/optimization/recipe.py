"""The settings of an optimisation: our own, and those of four published systems. Loads without TensorFlow.

Every recipe minimises, over the pixels x of a picture,

    alpha C(x, photo) + beta S(x, painting) + gamma S(x, second painting) + tau TV(x)

F_l(x) are the activations of layer l (N channels at M positions), G_l = F_l^T F_l is their Gram matrix, and
w_l is the weight of the layer. The terms have one of two scalings:

    "mean"   C = sum of w_l mean((F_l(x) - F_l(photo))^2)
             S = sum of w_l mean((G_l(x) / M - G_l(painting) / M')^2)
    "paper"  C = sum of w_l 1/2 sum((F_l(x) - F_l(photo))^2)
             S = sum of w_l 1/4 mean((G_l(x) / M - G_l(painting) / M')^2)

"paper" is Gatys, Ecker and Bethge 2015, "A Neural Algorithm of Artistic Style", equations 1 to 5. Their
factor 1 / (4 N^2 M^2) is a quarter of the mean over N^2 entries, with both matrices divided by M. Here each
matrix is divided by the positions of its own picture, so a painting may have another size than the photo. TV
is the mean absolute difference of neighbouring pixels, in levels of 255.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from app.engine.errors import InvalidOption
from app.engine.training.recipe import CONVOLUTIONS, LossNetworkName

Scaling = Literal["mean", "paper"]
Pooling = Literal["max", "average"]
Start = Literal["photo", "noise", "feed-forward"]

LARGEST = 2048
# The deepest layers have one number for 16x16 pixels.
SMALLEST = 16


@dataclass(frozen=True)
class AdamSettings:
    """Kingma and Ba 2015, "Adam". ``rate`` is in levels of 255 a step, ``epsilon`` in loss per level."""

    rate: float = 5.0
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-7


@dataclass(frozen=True)
class LbfgsSettings:
    """Liu and Nocedal 1989. ``memory``: the pairs kept; ``rate``: the first trial step, in Newton steps."""

    memory: int = 40
    rate: float = 1.0


@dataclass(frozen=True)
class Stage:
    """A stretch of the run at one size: both as shares of the whole run's."""

    size: float
    steps: float


@dataclass(frozen=True)
class OptimizationRecipe:
    """Everything that decides a picture, apart from photo, paintings and colours.

    ``content`` and ``style`` hold the weights w_l by layer. ``size`` is the longest side in pixels; smaller
    photos are not enlarged. ``epoch`` is the number of steps between two reports with a picture.
    """

    name: str
    content: Mapping[str, float]
    style: Mapping[str, float]
    content_weight: float
    style_weight: float
    second_style_weight: float
    steps: int
    epoch: int = 100
    total_variation: float = 0.0
    scaling: Scaling = "mean"
    pooling: Pooling = "max"
    network: LossNetworkName = "vgg19"
    start: Start = "photo"
    optimizer: AdamSettings | LbfgsSettings = field(default_factory=AdamSettings)
    size: int = 512
    stages: tuple[Stage, ...] = (Stage(1.0, 1.0),)
    # Return the picture with the least loss of the last stage, instead of the last picture.
    keep_least: bool = False

    @property
    def layers(self) -> tuple[str, ...]:
        """The layers of the loss network that the losses look at, each once."""
        return tuple(dict.fromkeys((*self.content, *self.style)))

    def check(self) -> None:
        """Check the values that a caller may choose.

        Raises:
            InvalidOption: one of them cannot be used.
        """
        weights = [self.content_weight, self.style_weight, self.second_style_weight, self.total_variation]
        weights += [*self.content.values(), *self.style.values()]
        complaints = {
            f"The size must be {SMALLEST} to {LARGEST} pixels": SMALLEST <= self.size <= LARGEST,
            f"{self.name} needs at least {len(self.stages)} steps": self.steps >= len(self.stages),
            "An epoch needs at least one step": self.epoch >= 1,
            "Weights must be 0 or more": all(0 <= weight < math.inf for weight in weights),
            "The step size must be above 0": 0 < self.optimizer.rate < math.inf,
            "An optimisation needs a layer for content or style": bool(self.layers),
            "The steps of all stages must sum to 1": (
                abs(sum(stage.steps for stage in self.stages) - 1.0) < 1e-6
            ),
            "The last stage must have the full size": self.stages[-1].size == 1.0,
        }
        for complaint, fits in complaints.items():
            if not fits:
                raise InvalidOption(f"{complaint}.")

    def plan(self) -> list[tuple[float, int]]:
        """The size, as a share of the full one, and the number of steps of each stage."""
        ends = [0]
        for left, stage in zip(reversed(range(len(self.stages))), self.stages, strict=True):
            end = ends[-1] + max(1, round(self.steps * stage.steps))
            ends.append(min(end, self.steps - left) if left else self.steps)
        counts = [end - start for start, end in itertools.pairwise(ends)]
        return [(stage.size, count) for stage, count in zip(self.stages, counts, strict=True)]


def all_convolutions(network: LossNetworkName) -> list[str]:
    """Keras's names of a network's convolutions, from the shallowest to the deepest."""
    blocks = enumerate(CONVOLUTIONS[network], 1)
    return [f"block{block}_conv{number}" for block, count in blocks for number in range(1, count + 1)]


def coarse_to_fine(levels: int) -> tuple[Stage, ...]:
    """Stages of equally many steps, each at twice the size of the one before."""
    return tuple(Stage(0.5**level, 1 / levels) for level in reversed(range(levels)))


def equally(*layers: str) -> dict[str, float]:
    """Weights that sum to 1, the same for each layer."""
    return dict.fromkeys(layers, 1 / len(layers))


FIVE_BLOCKS = equally("block1_conv1", "block2_conv1", "block3_conv1", "block4_conv1", "block5_conv1")
THREE_BLOCKS = equally("block1_conv1", "block3_conv1", "block5_conv1")
# Adam as TensorFlow's tutorial on style transfer sets it: 0.02 and 0.1 for pixels in 0..1.
TUTORIAL_ADAM = AdamSettings(rate=5.1, beta_1=0.99, epsilon=0.1 / 255)


def yourstyle() -> OptimizationRecipe:
    """Return the settings of YourStyle.

    Formula: "mean", with w_l = 1 for the content layer block5_conv2 and 1/5 for block1_conv1 .. block5_conv1.
    alpha = 1e3, beta = 1e-2. Adam, 1000 steps. The picture with the least loss is kept; every 100 steps there
    is a picture with its three losses (total, content, style).

    Source: the settings as the system states them. It leaves open Adam's numbers, the size and the start.
    Those are the usual ones of TensorFlow's first tutorial (Yuan 2018, "Neural Style Transfer: Creating Art
    with Deep Learning using tf.keras and eager execution"): rate 5, beta_1 0.99, epsilon 0.1 on pixels in
    0..255; 512 pixels; from the photo. A second painting gets beta's value.
    """
    return OptimizationRecipe(
        name="yourstyle",
        content={"block5_conv2": 1.0},
        style=FIVE_BLOCKS,
        content_weight=1e3,
        style_weight=1e-2,
        second_style_weight=1e-2,
        steps=1000,
        optimizer=AdamSettings(rate=5.0, beta_1=0.99, epsilon=0.1),
        keep_least=True,
    )


def capstone() -> OptimizationRecipe:
    """Return the settings of the capstone system, for one painting or two.

    Formula: "mean", with w_l = 1 for the content layer block5_conv2 and 1/3 for block1_conv1, block3_conv1
    and block5_conv1. alpha = 1e4, beta = 0.1; a second painting has gamma = 0.1. Adam, 10 epochs of 100
    steps, at most 512 pixels.

    Source: the settings as the system states them. It leaves open Adam's numbers and the start. Those are the
    usual ones of TensorFlow's tutorial "Neural style transfer": rate 0.02, beta_1 0.99, epsilon 0.1 on pixels
    in 0..1; from the photo.
    """
    return OptimizationRecipe(
        name="capstone",
        content={"block5_conv2": 1.0},
        style=THREE_BLOCKS,
        content_weight=1e4,
        style_weight=0.1,
        second_style_weight=0.1,
        steps=1000,
        optimizer=TUTORIAL_ADAM,
    )


def stylize512() -> OptimizationRecipe:
    """Return the settings of the system that stylises at 512 pixels.

    Formula: "mean": the Gram matrix is divided by the number of positions. w_l = 1 for the content layer
    block5_conv2. At most 512 pixels. The user chooses epochs and steps per epoch: more steps, more
    style.

    Source: the settings as the system states them. It leaves open the style layers, the weights, Adam's
    numbers and the start. Those are the usual ones of TensorFlow's tutorial "Neural style transfer":
    block1_conv1 .. block5_conv1 with 1/5 each, alpha = 1e4, beta = 1e-2 (also for a second painting), rate
    0.02, beta_1 0.99, epsilon 0.1 on pixels in 0..1; from the photo; 10 epochs of 100 steps.
    """
    return OptimizationRecipe(
        name="stylize512",
        content={"block5_conv2": 1.0},
        style=FIVE_BLOCKS,
        content_weight=1e4,
        style_weight=1e-2,
        second_style_weight=1e-2,
        steps=1000,
        optimizer=TUTORIAL_ADAM,
    )


def portrait() -> OptimizationRecipe:
    """Return the settings of the portrait system.

    Formula: "paper", with w_l = 1 for the content layer conv4_2 and 1/5 for conv1_1 .. conv5_1. The ratio
    alpha / beta is the user's choice. Adam, 2200 steps, with a film of the process. VGG-16 and the content
    layer conv5_2 are alternatives. A mask of the faces keeps the person.

    Source: the settings as the system states them. It leaves open the ratio, Adam's numbers, the size and the
    start. The ratio is 1e-3, the usual one of Gatys et al. 2015 (a second painting gets beta's value). The
    rest is usual too: rate 2 and Keras's other numbers on pixels in 0..255; 512 pixels; from the photo.
    """
    return OptimizationRecipe(
        name="portrait",
        content={"block4_conv2": 1.0},
        style=FIVE_BLOCKS,
        content_weight=1.0,
        style_weight=1e3,
        second_style_weight=1e3,
        steps=2200,
        scaling="paper",
        optimizer=AdamSettings(rate=2.0),
    )


def masterwork() -> OptimizationRecipe:
    """Return our own settings: the losses of ``capstone`` with VGG-16, in a tenth of its time.

    Formula: as :func:`capstone`. It starts from the feed-forward picture and descends by L-BFGS.

    Source: this project; docs/OPTIMIZATION.md has the measurements.
    """
    return OptimizationRecipe(
        name="masterwork",
        content={"block5_conv2": 1.0},
        style=THREE_BLOCKS,
        content_weight=1e4,
        style_weight=0.1,
        second_style_weight=0.1,
        steps=100,
        epoch=10,
        network="vgg16",
        start="feed-forward",
        optimizer=LbfgsSettings(),
        keep_least=True,
    )


RECIPES: Mapping[str, Callable[[], OptimizationRecipe]] = {
    recipe.__name__: recipe for recipe in (masterwork, yourstyle, capstone, stylize512, portrait)
}
