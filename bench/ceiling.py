"""Measure the processor's ceiling, and each network's share of it.

The ceiling is the faster of two operations in TensorFlow on all cores: a product of large matrices, and the
convolution where the published network spends most of its time (3x3, 128 channels). A network's share is its
time at the ceiling / its measured time. Doubling layers count the operations actually done
(``multiply_adds``).
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from app.config import PROJECT_ROOT
from app.engine.networks.checkpoints import load_checkpoint
from app.engine.networks.config import PUBLISHED
from bench.machine import PRECISIONS
from bench.peers.network import random_checkpoint
from bench.processes import measured_alone

SIDE = 1024
ROUNDS = 9
MATRIX = 3072
CHANNELS, PLANE = 128, 256


def measure(precision: str) -> dict[str, Any]:
    """Operations per second of both ceilings, and each network's own figures.

    Those are operations and seconds per picture.

    A multiplication with its addition counts as two operations.
    """
    import tensorflow as tf

    from app.engine.network import Network, Pass, StyleRows
    from app.engine.stylizer import CPU, configure_tensorflow

    configure_tensorflow()
    kind = tf.as_dtype(precision)
    matrix = _noise([MATRIX, MATRIX], kind)
    plane, kernel = _noise([1, PLANE, PLANE, CHANNELS], kind), _noise([3, 3, CHANNELS, CHANNELS], kind)
    multiply = tf.function(lambda: tf.matmul(matrix, tf.identity(matrix)))
    convolve = tf.function(lambda: tf.nn.conv2d(tf.identity(plane), kernel, 1, "SAME"))
    figures: dict[str, Any] = {
        "matrix": 2 * MATRIX**3 / _seconds(multiply),
        "convolution": 2 * PLANE**2 * 9 * CHANNELS**2 / _seconds(convolve),
    }
    photo = np.random.default_rng(1).integers(0, 256, (SIDE, SIDE, 3), np.uint8)
    checkpoints = {"published": random_checkpoint("published", PUBLISHED)}
    for name in ("house", "house_fast"):
        checkpoints[name] = load_checkpoint(PROJECT_ROOT / "models" / f"{name}.npz")
    for name, checkpoint in checkpoints.items():
        network = Network(checkpoint, precision=precision, device=CPU)
        wanted = Pass(photo, StyleRows(checkpoint.rows[0]), exact=True, budget=1 << 30)
        seconds = _seconds(partial(network.paint, wanted))
        figures[name] = [2 * checkpoint.config.multiply_adds(SIDE, SIDE), seconds]
    return figures


def _noise(shape: list[int], kind: Any) -> Any:
    import tensorflow as tf

    return tf.constant(np.random.default_rng(1).normal(size=shape).astype(np.float32), kind)


def _seconds(run: Callable[[], object]) -> float:
    """The median of several runs; two warm-up runs trace and allocate memory."""
    spent = []
    for _ in range(ROUNDS + 2):
        start = time.perf_counter()
        run()
        spent.append(time.perf_counter() - start)
    return statistics.median(spent[2:])


def main() -> None:
    print(f"Ceiling: operations of the networks at {SIDE}x{SIDE}, median of {ROUNDS}")
    for precision in PRECISIONS:
        figures = measured_alone("bench.ceiling", precision)
        rates = {name: figures.pop(name) for name in ("matrix", "convolution")}
        ceiling = max(rates.values())
        print(
            f"  {precision}: " + ", ".join(f"{name} {rate / 1e9:.0f} GFLOP/s" for name, rate in rates.items())
        )
        for network, (operations, seconds) in figures.items():
            print(
                f"  {network:>12} {operations / 1e9:6.0f} GFLOP {seconds * 1e3:6.0f} ms "
                f"{operations / seconds / ceiling:6.2f} of the ceiling",
                flush=True,
            )


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1])))
