"""Make models/vgg16.npz, VGG-16's convolutions up to block5_conv2 in float16, from a file of its weights.

``python -m scripts.pack_vgg16 FILE`` takes the file that Keras publishes for VGG-16 without its
top, or an .npz file with arrays called block1_conv1/k (the kernel) and block1_conv1/b (the bias).
"""

from __future__ import annotations

import sys
from pathlib import Path

import keras
import numpy as np

from app.config import PROJECT_ROOT
from app.engine.training.recipe import CONVOLUTIONS
from app.files import whole_file

TARGET = PROJECT_ROOT / "models" / "vgg16.npz"
# The deepest layer that a recipe of this project looks at.
LAST = "block5_conv2"


def convolutions() -> list[str]:
    """The names of the convolutions from the first to LAST."""
    blocks = enumerate(CONVOLUTIONS["vgg16"], 1)
    names = [f"block{block}_conv{number}" for block, count in blocks for number in range(1, count + 1)]
    return names[: names.index(LAST) + 1]


def pack(source: Path) -> dict[str, np.ndarray]:
    """The arrays of models/vgg16.npz: NAME/kernel [3, 3, inputs, outputs] and NAME/bias [outputs]."""
    if source.suffix == ".npz":
        with np.load(source, allow_pickle=False) as archive:
            weights = {name: (archive[f"{name}/k"], archive[f"{name}/b"]) for name in convolutions()}
    else:
        network = keras.applications.VGG16(include_top=False, weights=str(source))
        weights = {name: tuple(network.get_layer(name).get_weights()) for name in convolutions()}
    arrays = {}
    for name, (kernel, bias) in weights.items():
        arrays[f"{name}/kernel"] = kernel.astype(np.float16)
        arrays[f"{name}/bias"] = bias.astype(np.float16)
    return arrays


if __name__ == "__main__":
    packed = pack(Path(sys.argv[1]))
    with whole_file(TARGET) as file:
        np.savez(file, **packed)  # type: ignore[arg-type]  # its stub takes the names for its own option
    print(f"{TARGET}: {TARGET.stat().st_size / 1e6:.1f} MB")
