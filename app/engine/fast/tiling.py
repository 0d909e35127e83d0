"""Exact inference in bounded memory, strip by strip.

Instance normalisation needs the mean and variance of every layer over the whole picture. Tiles that normalise
by themselves show seams. So the network runs layer by layer, as :mod:`app.engine.fast.tiling_plan` plans it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from app.engine.fast.graph import Graph
from app.engine.fast.planes import ALIGNMENT, Plane, PlaneStore
from app.engine.fast.stages import (
    Build,
    Made,
    Stages,
    convolved,
    convolved_through,
    finished,
    normalized,
    to_array,
)
from app.engine.fast.tiling_plan import (
    Add,
    Finish,
    LayerPlan,
    Make,
    Measure,
    Settle,
    TilingPlan,
    Window,
    plan_tiles,
    window,
)
from app.engine.networks.topology import PHOTO
from app.engine.padding import REACH, PaddedPhoto
from app.engine.typing import Moments, Pixels, Tensor

Turn = Callable[[], AbstractContextManager[None]]
Report = Callable[[float], None]


class Statistics:
    """Mean and variance over strips, merged pairwise.

    Chan, Golub and LeVeque 1983, equation 2.1.
    """

    def __init__(self) -> None:
        self._count = 0
        self._mean: Any = 0.0
        self._squares: Any = 0.0

    def add(self, mean: Any, variance: Any, count: int) -> None:
        """Take in a strip of ``count`` values per channel, with its biased variance."""
        mean, variance = mean.numpy().astype(np.float64), variance.numpy().astype(np.float64)
        total = self._count + count
        difference = mean - self._mean
        self._mean = self._mean + difference * (count / total)
        self._squares = self._squares + variance * count + difference**2 * (self._count * count / total)
        self._count = total

    @property
    def moments(self) -> Moments:
        """Mean and biased variance per channel, float32."""
        variance = self._squares / self._count
        return tf.constant(self._mean, tf.float32), tf.constant(variance, tf.float32)


@dataclass(frozen=True)
class Job:
    """One tiled pass.

    ``photo``: the photo to paint.
    ``rows``: the styles.
    ``where``: None, or the style map at each halving of the padded photo, uint8 [rows, columns].
    ``store``: where planes go.
    ``turn``: entered for each strip.
    ``report``: called between strips with the share done; may raise to stop.
    """

    photo: PaddedPhoto
    rows: Tensor
    where: list[Pixels] | None
    store: PlaneStore
    turn: Turn
    report: Report


class TiledPass:
    """Runs a network over strips. Keeps nothing of a picture: threads may share it."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self._stages = Stages(graph)

    def paint(self, job: Job) -> Pixels:
        """The whole picture, uint8 of the shape of the photo before it was padded."""
        plan = plan_tiles(
            self.graph.config,
            self.graph.layers,
            job.photo.height,
            job.photo.width,
            dtype=self.graph.dtype.name,
            budget=job.store.budget,
        )
        return _Run(self._stages, job, plan).paint()

    @property
    def stages(self) -> list[Any]:
        """The traced functions so far."""
        return list(self._stages.traced.values())


@dataclass(frozen=True)
class _Held:
    """A plane of ``layer``: raw with ``moments`` to normalise it, or settled without."""

    plane: Plane
    layer: str
    moments: Moments | None = None

    @property
    def pending(self) -> str:
        """The layer if the plane is raw, else ""."""
        return self.layer if self.moments is not None else ""


