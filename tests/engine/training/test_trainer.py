"""The trainer from end to end, on tiny pictures."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops
from PIL import Image

from app.engine.errors import InvalidOption, InvalidPicture
from app.engine.networks.checkpoints import Checkpoint, load_checkpoint
from app.engine.training import fitting, precision
from app.engine.training.data import leave_gpus_to_backend, read_photos, read_picture
from app.engine.training.fitting import fit_style
from app.engine.training.losses import gram_matrix
from app.engine.training.model import SteadyAdam, StyleTrainer
from app.engine.training.pictures import find_paintings, find_photos
from app.engine.training.precision import precision_here
from app.engine.training.recipe import LayerWeights, Precision, Recipe, Stage, parse_recipe
from app.engine.training.trainer import (
    Progress,
    Sources,
    TrainingFailed,
    build_trainer,
    describe,
    hash_sources,
    rate_at,
    train,
)
from testing.training_results import Killed, facts_of, identity, losses, with_loss, with_schedule


def test_a_training_leaves_a_network_and_what_made_it(
    recipe_in_stages: Recipe, sources: Sources, tmp_path: Path
) -> None:
    shares: list[float] = []
    path = train(
        recipe_in_stages,
        sources,
        tmp_path,
        code_version="v7",
        report=lambda progress, share: shares.append(share),
    )
    network = load_checkpoint(path)
    assert network.config == recipe_in_stages.network
    assert network.styles == ("red", "blue")
    assert not np.array_equal(network.rows[0], network.rows[1])
    assert shares == [0.5, 1.0]

    facts = facts_of(path)
    assert parse_recipe(facts["recipe"]) == recipe_in_stages
    software = {"keras": keras.__version__, "backend": "tensorflow"}
    run = {"from_step": 0, "code": "v7", "engine": hash_sources(), "software": software}
    assert facts["runs"] == [run | {"precision": "float32"}]
    assert facts["start"] is None
    assert facts["loss_weights"] == identity(sources.loss_weights)
    assert facts["trained"]["step"] == 10
    assert facts["data"]["photos"] == 3
    assert set(facts["data"]["paintings"]) == {"red", "blue"}

    lines = losses(tmp_path)
    assert [int(line["step"]) for line in lines] == [5, 10]
    assert lines[0]["style"] == "", "the first round only gives photos back"
    assert float(lines[0]["loss"]) > 0.0
    assert float(lines[1]["style"]) > 0.0
    with Image.open(tmp_path / "sheet-000010.jpg") as sheet:
        assert sheet.size == (2 * (256 + 8), 2 * (22 + 256 + 8))


@pytest.mark.soak
def test_a_training_that_was_killed_ends_as_one_that_was_not(
    recipe_in_stages: Recipe, sources: Sources, tmp_path: Path
) -> None:
    """It is killed at step 10.

    Its last checkpoint is of step 5, so it repeats those steps.
    """
    recipe = with_schedule(recipe_in_stages, steps=20, checkpoint_minutes=0.0)
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


@pytest.mark.soak
def test_the_network_to_start_from_is_written_down_with_what_made_it(
    recipe: Recipe, sources: Sources, tmp_path: Path
) -> None:
    first = train(recipe, dataclasses.replace(sources, loss_weights=None), tmp_path / "first")
    assert facts_of(first)["loss_weights"] is None
    started = dataclasses.replace(sources, start=load_checkpoint(first), start_file=first)
    start = facts_of(train(recipe, started, tmp_path / "second"))["start"]
    assert start == {**identity(first), "made_by": facts_of(first)}

    first.with_suffix(".json").write_text('{"loss": NaN}')
    assert describe(recipe, started, [])["start"]["made_by"] == {"loss": None}
    first.with_suffix(".json").write_text("{")
    with pytest.raises(InvalidOption, match=r"tiny\.json does not say what made tiny\.npz"):
        train(recipe, started, tmp_path / "third")
    first.with_suffix(".json").unlink()
    assert describe(recipe, started, [])["start"] == identity(first)


def test_code_is_told_apart_by_what_it_says(tmp_path: Path) -> None:
    (tmp_path / "one.py").write_text("a = 1")
    before = hash_sources(tmp_path)
    (tmp_path / "notes.txt").write_text("no code")
    assert hash_sources(tmp_path) == before
    (tmp_path / "one.py").write_text("a = 2")
    changed = hash_sources(tmp_path)
    (tmp_path / "one.py").rename(tmp_path / "two.py")
    assert len({before, changed, hash_sources(tmp_path)}) == 3


@pytest.mark.soak
def test_a_step_that_is_skipped_is_counted_and_leaves_no_trace(
    recipe_in_stages: Recipe, sources: Sources, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    noted = StyleTrainer._noted

    def break_once(self: StyleTrainer, loss: Any, **terms: Any) -> Any:
        now = ops.logical_and(self.optimizer.iterations == 2, self.optimizer.skipped == 0)
        return noted(self, loss * ops.where(now, np.nan, 1.0), **terms)

    monkeypatch.setattr(StyleTrainer, "_noted", break_once)
    path = train(recipe_in_stages, sources, tmp_path)
    first, second = losses(tmp_path)
    assert (first["skipped"], second["skipped"]) == ("1", "0")
    assert 0.0 < float(first["loss"]) < 100.0
    assert facts_of(path)["trained"]["skipped"] == 1


@pytest.mark.soak
def test_a_round_of_nothing_but_skipped_steps_ends_the_training(
    recipe_in_stages: Recipe, sources: Sources, tmp_path: Path
) -> None:
    """The first round gives photos back. In the second the loss overflows."""
    endless = with_schedule(with_loss(recipe_in_stages, total_variation=1e38), checkpoint_minutes=0.0)
    with pytest.raises(TrainingFailed, match="None of the 5 steps up to 10 changed anything"):
        train(endless, sources, tmp_path)
    first, second = losses(tmp_path)
    assert (first["skipped"], second["skipped"]) == ("0", "5")
    assert second["loss"] == second["style"] == ""
    assert facts_of(tmp_path / "tiny.npz")["trained"]["step"] == 5


@pytest.mark.soak
def test_stages_may_differ_in_crop_photos_and_styles(
    recipe: Recipe, sources: Sources, tmp_path: Path
) -> None:
    """Each difference makes TensorFlow trace the step again, with fewer known lengths."""
    stages = (Stage(0.3, crop=16, photos=2), Stage(0.3, crop=24, photos=2), Stage(0.4, 16, 1, 2))
    schedule = dataclasses.replace(recipe.schedule, stages=stages, steps=15)
    train(dataclasses.replace(recipe, schedule=schedule), sources, tmp_path)
    assert [int(line["step"]) for line in losses(tmp_path)] == [5, 10, 15]
    assert all(np.isfinite(float(line["loss"])) for line in losses(tmp_path))


def test_a_folder_keeps_to_one_recipe(recipe: Recipe, sources: Sources, trained: Path) -> None:
    other = dataclasses.replace(recipe, schedule=dataclasses.replace(recipe.schedule, seed=9))
    with pytest.raises(InvalidOption, match="another recipe"):
        train(other, sources, trained.parent)


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


def test_mixed_precision_keeps_weights_and_pictures_in_float32(
    recipe: Recipe, sources: Sources, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precision, "computes_bfloat16", lambda: True)  # emulated, where it has to be
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
    kept = [variable for variable in optimizer.variables if variable is not optimizer.skipped]
    return [np.array(ops.convert_to_numpy(variable)) for variable in (*weights, *kept)]


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
    assert int(optimizer.skipped) == 1
    # Later results are the same as without it.
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
        optimizer.apply(gradients(value))  # none is long enough to be clipped
        plain.apply(gradients(value))
    for ours, their in zip(weights, theirs, strict=True):
        np.testing.assert_allclose(ops.convert_to_numpy(ours), ops.convert_to_numpy(their), rtol=1e-6)


def test_a_gradient_longer_than_the_clip_is_cut_to_it() -> None:
    cut, _ = optimizer_and_weights()
    long = [ops.convert_to_numpy(gradient) for gradient in gradients(7.0)]
    length = np.sqrt(sum(np.square(gradient).sum() for gradient in long))
    assert length > 1.0
    cut.apply([ops.convert_to_tensor(gradient) for gradient in long])
    for mean, gradient in zip(cut._momentums, long, strict=True):
        np.testing.assert_allclose(ops.convert_to_numpy(mean), 0.1 * gradient / length, rtol=1e-5)


def test_the_averages_follow_the_weights() -> None:
    optimizer, weights = optimizer_and_weights()
    expected = [np.array(ops.convert_to_numpy(weight)) for weight in weights]
    for step in range(1, 120):
        optimizer.apply(gradients(0.3))
        keep = min(0.9, (1 + step) / (10 + step))
        expected = [
            keep * average + (1 - keep) * ops.convert_to_numpy(weight)
            for average, weight in zip(expected, weights, strict=True)
        ]
    for average, value in zip(optimizer.averages, expected, strict=True):
        np.testing.assert_allclose(ops.convert_to_numpy(average), value, rtol=1e-4)


def test_the_rate_falls_from_the_first_to_the_last(recipe: Recipe) -> None:
    schedule = recipe.schedule
    rates = [rate_at(share, schedule) for share in (0.0, 0.25, 0.5, 0.75, 1.0)]
    assert rates == sorted(rates, reverse=True)
    assert rates[0] == schedule.rate
    assert rates[-1] == pytest.approx(schedule.final_rate)


@pytest.mark.soak
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


@pytest.mark.parametrize(
    ("processor", "gpus", "wanted", "used"),
    [
        (True, [], "mixed_bfloat16", "mixed_bfloat16"),
        (False, ["GPU:0"], "mixed_bfloat16", "mixed_bfloat16"),
        (False, [], "mixed_bfloat16", "float32"),
        (True, [], "float32", "float32"),
    ],
)
def test_bfloat16_is_trained_in_only_where_that_is_fast(
    processor: bool, gpus: list[str], wanted: Precision, used: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precision, "computes_bfloat16", lambda: processor)
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: gpus)
    assert precision_here(wanted) == used


def test_a_network_is_trained_in_float32_where_bfloat16_would_be_emulated(
    recipe: Recipe, sources: Sources, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precision, "computes_bfloat16", lambda: False)
    mixed = dataclasses.replace(recipe, precision="mixed_bfloat16")
    model = build_trainer(mixed, sources, find_photos(sources.photos))
    layers = (model.loss_network.layers[-1], model.transformer.get_layer("conv1"))
    assert {layer.compute_dtype for layer in layers} == {"float32"}


def test_fitting_a_style_leaves_the_network_as_it_was(
    recipe: Recipe,
    sources: Sources,
    pictures: Path,
    loss_weights: Path,
    trained: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fitting, "CROP", 32)
    network = load_checkpoint(trained)
    painting = find_paintings(pictures / "paintings")["red"]
    before = {name: kernel.copy() for name, kernel in network.kernels.items()}
    fitted = fit_style(
        network,
        with_loss(
            recipe,
            calm_by_style={"red": 0.1},
            layers_by_style={"red": LayerWeights(style={"relu1_2": 3.0})},
        ),
        "mine",
        painting,
        pictures / "photos",
        minutes=0.02,
        network_file=trained,
        loss_weights=loss_weights,
        code_version="v8",
    )
    row, facts = fitted.row, fitted.facts
    assert facts["recipe"]["name"] == "mine"
    assert facts["recipe"]["loss"]["calm_by_style"] == {}
    assert facts["recipe"]["loss"]["layers_by_style"] == {}
    assert facts["start"] == {**identity(trained), "made_by": facts_of(trained)}
    assert facts["data"]["paintings"] == {"mine": identity(painting)["sha256"]}
    assert facts["runs"][0]["code"] == "v8"
    assert facts["trained"]["losses"]["style"] > 0.0
    assert row.shape == (network.config.style_size,)
    assert np.isfinite(row).all()
    assert not np.allclose(row, network.rows.mean(axis=0))
    for name, kernel in network.kernels.items():
        np.testing.assert_array_equal(kernel, before[name])


def test_a_training_of_rows_alone_leaves_kernels_and_other_rows(
    recipe: Recipe, sources: Sources, trained: Path, tmp_path: Path
) -> None:
    """There are two styles, and only the practised one changes."""
    start = load_checkpoint(trained)
    again = dataclasses.replace(
        with_schedule(recipe, stages=(Stage(1.0, crop=24, styles_per_photo=1),)),
        rows_only=True,
        data=dataclasses.replace(recipe.data, practice={"red": 1e9}),
    )
    with pytest.raises(InvalidOption, match="needs a network to start from"):
        train(again, sources, tmp_path / "rows")
    started = dataclasses.replace(sources, start=start, start_file=trained)
    practised = load_checkpoint(train(again, started, tmp_path / "rows"))
    for name, kernel in start.kernels.items():
        np.testing.assert_array_equal(practised.kernels[name], kernel)
    # Averages have rounding errors.
    np.testing.assert_allclose(practised.row("blue"), start.row("blue"), rtol=1e-5, atol=1e-7)
    assert not np.allclose(practised.row("red"), start.row("red"))
