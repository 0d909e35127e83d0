"""The transformation network once more, for any library that can convolve, normalise and add.

Needs NumPy only, so that it runs in the peers' environment.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, Protocol, TypeVar

import numpy as np

from app.engine.networks.checkpoints import Checkpoint, load_checkpoint
from app.engine.networks.config import PUBLISHED, LayerSpec, NetworkConfig
from app.engine.networks.topology import Step, walk
from app.engine.typing import Floats, Pixels

Paint = Callable[[Pixels], Pixels]
T = TypeVar("T")


@dataclass(frozen=True)
class Layer:
    """A convolution and the scale and shift of the instance normalisation after it."""

    spec: LayerSpec
    kernel: Floats  # [size, size, inputs, outputs]
    scale: Floats  # [outputs]
    shift: Floats  # [outputs]


@dataclass(frozen=True)
class Network:
    """One network with one style."""

    config: NetworkConfig
    layers: dict[str, Layer] = field(repr=False)

    @property
    def reflects(self) -> bool:
        """Padding by reflection rather than with zeros."""
        return self.config.padding == "reflect"


def read_network(path: Path, style: str) -> Network:
    """Read a checkpoint of ours with the scales and shifts of one of its styles."""
    checkpoint = load_checkpoint(path)
    row = checkpoint.row(style).astype(np.float32)
    layers: dict[str, Layer] = {}
    spans = checkpoint.config.style_spans
    for spec in checkpoint.config.layers:
        scale, shift = (row[span] for span in spans[spec.name])
        kernel = checkpoint.kernels[spec.name].astype(np.float32)
        layers[spec.name] = Layer(spec, kernel, scale, shift)
    return Network(checkpoint.config, layers)


def random_checkpoint(style: str, config: NetworkConfig = PUBLISHED) -> Checkpoint:
    """A network of chance weights, by default the published one: as fast as the real one, and as large."""
    chance = np.random.default_rng(1)
    kernels = {spec.name: chance.normal(0, 0.1, spec.kernel_shape) for spec in config.layers}
    row = [
        values
        for spec in config.layers
        for values in (chance.normal(1, 0.2, spec.outputs), chance.normal(0, 0.2, spec.outputs))
    ]
    return Checkpoint(config, (style,), np.concatenate(row)[None].astype(np.float32), kernels)


class Operations(Protocol, Generic[T]):
    """What a library must offer; ``T`` is its tensor."""

    def convolve(self, x: T, layer: Layer) -> T:
        """Pad, convolve and normalise."""
        ...

    def enlarge(self, x: T, layer: Layer) -> T:
        """Double height and width, convolve and normalise."""
        ...

    def relu(self, x: T) -> T: ...

    def add(self, x: T, y: T) -> T: ...


def apply(network: Network, operations: Operations[T], x: T) -> T:
    """From pixels in the network's range to what its last normalisation gives, before the tanh."""

    def apply_step(step: Step, source: T, added_to: T | None) -> T:
        layer = network.layers[step.name]
        compute = operations.enlarge if step.layer.kind == "doubling" else operations.convolve
        result = compute(source, layer)
        if added_to is not None:
            return operations.add(added_to, result)
        return operations.relu(result) if step.activates else result

    return walk(network.config, x, apply_step)
