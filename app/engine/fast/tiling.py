"""Exact inference in bounded memory: the whole picture's result, computed strip by strip.

Instance normalisation needs the mean and variance of every layer over the whole picture, so tiles that
normalise by themselves show seams. Here the network is run layer by layer: a stage makes a layer's raw result
for all strips of rows while their statistics are merged, and the next stage normalises with them as it reads.
Each stage leaves a plane (:mod:`app.engine.fast.planes`), which overwrites the one it is computed from. The
two layers at full size are computed twice where memory has no room for their results: once for their
statistics, once inside the next stage. That is cheaper than a file.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from app.engine.fast.graph import Graph, Raw, share, to_blocks
from app.engine.fast.planes import ALIGNMENT, Plane, PlaneStore
from app.engine.fast.rewriting import Convolution
from app.engine.networks.config import NetworkConfig
from app.engine.padding import REACH, PaddedPhoto, Pixels

# A strip's widest tensor has about so many bytes, and it costs about so many multiply-adds: a tenth of a
# second on two cores, for which others may have to wait.
STRIP_BYTES = 1 << 25
STRIP_MULTIPLY_ADDS = 1 << 34
# Where the largest plane would have more bytes in float32, planes are kept in float16: its eleven bits make
# no difference of more than a level, and half as many bytes fit into memory more often.
FLOAT32_BYTES = 256 << 20

Turn = Callable[[], AbstractContextManager[None]]
Report = Callable[[float], None]


class Statistics:
    """Mean and variance over strips, merged pairwise (Chan, Golub and LeVeque 1983, equation 2.1)."""

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
    def moments(self) -> tuple[Any, Any]:
        """Mean and biased variance per channel, float32."""
        variance = self._squares / self._count
        return tf.constant(self._mean, tf.float32), tf.constant(variance, tf.float32)


@dataclass(frozen=True)
class Job:
    """One tiled pass: what is painted in which style rows, where activations go, whom to ask between tiles.

    ``where`` is None or the style map at each halving of the padded photo: uint8 [rows, columns].
    """

    photo: PaddedPhoto
    rows: Any
    where: list[Pixels] | None
    store: PlaneStore
    turn: Turn
    report: Report


@dataclass(frozen=True)
class Activations:
    """What a stage left. With ``pending``, the name of a layer, they are its raw result and still have to be
    normalised with ``moments``; ``halvings`` tells the resolution of their rows, of blocks or of pixels.
    """

    plane: Plane
    halvings: int
    pending: str = ""
    moments: Any = None


class TiledPass:
    """Runs a network over strips. Keeps nothing of a picture, so that threads may share it."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self._stages: dict[tuple[Any, ...], Any] = {}

    def paint(self, job: Job) -> Pixels:
        """The whole picture, uint8 of the shape of the photo before it was padded."""
        config = self.graph.config
        run = _Run(self, job)
        # What skip connections read when it is doubled again.
        kept = range(config.halvings - config.skips, config.halvings)
        halved = [run.enter()]
        for number in range(2, config.halvings + 1):
            halved.append(
                run.layer(halved[-1], f"down{number}", keep=number - 1 in kept, rests=number in kept)
            )
        x = run.residual_blocks(halved.pop(), "res", config.residual_blocks)
        for number in range(1, config.halvings):
            x = run.layer(x, f"up{number}")
            if number <= config.skips:
                x = run.add(x, halved.pop(), f"skip{number}")
            if number == 1 and config.fine_blocks:
                x = run.residual_blocks(x, "fine", config.fine_blocks)
        return run.leave(x)

    @property
    def stages(self) -> list[Any]:
        """The traced functions so far."""
        return list(self._stages.values())

    def stage(self, make: Callable[..., Any], *names: str, kept: Any, mapped: bool) -> Callable[..., Any]:
        """A stage as a function that is traced once, for strips of any size."""
        key = (make, *names, kept, mapped)

        def run(*arguments: Any) -> Any:
            leaves = tf.nest.flatten(arguments)
            given = [leaf for leaf in leaves if leaf is not None]
            if key not in self._stages:
                self._stages[key] = _trace(make(self.graph, kept, *names), arguments, given)
            return self._stages[key](*given)

        return run


