"""Killed trainings go on, and notice what has changed meanwhile."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.engine.errors import InvalidOption
from app.engine.networks.checkpoints import load_checkpoint
from app.engine.training.recipe import Recipe
from app.engine.training.trainer import COLUMNS, Progress, Sources, train
from testing.training_results import Killed, facts_of, losses, with_schedule

# Each test trains: tracing a step takes seconds.
pytestmark = pytest.mark.soak


def killed(progress: Progress, share: float) -> None:
    raise Killed


@pytest.fixture(scope="module")
def recipe(recipe: Recipe) -> Recipe:
    """A recipe with a checkpoint after every round."""
    return with_schedule(recipe, checkpoint_minutes=0.0)


@pytest.fixture(scope="module")
def left_behind(recipe: Recipe, sources: Sources, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a training that was killed at step 5, after its checkpoint."""
    folder = tmp_path_factory.mktemp("killed")
    with pytest.raises(Killed):
        train(recipe, sources, folder, code_version="v1", report=killed)
    return folder


@pytest.fixture
def begun(left_behind: Path, tmp_path: Path) -> Path:
    """A copy of that folder, for a test to change."""
    return Path(shutil.copytree(left_behind, tmp_path / "begun"))


def test_every_run_that_trains_is_added_wherever_the_pictures_lie(
    recipe: Recipe, sources: Sources, begun: Path, pictures: Path, tmp_path: Path
) -> None:
    before = facts_of(begun / "tiny.npz")
    moved = dataclasses.replace(
        sources, photos=Path(shutil.copytree(pictures / "photos", tmp_path / "moved"))
    )
    path = train(recipe, moved, begun, code_version="v2")
    ended = facts_of(path)
    assert [(run["from_step"], run["code"]) for run in ended["runs"]] == [(0, "v1"), (5, "v2")]
    assert {**ended, "runs": before["runs"], "trained": before["trained"]} == before
    assert ended["trained"]["step"] == 10

    train(recipe, moved, begun, code_version="v3")
    assert facts_of(path) == ended, "a training that has ended stays as it is"


def other_photos(sources: Sources, folder: Path) -> Sources:
    photos = Path(shutil.copytree(sources.photos, folder / "photos"))
    shutil.copy(photos / "a.jpg", photos / "another.jpg")
    return dataclasses.replace(sources, photos=photos)


def other_painting(sources: Sources, folder: Path) -> Sources:
    return dataclasses.replace(sources, paintings={**sources.paintings, "red": sources.paintings["blue"]})


def other_weights(sources: Sources, folder: Path) -> Sources:
    return dataclasses.replace(sources, loss_weights=None)


def other_start(sources: Sources, folder: Path) -> Sources:
    network = Path(shutil.copy(folder / "begun" / "tiny.npz", folder))
    return dataclasses.replace(sources, start=load_checkpoint(network), start_file=network)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (other_photos, "other photos"),
        (other_painting, "other paintings"),
        (other_weights, "other weights of the loss network"),
        (other_start, "another network to start from"),
    ],
)
def test_a_training_goes_on_with_what_it_began_with_only(
    change: Callable[[Sources, Path], Sources],
    complaint: str,
    recipe: Recipe,
    sources: Sources,
    begun: Path,
    tmp_path: Path,
) -> None:
    before = {path.name: path.read_bytes() for path in begun.iterdir()}
    with pytest.raises(InvalidOption, match=f"began with {complaint}"):
        train(recipe, change(sources, tmp_path), begun)
    assert {path.name: path.read_bytes() for path in begun.iterdir()} == before


def test_trainings_of_older_code_go_on(recipe: Recipe, sources: Sources, begun: Path) -> None:
    """Their recipes lack fields, their losses lack a column, and their JSON has one run instead of a list."""
    change_state(begun / "state.npz", "recipe", "loss", ("style_scales", "total_variation_by_style"))
    change_state(begun / "state.npz", "progress", "", ("skipped",))
    facts = facts_of(begun / "tiny.npz")
    (first,) = facts.pop("runs")
    older = {key: value for key, value in facts.items() if key not in ("start", "loss_weights")}
    older |= {"code": first["code"], "software": first["software"]}
    (begun / "tiny.json").write_text(json.dumps(older))
    lines = (begun / "losses.csv").read_text().splitlines()
    (begun / "losses.csv").write_text("".join(f"{line.rpartition(',')[0]}\r\n" for line in lines))

    again = facts_of(train(recipe, sources, begun, code_version="v2"))
    assert [(run["from_step"], run["code"]) for run in again["runs"]] == [(0, "v1"), (5, "v2")]
    assert "code" not in again
    assert again["trained"]["step"] == 10
    assert [(line["step"], line["skipped"]) for line in losses(begun)] == [("5", ""), ("10", "0")]


def change_state(path: Path, entry: str, part: str, removed: tuple[str, ...]) -> None:
    """Remove fields from an entry's JSON, or from a part of it."""
    with np.load(path) as archive:
        state = dict(archive)
    values: dict[str, Any] = json.loads(str(state[entry]))
    for name in removed:
        del (values[part] if part else values)[name]
    np.savez(path, **state | {entry: np.array(json.dumps(values))})


HEADER = ",".join(COLUMNS)


@pytest.mark.parametrize(
    "left",
    [
        f"{HEADER}\r\n5,0.01,0.001,0.0,2.5,0.0,0.0,0\r\n10,0.0",
        "",
    ],
)
def test_a_run_killed_before_its_first_checkpoint_leaves_no_losses(
    left: str, recipe: Recipe, sources: Sources, tmp_path: Path
) -> None:
    (tmp_path / "losses.csv").write_text(left)
    train(recipe, sources, tmp_path)
    assert [line["step"] for line in losses(tmp_path)] == ["5", "10"]
