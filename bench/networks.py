"""The networks to measure.

Time and memory depend on their architectures, not on their weights.
"""

from __future__ import annotations

from app.config import PROJECT_ROOT
from app.engine.networks.checkpoints import load_checkpoint
from app.engine.networks.config import PUBLISHED, NetworkConfig


def architecture(name: str) -> NetworkConfig:
    """The architecture of the published networks, or of a shipped one in models/."""
    if name == "published":
        return PUBLISHED
    return load_checkpoint(PROJECT_ROOT / "models" / f"{name}.npz").config
