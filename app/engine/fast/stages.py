"""The stages of a tiled pass as TensorFlow functions over one strip.

``convolved``, ``normalized`` and the others each build a stage from a graph, the type of planes (``kept``)
and names of layers. ``Stages`` traces it once, for strips of any size.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from app.engine.fast.graph import Activations, Ends, Graph, Raw, share, to_blocks
from app.engine.typing import DType, Moments, Tensor

# Takes (graph, kept, *names), returns a function of tensors. Its arguments may be None or tuples of tensors.
Build = Callable[..., Callable[..., Any]]
# A raw result, packed, with its mean and variance.
Made = tuple[Tensor, Tensor, Tensor]


class Stages:
    """The traced stages of one network; threads may share it."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.traced: dict[tuple[Any, ...], Any] = {}

    def get(self, build: Build, *names: str, kept: DType, mapped: bool) -> Callable[..., Any]:
        """The stage that ``build`` makes; ``mapped``: its arguments include style maps."""
        key = (build, *names, kept, mapped)

        def run(*arguments: Any) -> Any:
            given = [leaf for leaf in tf.nest.flatten(arguments) if leaf is not None]
            if key not in self.traced:
                self.traced[key] = _trace(build(self.graph, kept, *names), arguments, given)
            return self.traced[key](*given)

        return run


def _trace(stage: Callable[..., Any], arguments: Sequence[Any], given: Sequence[Tensor]) -> Any:
    """A traced function of those leaves of ``arguments`` that are not None.

    Its shapes are open. It outlives the pass, so it must not keep the arguments: they share memory with
    planes.
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
    """A stage from a strip to a layer's raw result.

    The strip is a slab of the photo or of a plane. The plane holds the raw result of ``pending``, or is
    settled.
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
    """A stage through two layers: ``through``, with known moments, and ``name``."""

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
    """A stage that normalises a raw result, then adds ``before`` or applies ReLU."""

    def stage(
        x: Tensor, before: Tensor | None, rows: Tensor, moments: Moments, where: Tensor | None
    ) -> Tensor:
        raw = _with(graph, Raw(_tensor(x), pending), moments, where)
        added_to = None if before is None else _tensor(before)
        return _pack(graph.normalize(raw, rows, activate=not add, added_to=added_to, kept=kept))

    return stage


def finished(graph: Graph, _: DType, pending: str) -> Callable[..., Tensor]:
    """A stage that turns the last layer's raw result into pixels."""

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
    """A raw result with the picture's moments, and the style map as shares of 0..1."""
    shares = None if where is None else share(where)
    if shares is not None and graph.phases(raw.layer):
        shares = to_blocks(shares)
    return dataclasses.replace(raw, moments=moments, where=shares)


def _made(raw: Raw) -> Made:
    assert raw.moments is not None
    mean, variance = raw.moments
    return _pack(raw.values), mean, variance


def _pack(x: Tensor) -> Tensor:
    """Activations in a NumPy type: bfloat16 becomes uint16 with the same bits."""
    return tf.bitcast(x, tf.uint16) if x.dtype == tf.bfloat16 else x


def _tensor(x: Tensor) -> Tensor:
    """A plane's array as a tensor."""
    return tf.bitcast(x, tf.bfloat16) if x.dtype == tf.uint16 else x


def _unpack(
    graph: Graph, x: Tensor, pending: str, moments: Moments | None, where: Tensor | None
) -> Activations:
    """A plane's array as ``pending``'s raw result, or as a settled tensor."""
    return _with(graph, Raw(_tensor(x), pending), moments, where) if pending else _tensor(x)


def to_array(tensor: Any) -> np.ndarray[Any, Any]:
    """A tensor's memory as an array, without the copy of ``numpy()``; only to be read."""
    return np.asarray(memoryview(tensor)) if "CPU" in tensor.device else np.asarray(tensor)
