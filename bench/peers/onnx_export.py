"""Write a network as an ONNX model: uint8 [1, height, width, 3] in and out, sides multiples of 4."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from bench.peers.network import Layer, Network, apply

OPSET = 17


def export(network: Network) -> bytes:
    """The serialised model."""
    graph = _Graph(network)
    x = graph.node("Transpose", "pixels", perm=[0, 3, 1, 2])
    x = graph.node("Cast", x, to=TensorProto.FLOAT)
    if network.config.input_range == "unit":
        x = graph.node("Sub", graph.node("Div", x, graph.number(127.5)), graph.number(1.0))
    x = graph.node("Tanh", apply(network, graph, x))
    x = graph.node("Add", graph.node("Mul", x, graph.number(150.0)), graph.number(127.5))
    x = graph.node("Round", graph.node("Clip", x, graph.number(0.0), graph.number(255.0)))
    x = graph.node("Cast", x, to=TensorProto.UINT8)
    graph.node("Transpose", x, name="picture", perm=[0, 2, 3, 1])
    model = helper.make_model(
        graph.build(), opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8, producer_name="bench"
    )
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


class _Graph:
    """The nodes and constants written so far; a tensor is its name."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def node(self, kind: str, *inputs: str, name: str = "", **attributes: Any) -> str:
        output = name or f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [output], name=output, **attributes))
        return output

    def constant(self, values: npt.NDArray[np.generic]) -> str:
        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def number(self, value: float) -> str:
        return self.constant(np.array(value, np.float32))

    def convolve(self, x: str, layer: Layer) -> str:
        before = layer.spec.size // 2
        after = before
        if not self.network.reflects and layer.spec.stride == 2:
            # TensorFlow's SAME: an even side needs one row less, and it is the first that goes.
            before -= 1
        pads = [before, before, after, after]
        if self.network.reflects:
            around = np.array([0, 0, before, before, 0, 0, after, after], np.int64)
            x, pads = self.node("Pad", x, self.constant(around), mode="reflect"), [0, 0, 0, 0]
        kernel = self.constant(layer.kernel.transpose(3, 2, 0, 1))
        x = self.node("Conv", x, kernel, strides=[layer.spec.stride] * 2, pads=pads)
        return self._normalize(x, layer)

    def enlarge(self, x: str, layer: Layer) -> str:
        if self.network.config.upsampling == "nearest":
            scales = self.constant(np.array([1, 1, 2, 2], np.float32))
            doubled = self.node(
                "Resize",
                x,
                "",
                scales,
                mode="nearest",
                coordinate_transformation_mode="asymmetric",
                nearest_mode="floor",
            )
            return self.convolve(doubled, layer)
        kernel = self.constant(layer.kernel.transpose(2, 3, 0, 1))
        x = self.node("ConvTranspose", x, kernel, strides=[2, 2], pads=[0, 0, 1, 1])
        return self._normalize(x, layer)

    def relu(self, x: str) -> str:
        return self.node("Relu", x)

    def add(self, x: str, y: str) -> str:
        return self.node("Add", x, y)

    def _normalize(self, x: str, layer: Layer) -> str:
        scale, shift = self.constant(layer.scale), self.constant(layer.shift)
        return self.node("InstanceNormalization", x, scale, shift, epsilon=self.network.config.epsilon)

    def build(self) -> onnx.GraphProto:
        shape: list[str | int | None] = [1, "height", "width", 3]
        return helper.make_graph(
            self.nodes,
            "network",
            [helper.make_tensor_value_info("pixels", TensorProto.UINT8, shape)],
            [helper.make_tensor_value_info("picture", TensorProto.UINT8, shape)],
            self.constants,
        )
