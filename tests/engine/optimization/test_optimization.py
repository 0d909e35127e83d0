"""Optimised pictures: losses and gradients against NumPy, descents, recipes, colours, resuming."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from app.commands.training_data import SHIPPED
from app.engine.cascade import resize
from app.engine.color import LUMA
from app.engine.errors import InvalidOption, InvalidPicture
from app.engine.optimization.colors import (
    colors_for,
    grey_picture,
    is_black_and_white,
    match_colors,
    match_luminance,
)
from app.engine.optimization.losses import TERMS, Objective, Point
from app.engine.optimization.optimizers import LbfgsDescent, make_optimizer
from app.engine.optimization.recipe import (
    RECIPES,
    TUTORIAL_ADAM,
    AdamSettings,
    LbfgsSettings,
    OptimizationRecipe,
    Stage,
    all_convolutions,
    coarse_to_fine,
)
from app.engine.optimization.run import COLUMNS, Outcome, Progress, Sources, optimize, write_losses
from app.engine.optimization.starting import nearest_style
from app.engine.typing import Pixels

SHALLOW = OptimizationRecipe(
    name="shallow",
    content={"block2_conv1": 1.0},
    style={"block1_conv1": 0.5, "block2_conv1": 0.5},
    content_weight=1.0,
    style_weight=0.01,
    second_style_weight=0.02,
    total_variation=3.0,
    steps=6,
    network="vgg16",
)


@pytest.fixture
def chance() -> np.random.Generator:
    return np.random.default_rng(3)


@pytest.fixture
def pictures(chance: np.random.Generator) -> tuple[Pixels, Pixels, Pixels]:
    """A photo and two paintings, smooth enough to have something to paint."""

    def picture(height: int, width: int) -> Pixels:
        coarse = chance.integers(0, 256, (height // 8, width // 8, 3)).astype(np.float32)
        return (
            np.asarray(tf.image.resize(coarse, (height, width), method="bicubic"))
            .clip(0, 255)
            .astype(np.uint8)
        )

    return picture(32, 48), picture(40, 32), picture(32, 32)


def tiny_network(layers: int = 2) -> keras.Model:
    """Two smooth convolutions in place of VGG, called like SHALLOW's layers."""
    keras.utils.set_random_seed(2)
    pixels = keras.Input((None, None, 3))
    first = keras.layers.Conv2D(4, 3, activation="softplus", name="block1_conv1")(pixels / 64.0)
    second = keras.layers.Conv2D(5, 3, strides=2, activation="tanh", name="block2_conv1")(first)
    network = keras.Model(pixels, [second, first])
    network.trainable = False
    return network


def look(network: keras.Model, pixels: np.ndarray) -> dict[str, np.ndarray]:
    deep, shallow = network(pixels[None].astype(np.float32))
    return {
        "block2_conv1": np.asarray(deep[0], np.float64),
        "block1_conv1": np.asarray(shallow[0], np.float64),
    }


def gram(activations: np.ndarray) -> np.ndarray:
    """F^T F, the sum over all positions."""
    flat = activations.reshape(-1, activations.shape[-1])
    return flat.T @ flat


