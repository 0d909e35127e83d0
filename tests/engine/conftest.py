"""Fixtures: a shared stylizer, photos, and checkpoints written by TensorFlow."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from app.config import PROJECT_ROOT
from app.engine.catalogue import Catalogue, StyleFacts, ship_network
from app.engine.networks.checkpoints import load_checkpoint
from app.engine.stylizer import Stylizer, configure_tensorflow
from app.engine.typing import Pixels
from testing.networks import MODELS
from testing.published import random_variables, save_as_tensorflow1


@pytest.fixture(scope="session", autouse=True)
def configured_tensorflow() -> None:
    """Configure TensorFlow before the first operation of any test."""
    configure_tensorflow()


@pytest.fixture(scope="session")
def stylizer() -> Stylizer:
    return Stylizer(Catalogue([MODELS]))


@pytest.fixture(scope="session")
def house_v0(tmp_path_factory: pytest.TempPathFactory) -> Stylizer:
    """The network of the kept reference pictures, independent of the catalogue."""
    folder = tmp_path_factory.mktemp("house_v0")
    path = MODELS / "house_v0.npz"
    ship_network(folder, str(path), [StyleFacts(slug, slug) for slug in load_checkpoint(path).styles])
    return Stylizer(Catalogue([folder]))


@pytest.fixture(scope="session")
def photo() -> Pixels:
    """A real photo, 96 wide and 64 high."""
    with Image.open(PROJECT_ROOT / "static" / "samples" / "chelsea.jpg") as sample:
        return np.asarray(sample.convert("RGB").resize((96, 64)))


@pytest.fixture(scope="session", params=["V1", "V2"])
def published_file(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A published checkpoint with random weights, in both of TensorFlow's formats."""
    path = tmp_path_factory.mktemp("published") / "chance.ckpt"
    save_as_tensorflow1(path, random_variables(), version=request.param)
    return path
