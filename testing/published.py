"""The published fast-style-transfer graph, written a second time in plain TensorFlow operations.

It shares no code with the engine, so that a mistake there cannot hide behind the same mistake here.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

EPSILON = 1e-3
# Per layer: kernel size, input channels, output channels, stride; negative strides enlarge.
LAYERS = (
    (9, 3, 32, 1),
    (3, 32, 64, 2),
    (3, 64, 128, 2),
    *[(3, 128, 128, 1)] * 10,
    (3, 128, 64, -2),
    (3, 64, 32, -2),
    (9, 32, 3, 1),
)
Variables = dict[str, np.ndarray]


def name(index: int) -> str:
    return f"Variable_{index}" if index else "Variable"


def random_variables(seed: int = 1) -> Variables:
    """Weights drawn by chance, in the shapes and under the names of the published files."""
    chance = np.random.default_rng(seed)
    arrays = []
    for size, inputs, outputs, stride in LAYERS:
        channels = (outputs, inputs) if stride < 0 else (inputs, outputs)
        arrays.append(chance.normal(0, 0.1, (size, size, *channels)))
        arrays.append(chance.normal(0, 0.2, outputs))
        arrays.append(chance.normal(1, 0.2, outputs))
    return {name(index): array.astype(np.float32) for index, array in enumerate(arrays)}


def save_as_tensorflow1(path: Path, variables: Variables, *, version: str = "V1") -> None:
    """Write variables as TensorFlow 1 did: one file (V1), or an index and a data file (V2)."""
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        made = [tf.compat.v1.Variable(value, name=key) for key, value in variables.items()]
        session.run(tf.compat.v1.global_variables_initializer())
        saver = tf.compat.v1.train.Saver(made, write_version=getattr(tf.compat.v1.train.SaverDef, version))
        saver.save(session, str(path), write_meta_graph=False, write_state=False)


def read_variables(path: Path) -> Variables:
    reader = tf.train.load_checkpoint(str(path))
    return {name(index): reader.get_tensor(name(index)) for index in range(3 * len(LAYERS))}


def paint(variables: Variables, photo: np.ndarray) -> np.ndarray:
    """What the published network makes of a photo, float 0..255, sides multiples of 4."""
    x = tf.constant(photo[None].astype(np.float32))
    x = tf.nn.relu(convolve(variables, x, 0))
    x = tf.nn.relu(convolve(variables, x, 1))
    x = tf.nn.relu(convolve(variables, x, 2))
    for first in range(3, 13, 2):
        x = x + convolve(variables, tf.nn.relu(convolve(variables, x, first)), first + 1)
    x = tf.nn.relu(convolve(variables, x, 13))
    x = tf.nn.relu(convolve(variables, x, 14))
    x = convolve(variables, x, 15)
    painted: np.ndarray = np.clip((tf.tanh(x) * 150 + 127.5).numpy()[0], 0, 255)
    return painted


def convolve(variables: Variables, x: Any, layer: int) -> Any:
    kernel, shift, scale = (variables[name(3 * layer + part)] for part in range(3))
    stride = LAYERS[layer][3]
    if stride > 0:
        x = tf.nn.conv2d(x, kernel, stride, "SAME")
    else:
        _, height, width, _ = x.shape
        shape = [1, height * -stride, width * -stride, LAYERS[layer][2]]
        x = tf.nn.conv2d_transpose(x, kernel, shape, -stride, "SAME")
    mean, variance = tf.nn.moments(x, [1, 2], keepdims=True)
    return scale * (x - mean) / tf.sqrt(variance + EPSILON) + shift