def _trace(stage: Callable[..., Any], arguments: Any, given: list[Any]) -> Any:
    """A traced function of the leaves of ``arguments`` that are not None, with open shapes.

    It outlives the pass, so it must not hold on to the arguments, which share memory with the pass's planes.
    """
    present = tf.nest.map_structure(lambda leaf: leaf is not None, arguments)

    def flat(*tensors: Any) -> Any:
        waiting = iter(tensors)
        return stage(*tf.nest.map_structure(lambda there: next(waiting) if there else None, present))

    signature = [
        tf.TensorSpec((1, None, None, leaf.shape[3]) if len(leaf.shape) == 4 else leaf.shape, leaf.dtype)
        for leaf in given
    ]
    return tf.function(flat, input_signature=signature, autograph=False)


def _entrance(graph: Graph, kept: Any) -> Any:
    """From the photo to the raw result of the first layer."""

    def stage(slab: Any) -> Any:
        return _made(graph.enter(slab, kept=kept, measure=True))

    return stage


def _entered(graph: Graph, kept: Any) -> Any:
    """From the photo through the first layer to the raw result of the second."""

    def stage(slab: Any, rows: Any, moments: Any, top: Any, bottom: Any, where: Any) -> Any:
        first = _with(graph, graph.enter(slab, kept=kept), moments, where)
        return _made(graph.convolve(first, "down1", rows, ends=(top, bottom), kept=kept, measure=True))

    return stage


def _through(graph: Graph, kept: Any, pending: str, name: str) -> Any:
    """From activations to a layer's raw result."""

    def stage(x: Any, rows: Any, moments: Any, top: Any, bottom: Any, where: Any) -> Any:
        x = _unpack(graph, x, pending, moments, where)
        return _made(graph.convolve(x, name, rows, ends=(top, bottom), kept=kept, measure=True))

    return stage


def _settled(graph: Graph, kept: Any, pending: str, add: str) -> Any:
    """A raw result normalised; with ``add``, on top of what stood there before the residual block."""

    def stage(raw: Any, before: Any, rows: Any, moments: Any, where: Any) -> Any:
        raw = _unpack(graph, raw, pending, moments, where)
        added_to = _unpack(graph, before) if add else None
        return _pack(graph.normalize(raw, rows, activate=not add, added_to=added_to, kept=kept))

    return stage


def _left(graph: Graph, kept: Any, pending: str, name: str) -> Any:
    """From activations through the last doubling to the raw result of the last layer."""

    def stage(
        x: Any, rows: Any, moments: Any, doubled: Any, borders: Any, where: Any, where_doubled: Any
    ) -> Any:
        x = _unpack(graph, x, pending, moments, where)
        x = graph.convolve(x, name, rows, ends=borders[:2], kept=kept)
        x = _with(graph, x, doubled, where_doubled)
        return _made(graph.convolve(x, "out", rows, ends=borders[2:], kept=kept, measure=True))

    return stage


def _finished(graph: Graph, _: Any) -> Any:
    """The last layer's raw result as pixels."""

    def stage(raw: Any, rows: Any, moments: Any, where: Any) -> Any:
        return graph.finish(_unpack(graph, raw, "out", moments, where), rows)

    return stage


