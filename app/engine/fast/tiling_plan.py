"""Plans a tiled pass: its stages, planes, strips and precision. NumPy only.

A stage computes a layer's raw result for all strips of rows and merges their statistics. The next stage
normalises with them as it reads. Each stage leaves a plane (:mod:`app.engine.fast.planes`). Each plane
overwrites the plane it is computed from, unless a later stage reads that one too.

The two layers at full size are the entry and the last doubling. Where memory has no room for their results,
they are computed twice: once for their statistics, once inside the next stage. That is cheaper than a file.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass

from app.engine.fast.rewriting import Convolution, fits_float16
from app.engine.networks.config import LayerSpec, NetworkConfig
from app.engine.networks.topology import PHOTO, Step, steps, uses

# The bytes of a strip's widest tensor, and its multiply-adds: a tenth of a second on two cores. Others may
# wait for so long.
STRIP_BYTES = 1 << 25
STRIP_MULTIPLY_ADDS = 1 << 34
# Planes are float16 if the largest one would have more bytes than this in float32. Half as many bytes fit
# into memory more often, and the eleven bits of float16 change no pixel by more than one level.
FLOAT32_BYTES = 256 << 20

_ITEM_BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}


@dataclass(frozen=True)
class Window:
    """The source rows ``first`` to ``last`` (excluded) that a strip reads.

    ``above`` and ``below`` are 1 where the strip also reads beyond the upper or lower border, else 0.
    """

    first: int
    last: int
    above: int
    below: int


def window(layer: Convolution, start: int, stop: int, rows: int) -> Window:
    """The source window of a layer's rows ``start`` to ``stop`` (excluded).

    The source has ``rows`` rows.
    """
    first, last = layer.source_rows(start, stop)
    return Window(max(first, 0), min(last, rows), int(first < 0), int(last > rows))


@dataclass(frozen=True)
class LayerPlan:
    """One layer on one picture.

    ``rows``: the rows of blocks or pixels that the convolution runs over.
    ``growth``: the rows of the result for each of them.
    ``row_work``: multiply-adds per row.
    ``plane_bytes``: the size of the raw result.
    ``strips``: ranges of rows, each for one strip.
    """

    rows: int
    growth: int
    row_work: int
    plane_bytes: int
    strips: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Measure:
    """Compute a layer from the plane ``reads``, and keep only its statistics."""

    layer: str
    reads: str


@dataclass(frozen=True)
class Make:
    """Compute a layer's raw result into a new plane of the layer's name.

    ``reads``: the source plane, or ``PHOTO``.
    ``through``: a layer in between that was measured before and is computed again here, or "".
    ``overwrites``: the new plane overwrites its source, which no later stage needs.
    ``backwards``: it is larger than its source, so it is written from its last strip to its first.
    ``rests``: the plane lies in a file until a skip connection reads it.
    """

    layer: str
    reads: str
    through: str = ""
    overwrites: bool = False
    backwards: bool = False
    rests: bool = False


@dataclass(frozen=True)
class Settle:
    """Move a plane into memory if there is room; normalise it in place if it is raw."""

    plane: str


@dataclass(frozen=True)
class Add:
    """Normalise a layer's plane, add it to the plane ``to`` in place, and free it."""

    layer: str
    to: str


@dataclass(frozen=True)
class Finish:
    """Turn the raw plane of the last layer into pixels."""

    layer: str


Stage = Measure | Make | Settle | Add | Finish


@dataclass(frozen=True)
class TilingPlan:
    """The whole plan of a tiled pass.

    ``kept``: the type of planes, "float32", "bfloat16" or "float16".
    ``multiply_adds``: the work of all stages; layers that are computed twice count twice.
    """

    kept: str
    layers: Mapping[str, LayerPlan]
    stages: tuple[Stage, ...]
    multiply_adds: int


def plan_tiles(
    config: NetworkConfig,
    layers: Mapping[str, Convolution],
    height: int,
    width: int,
    *,
    dtype: str,
    budget: int,
) -> TilingPlan:
    """Plan a pass over a padded picture of ``height`` x ``width``.

    Args:
        config: the network.
        layers: its rewritten convolutions by name.
        height: a multiple of ``config.multiple``.
        width: the same.
        dtype: the precision of the convolutions.
        budget: bytes of memory for planes.
    """
    planner = _Planner(config, layers, height, width, dtype, budget)
    plans = {layer.name: planner.layer(layer) for layer in config.layers}
    stages = tuple(planner.stages(plans))
    work = sum(plans[name].rows * plans[name].row_work for name in [*plans, *planner.twice])
    return TilingPlan(planner.kept, plans, stages, work)