@pytest.mark.parametrize("scaling", ["mean", "paper"])
def test_losses_are_those_of_the_formulas(
    scaling: Any, pictures: tuple[Pixels, Pixels, Pixels], chance: np.random.Generator
) -> None:
    network, recipe = tiny_network(), replace(SHALLOW, scaling=scaling)
    photo, first, second = (picture.astype(np.float32) for picture in pictures)
    # As large as the photo, for which the paper gives its formula.
    first = np.resize(first, photo.shape)
    painted = chance.uniform(0, 255, photo.shape).astype(np.float32)
    found = Objective(network, recipe, photo, [first, second])(tf.constant(painted[None])).named()

    seen, wanted = look(network, painted), look(network, photo)

    def style(painting: np.ndarray) -> float:
        total = 0.0
        target = look(network, painting)
        for layer in recipe.style:
            channels, positions = seen[layer].shape[-1], seen[layer][..., 0].size
            if scaling == "paper" and painting.shape == photo.shape:
                factor = 1 / (4 * channels**2 * positions**2)
                total += 0.5 * factor * np.sum((gram(seen[layer]) - gram(target[layer])) ** 2)
            else:
                others = target[layer][..., 0].size
                difference = gram(seen[layer]) / positions - gram(target[layer]) / others
                total += 0.5 * (0.25 if scaling == "paper" else 1) * np.mean(difference**2)
        return total

    squares = (seen["block2_conv1"] - wanted["block2_conv1"]) ** 2
    variation = np.abs(np.diff(painted, axis=0)).mean() + np.abs(np.diff(painted, axis=1)).mean()
    expected = {
        "content": squares.mean() if scaling == "mean" else squares.sum() / 2,
        "style": 0.01 * style(first),
        "second_style": 0.02 * style(second),
        "total_variation": 3.0 * variation,
    }
    expected["total"] = sum(expected.values())
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, rel=1e-3), name


@pytest.mark.parametrize("scaling", ["mean", "paper"])
def test_the_gradient_is_what_the_loss_changes_by(
    scaling: Any, pictures: tuple[Pixels, Pixels, Pixels], chance: np.random.Generator
) -> None:
    # Without total variation, which has a corner wherever two neighbours are alike.
    recipe = replace(SHALLOW, scaling=scaling, total_variation=0.0)
    photo, *paintings = (picture.astype(np.float32) for picture in pictures)
    objective = Objective(tiny_network(), recipe, photo, paintings)
    start = chance.uniform(20, 235, (1, *photo.shape)).astype(np.float32)
    gradient = np.asarray(objective(tf.constant(start)).gradient, np.float64)
    for _ in range(5):
        # Half along the gradient, so that the change is larger than the rounding of the loss.
        direction = chance.normal(size=start.shape) + gradient / gradient.std()
        direction *= 1.0 / np.abs(direction).max()
        ahead, behind = (
            objective(tf.constant((start + sign * direction).astype(np.float32))) for sign in (1, -1)
        )
        slope = (ahead.loss - behind.loss) / 2
        assert slope == pytest.approx(float(np.sum(gradient * direction)), rel=1e-2)


def quadratic(chance: np.random.Generator, size: int) -> tuple[Callable[[Any], Point], np.ndarray, Point]:
    """(x - m)^T A (x - m) / 2 with eigenvalues from 1 to 100, its minimum m, and a point far from it."""
    vectors, _ = np.linalg.qr(chance.normal(size=(size, size)))
    matrix = tf.constant(vectors * np.geomspace(1, 100, size) @ vectors.T, tf.float64)
    minimum = chance.uniform(50, 200, (1, size, 1, 1))

    def evaluate(pixels: Any) -> Point:
        apart = tf.reshape(pixels - minimum, (size, 1))
        pulled = matrix @ apart
        loss = tf.reduce_sum(apart * pulled) / 2
        return Point(
            pixels, tf.stack([loss, *[tf.zeros((), tf.float64)] * 4]), tf.reshape(pulled, pixels.shape)
        )

    return evaluate, minimum, evaluate(tf.constant(chance.uniform(0, 255, (1, size, 1, 1))))


def test_lbfgs_reaches_the_minimum_of_a_quadratic(chance: np.random.Generator) -> None:
    evaluate, minimum, point = quadratic(chance, 12)
    optimizer, start = LbfgsDescent(LbfgsSettings(), bounds=None), point.loss
    for _ in range(60):
        lower = optimizer.step(point, evaluate)
        if lower is None:
            break
        assert lower.loss <= point.loss
        point = lower
    np.testing.assert_allclose(point.pixels, minimum, atol=1e-4)
    assert point.loss < 1e-12 * start


