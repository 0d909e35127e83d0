"""Descents of the losses over the pixels, a step at a time, with a state that can be kept and brought back.

SciPy has L-BFGS, but it computes in float64 on one core, has no state to resume from, and is no dependency of
this project. Ours needs a screen.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import keras
import numpy as np
import numpy.typing as npt
from keras import ops

from app.engine.optimization.losses import Point
from app.engine.optimization.recipe import AdamSettings, LbfgsSettings

Evaluate = Callable[[Any], Point]
Arrays = list[npt.NDArray[np.generic]]

# Pixels stay in these levels.
BOUNDS = (0.0, 255.0)
# A step is accepted if it brings this share of what the slope promises (Armijo), and is shortened so often.
SUFFICIENT, SHORTENINGS = 1e-4, 12
# The first step of steepest descent moves pixels by this many levels on average.
FIRST_STEP = 2.0
# The sides of blocks of pixels that L-BFGS lets move together.
BLOCKS = (2, 4, 8, 16)


class Optimizer(Protocol):
    """A way to descend."""

    def step(self, point: Point, evaluate: Evaluate) -> Point | None:
        """Return the next point, or None where no step leads further down."""

    def state(self) -> Arrays:
        """Return what the next step depends on, beside the point."""

    def restore(self, state: Arrays) -> None:
        """Bring back what :meth:`state` returned."""


def make_optimizer(
    settings: AdamSettings | LbfgsSettings, point: Point, bounds: tuple[float, float] | None = BOUNDS
) -> Optimizer:
    """Return the optimiser of a recipe, for points like ``point``."""
    if isinstance(settings, AdamSettings):
        return AdamDescent(settings, point, bounds)
    return LbfgsDescent(settings, bounds)


class AdamDescent:
    """Adam, whose pixels are cut off at the bounds after each step."""

    def __init__(self, settings: AdamSettings, point: Point, bounds: tuple[float, float] | None) -> None:
        self._bounds = bounds
        self._pixels = keras.Variable(point.pixels)
        self._adam = keras.optimizers.Adam(
            settings.rate, settings.beta_1, settings.beta_2, epsilon=settings.epsilon
        )
        self._adam.build([self._pixels])

    def step(self, point: Point, evaluate: Evaluate) -> Point:
        self._pixels.assign(point.pixels)
        self._adam.apply([point.gradient], [self._pixels])
        return evaluate(_clip(ops.convert_to_tensor(self._pixels), self._bounds))

    def state(self) -> Arrays:
        return [ops.convert_to_numpy(variable) for variable in self._adam.variables]

    def restore(self, state: Arrays) -> None:
        for variable, value in zip(self._adam.variables, state, strict=True):
            variable.assign(value)


class LbfgsDescent:
    """Limited-memory BFGS with a backtracking line search, projected onto the bounds.

    The direction is -H g. H is the inverse Hessian as the last pairs s = x' - x and y = g' - g tell it, by
    the two-loop recursion (Nocedal and Wright 2006, "Numerical Optimization", algorithm 7.4). Pixels at a
    bound whose gradient leads outwards stay there (Bertsekas 1982, "Projected Newton Methods for Optimization
    Problems with Simple Constraints").
    """

    def __init__(self, settings: LbfgsSettings, bounds: tuple[float, float] | None) -> None:
        self._settings = settings
        self._bounds = bounds
        # s, y and their product.
        self._pairs: list[tuple[Any, Any, float]] = []

    def step(self, point: Point, evaluate: Evaluate) -> Point | None:
        free = self._free(point)
        gradient = point.gradient * free
        direction = -self._inverse_hessian(gradient) * free
        found = self._search(point, direction, evaluate)
        if found is None and self._pairs:
            # The pairs mislead: begin again from steepest descent.
            self._pairs.clear()
            found = self._search(point, -self._inverse_hessian(gradient), evaluate)
        if found is not None:
            self._remember(found.pixels - point.pixels, found.gradient - point.gradient)
        return found

    def _free(self, point: Point) -> Any:
        if self._bounds is None:
            return ops.ones_like(point.pixels)
        low, high = self._bounds
        held = ops.logical_or(
            ops.logical_and(point.pixels <= low, point.gradient > 0),
            ops.logical_and(point.pixels >= high, point.gradient < 0),
        )
        return ops.cast(ops.logical_not(held), point.pixels.dtype)

    def _inverse_hessian(self, gradient: Any) -> Any:
        if not self._pairs:
            gradient = _smoothed(gradient)
            return gradient * (FIRST_STEP / (float(ops.mean(ops.abs(gradient))) + 1e-30))
        result, shares = gradient, []
        for s, y, product in reversed(self._pairs):
            shares.append(_dot(s, result) / product)
            result = result - shares[-1] * y
        _, y, product = self._pairs[-1]
        result = _smoothed(result)
        result = result * (product / _dot(y, _smoothed(y)))
        for (s, y, product), share in zip(self._pairs, reversed(shares), strict=True):
            result = result + (share - _dot(y, result) / product) * s
        return result

    def _search(self, point: Point, direction: Any, evaluate: Evaluate) -> Point | None:
        """The first point along a direction that lies low enough, or None."""
        rate = self._settings.rate
        for _ in range(SHORTENINGS):
            pixels = _clip(point.pixels + rate * direction, self._bounds)
            promised = _dot(point.gradient, pixels - point.pixels)
            if not promised < 0:
                return None
            found = evaluate(pixels)
            gained = found.loss - point.loss
            if gained <= SUFFICIENT * promised:
                return found
            # The minimum of the parabola through both losses and the slope, within a tenth and a half.
            curvature = gained - promised
            share = -promised / (2 * curvature) if np.isfinite(curvature) else 0.1
            rate *= min(0.5, max(0.1, share))
        return None

    def _remember(self, s: Any, y: Any) -> None:
        """Keep a pair that shows the loss curving upwards, as a Hessian's must."""
        product = _dot(s, y)
        if product > 1e-10 * _dot(y, y):
            self._pairs = [*self._pairs, (s, y, product)][-self._settings.memory :]

    def state(self) -> Arrays:
        return [ops.convert_to_numpy(array) for s, y, _ in self._pairs for array in (s, y)]

    def restore(self, state: Arrays) -> None:
        arrays: Sequence[Any] = [ops.convert_to_tensor(array) for array in state]
        self._pairs = [(s, y, _dot(s, y)) for s, y in zip(arrays[::2], arrays[1::2], strict=True)]


def _smoothed(gradient: Any) -> Any:
    """The gradient plus its means over blocks of 2x2, 4x4, 8x8 and 16x16 pixels.

    It stands for the inverse Hessian before there are pairs: broad changes of a picture move the losses less
    than fine ones, so they may go farther. Block means are projections, so the sum is symmetric and positive.
    """
    height, width = gradient.shape[1:3]
    largest = BLOCKS[-1]
    padded = ops.pad(gradient, ((0, 0), (0, -height % largest), (0, -width % largest), (0, 0)))
    total = padded
    for side in BLOCKS:
        means = ops.average_pool(padded, side)
        total = total + ops.repeat(ops.repeat(means, side, axis=1), side, axis=2)
    return total[:, :height, :width]


def _clip(pixels: Any, bounds: tuple[float, float] | None) -> Any:
    return pixels if bounds is None else ops.clip(pixels, *bounds)


def _dot(one: Any, other: Any) -> float:
    return float(ops.sum(one * other))
