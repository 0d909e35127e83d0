"""What each rewriting gives: layers as they would be written plainly beside how they run, in turn.

At 1024x1024, convolution and normalisation of each layer alone, of layers that are alike the first; the
weights are chance. How they run: by TensorFlow's operations, and by those of our own where there are such.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from app.engine.networks.config import LayerSpec, NetworkConfig
from bench.machine import PRECISIONS
from bench.networks import architecture
from bench.peers.network import random_checkpoint
from bench.processes import measured_alone

SIDE = 1024
ROUNDS = 9
NETWORKS = ("published", "house")
Run = Callable[[], object]


def measure(network: str, precision: str) -> dict[str, list[float]]:
    """By layer, milliseconds of its plain form, by TensorFlow's operations and by our own: medians."""
    import tensorflow as tf

    from app.engine.fast.graph import Graph
    from app.engine.native import operations as native
    from app.engine.stylizer import configure_tensorflow

    configure_tensorflow()
    config = architecture(network)
    checkpoint = random_checkpoint("chance", config)
    graphs = [
        Graph(config, checkpoint.kernels, precision, use_native=use_native)
        for use_native in ([False, True] if native.available() else [False])
    ]
    rows = tf.constant(checkpoint.rows[0])
    plain = _Plain(config, checkpoint.kernels, graphs[0].dtype)
    figures, measured = {}, set()
    for spec in config.layers:
        if (spec.kind, spec.level) not in measured:
            # A halving reads the level above its own, a doubling the level below.
            level = spec.level - 1 if spec.kind == "halving" else spec.kernel_level
            side = SIDE >> level
            figures[spec.name] = _race(
                plain.runner(spec, side), *(_runner(graph, spec, side, rows) for graph in graphs)
            )
        measured.add((spec.kind, spec.level))
    return figures


class _Plain:
    """Layers as they stand in the papers: padding, convolution, moments, scale and shift."""

    def __init__(self, config: NetworkConfig, kernels: Any, kind: Any) -> None:
        self.config, self.kernels, self.kind = config, kernels, kind

    def runner(self, spec: LayerSpec, side: int) -> Run:
        import tensorflow as tf

        x = _noise([1, side, side, spec.inputs], self.kind)
        kernel = tf.constant(self.kernels[spec.name], self.kind)
        scale, shift = (tf.fill([spec.outputs], tf.cast(value, self.kind)) for value in (1.5, 0.1))

        def run() -> Any:
            y = self._convolve(tf.identity(x), kernel, spec)
            mean, variance = tf.nn.moments(tf.cast(y, tf.float32), [1, 2], keepdims=True)
            factor = tf.math.rsqrt(variance + self.config.epsilon)
            y = (y - tf.cast(mean, y.dtype)) * tf.cast(factor, y.dtype)
            return tf.nn.relu(y * scale + shift)

        return _function(run)

    def _convolve(self, x: Any, kernel: Any, spec: LayerSpec) -> Any:
        import tensorflow as tf

        up, stride = spec.kind == "doubling", spec.stride
        if up and self.config.upsampling == "transposed":
            shape = [1, 2 * x.shape[1], 2 * x.shape[2], spec.outputs]
            return tf.nn.conv2d_transpose(x, tf.transpose(kernel, [0, 1, 3, 2]), shape, 2, "SAME")
        if up:
            x = tf.repeat(tf.repeat(x, 2, axis=1), 2, axis=2)
        if self.config.padding == "zeros":
            return tf.nn.conv2d(x, kernel, stride, "SAME")
        around = [spec.size // 2] * 2
        return tf.nn.conv2d(tf.pad(x, [[0, 0], around, around, [0, 0]], "REFLECT"), kernel, stride, "VALID")


def _runner(graph: Any, spec: LayerSpec, side: int, rows: Any) -> Run:
    """The layer as the engine runs it, from the form in which it gets its source."""
    import tensorflow as tf

    if spec.kind == "entry":
        photo = tf.zeros([1, side + 8, side + 8, 3], tf.uint8)
        return _function(lambda: graph.normalize(graph.enter(tf.identity(photo)), rows))
    blocks = spec.kind == "exit" or (spec.kind == "halving" and spec.level == 1)
    shape = [1, side // 2, side // 2, 4 * spec.inputs] if blocks else [1, side, side, spec.inputs]
    x = _noise(shape, graph.dtype)

    def run() -> Any:
        raw = graph.convolve(tf.identity(x), spec.name, rows)
        return (graph.finish if spec.kind == "exit" else graph.normalize)(raw, rows)

    return _function(run)


def _function(run: Run) -> Run:
    import tensorflow as tf

    compiled: Run = tf.function(run, autograph=False)
    return compiled


def _noise(shape: list[int], kind: Any) -> Any:
    import tensorflow as tf

    return tf.constant(np.random.default_rng(1).normal(size=shape).astype(np.float32), kind)


def _race(*runs: Run) -> list[float]:
    """Milliseconds of each, in turn."""
    times: list[list[float]] = [[] for _ in runs]
    for number in range(ROUNDS + 2):
        for run, spent in zip(runs, times, strict=True):
            start = time.perf_counter()
            run()
            if number >= 2:  # the first are traced, or ask the system for memory
                spent.append(1000 * (time.perf_counter() - start))
    return [statistics.median(spent) for spent in times]


def main() -> None:
    print(f"Rewriting: layers with their normalisation at {SIDE}x{SIDE}, milliseconds, median of {ROUNDS}")
    print(f"{'network':>10} {'precision':>10} {'layer':>8} {'plain':>8} {'rewritten':>10} {'own':>8}")
    for network in NETWORKS:
        for precision in PRECISIONS:
            figures = measured_alone("bench.rewriting", network, precision)
            for layer, times in figures.items():
                columns = "".join(f"{spent:9.1f}" for spent in times)
                print(f"{network:>10} {precision:>10} {layer:>8} {columns}", flush=True)


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1], sys.argv[2])))