class _Run:
    """The stages of one pass, each a loop over strips."""

    def __init__(self, tiled: TiledPass, job: Job) -> None:
        self.tiled, self.job = tiled, job
        self.graph = tiled.graph
        self.config = self.graph.config
        self.height, self.width = job.photo.height, job.photo.width
        self._rows = _convolution_rows(self.config, self.height)
        self._kept = self.graph.dtype
        if self._kept == tf.float32 and self._bytes("down1") > FLOAT32_BYTES and self.graph.fits_float16:
            self._kept = tf.float16
        # What the two layers at full size leave is kept if there is room for it and no need to round it; else
        # they run twice.
        self._keeps_all = self._kept == self.graph.dtype and self._bytes("conv1") <= job.store.budget
        twice = () if self._keeps_all else ("conv1", f"up{self.config.halvings}")
        costs = {name: rows * self._row_cost(name)[1] for name, rows in self._rows.items()}
        self._total = sum(costs.values()) + sum(costs[name] for name in twice)
        self._done = 0.0

    def enter(self) -> Activations:
        """Through the first two layers."""
        photo, blocks = self.job.photo, self.height // 2
        if self._keeps_all:
            return self.layer(self._gather(self._entrance, "conv1", halvings=1), "down1")
        moments = self._statistics(self._entrance, "conv1").moments
        stage, layer = self._stage(_entered), self.graph.layers["down1"]

        def make(start: int, stop: int) -> Any:
            first, last, top, bottom = _reach(layer, start, stop, blocks)
            slab = photo.slab(2 * first - REACH, 2 * last + REACH)
            where = self._where(0, 2 * first, 2 * last)
            return stage(slab, self.job.rows, moments, top, bottom, where)

        return self._gather(make, "conv1", "down1", halvings=1)

    def _entrance(self, start: int, stop: int) -> Any:
        return self._stage(_entrance)(self.job.photo.slab(2 * start - REACH, 2 * stop + REACH))

    def layer(self, x: Activations, name: str, *, keep: bool = False, rests: bool = False) -> Activations:
        """Through one layer.

        What it was made from is given back, unless it is to ``keep``. What it makes leaves the memory to
        residual blocks if there is no room for both and it ``rests`` meanwhile.
        """
        crowded = self._bytes(name) + self._residual_bytes() > self.job.store.budget
        return self._made(x, name, source=None if keep else x.plane, resting=rests and crowded)

    def _residual_bytes(self) -> float:
        """How many the planes of a residual block have."""
        return 2 * self._bytes("res1_a") if self.config.residual_blocks else 0.0

    def _made(
        self, x: Activations, name: str, *, source: Plane | None = None, resting: bool = False
    ) -> Activations:
        layer = self.graph.layers[name]
        return self._gather(
            lambda start, stop: self._apply(x, name, start, stop),
            name,
            halvings=x.halvings + (1 if layer.stride == 2 else -1 if layer.doubled else 0),
            source=source,
            resting=resting,
        )

    def add(self, x: Activations, kept: Activations, name: str) -> Activations:
        """Add the layer of a skip connection, made from what was kept for it, which is given back."""
        x = self._settled(x)
        y = self.layer(kept, name)
        self._settle(y, x.plane)
        self.job.store.free(y.plane)
        return x

    def _settled(self, x: Activations) -> Activations:
        """What other layers are added to, in place."""
        # What was beside it while it was made is gone.
        x = dataclasses.replace(x, plane=self.job.store.bring_in(x.plane))
        if x.pending:
            self._settle(x, None)
        return Activations(x.plane, x.halvings)

    def residual_blocks(self, x: Activations, kind: str, blocks: int) -> Activations:
        """Through residual blocks; the plane they add to is settled in place."""
        x = self._settled(x)
        for block in range(1, blocks + 1):
            first, second = f"{kind}{block}_a", f"{kind}{block}_b"
            y = self._made(x, first)
            y = self._made(y, second, source=y.plane)
            self._settle(y, x.plane)
            self.job.store.free(y.plane)
        return x

    def leave(self, x: Activations) -> Pixels:
        """Through the last two layers."""
        name = f"up{self.config.halvings}"
        raw = self.layer(self.layer(x, name), "out") if self._keeps_all else self._doubled_twice(x, name)
        picture = self._finish(raw)
        self.job.store.free(raw.plane)
        return picture

    def _doubled_twice(self, x: Activations, name: str) -> Activations:
        """Through the last doubling to the raw result of the last layer."""
        statistics = self._statistics(partial(self._apply, x, name), name)
        stage = self._stage(_left, x.pending, name)
        doubling, out = self.graph.layers[name], self.graph.layers["out"]
        rows = x.plane.rows

        def make(start: int, stop: int) -> Any:
            first, last, top, bottom = _reach(out, start, stop, rows)
            source_first, source_last, source_top, source_bottom = _reach(doubling, first, last, rows)
            return stage(
                _read(x.plane, source_first, source_last),
                self.job.rows,
                x.moments,
                statistics.moments,
                (source_top, source_bottom, top, bottom),
                self._where(1, source_first, source_last),
                self._where(0, 2 * first, 2 * last),
            )

        return self._gather(make, name, "out", halvings=1, source=x.plane)

    def _finish(self, raw: Activations) -> Pixels:
        photo, stage = self.job.photo, self._stage(_finished)
        self.job.store.give_back_unused()  # there is room for the picture, then
        picture = np.empty(photo.shape, np.uint8)
        for start, stop in self._strips("out"):
            with self.job.turn():
                where = self._where(0, 2 * start, 2 * stop)
                strip = stage(_read(raw.plane, start, stop), self.job.rows, raw.moments, where)
                photo.crop_into(picture, _array(strip)[0], 2 * start)
            self._pause()
        return picture

    def _statistics(self, make: Callable[[int, int], Any], name: str) -> Statistics:
        """Of a layer's raw result in blocks, made for nothing else."""
        statistics = Statistics()
        for start, stop in self._strips(name):
            with self.job.turn():
                raw, mean, variance = make(start, stop)
                statistics.add(mean, variance, self._pixels(raw, name))
            self._advance(name, start, stop)
        return statistics

    def _pixels(self, raw: Any, name: str) -> int:
        """How many pixels a strip of a layer's raw result, [1, rows, columns, channels], has."""
        pixels: int = raw.shape[1] * raw.shape[2] * (self.graph.phases(name) or 1)
        return pixels

    def _apply(self, x: Activations, name: str, start: int, stop: int) -> Any:
        first, last, top, bottom = _reach(self.graph.layers[name], start, stop, x.plane.rows)
        if x.pending and self.graph.phases(x.pending):
            where = self._where(0, 2 * first, 2 * last)
        else:
            where = self._where(x.halvings, first, last)
        slab = _read(x.plane, first, last)
        stage = self._stage(_through, x.pending, name)
        return stage(slab, self.job.rows, x.moments, top, bottom, where)

    def _gather(
        self,
        make: Callable[[int, int], Any],
        *names: str,
        halvings: int,
        source: Plane | None = None,
        resting: bool = False,
    ) -> Activations:
        """Make the raw result of the last of ``names``, those made together, and its statistics.

        ``source`` is the plane that it is made from, where nothing else will be: it is given back, and the
        result takes its place while it is read. A plane that is ``resting`` is not read for long.
        """
        name, store = names[-1], self.job.store
        grow = 2 if self.graph.layers[name].doubled else 1
        strips, statistics, plane, replaces = list(self._strips(name)), Statistics(), None, False
        if source is not None and self._bytes(name) > source.size:
            strips.reverse()
        late: tuple[int, Any] | None = None  # a strip that lies where the next one still reads
        for start, stop in strips:
            with self.job.turn():
                raw, mean, variance = make(start, stop)
                values = _array(raw)[0]
                if plane is None:
                    shape = (grow * self._rows[name], *values.shape[1:])
                    if source is not None and not resting:
                        plane = store.succeed(source, shape, values.dtype)
                        replaces = plane is not None
                    plane = plane or store.new(shape, values.dtype, resting=resting)
                if late:
                    plane.write(*late)
                late = (grow * start, values)
                if not replaces or (start, stop) == strips[-1]:
                    plane.write(*late)
                    late = None
                statistics.add(mean, variance, self._pixels(raw, name))
            for done in names:
                self._advance(done, start, stop)
        assert plane is not None  # a picture has rows
        if source is not None and not replaces:
            store.free(source)
        return Activations(plane, halvings, name, statistics.moments)

    def _settle(self, x: Activations, before: Plane | None) -> None:
        """Normalise in place, or add to ``before`` in place."""
        target = before or x.plane
        stage = self._stage(_settled, x.pending, "add" if before else "")
        grow = x.plane.rows // self._rows[x.pending]  # a doubling has more rows than its convolution
        for first, last in self._strips(x.pending):
            start, stop = grow * first, grow * last
            with self.job.turn():
                raw = _read(x.plane, start, stop)
                where = self._where(x.halvings, start, stop)
                here = _read(before, start, stop) if before else None
                target.write(start, _array(stage(raw, here, self.job.rows, x.moments, where))[0])
            self._pause()

    def _stage(self, make: Callable[..., Any], *names: str) -> Any:
        return self.tiled.stage(make, *names, kept=self._kept, mapped=self.job.where is not None)

    def _where(self, halvings: int, start: int, stop: int) -> Any:
        """The style map's rows at a resolution, uint8 [1, rows, columns, 1]."""
        return None if self.job.where is None else self.job.where[halvings][None, start:stop, :, None]

    def _strips(self, name: str) -> Iterator[tuple[int, int]]:
        """Ranges of the rows over which a layer's convolution runs."""
        rows = self._rows[name]
        values, work = self._row_cost(name)
        step = max(4.0, min(STRIP_BYTES / (values * self.graph.dtype.size), STRIP_MULTIPLY_ADDS / work))
        count = max(1, math.ceil(rows / step))
        edges = [round(rows * number / count) for number in range(count + 1)]
        yield from itertools.pairwise(edges)

    def _bytes(self, name: str) -> float:
        """How many a layer's raw result has."""
        numbers = self._rows[name] * self._columns(name) * self.graph.layers[name].kernel.shape[3]
        return float(numbers * self._kept.size)

    def _columns(self, name: str) -> float:
        """Over how many columns a layer's convolution runs."""
        columns: float = self.width * self._rows[name] / self.height
        return columns

    def _row_cost(self, name: str) -> tuple[float, float]:
        """Numbers in the wider of the tensors before and after, and multiply-adds, per row of a layer."""
        kernel = self.graph.layers[name].kernel
        columns = self._columns(name)
        return columns * max(kernel.shape[2:]), columns * float(kernel.size)

    def _advance(self, name: str, start: int, stop: int) -> None:
        """Count what was done, in multiply-adds; never quite all before the picture is there."""
        self._done += (stop - start) * self._row_cost(name)[1]
        self._pause()

    def _pause(self) -> None:
        """Tell how far the pass is; who hears it may stop it."""
        self.job.report(min(self._done / self._total, 1.0))


