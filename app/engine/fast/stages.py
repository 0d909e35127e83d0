"""The stages of a tiled pass as TensorFlow functions over one strip.

Each function here makes one from a graph, the type of planes (``kept``) and names of layers.
``Stages`` traces it once, for strips of any size.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from app.engine.fast.graph import Activations, Ends, Graph, Raw, share, to_blocks
from app.engine.typing import DType, Moments, Tensor

# (graph, kept, *names) to a function over tensors; arguments may be None or tuples of tensors.
Build = Callable[..., Callable[..., Any]]
# A raw result, packed, with its mean and variance.
Made = tuple[Tensor, Tensor, Tensor]


class Stages:
    """The traced stages of one network. Keeps nothing of a picture, so that threads may share it."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.traced: dict[tuple[Any, ...], Any] = {}

    def get(self, build: Build, *names: str, kept: DType, mapped: bool) -> Callable[..., Any]:
        """The stage that ``build`` makes; ``mapped``: it is given style maps."""
        key = (build, *names, kept, mapped)

        def run(*arguments: Any) -> Any:
            given = [leaf for leaf in tf.nest.flatten(arguments) if leaf is not None]
            if key not in self.traced:
                self.traced[key] = _trace(build(self.graph, kept, *names), arguments, given)
            return self.traced[key](*given)

        return run


def _trace(stage: Callable[..., Any], arguments: Sequence[Any], given: Sequence[Tensor]) -> Any:
    """A traced function of the leaves of ``arguments`` that are not None, with open shapes.

    It outlives the pass. So it must not hold on to the arguments, which share memory with the pass's planes.
    """
    present = tf.nest.map_structure(lambda leaf: leaf is not None, arguments)

    def flat(*tensors: Tensor) -> Any:
        waiting = iter(tensors)
        return stage(*tf.nest.map_structure(lambda there: next(waiting) if there else None, present))

    signature = [
        tf.TensorSpec((1, None, None, leaf.shape[3]) if len(leaf.shape) == 4 else leaf.shape, leaf.dtype)
        for leaf in given
    ]
    return tf.function(flat, input_signature=signature, autograph=False)


def convolved(graph: Graph, kept: DType, pending: str, name: str) -> Callable[..., Made]:
    """From a strip to a layer's raw result.

    The strip is a slab of the photo or of a plane; the plane is the raw result of ``pending``, or settled.
    """

    def stage(
        x: Tensor, rows: Tensor, moments: Moments | None, ends: Ends | None, where: Tensor | None
    ) -> Made:
        source = _unpack(graph, x, pending, moments, where)
        return _made(_layer(graph, source, name, rows, ends, kept, measure=True))

    return stage


def convolved_through(
    graph: Graph, kept: DType, pending: str, through: str, name: str
) -> Callable[..., Made]:
    """From a strip through the layer ``through``, whose moments are known, to a layer's raw result."""

    def stage(
        x: Tensor,
        rows: Tensor,
        moments: Moments | None,
        ends: Ends | None,
        where: Tensor | None,
        through_moments: Moments,
        name_ends: Ends,
        through_where: Tensor | None,
    ) -> Made:
        source = _unpack(graph, x, pending, moments, where)
        raw = _layer(graph, source, through, rows, ends, kept, measure=False)
        raw = _with(graph, raw, through_moments, through_where)
        return _made(_layer(graph, raw, name, rows, name_ends, kept, measure=True))

    return stage


def normalized(graph: Graph, kept: DType, pending: str, add: str) -> Callable[..., Tensor]:
    """A raw result normalised; with ``add``, added to ``before`` instead of passing ReLU."""

    def stage(
        x: Tensor, before: Tensor | None, rows: Tensor, moments: Moments, where: Tensor | None
    ) -> Tensor:
        raw = _with(graph, Raw(_tensor(x), pending), moments, where)
        added_to = None if before is None else _tensor(before)
        return _pack(graph.normalize(raw, rows, activate=not add, added_to=added_to, kept=kept))

    return stage


def finished(graph: Graph, _: DType, pending: str) -> Callable[..., Tensor]:
    """The last layer's raw result as pixels."""

    def stage(x: Tensor, rows: Tensor, moments: Moments, where: Tensor | None) -> Tensor:
        return graph.finish(_with(graph, Raw(_tensor(x), pending), moments, where), rows)

    return stage


def _layer(
    graph: Graph, x: Activations, name: str, rows: Tensor, ends: Ends | None, kept: DType, *, measure: bool
) -> Raw:
    if name == graph.entry:
        assert not isinstance(x, Raw)  # the photo
        return graph.enter(x, kept=kept, measure=measure)
    return graph.convolve(x, name, rows, ends=ends, kept=kept, measure=measure)


def _with(graph: Graph, raw: Raw, moments: Moments | None, where: Tensor | None) -> Raw:
    """A raw result with the whole picture's moments, and the style map as shares of 0..1."""
    shares = None if where is None else share(where)
    if shares is not None and graph.phases(raw.layer):
        shares = to_blocks(shares)
    return dataclasses.replace(raw, moments=moments, where=shares)


def _made(raw: Raw) -> Made:
    assert raw.moments is not None
    mean, variance = raw.moments
    return _pack(raw.values), mean, variance


def _pack(x: Tensor) -> Tensor:
    """Activations as a type that NumPy has: bfloat16 as the same bits in uint16."""
    return tf.bitcast(x, tf.uint16) if x.dtype == tf.bfloat16 else x


def _tensor(x: Tensor) -> Tensor:
    """What a plane holds, as a tensor."""
    return tf.bitcast(x, tf.bfloat16) if x.dtype == tf.uint16 else x


def _unpack(
    graph: Graph, x: Tensor, pending: str, moments: Moments | None, where: Tensor | None
) -> Activations:
    """What a plane holds: the raw result of the layer ``pending``, or a settled tensor."""
    return _with(graph, Raw(_tensor(x), pending), moments, where) if pending else _tensor(x)


def to_array(tensor: Any) -> np.ndarray[Any, Any]:
    """A result on the processor without the copy that ``numpy()`` makes; it is read and let go."""
    return np.asarray(memoryview(tensor)) if "CPU" in tensor.device else np.asarray(tensor)
