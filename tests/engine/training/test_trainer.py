"""The trainer from end to end, on tiny pictures."""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops
from PIL import Image

from app.engine.checkpoints import Checkpoint, load_checkpoint
from app.engine.errors import InvalidOption, InvalidPicture
from app.engine.training import fitting
from app.engine.training.data import (
    find_paintings,
    find_photos,
    leave_gpus_to_backend,
    read_photos,
    read_picture,
    stream,
)
from app.engine.training.fitting import fit_style
from app.engine.training.losses import gram_matrix
from app.engine.training.model import SteadyAdam
from app.engine.training.recipe import Recipe, Stage, parse_recipe
from app.engine.training.trainer import Progress, Sources, build_trainer, rate_at, train


class Killed(Exception):
    pass


def losses(folder: Path) -> list[dict[str, str]]:
    with (folder / "losses.csv").open() as file:
        return list(csv.DictReader(file))


def identity(path: object) -> dict[str, str]:
    path = Path(str(path))
    return {"file": path.name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}


def facts_of(network: Path) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads(network.with_suffix(".json").read_text())
    return facts


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

    facts = facts_of(path)
    assert parse_recipe(facts["recipe"]) == recipe
    software = {"keras": keras.__version__, "backend": "tensorflow"}
    assert facts["runs"] == [{"from_step": 0, "code": "v7", "software": software}]
    assert facts["start"] is None
    assert facts["loss_weights"] == identity(sources.loss_weights)
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


def test_what_was_written_down_stays_and_every_run_that_trains_is_added(
    recipe: Recipe, sources: Sources, pictures: Path, tmp_path: Path
) -> None:
    folder, photos = tmp_path / "trained", tmp_path / "photos"
    schedule = dataclasses.replace(recipe.schedule, checkpoint_minutes=0.0)
    recipe = dataclasses.replace(recipe, schedule=schedule)

    def report(progress: Progress, share: float) -> None:
        raise Killed

    with pytest.raises(Killed):
        train(recipe, sources, folder, code_version="v1", report=report)
    begun = facts_of(folder / "tiny.npz")
    shutil.copytree(pictures / "photos", photos)
    shutil.copy(photos / "a.jpg", photos / "another.jpg")
    later = dataclasses.replace(sources, photos=photos)
    ended = facts_of(train(recipe, later, folder, code_version="v2"))
    assert [(run["from_step"], run["code"]) for run in ended["runs"]] == [(0, "v1"), (5, "v2")]
    assert {**ended, "runs": begun["runs"], "trained": begun["trained"]} == begun
    assert ended["trained"]["step"] == 10

    path = train(recipe, later, folder, code_version="v3")
    assert facts_of(path) == ended, "a training that has ended stays as it is"

    # As trainings wrote it before they could name several runs.
    first = ended.pop("runs")[0]
    older = ended | {"code": first["code"], "software": first["software"]}
    path.with_suffix(".json").write_text(json.dumps(older))
    again = facts_of(train(recipe, later, folder, code_version="v4"))
    assert again["runs"] == [first]
    assert "code" not in again


def test_the_network_to_start_from_is_written_down(recipe: Recipe, sources: Sources, tmp_path: Path) -> None:
    first = train(recipe, dataclasses.replace(sources, loss_weights=None), tmp_path / "first")
    assert facts_of(first)["loss_weights"] is None
    started = dataclasses.replace(sources, start=load_checkpoint(first), start_file=first)
    assert facts_of(train(recipe, started, tmp_path / "second"))["start"] == identity(first)


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


def test_deep_layers_may_look_at_larger_paintings(recipe: Recipe, sources: Sources) -> None:
    photos = find_photos(sources.photos)
    data = dataclasses.replace(recipe.data, painting_side=32, layer_painting_sides={"relu2_2": 48})
    mixed = build_trainer(dataclasses.replace(recipe, data=data), sources, photos)
    for layer, side, other in (("relu1_2", 32, 48), ("relu2_2", 48, 32)):
        red = ops.convert_to_numpy(mixed.grams[layer])[0]
        same, different = (
            gram_matrix(mixed.eyes.look(read_picture(sources.paintings["red"], size)[None])[layer])[0]
            for size in (side, other)
        )
        np.testing.assert_allclose(red, same, rtol=1e-4)
        assert not np.allclose(red, different, rtol=1e-2)


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


def gradients(value: float, broken: float | None = None) -> list[Any]:
    first = np.array([value, -2.0 * value], np.float32)
    second = np.full((3, 2), value / 4, np.float32)
    if broken is not None:
        second[1, 1] = broken
    return [ops.convert_to_tensor(first), ops.convert_to_tensor(second)]


def optimizer_and_weights() -> tuple[SteadyAdam, list[keras.Variable]]:
    optimizer = SteadyAdam(0.1, clip=1.0, average=0.9)
    weights = [keras.Variable(np.ones(shape, np.float32)) for shape in ((2,), (3, 2))]
    optimizer.build(weights)
    return optimizer, weights