class _Planner:
    """Makes a plan; ``twice`` holds the layers that are computed twice."""

    def __init__(
        self,
        config: NetworkConfig,
        layers: Mapping[str, Convolution],
        height: int,
        width: int,
        dtype: str,
        budget: int,
    ) -> None:
        self.layers, self.height, self.width, self.dtype, self.budget = layers, height, width, dtype, budget
        self.config = config
        self.path = steps(config)
        self.kept = self._kept()
        full_size = [step.layer for step in self.path if step.layer.kind != "exit" and step.layer.level == 0]
        # Keep planes of full size only if they need no rounding and the first one fits.
        keeps_all = self.kept == dtype and self._plane_bytes(full_size[0], self.kept) <= budget
        self.twice = [] if keeps_all else [layer.name for layer in full_size]

    def _kept(self) -> str:
        """The type of planes, chosen by the size of the first halving's plane."""
        largest = next(step.layer for step in self.path if step.layer.kind == "halving")
        if self.dtype != "float32" or self._plane_bytes(largest, self.dtype) <= FLOAT32_BYTES:
            return self.dtype
        return "float16" if fits_float16(self.config, self.layers) else self.dtype

    def layer(self, layer: LayerSpec) -> LayerPlan:
        """One layer's part of the plan."""
        rows, columns = self._grid(layer)
        kernel = self.layers[layer.name].kernel
        work = columns * kernel.size
        row_bytes = columns * max(kernel.shape[2:]) * _ITEM_BYTES[self.dtype]
        step = max(4.0, min(STRIP_BYTES / row_bytes, STRIP_MULTIPLY_ADDS / work))
        count = max(1, math.ceil(rows / step))
        edges = [round(rows * number / count) for number in range(count + 1)]
        growth = 2 if self.layers[layer.name].doubled else 1
        return LayerPlan(
            rows, growth, work, self._plane_bytes(layer, self.kept), tuple(itertools.pairwise(edges))
        )

    def _grid(self, layer: LayerSpec) -> tuple[int, int]:
        """The rows and columns of a layer's convolution, in blocks at full size."""
        level = max(1, layer.kernel_level)
        return self.height >> level, self.width >> level

    def _plane_bytes(self, layer: LayerSpec, dtype: str) -> int:
        rows, columns = self._grid(layer)
        channels: int = self.layers[layer.name].kernel.shape[3]
        return rows * columns * channels * _ITEM_BYTES[dtype]

    def stages(self, plans: Mapping[str, LayerPlan]) -> list[Stage]:
        """The stages in order."""
        result: list[Stage] = []
        left = uses(self.path)
        sources = {step.name: step.reads for step in self.path}
        settled = self._settled()
        planes = {PHOTO: PHOTO}  # the plane with the result, by step
        for step in self.path:
            name, source, through = step.name, step.reads, ""
            if name in self.twice:
                result.append(Measure(name, planes[source]))
                continue
            if source in self.twice:
                source, through = sources[source], source
            left[source] -= 1
            overwrites = source != PHOTO and not left[source]
            plane = planes[source]
            backwards = overwrites and plans[name].plane_bytes > plans[plane].plane_bytes
            result.append(Make(name, plane, through, overwrites, backwards, self._rests(step, plans)))
            planes[name] = name
            if step.adds:
                left[step.adds] -= 1
                planes[name] = planes[step.adds]
                result.append(Add(name, planes[name]))
            if name in settled:
                result.append(Settle(planes[name]))
        return [*result, Finish(self.path[-1].name)]

    def _settled(self) -> set[str]:
        """The steps to settle: those that others are added to, and the smallest picture."""
        smallest = {
            step.name
            for step in self.path
            if step.layer.kind == "halving" and step.layer.level == self.config.halvings
        }
        return smallest | {step.adds for step in self.path}

    def _rests(self, step: Step, plans: Mapping[str, LayerPlan]) -> bool:
        """Whether a skip's plane rests in a file while residual blocks need memory.

        The first halving's plane never rests: it is the largest, and slow to write.
        """
        if step.layer.kind != "halving" or step.layer.level == 1:
            return False
        if all(other.layer.kind != "skip" or other.reads != step.name for other in self.path):
            return False
        blocks = [
            plans[other.name].plane_bytes
            for other in self.path
            if other.layer.kind == "residual" and other.layer.level == self.config.halvings
        ]
        # A residual block has two planes at a time.
        return plans[step.name].plane_bytes + sum(blocks[:2]) > self.budget