def test_lbfgs_stays_within_the_levels_and_finds_the_least_loss_there(chance: np.random.Generator) -> None:
    """With a diagonal matrix, the least loss within bounds is at the minimum, cut off at them."""
    wanted = tf.constant(chance.uniform(-200, 455, (1, 4, 4, 3)))
    scales = tf.constant(np.geomspace(1, 100, 48).reshape(1, 4, 4, 3))

    def evaluate(pixels: Any) -> Point:
        loss = tf.reduce_sum(scales * (pixels - wanted) ** 2) / 2
        return Point(pixels, tf.stack([loss, *[tf.zeros((), tf.float64)] * 4]), scales * (pixels - wanted))

    point: Point | None = evaluate(tf.fill((1, 4, 4, 3), tf.constant(128.0, tf.float64)))
    assert point
    optimizer = make_optimizer(LbfgsSettings(), point)
    for _ in range(60):
        lower = optimizer.step(point, evaluate)
        if lower is None:
            break
        point = lower
    np.testing.assert_allclose(point.pixels, tf.clip_by_value(wanted, 0, 255), atol=1e-3)


def painted(recipe: OptimizationRecipe, sources: Sources, **options: Any) -> Outcome:
    return optimize(recipe, sources, weights=SHIPPED, **options)


def test_lbfgs_comes_lower_than_adam_in_as_many_steps(pictures: tuple[Pixels, Pixels, Pixels]) -> None:
    sources = Sources(pictures[0], pictures[1:])
    adam = replace(SHALLOW, steps=20, optimizer=TUTORIAL_ADAM)
    lbfgs = replace(adam, optimizer=LbfgsSettings())
    assert painted(lbfgs, sources).losses["total"] < 0.9 * painted(adam, sources).losses["total"]


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        (
            "yourstyle",
            {
                "network": "vgg19",
                "content": {"block5_conv2": 1.0},
                "style": dict.fromkeys([f"block{block}_conv1" for block in range(1, 6)], 0.2),
                "content_weight": 1e3,
                "style_weight": 1e-2,
                "steps": 1000,
                "epoch": 100,
                "keep_least": True,
                "scaling": "mean",
                "optimizer": {"rate": 5.0, "beta_1": 0.99, "beta_2": 0.999, "epsilon": 0.1},
            },
        ),
        (
            "capstone",
            {
                "network": "vgg19",
                "size": 512,
                "content": {"block5_conv2": 1.0},
                "style": dict.fromkeys(["block1_conv1", "block3_conv1", "block5_conv1"], 1 / 3),
                "content_weight": 1e4,
                "style_weight": 0.1,
                "second_style_weight": 0.1,
                "steps": 1000,
                "epoch": 100,
                "scaling": "mean",
                "optimizer": {"rate": 5.1, "beta_1": 0.99, "beta_2": 0.999, "epsilon": 0.1 / 255},
            },
        ),
        (
            "stylize512",
            {
                "network": "vgg19",
                "size": 512,
                "content": {"block5_conv2": 1.0},
                "scaling": "mean",
                "optimizer": {"rate": 5.1, "beta_1": 0.99, "beta_2": 0.999, "epsilon": 0.1 / 255},
            },
        ),
        (
            "portrait",
            {
                "network": "vgg19",
                "content": {"block4_conv2": 1.0},
                "style": dict.fromkeys([f"block{block}_conv1" for block in range(1, 6)], 0.2),
                "content_weight": 1.0,
                "style_weight": 1e3,
                "steps": 2200,
                "scaling": "paper",
                "optimizer": {"rate": 2.0, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7},
            },
        ),
    ],
)
def test_recipes_have_the_settings_of_their_systems(name: str, settings: dict[str, Any]) -> None:
    found = asdict(RECIPES[name]())
    assert {key: found[key] for key in settings} == settings
    assert (found["start"], found["pooling"]) == ("photo", "max")


