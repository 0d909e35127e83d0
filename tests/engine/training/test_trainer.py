"""The trainer from end to end, on tiny pictures."""

from __future__ import annotations

import csv
import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from keras import ops
from PIL import Image

from app.engine.checkpoints import load_checkpoint
from app.engine.errors import InvalidOption, InvalidPicture
from app.engine.training import fitting
from app.engine.training.data import find_paintings, find_photos, read_picture, stream
from app.engine.training.fitting import fit_style
from app.engine.training.model import SteadyAdam
from app.engine.training.recipe import Recipe, Stage, parse_recipe
from app.engine.training.trainer import Progress, Sources, build_trainer, rate_at, train


class Killed(Exception):
    pass


def losses(folder: Path) -> list[dict[str, str]]:
    with (folder / "losses.csv").open() as file:
        return list(csv.DictReader(file))


def test_a_training_leaves_a_network_and_what_made_it(
    recipe: Recipe, sources: Sources, tmp_path: Path
) -> None:
    shares: list[float] = []
    path = train(
        recipe, sources, tmp_path, code_version="v7", report=lambda progress, share: shares.append(share)
    )
    network = load_checkpoint(path)
    assert network.config == recipe.network
    assert network.styles == ("red", "blue")
    assert not np.array_equal(network.rows[0], network.rows[1])
    assert shares == [0.5, 1.0]

    facts = json.loads(path.with_suffix(".json").read_text())
    assert parse_recipe(facts["recipe"]) == recipe
    assert facts["code"] == "v7"
    assert facts["trained"]["step"] == 10
    assert facts["data"]["photos"] == 3
    assert set(facts["data"]["paintings"]) == {"red", "blue"}

    lines = losses(tmp_path)
    assert [int(line["step"]) for line in lines] == [5, 10]
    assert float(lines[0]["style"]) == 0.0, "the first round only gives photos back"
    assert float(lines[1]["style"]) > 0.0
    with Image.open(tmp_path / "sheet-000010.jpg") as sheet:
        assert sheet.size == (2 * (320 + 8), 2 * (320 + 8))


def test_a_training_that_was_killed_ends_as_one_that_was_not(
    recipe: Recipe, sources: Sources, tmp_path: Path
) -> None:
    """Killed at step 10, when its last checkpoint was of step 5, it does those steps again."""
    schedule = dataclasses.replace(recipe.schedule, steps=20, checkpoint_minutes=0.0)
    recipe = dataclasses.replace(recipe, schedule=schedule)
    whole = load_checkpoint(train(recipe, sources, tmp_path / "whole"))

    killed = tmp_path / "killed"
    state, kept = killed / "state.npz", tmp_path / "kept.npz"

    def report(progress: Progress, share: float) -> None:
        if progress.step == 5:
            shutil.copy(state, kept)
        else:
            raise Killed

    with pytest.raises(Killed):
        train(recipe, sources, killed, report=report)
    shutil.copy(kept, state)
    assert [line["step"] for line in losses(killed)] == ["5", "10"]
    resumed = load_checkpoint(train(recipe, sources, killed))

    np.testing.assert_array_equal(resumed.rows, whole.rows)
    for name, kernel in whole.kernels.items():
        np.testing.assert_array_equal(resumed.kernels[name], kernel)
    for again, once in zip(losses(killed), losses(tmp_path / "whole"), strict=True):
        assert {**again, "minutes": ""} == {**once, "minutes": ""}


def test_stages_may_differ_in_crop_photos_and_styles(
    recipe: Recipe, sources: Sources, tmp_path: Path
) -> None:
    """Each difference makes TensorFlow trace the step anew, with fewer lengths known than before."""
    stages = (Stage(0.3, crop=16, photos=2), Stage(0.3, crop=24, photos=2), Stage(0.4, 16, 1, 2))
    schedule = dataclasses.replace(recipe.schedule, stages=stages, steps=15)
    train(dataclasses.replace(recipe, schedule=schedule), sources, tmp_path)
    assert [int(line["step"]) for line in losses(tmp_path)] == [5, 10, 15]
    assert all(np.isfinite(float(line["loss"])) for line in losses(tmp_path))


def test_a_folder_keeps_to_one_recipe(recipe: Recipe, sources: Sources, tmp_path: Path) -> None:
    train(recipe, sources, tmp_path)
    other = dataclasses.replace(recipe, schedule=dataclasses.replace(recipe.schedule, seed=9))
    with pytest.raises(InvalidOption, match="another recipe"):
        train(other, sources, tmp_path)


def test_training_brings_the_loss_down(recipe: Recipe, sources: Sources, tmp_path: Path) -> None:
    schedule = dataclasses.replace(
        recipe.schedule, stages=(Stage(1.0, crop=24, photos=1),), steps=60, steps_per_round=20, rate=5e-3
    )
    losses: list[float] = []
    train(
        dataclasses.replace(recipe, schedule=schedule),
        sources,
        tmp_path,
        report=lambda progress, share: losses.append(progress.losses["loss"]),
    )
    assert losses[-1] < 0.7 * losses[0]


