"""The optimisation of one picture, from its start to its last step."""

from __future__ import annotations

import csv
import hashlib
import io
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from app.engine.cascade import resize
from app.engine.color import blend
from app.engine.errors import InvalidOption, InvalidPicture, OutOfMemory
from app.engine.network import is_out_of_memory
from app.engine.optimization.checkpoint import Checkpoint, Rows, load, save
from app.engine.optimization.colors import Colors, colors_for, finish, prepare, prepare_start
from app.engine.optimization.losses import TERMS, Objective, Point
from app.engine.optimization.optimizers import make_optimizer
from app.engine.optimization.recipe import SMALLEST, OptimizationRecipe
from app.engine.options import check_picture
from app.engine.training.loss_network import build_loss_network
from app.engine.typing import Pixels

# The columns of a history.
COLUMNS = ("step", "long_side", *TERMS, "seconds")
CHECKPOINT_SECONDS = 20.0
# White noise starts grey, with so many levels to either side.
NOISE = 20.0


@dataclass(frozen=True, eq=False)
class Sources:
    """What a picture is made of; every array is uint8.

    Attributes:
        photo: [height, width, 3].
        paintings: one or two, each [height, width, 3] of any size.
        start: a picture of the photo, [height, width, 3] of any size, for recipes that start "feed-forward".
        mask: [height, width] like the photo: the share of the painted picture at each pixel, 0..255.
        colors: whose colours the picture has.
        seed: of the noise, for recipes that start from it.
    """

    photo: Pixels
    paintings: tuple[Pixels, ...]
    start: Pixels | None = None
    mask: Pixels | None = None
    colors: Colors = "painting"
    seed: int = 1


@dataclass(frozen=True, eq=False)
class Progress:
    """Where a run is after a step; step 0 is the start. ``losses`` are weighted, by the names of TERMS."""

    step: int
    steps: int
    losses: Mapping[str, float]
    picture: Callable[[], Pixels]


@dataclass(frozen=True, eq=False)
class Outcome:
    """A finished picture, uint8 [height, width, 3], its losses, and a row of COLUMNS for each step."""

    picture: Pixels
    losses: Mapping[str, float]
    history: Rows


Report = Callable[[Progress], None]


def optimize(
    recipe: OptimizationRecipe,
    sources: Sources,
    *,
    weights: str | Path | None = "imagenet",
    precision: Literal["float32", "bfloat16"] = "float32",
    checkpoint: Path | None = None,
    resume: bool = False,
    report: Report = lambda progress: None,
) -> Outcome:
    """Paint a photo by descending the losses of a recipe.

    Args:
        recipe: the losses and the descent.
        sources: photo, paintings and what else the picture is made of.
        weights: as :func:`build_loss_network` takes them.
        precision: what the loss network's convolutions compute in.
        checkpoint: a file that is written every 20 seconds and when the run is stopped.
        resume: go on from that file.
        report: called after each step; may raise to stop.

    Raises:
        InvalidPicture: a picture is none, or too small.
        InvalidOption: the recipe, the weights or the checkpoint cannot be used.
        OutOfMemory: the loss network has no room for a picture of this size.
    """
    recipe.check()
    _check(recipe, sources)
    network = build_loss_network(
        recipe.network, recipe.layers, weights, precision=precision, pooling=recipe.pooling
    )
    run = Run(recipe, sources, network, report)
    identity = identify(recipe, sources, weights, precision)
    if resume:
        if checkpoint is None:
            raise InvalidOption("Resuming needs a checkpoint.")
        run.restore(load(checkpoint, identity))
    try:
        run.descend(lambda state: save(checkpoint, state, identity) if checkpoint else None)
    except (MemoryError, tf.errors.OpError) as error:
        if not is_out_of_memory(error):
            raise
        raise OutOfMemory(
            f"There is not enough memory for {recipe.size} pixels. Use a smaller size."
        ) from error
    return run.outcome()


def identify(
    recipe: OptimizationRecipe, sources: Sources, weights: str | Path | None, precision: str
) -> dict[str, Any]:
    """Return what decides a picture, fit for JSON."""
    pictures = (sources.photo, *sources.paintings, sources.start, sources.mask)
    return {
        "recipe": asdict(recipe),
        "pictures": [
            None if pixels is None else [pixels.shape, hashlib.sha256(pixels.tobytes()).hexdigest()]
            for pixels in pictures
        ],
        "colors": sources.colors,
        "seed": sources.seed,
        "weights": Path(weights).name if weights else None,
        "precision": precision,
    }


def _check(recipe: OptimizationRecipe, sources: Sources) -> None:
    for pixels in (sources.photo, *sources.paintings):
        check_picture(pixels)
    if not 1 <= len(sources.paintings) <= 2:
        raise InvalidOption("An optimisation takes one painting or two.")
    if recipe.start == "feed-forward" and sources.start is None:
        raise InvalidOption("The recipe starts from the feed-forward picture, and there is none.")
    if sources.mask is not None and sources.mask.shape != sources.photo.shape[:2]:
        raise InvalidOption("The mask must have the photo's height and width.")
    height, width = working_size(sources.photo, recipe.size)
    if min(height, width) < SMALLEST:
        raise InvalidPicture(f"A picture of {width}x{height} pixels is too small: {SMALLEST} is the least.")