@pytest.mark.parametrize("name", [*RECIPES])
def test_recipes_descend_with_the_shipped_weights(name: str, pictures: tuple[Pixels, Pixels, Pixels]) -> None:
    recipe = replace(RECIPES[name](), network="vgg16", steps=3)
    outcome = painted(recipe, Sources(pictures[0], pictures[1:], start=pictures[0]))
    assert outcome.picture.shape == pictures[0].shape
    assert outcome.history[-1, 0] == 3
    totals = outcome.history[:, COLUMNS.index("total")]
    assert totals[-1] < totals[0]
    assert outcome.losses["second_style"] > 0


def test_stages_go_from_coarse_to_fine(pictures: tuple[Pixels, Pixels, Pixels]) -> None:
    recipe = replace(SHALLOW, stages=coarse_to_fine(2), steps=5)
    assert recipe.plan() == [(0.5, 2), (1.0, 3)]
    history = painted(recipe, Sources(pictures[0], pictures[1:2])).history
    assert [tuple(row[:2]) for row in history] == [(0, 24), (1, 24), (2, 24), (3, 48), (4, 48), (5, 48)]


@pytest.mark.parametrize("start", ["photo", "noise", "feed-forward"])
def test_starts(start: Any, pictures: tuple[Pixels, Pixels, Pixels]) -> None:
    seen: list[Pixels] = []
    sources = Sources(pictures[0], pictures[1:2], start=pictures[0][::-1].copy())

    def report(progress: Progress) -> None:
        seen.append(progress.picture())

    painted(replace(SHALLOW, start=start, steps=1), sources, report=report)
    if start == "noise":
        assert 126 < seen[0].mean() < 129
        assert 10 < seen[0].std() < 13
    else:
        np.testing.assert_array_equal(seen[0], sources.photo if start == "photo" else sources.start)
    assert (seen[1] != seen[0]).any()


def test_the_picture_with_the_least_loss_is_kept(pictures: tuple[Pixels, Pixels, Pixels]) -> None:
    """A step size that overshoots makes later pictures worse."""
    recipe = replace(SHALLOW, keep_least=True, steps=4, optimizer=AdamSettings(rate=200.0))
    outcome = painted(recipe, Sources(*pictures[:1], pictures[1:2]))
    totals = outcome.history[:, COLUMNS.index("total")]
    assert totals[-1] > totals.min()
    assert outcome.losses["total"] == pytest.approx(totals.min())


def test_average_pooling_sees_means(pictures: tuple[Pixels, Pixels, Pixels]) -> None:
    sources = Sources(*pictures[:1], pictures[1:2])
    first = {
        pooling: painted(replace(SHALLOW, pooling=pooling, steps=1), sources).history[
            0, COLUMNS.index("style")
        ]
        for pooling in ("max", "average")
    }
    assert first["average"] < first["max"]


class _Stop(Exception):
    pass


@pytest.mark.parametrize("settings", [AdamSettings(), LbfgsSettings()])
@pytest.mark.parametrize("stop", [2, 4])
def test_a_resumed_run_ends_in_the_same_picture(
    settings: Any, stop: int, pictures: tuple[Pixels, Pixels, Pixels], tmp_path: Path
) -> None:
    recipe = replace(SHALLOW, optimizer=settings, stages=(Stage(0.5, 0.5), Stage(1.0, 0.5)), keep_least=True)
    sources = Sources(pictures[0], pictures[1:])
    whole = painted(recipe, sources)
    checkpoint = tmp_path / "checkpoint.npz"

    def report(progress: Progress) -> None:
        if progress.step == stop:
            raise _Stop

    with pytest.raises(_Stop):
        painted(recipe, sources, checkpoint=checkpoint, report=report)
    resumed = painted(recipe, sources, checkpoint=checkpoint, resume=True)
    np.testing.assert_array_equal(resumed.picture, whole.picture)
    np.testing.assert_array_equal(resumed.history[:, :-1], whole.history[:, :-1])

    with pytest.raises(InvalidOption, match="other options"):
        painted(replace(recipe, style_weight=1.0), sources, checkpoint=checkpoint, resume=True)
    checkpoint.write_bytes(checkpoint.read_bytes()[:1000])
    with pytest.raises(InvalidOption, match="damaged"):
        painted(recipe, sources, checkpoint=checkpoint, resume=True)
    checkpoint.unlink()
    with pytest.raises(InvalidOption, match="missing"):
        painted(recipe, sources, checkpoint=checkpoint, resume=True)


