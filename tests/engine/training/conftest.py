"""A tiny training: random photos, paintings and loss network."""

from __future__ import annotations

import shutil
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image, ImageFilter

from app.engine.networks.config import NetworkConfig
from app.engine.training.pictures import find_paintings
from app.engine.training.recipe import DataRecipe, LossRecipe, Recipe, Schedule, Stage
from app.engine.training.trainer import Sources, train
from testing.training_results import with_schedule


@pytest.fixture(scope="session")
def loss_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of VGG-16 with random weights, the same for every loss network of a test."""
    path = tmp_path_factory.mktemp("vgg") / "chance.weights.h5"
    keras.utils.set_random_seed(5)
    keras.applications.VGG16(include_top=False, weights=None).save_weights(path)
    return path


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders ``photos`` and ``paintings`` with a few pictures of blurred noise."""
    folder = tmp_path_factory.mktemp("pictures")
    chance = np.random.default_rng(11)
    for name, width, height in (
        ("photos/a.jpg", 70, 50),
        ("photos/b.jpg", 40, 60),
        ("photos/deeper/c.png", 64, 64),
        ("photos/held.jpg", 48, 48),
        ("paintings/red.jpg", 60, 40),
        ("paintings/blue.png", 40, 70),
    ):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        noise = Image.fromarray(chance.integers(0, 256, (height, width, 3), np.uint8))
        noise.filter(ImageFilter.GaussianBlur(2)).save(path)
    return folder


@pytest.fixture(scope="session")
def sources(pictures: Path, loss_weights: Path) -> Sources:
    return Sources(pictures / "photos", find_paintings(pictures / "paintings"), loss_weights)


@pytest.fixture(scope="session")
def recipe() -> Recipe:
    """Ten steps in rounds of five, all of one kind: each kind takes seconds to trace."""
    return Recipe(
        name="tiny",
        network=NetworkConfig(base_width=4, halvings=2, residual_blocks=1),
        loss=LossRecipe(
            content={"relu2_2": 1.0}, style={"relu1_2": 1.0, "relu2_2": 0.5}, total_variation=0.01
        ),
        data=DataRecipe(styles=("red", "blue"), painting_side=48, held_out=("held.jpg",)),
        schedule=Schedule(
            stages=(Stage(1.0, crop=24, photos=1),),
            steps=10,
            steps_per_round=5,
            seed=4,
        ),
        precision="float32",
    )


@pytest.fixture(scope="session")
def recipe_in_stages(recipe: Recipe) -> Recipe:
    """A recipe whose first round gives photos back and whose second round paints."""
    stages = (Stage(0.5, crop=16, reconstruct=True), Stage(0.5, crop=24, photos=1))
    return with_schedule(recipe, stages=stages)


@pytest.fixture(scope="session")
def left_behind(recipe: Recipe, sources: Sources, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished training."""
    return train(recipe, sources, tmp_path_factory.mktemp("trained")).parent


@pytest.fixture
def trained(left_behind: Path, tmp_path: Path) -> Path:
    """A copy of that training's network, for a test to change."""
    return Path(shutil.copytree(left_behind, tmp_path / "trained")) / "tiny.npz"


@pytest.fixture
def with_damage(pictures: Path, tmp_path: Path) -> Path:
    """The folder of photos with one that is cut off and one that is no picture."""
    folder = Path(shutil.copytree(pictures / "photos", tmp_path / "photos"))
    (folder / "aa.jpg").write_bytes((folder / "a.jpg").read_bytes()[:300])
    (folder / "z.png").write_bytes(b"no picture")
    return folder