def working_size(photo: Pixels, long_side: int) -> tuple[int, int]:
    """Return the height and width of a picture whose long side is at most so long."""
    scale = min(1.0, long_side / max(photo.shape[:2]))
    height, width = (max(1, round(side * scale)) for side in photo.shape[:2])
    return height, width


class Run:
    """A run in progress: the current point, the one with the least loss, and the history."""

    def __init__(
        self, recipe: OptimizationRecipe, sources: Sources, network: keras.Model, report: Report
    ) -> None:
        self._recipe = recipe
        self._sources = sources
        self._network = network
        self._report = report
        self._colors = colors_for(sources.photo, sources.colors)
        height, width = working_size(sources.photo, recipe.size)
        self._photo = resize(sources.photo, height, width)
        self._seen, self._paintings = prepare(self._photo, sources.paintings, self._colors)
        self._mask = None if sources.mask is None else resize(sources.mask, height, width)
        self._history: list[tuple[float, ...]] = []
        self._step = 0
        self._resumed: Checkpoint | None = None

    def restore(self, checkpoint: Checkpoint) -> None:
        """Go on from a checkpoint."""
        self._resumed = checkpoint
        self._step = checkpoint.step
        self._history = [tuple(row) for row in checkpoint.history]

    def descend(self, keep: Callable[[Checkpoint], None]) -> None:
        """Take all steps that are left; ``keep`` is given the state now and then, and when it is stopped."""
        plan = self._recipe.plan()
        first = self._resumed.stage if self._resumed else 0
        for index in range(first, len(plan)):
            share, _ = plan[index]
            self._stage(index, share, sum(steps for _, steps in plan[: index + 1]), keep)

    def _stage(self, index: int, share: float, until: int, keep: Callable[[Checkpoint], None]) -> None:
        """The steps of one stage; those before an earlier stop are not repeated."""
        height, width = (max(SMALLEST, round(side * share)) for side in self._photo.shape[:2])
        objective = self._objective(height, width)
        start = time.monotonic() - (self._history[-1][-1] if self._history else 0.0)
        resumed, self._resumed = self._resumed, None
        if resumed is None:
            self._point = self._least = objective(self._start(index, height, width))
        else:
            self._point, self._least = resumed.point, resumed.least
        optimizer = make_optimizer(self._recipe.optimizer, self._point)
        if resumed is not None:
            optimizer.restore(resumed.optimizer)

        def state() -> Checkpoint:
            rows = np.array(self._history, np.float64).reshape(-1, len(COLUMNS))
            return Checkpoint(index, self._step, self._point, self._least, optimizer.state(), rows)

        if not self._history:
            self._note(start)
        kept = time.monotonic()
        try:
            while self._step < until:
                point = optimizer.step(self._point, objective)
                if point is None:
                    self._step = until  # no step leads further down
                    break
                self._point, self._step = point, self._step + 1
                if point.loss < self._least.loss:
                    self._least = point
                self._note(start)
                if time.monotonic() - kept > CHECKPOINT_SECONDS:
                    keep(state())
                    kept = time.monotonic()
        except BaseException:
            keep(state())
            raise

    def _note(self, start: float) -> None:
        losses = self._point.named()
        long_side = max(self._point.pixels.shape[1:3])
        self._history.append((self._step, long_side, *losses.values(), time.monotonic() - start))
        point = self._point
        self._report(Progress(self._step, self._recipe.steps, losses, lambda: self._picture(point)))

    def _objective(self, height: int, width: int) -> Objective:
        long_side = max(height, width)
        paintings = [
            resize(painting, *working_size(painting, long_side)).astype(np.float32)
            for painting in self._paintings
        ]
        photo = resize(self._seen, height, width).astype(np.float32)
        return Objective(self._network, self._recipe, photo, paintings)

    def _start(self, index: int, height: int, width: int) -> Any:
        """The picture that a stage starts from, float32 [1, height, width, 3]."""
        if index:
            larger = tf.image.resize(self._point.pixels, (height, width), method="bicubic")
            return ops.clip(larger, 0.0, 255.0)
        if self._recipe.start == "noise":
            chance = np.random.default_rng(self._sources.seed)
            return tf.constant(
                chance.uniform(127.5 - NOISE, 127.5 + NOISE, (1, height, width, 3)), tf.float32
            )
        start = self._seen
        if self._recipe.start == "feed-forward" and self._sources.start is not None:
            start = prepare_start(self._sources.start, self._photo, self._colors)
        return tf.constant(resize(start, height, width)[None], tf.float32)

    def _picture(self, point: Point) -> Pixels:
        """A point as people see it, uint8 [height, width, 3] at its own size."""
        pixels = np.rint(ops.convert_to_numpy(point.pixels)[0]).astype(np.uint8)
        height, width = pixels.shape[:2]
        photo = resize(self._photo, height, width)
        painted = finish(photo, pixels, self._colors)
        mask = None if self._mask is None else resize(self._mask, height, width)
        return blend(photo, painted, 1.0, mask)

    def outcome(self) -> Outcome:
        """What the finished run has made."""
        point = self._least if self._recipe.keep_least else self._point
        return Outcome(self._picture(point), point.named(), np.array(self._history, np.float64))


def write_losses(history: Rows) -> bytes:
    """Return a history as a CSV file with a line per step."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for step, long_side, *losses, seconds in history:
        writer.writerow([int(step), int(long_side), *(f"{loss:.6g}" for loss in losses), f"{seconds:.2f}"])
    return text.getvalue().encode()