class _Run:
    """Executes a plan, each stage a loop over strips."""

    def __init__(self, stages: Stages, job: Job, plan: TilingPlan) -> None:
        self.stages, self.job, self.plan = stages, job, plan
        self.graph = stages.graph
        self._kept = tf.as_dtype(plan.kept)
        self._levels = {layer.name: layer.level for layer in self.graph.config.layers}
        self._planes: dict[str, _Held] = {}
        self._measured: dict[str, Moments] = {}  # moments of layers that are computed twice
        self._done = 0

    def paint(self) -> Pixels:
        """Execute the stages in order."""
        picture = np.empty(0, np.uint8)
        for stage in self.plan.stages:
            match stage:
                case Measure():
                    self._measure(stage)
                case Make():
                    self._make(stage)
                case Settle():
                    self._settle(stage)
                case Add():
                    self._add(stage)
                case Finish():
                    picture = self._finish(stage)
        return picture

    def _measure(self, stage: Measure) -> None:
        statistics = Statistics()
        for start, stop in self.plan.layers[stage.layer].strips:
            with self.job.turn():
                raw, mean, variance = self._compute(stage.layer, stage.reads, start, stop)
                statistics.add(mean, variance, self._pixels(raw, stage.layer))
            self._advance(stage.layer, start, stop)
        self._measured[stage.layer] = statistics.moments

    def _make(self, stage: Make) -> None:
        layer = self.plan.layers[stage.layer]
        source = self._planes[stage.reads].plane if stage.overwrites else None
        output, statistics = _Output(self.job.store, layer, source, rests=stage.rests), Statistics()
        strips = layer.strips[::-1] if stage.backwards else layer.strips
        for start, stop in strips:
            with self.job.turn():
                if stage.through:
                    raw, mean, variance = self._compute_through(stage, start, stop)
                else:
                    raw, mean, variance = self._compute(stage.layer, stage.reads, start, stop)
                output.write(layer.growth * start, to_array(raw)[0], last=(start, stop) == strips[-1])
                statistics.add(mean, variance, self._pixels(raw, stage.layer))
            for name in filter(None, (stage.through, stage.layer)):
                self._advance(name, start, stop)
        if stage.overwrites:
            del self._planes[stage.reads]
        self._planes[stage.layer] = _Held(output.close(), stage.layer, statistics.moments)

    def _compute(self, layer: str, reads: str, start: int, stop: int) -> Made:
        """Rows ``start`` to ``stop`` of a layer's raw result."""
        x, *others = self._source(layer, reads, start, stop)
        made: Made = self._stage(convolved, self._pending(reads), layer)(x, self.job.rows, *others)
        return made

    def _compute_through(self, stage: Make, start: int, stop: int) -> Made:
        """The same as ``_compute``, through a layer that is computed again."""
        seen = window(self.graph.layers[stage.layer], start, stop, self.plan.layers[stage.through].rows)
        x, *others = self._source(stage.through, stage.reads, seen.first, seen.last)
        compute = self._stage(convolved_through, self._pending(stage.reads), stage.through, stage.layer)
        made: Made = compute(
            x,
            self.job.rows,
            *others,
            self._measured[stage.through],
            _ends(seen),
            self._where(stage.through, seen.first, seen.last),
        )
        return made

    def _source(self, layer: str, reads: str, start: int, stop: int) -> tuple[Any, ...]:
        """The strip for a layer's rows: its values, moments, ends and style map."""
        if reads == PHOTO:
            return self.job.photo.slab(2 * start - REACH, 2 * stop + REACH), None, None, None
        held = self._planes[reads]
        seen = window(self.graph.layers[layer], start, stop, held.plane.rows)
        where = self._where(held.layer, seen.first, seen.last)
        return _read(held.plane, seen.first, seen.last), held.moments, _ends(seen), where

    def _pending(self, reads: str) -> str:
        return "" if reads == PHOTO else self._planes[reads].pending

    def _settle(self, stage: Settle) -> None:
        held = self._planes[stage.plane]
        held = dataclasses.replace(held, plane=self.job.store.bring_in(held.plane))
        if held.moments is not None:
            self._normalize(held, None)
        self._planes[stage.plane] = dataclasses.replace(held, moments=None)

    def _add(self, stage: Add) -> None:
        held = self._planes.pop(stage.layer)
        self._normalize(held, self._planes[stage.to].plane)
        self.job.store.free(held.plane)

    def _normalize(self, held: _Held, before: Plane | None) -> None:
        """Normalise a raw plane in place, or add it to ``before`` in place."""
        target = before or held.plane
        stage = self._stage(normalized, held.layer, "add" if before else "")
        layer = self.plan.layers[held.layer]
        for first, last in layer.strips:
            start, stop = layer.growth * first, layer.growth * last
            with self.job.turn():
                raw = _read(held.plane, start, stop)
                where = self._where(held.layer, start, stop)
                here = _read(before, start, stop) if before else None
                target.write(start, to_array(stage(raw, here, self.job.rows, held.moments, where))[0])
            self._pause()

    def _finish(self, stage: Finish) -> Pixels:
        photo, held = self.job.photo, self._planes[stage.layer]
        to_pixels = self._stage(finished, stage.layer)
        self.job.store.give_back_unused()  # makes room for the picture
        picture = np.empty(photo.shape, np.uint8)
        for start, stop in self.plan.layers[stage.layer].strips:
            with self.job.turn():
                where = self._where(stage.layer, start, stop)
                strip = to_pixels(_read(held.plane, start, stop), self.job.rows, held.moments, where)
                photo.crop_into(picture, to_array(strip)[0], 2 * start)
            self._pause()
        self.job.store.free(held.plane)
        return picture

    def _stage(self, build: Build, *names: str) -> Callable[..., Any]:
        return self.stages.get(build, *names, kept=self._kept, mapped=self.job.where is not None)

    def _where(self, layer: str, start: int, stop: int) -> Pixels | None:
        """The style map for rows of a layer's plane, uint8 [1, rows, columns, 1].

        A row of blocks has two rows of the map.
        """
        if self.job.where is None:
            return None
        level = self._levels[layer]
        rows = slice(start, stop) if level else slice(2 * start, 2 * stop)
        return self.job.where[level][None, rows, :, None]

    def _pixels(self, raw: Tensor, name: str) -> int:
        """The pixels of a strip [1, rows, columns, channels] of a layer's raw result."""
        pixels: int = raw.shape[1] * raw.shape[2] * (self.graph.phases(name) or 1)
        return pixels

    def _advance(self, name: str, start: int, stop: int) -> None:
        """Count the work done, in multiply-adds."""
        self._done += (stop - start) * self.plan.layers[name].row_work
        self._pause()

    def _pause(self) -> None:
        """Report the share done; the listener may raise to stop the pass."""
        self.job.report(min(self._done / self.plan.multiply_adds, 1.0))