def test_losses_become_a_table(pictures: tuple[Pixels, Pixels, Pixels]) -> None:
    outcome = painted(replace(SHALLOW, steps=2), Sources(pictures[0], pictures[1:2]))
    rows = list(csv.DictReader(write_losses(outcome.history).decode().splitlines()))
    assert [row["step"] for row in rows] == ["0", "1", "2"]
    assert set(rows[0]) == {"step", "long_side", *TERMS, "seconds"}
    assert float(rows[-1]["total"]) == pytest.approx(outcome.losses["total"], rel=1e-5)


def chroma(pixels: Pixels) -> np.ndarray:
    """Blue and red less luma."""
    colors = pixels.astype(np.float32)
    return (colors - (colors @ LUMA)[..., None])[..., [2, 0]]


def test_matched_colors_have_the_mean_and_covariance_of_the_target(
    pictures: tuple[Pixels, Pixels, Pixels], chance: np.random.Generator
) -> None:
    # Of few colours, so that none leaves 0..255.
    target = chance.normal((90, 120, 140), (10, 15, 8), (40, 40, 3)).clip(0, 255).astype(np.uint8)
    matched = match_colors(pictures[1], target).reshape(-1, 3)
    np.testing.assert_allclose(matched.mean(axis=0), target.reshape(-1, 3).mean(axis=0), atol=1)
    np.testing.assert_allclose(np.cov(matched.T), np.cov(target.reshape(-1, 3).T), atol=6)
    grey = match_luminance(grey_picture(pictures[1]), target)
    assert grey.mean() == pytest.approx(target.mean(), abs=1)
    assert grey.std() == pytest.approx(target.std(), abs=1)