def _convolution_rows(config: NetworkConfig, height: int) -> dict[str, int]:
    """Over how many rows each layer's convolution runs, for a padded picture of ``height``."""
    rows = {}
    for layer in config.layers:
        number = int(layer.name[-1]) if layer.name[:-1] in ("down", "up", "skip") else 0
        if layer.name.startswith("down"):
            halvings = number
        elif layer.name.startswith("up"):
            halvings = config.halvings - number + 1
        elif layer.name.startswith("res"):
            halvings = config.halvings
        elif layer.name.startswith("skip"):
            halvings = config.halvings - number
        elif layer.name.startswith("fine"):
            halvings = config.halvings - 1
        else:
            halvings = 1  # in blocks
        rows[layer.name] = height >> halvings
    return rows


def _with(graph: Graph, raw: Raw, moments: Any, where: Any) -> Raw:
    """A raw result with the whole picture's moments, and the style map as shares of 0..1."""
    shares = share(where)
    if shares is not None and graph.phases(raw.layer):
        shares = to_blocks(shares)
    return dataclasses.replace(raw, moments=moments, where=shares)


def _made(raw: Raw) -> Any:
    """What a stage leaves: a raw result, and its mean and variance."""
    assert raw.moments is not None
    return _pack(raw.values), *raw.moments