def test_a_missing_painting_is_named(recipe: Recipe, sources: Sources, tmp_path: Path) -> None:
    with pytest.raises(InvalidPicture, match="red"):
        train(recipe, dataclasses.replace(sources, paintings={}), tmp_path)


def test_mixed_precision_keeps_weights_and_pictures_in_float32(recipe: Recipe, sources: Sources) -> None:
    mixed = dataclasses.replace(recipe, precision="mixed_bfloat16")
    photos = find_photos(sources.photos)
    model = build_trainer(mixed, sources, photos)
    assert model.transformer.get_layer("conv1").compute_dtype == "bfloat16"
    assert {str(variable.dtype) for variable in model.trainable_variables} == {"float32"}
    exact = build_trainer(recipe, sources, photos)
    pixels = read_picture(photos[0], 48)[None, :32, :32]
    batch = {"photos": pixels, "styles": np.array([[0, 1]], np.int32)}
    painted = ops.convert_to_numpy(model(batch))
    assert painted.dtype == np.float32
    assert not np.array_equal(painted, painted.astype("bfloat16").astype(np.float32))
    assert np.abs(painted - ops.convert_to_numpy(exact(batch))).mean() < 3.0


def test_a_gradient_that_is_not_finite_is_ignored(recipe: Recipe, sources: Sources) -> None:
    model = build_trainer(recipe, sources, find_photos(sources.photos))
    before = ops.convert_to_numpy(model.rows)
    broken = [ops.full(variable.shape, np.nan) for variable in model.trainable_variables]
    assert isinstance(model.optimizer, SteadyAdam)
    model.optimizer.apply(broken)
    np.testing.assert_array_equal(ops.convert_to_numpy(model.rows), before)


def test_the_rate_falls_from_the_first_to_the_last(recipe: Recipe) -> None:
    schedule = recipe.schedule
    rates = [rate_at(share, schedule) for share in (0.0, 0.25, 0.5, 0.75, 1.0)]
    assert rates == sorted(rates, reverse=True)
    assert rates[0] == schedule.rate
    assert rates[-1] == pytest.approx(schedule.final_rate)


def test_photos_held_out_are_never_shown(pictures: Path) -> None:
    photos = find_photos(pictures / "photos", ("held.jpg",))
    assert [path.name for path in photos] == ["a.jpg", "b.jpg", "c.png"]
    with pytest.raises(InvalidPicture):
        find_photos(pictures / "nowhere")


def test_the_stream_goes_on_where_it_was(pictures: Path) -> None:
    photos = find_photos(pictures / "photos")
    stage = Stage(1.0, crop=16, photos=2, styles_per_photo=3)
    whole = list(stream(photos, 5, stage, seed=2, first_step=0).take(4).as_numpy_iterator())
    late = list(stream(photos, 5, stage, seed=2, first_step=2).take(2).as_numpy_iterator())
    for (photo, styles), (same_photo, same_styles) in zip(whole[2:], late, strict=True):
        np.testing.assert_array_equal(photo, same_photo)
        np.testing.assert_array_equal(styles, same_styles)
    assert whole[0][0].shape == (2, 16, 16, 3)
    for _, styles in whole:
        assert all(len(set(row)) == 3 for row in styles.tolist()), "a photo's styles differ"
    other = next(stream(photos, 5, stage, seed=3, first_step=0).as_numpy_iterator())
    assert not np.array_equal(other[0], whole[0][0])


def test_every_photo_comes_once_before_any_comes_again(tmp_path: Path) -> None:
    for level in range(6):
        Image.new("RGB", (16, 16), (level * 40,) * 3).save(tmp_path / f"{level}.png")
    batches = stream(find_photos(tmp_path), 1, Stage(1.0, crop=16, photos=3), seed=1, first_step=0)
    levels = [round(float(photo.mean()) / 40) for photos, _ in batches.take(4) for photo in photos.numpy()]
    assert sorted(levels[:6]) == sorted(levels[6:]) == list(range(6))
    assert levels[:6] != levels[6:]


def test_fitting_a_style_leaves_the_network_as_it_was(
    recipe: Recipe,
    sources: Sources,
    pictures: Path,
    loss_weights: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fitting, "CROP", 32)
    network = load_checkpoint(train(recipe, sources, tmp_path))
    painting = find_paintings(pictures / "paintings")["red"]
    before = {name: kernel.copy() for name, kernel in network.kernels.items()}
    row = fit_style(
        network,
        recipe,
        "mine",
        painting,
        pictures / "photos",
        minutes=0.02,
        loss_weights=loss_weights,
    )
    assert row.shape == (network.config.style_size,)
    assert np.isfinite(row).all()
    assert not np.allclose(row, network.rows.mean(axis=0))
    for name, kernel in network.kernels.items():
        np.testing.assert_array_equal(kernel, before[name])


def test_a_picture_is_read_at_the_size_asked_for(pictures: Path, tmp_path: Path) -> None:
    assert read_picture(pictures / "paintings" / "red.jpg", 90).shape == (60, 90, 3)
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"no picture")
    with pytest.raises(InvalidPicture, match=r"broken\.jpg"):
        read_picture(broken, 90)
