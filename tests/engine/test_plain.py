"""The network in plain Keras, as other backends run it, against the fast network."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from app.config import PROJECT_ROOT
from app.engine.catalogue import Catalogue
from app.engine.errors import InvalidOption
from app.engine.network import Network, StyleRows
from app.engine.networks.config import NetworkConfig
from app.engine.plain import PlainNetwork
from app.engine.stylizer import Stylizer
from app.engine.typing import Pixels
from testing.networks import COMPILED_QUICKLY, MODELS, chance_checkpoint, paint


@pytest.mark.parametrize(
    "config",
    [NetworkConfig(8, 3, 1), NetworkConfig(8, 2, 1, "zeros", "transposed", "bytes")],
    ids=["house", "published"],
)
@pytest.mark.parametrize("shape", [(64, 96), (33, 18)])
def test_plain_keras_paints_the_same_pixels(
    config: NetworkConfig, photo: Pixels, shape: tuple[int, int]
) -> None:
    checkpoint = chance_checkpoint(config)
    style = StyleRows(checkpoint.row("one"))
    picture = np.ascontiguousarray(photo[: shape[0], : shape[1]])
    plain = PlainNetwork(checkpoint, precision="float32", device="keras")
    fast = Network(checkpoint, precision="float32", device="/CPU:0")
    painted = paint(plain, picture, style)
    assert painted.shape == picture.shape
    assert np.abs(painted.astype(int) - paint(fast, picture, style)).max() <= 1


def test_plain_keras_refuses_style_maps(photo: Pixels) -> None:
    checkpoint = chance_checkpoint(NetworkConfig(8, 2, 1))
    plain = PlainNetwork(checkpoint, precision="bfloat16", device="keras")
    with pytest.raises(InvalidOption, match="style map needs TensorFlow"):
        paint(plain, photo, StyleRows(checkpoint.rows, np.zeros(photo.shape[:2], np.uint8)))
    assert paint(plain, photo, StyleRows(checkpoint.row("one"))).std() > 10


@pytest.mark.soak
def test_the_command_line_paints_the_same_on_jax(photo: Pixels, tmp_path: Path) -> None:
    given, made = tmp_path / "photo.png", tmp_path / "painted.png"
    Image.fromarray(photo).save(given)
    command = ["-m", "flask", "stylize", str(given), "-o", str(made), "--style", "wave", "--exact"]
    subprocess.run(
        [sys.executable, *command],
        cwd=PROJECT_ROOT,
        env=os.environ
        | {"KERAS_BACKEND": "jax", "INSTANCE_DIR": str(tmp_path), "XLA_FLAGS": COMPILED_QUICKLY},
        check=True,
        capture_output=True,
    )
    expected = Stylizer(Catalogue([MODELS])).stylize(photo, "wave", exact=True)
    with Image.open(made) as painted:
        assert np.abs(np.asarray(painted).astype(int) - expected).max() <= 1
