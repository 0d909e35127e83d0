"""How the layers of a network are connected, said once. Loads without TensorFlow.

The Keras network, the fast graph, the tiled pass and the benchmarks are all built from these steps.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from app.engine.networks.config import LayerSpec, NetworkConfig

T = TypeVar("T")

# The name of the photo as a source.
PHOTO = "photo"


@dataclass(frozen=True)
class Step:
    """One layer with its sources, each the name of the step whose result it is, or ``PHOTO``.

    The step's result is relu(layer(reads)), or layer(reads) + adds where something is added. The last step
    has neither ReLU nor addition.
    """

    layer: LayerSpec
    reads: str
    adds: str = ""

    @property
    def name(self) -> str:
        return self.layer.name

    @property
    def activates(self) -> bool:
        """Whether ReLU follows the layer."""
        return not self.adds and self.layer.kind != "exit"

    @property
    def sources(self) -> list[str]:
        """The steps whose results this one uses."""
        return [self.reads, self.adds] if self.adds else [self.reads]


def steps(config: NetworkConfig) -> list[Step]:
    """The layers in the order in which a picture passes them.

    A residual block is x + b(relu(a(x))) (He, Zhang, Ren and Sun 2016), without ReLU after the addition. A
    skip connection adds a convolution of the halved picture to the doubled one of the same level.
    """
    result: list[Step] = []
    before = PHOTO  # the step whose result the next layer reads
    block = ""  # where the residual block began, while its first half is the last step
    halved: dict[int, str] = {}
    for layer in config.layers:
        if layer.kind == "skip":
            step = Step(layer, reads=halved[layer.level], adds=before)
        elif layer.kind == "residual" and block:
            step, block = Step(layer, reads=before, adds=block), ""
        else:
            step = Step(layer, reads=before)
            block = before if layer.kind == "residual" else ""
        if layer.kind == "halving":
            halved[layer.level] = layer.name
        result.append(step)
        before = layer.name
    return result


def uses(path: list[Step]) -> Counter[str]:
    """How often the result of each step is read or added to."""
    return Counter(source for step in path for source in step.sources)


def walk(config: NetworkConfig, photo: T, apply: Callable[[Step, T, T | None], T]) -> T:
    """The result of the last step.

    ``apply(step, source, added_to)`` makes a step's result; ``added_to`` is None where nothing is added.
    Results are let go after their last use.
    """
    path = steps(config)
    left = uses(path)
    results = {PHOTO: photo}
    for step in path:
        source = results[step.reads]
        added_to = results[step.adds] if step.adds else None
        left.subtract(step.sources)
        for name in step.sources:
            if not left[name]:
                results.pop(name, None)
        results[step.name] = apply(step, source, added_to)
    return results[path[-1].name]