class _Output:
    """Writes a stage's plane strip by strip.

    ``source`` is the plane to overwrite, or None. If there is one, each strip is written one strip late: the
    next strip still reads the rows that it overwrites.
    """

    def __init__(self, store: PlaneStore, layer: LayerPlan, source: Plane | None, *, rests: bool) -> None:
        self._store, self._source, self._rests = store, source, rests
        self._rows = layer.rows * layer.growth
        self._plane: Plane | None = None
        self._overwrites = False
        self._late: tuple[int, npt.NDArray[Any]] | None = None

    def write(self, start: int, values: npt.NDArray[Any], *, last: bool) -> None:
        """Write rows from ``start`` on; ``last``: no strip follows."""
        plane = self._plane = self._plane or self._open(values)
        if self._late:
            plane.write(*self._late)
        self._late = (start, values)
        if last or not self._overwrites:
            plane.write(*self._late)
            self._late = None

    def _open(self, values: npt.NDArray[Any]) -> Plane:
        shape = (self._rows, *values.shape[1:])
        plane = None
        if self._source is not None and not self._rests:
            plane = self._store.succeed(self._source, shape, values.dtype)
            self._overwrites = plane is not None
        return plane or self._store.new(shape, values.dtype, resting=self._rests)

    def close(self) -> Plane:
        """The plane; the source is given back."""
        assert self._plane is not None  # a picture has rows
        if self._source is not None and not self._overwrites:
            self._store.free(self._source)
        return self._plane


def _ends(seen: Window) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    return np.array(seen.above, np.int32), np.array(seen.below, np.int32)


def _read(plane: Plane, start: int, stop: int) -> Tensor:
    """Rows of a plane as a tensor [1, rows, columns, channels].

    An aligned array is not copied.

    The tensor shares the plane's memory: use it before those rows are written again.
    """
    values = plane.read(start, stop)[None]
    if values.ctypes.data % ALIGNMENT:
        return tf.constant(values)
    return tf.experimental.dlpack.from_dlpack(values.__dlpack__())
