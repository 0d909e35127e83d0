"""Networks with random weights, and one pass with them."""

from __future__ import annotations

import numpy as np

from app.config import PROJECT_ROOT
from app.engine.network import Network, Pass, StyleRows
from app.engine.networks.checkpoints import Checkpoint
from app.engine.networks.config import NetworkConfig
from app.engine.plain import PlainNetwork
from app.engine.typing import Pixels

# Without XLA: compiling takes longer than all that tests compute.
COMPILED_QUICKLY = "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
MODELS = PROJECT_ROOT / "models"


def chance_checkpoint(config: NetworkConfig) -> Checkpoint:
    """A checkpoint with random weights for two styles, scaled for stable activations."""
    chance = np.random.default_rng(3)
    kernels = {
        layer.name: chance.normal(size=layer.kernel_shape) / np.sqrt(layer.size**2 * layer.inputs)
        for layer in config.layers
    }
    parts = [
        np.concatenate(
            [chance.normal(1, 0.3, (2, layer.outputs)), chance.normal(0, 0.3, (2, layer.outputs))], 1
        )
        for layer in config.layers
    ]
    rows = np.concatenate(parts, axis=1).astype(np.float32)
    return Checkpoint(
        config, ("one", "two"), rows, {name: k.astype(np.float32) for name, k in kernels.items()}
    )


def paint(
    network: Network | PlainNetwork, photo: Pixels, style: StyleRows, *, budget: int = 1 << 30
) -> Pixels:
    return network.paint(Pass(photo, style, exact=True, budget=budget))