def _pack(x: Any) -> Any:
    """Activations as a type that NumPy has: bfloat16 as the same bits in uint16."""
    return tf.bitcast(x, tf.uint16) if x.dtype == tf.bfloat16 else x


def _unpack(graph: Graph, x: Any, pending: str = "", moments: Any = None, where: Any = None) -> Any:
    """What a plane holds, as a tensor; where it is the raw result of the layer ``pending``, as that."""
    x = tf.bitcast(x, tf.bfloat16) if x.dtype == tf.uint16 else x
    return _with(graph, Raw(x, pending), moments, where) if pending else x


def _array(tensor: Any) -> npt.NDArray[Any]:
    """A result on the processor without the copy that ``numpy()`` makes; it is read and let go."""
    return np.asarray(memoryview(tensor)) if "CPU" in tensor.device else np.asarray(tensor)


def _read(plane: Plane, start: int, stop: int) -> Any:
    """Rows of a plane as a tensor [1, rows, columns, channels], without a copy where it is aligned.

    The tensor shares the plane's memory: it is to be used before those rows are written again.
    """
    values = plane.read(start, stop)[None]
    if values.ctypes.data % ALIGNMENT:
        return tf.constant(values)
    return tf.experimental.dlpack.from_dlpack(values.__dlpack__())


def _reach(layer: Convolution, start: int, stop: int, rows: int) -> tuple[int, int, Any, Any]:
    """The source's rows for rows ``start`` to ``stop``, and 1 or 0 for whether they end at its borders."""
    first, last = layer.source_rows(start, stop)
    return max(first, 0), min(last, rows), np.array(first < 0, np.int32), np.array(last > rows, np.int32)