def values(optimizer: SteadyAdam, weights: list[keras.Variable]) -> list[np.ndarray]:
    return [np.array(ops.convert_to_numpy(variable)) for variable in (*weights, *optimizer.variables)]


@pytest.mark.parametrize("broken", [np.nan, np.inf, -np.inf])
def test_a_gradient_that_is_not_finite_changes_nothing(broken: float) -> None:
    optimizer, weights = optimizer_and_weights()
    spared, spared_weights = optimizer_and_weights()
    for steps in (gradients(0.3), gradients(0.2)):
        optimizer.apply(steps)
        spared.apply(steps)
    before = values(optimizer, weights)
    optimizer.apply(gradients(0.3, broken))
    for value, same in zip(values(optimizer, weights), before, strict=True):
        np.testing.assert_array_equal(value, same)
    # What comes after is what would have come without it.
    optimizer.apply(gradients(-0.1))
    spared.apply(gradients(-0.1))
    for value, same in zip(values(optimizer, weights), values(spared, spared_weights), strict=True):
        np.testing.assert_array_equal(value, same)


def test_steps_are_those_of_adam() -> None:
    optimizer, weights = optimizer_and_weights()
    plain = keras.optimizers.Adam(0.1)
    theirs = [keras.Variable(np.ones(shape, np.float32)) for shape in ((2,), (3, 2))]
    plain.build(theirs)
    for value in (0.3, -0.2, 0.1):
        optimizer.apply(gradients(value))  # none is long enough to be cut off
        plain.apply(gradients(value))
    for ours, their in zip(weights, theirs, strict=True):
        np.testing.assert_allclose(ops.convert_to_numpy(ours), ops.convert_to_numpy(their), rtol=1e-6)


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


@pytest.fixture
def with_damage(pictures: Path, tmp_path: Path) -> Path:
    """The folder of photos with one among them that is cut off, and one that is no picture at all."""
    folder = Path(shutil.copytree(pictures / "photos", tmp_path / "photos"))
    (folder / "aa.jpg").write_bytes((folder / "a.jpg").read_bytes()[:300])
    (folder / "z.png").write_bytes(b"no picture")
    return folder


def test_the_next_photo_takes_the_place_of_a_damaged_one(
    with_damage: Path, caplog: pytest.LogCaptureFixture
) -> None:
    photos = find_photos(with_damage, ("held.jpg",))
    assert [path.name for path in photos] == ["a.jpg", "aa.jpg", "b.jpg", "c.png", "z.png"]
    sound = [photos[0], photos[2], photos[2], photos[3], photos[0]]
    stage = Stage(1.0, crop=16, photos=5)
    seen = list(stream(photos, 2, stage, seed=2, first_step=0).take(4).as_numpy_iterator())
    expected = list(stream(sound, 2, stage, seed=2, first_step=0).take(4).as_numpy_iterator())
    late = list(stream(photos, 2, stage, seed=2, first_step=3).take(1).as_numpy_iterator())
    for (batch, styles), (same, same_styles) in zip([*seen, *late], [*expected, expected[3]], strict=True):
        np.testing.assert_array_equal(batch, same)
        np.testing.assert_array_equal(styles, same_styles)
    for name in ("aa.jpg", "z.png"):
        assert sum(name in record.message for record in caplog.records) == 1


def test_damaged_photos_do_not_stop_a_training(
    recipe: Recipe, sources: Sources, with_damage: Path, tmp_path: Path
) -> None:
    damaged = dataclasses.replace(sources, photos=with_damage)
    network = load_checkpoint(train(recipe, damaged, tmp_path / "out"))
    assert np.isfinite(network.rows).all()
    with pytest.raises(InvalidPicture, match="None of the 1 photos"):
        read_photos([with_damage / "z.png"], 32)


@pytest.mark.parametrize(("backend", "hidden"), [("tensorflow", []), ("jax", [([], "GPU")])])
def test_tensorflow_leaves_the_gpus_to_another_backend(
    backend: str, hidden: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[object] = []
    monkeypatch.setattr(keras.backend, "backend", lambda: backend)
    monkeypatch.setattr(tf.config, "set_visible_devices", lambda *devices: calls.append(devices))
    leave_gpus_to_backend()
    assert calls == hidden


def test_fitting_a_style_keeps_off_the_photos_that_are_held_out(
    recipe: Recipe, sources: Sources, pictures: Path, tmp_path: Path
) -> None:
    network = Checkpoint(recipe.network, (), np.zeros((0, recipe.network.style_size), np.float32), {})
    photos = tmp_path / "photos"
    photos.mkdir()
    shutil.copy(pictures / "photos" / "held.jpg", photos)
    with pytest.raises(InvalidPicture, match="no photos"):
        fit_style(
            network,
            recipe,
            "mine",
            sources.paintings["red"],
            photos,
            minutes=0.02,
            loss_weights=sources.loss_weights,
        )


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