def test_colors_of_the_picture(pictures: tuple[Pixels, Pixels, Pixels]) -> None:
    photo = np.clip(pictures[0] // 4 + np.array([140, 90, 60]), 60, 200).astype(np.uint8)  # reddish
    painting = np.clip(pictures[1] // 4 + np.array([40, 80, 150]), 40, 220).astype(np.uint8)  # bluish
    # One small step from a picture in the painting's colours.
    recipe = replace(SHALLOW, start="feed-forward", steps=1, optimizer=AdamSettings(rate=0.5))
    start = resize(painting, *photo.shape[:2])

    def result(colors: Any) -> Pixels:
        return painted(recipe, Sources(photo, (painting,), start=start, colors=colors)).picture

    free, luminance, histogram, only = map(result, ("painting", "luminance", "histogram", "only"))
    wanted, own = (chroma(picture).mean(axis=(0, 1)) for picture in (painting, photo))
    apart = np.abs(wanted - own).sum()

    def distance(picture: Pixels, mean: np.ndarray) -> float:
        return float(np.abs(chroma(picture).mean(axis=(0, 1)) - mean).sum() / apart)

    assert distance(free, wanted) < 0.1
    assert distance(only, wanted) < 0.2
    assert distance(luminance, own) < 0.1
    assert distance(histogram, own) < 0.1
    luma = [picture.astype(np.float32) @ LUMA for picture in (only, free, photo)]
    assert np.abs(luma[0] - luma[2]).mean() < 0.2 * np.abs(luma[1] - luma[2]).mean()


def test_a_black_and_white_photo_takes_the_colors_of_the_painting(
    pictures: tuple[Pixels, Pixels, Pixels],
) -> None:
    photo = grey_picture(pictures[0])
    painting = np.clip(pictures[1] // 4 + np.array([40, 80, 150]), 40, 220).astype(np.uint8)
    assert is_black_and_white(photo)
    assert not is_black_and_white(pictures[0])
    assert colors_for(photo, "luminance") == colors_for(photo, "histogram") == "painting"
    assert colors_for(photo, "only") == "only"
    recipe = replace(SHALLOW, content_weight=0.0, steps=20, optimizer=LbfgsSettings())
    for colors in ("luminance", "only"):
        picture = painted(recipe, Sources(photo, (painting,), colors=colors)).picture  # type: ignore[arg-type]
        blue, red = chroma(picture).mean(axis=(0, 1))
        assert blue > 15
        assert red < -10


def test_a_mask_keeps_the_photo(pictures: tuple[Pixels, Pixels, Pixels]) -> None:
    mask = np.zeros(pictures[0].shape[:2], np.uint8)
    mask[:, 24:] = 255
    outcome = painted(replace(SHALLOW, steps=3), Sources(pictures[0], pictures[1:2], mask=mask))
    np.testing.assert_array_equal(outcome.picture[:, :24], pictures[0][:, :24])
    assert (outcome.picture[:, 24:] != pictures[0][:, 24:]).mean() > 0.5


def test_the_nearest_style_has_the_least_loss(pictures: tuple[Pixels, Pixels, Pixels]) -> None:
    photo, painting, other = pictures

    def paint(small: Pixels, slug: str) -> Pixels:
        known = {"photo": small, "other": other, "painting": painting}
        return resize(known[slug], *small.shape[:2])

    recipe = replace(SHALLOW, content_weight=0.0)
    styles = ["photo", "other", "painting"]
    assert nearest_style(recipe, photo, [painting], styles, paint, SHIPPED) == "painting"


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"size": 4096}, "16 to 2048"),
        ({"steps": 0}, "at least 1 steps"),
        ({"style_weight": -1.0}, "0 or more"),
        ({"optimizer": AdamSettings(rate=0.0)}, "step size"),
        ({"content": {}, "style": {}}, "needs a layer"),
        ({"style": {"block3_conv4": 1.0}}, "has no layer called block3_conv4"),
        ({"style": {"conv5_3": 1.0}}, r"vgg16.npz has no layer called conv5_3"),
        ({"start": "feed-forward"}, "there is none"),
        ({"network": "vgg19"}, "does not hold the weights of vgg19"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(
    changes: dict[str, Any], complaint: str, pictures: tuple[Pixels, Pixels, Pixels]
) -> None:
    with pytest.raises(InvalidOption, match=complaint):
        painted(replace(SHALLOW, **changes), Sources(pictures[0], pictures[1:2]))


def test_pictures_that_cannot_be_used_are_refused(pictures: tuple[Pixels, Pixels, Pixels]) -> None:
    photo, painting, _ = pictures
    with pytest.raises(InvalidPicture, match="48x8 pixels is too small"):
        painted(SHALLOW, Sources(photo[:8], (painting,)))
    with pytest.raises(InvalidOption, match="one painting or two"):
        painted(SHALLOW, Sources(photo, ()))
    with pytest.raises(InvalidOption, match="mask"):
        painted(SHALLOW, Sources(photo, (painting,), mask=np.zeros((4, 4), np.uint8)))


def test_the_shipped_weights_reach_block5_conv2() -> None:
    with np.load(SHIPPED) as archive:
        names = list(dict.fromkeys(name.partition("/")[0] for name in archive.files))
        assert names == all_convolutions("vgg16")[:12]
        assert all(archive[name].dtype == np.float16 for name in archive.files)
    assert SHIPPED.stat().st_size < 26e6
