"""The model in training: loss, first weights, checkpoint and precision."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from keras import ops

from app.engine.networks.checkpoints import Checkpoint
from app.engine.networks.config import NetworkConfig
from app.engine.networks.transformer import build_transformer
from app.engine.training.data import read_picture
from app.engine.training.model import LOSS_TERMS, NEW_BRANCH, StyleTrainer
from app.engine.training.pictures import find_photos
from app.engine.training.recipe import LayerWeights, Recipe
from app.engine.training.trainer import Sources, build_trainer
from testing.training_results import with_loss

Array = npt.NDArray[np.float64]


def build(recipe: Recipe, sources: Sources) -> StyleTrainer:
    return build_trainer(recipe, sources, find_photos(sources.photos))


def chance_batch() -> dict[str, Any]:
    photos = np.random.default_rng(3).uniform(0, 255, (2, 32, 32, 3)).astype(np.float32)
    return {"photos": photos, "styles": np.array([[0, 1], [1, 1]], np.int32)}


def halved(pixels: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    height, width = (side // 2 * 2 for side in pixels.shape[:2])
    quarters = [pixels[top:height:2, left:width:2] for top in (0, 1) for left in (0, 1)]
    return np.mean(quarters, axis=0, dtype=np.float32)


def gram(seen: Array) -> Array:
    flat = seen.reshape(-1, seen.shape[-1])
    return flat.T @ flat / flat.size


def border_ratio(picture: Array) -> float:
    luma = picture.astype(np.float64) @ (0.299, 0.587, 0.114)
    across, down = np.zeros_like(luma), np.zeros_like(luma)
    across[:, 1:], down[1:] = np.diff(luma, axis=1), np.diff(luma, axis=0)
    inside = np.zeros(luma.shape, bool)
    inside[8:-8, 8:-8] = True
    gradient = np.hypot(across, down)
    return float(gradient[~inside].mean() / gradient[inside].mean())


def variation_where_plain(picture: Array, photo: Array) -> float:
    """The plain implementation, pixel by pixel; means stop at the border."""

    def variations(pixels: Array) -> Array:
        down, across = np.zeros(pixels.shape), np.zeros(pixels.shape)
        down[:-1], across[:, :-1] = np.abs(np.diff(pixels, axis=0)), np.abs(np.diff(pixels, axis=1))
        return (down + across).mean(axis=-1)

    rough, height, width = variations(photo), *photo.shape[:2]
    total = 0.0
    for (y, x), differs in np.ndenumerate(variations(picture)):
        nearby = rough[max(0, y - 8) : min(height, y + 9), max(0, x - 8) : min(width, x + 9)]
        total += differs * np.exp(-nearby.mean() / 3.0)
    return total / (height * width)


def energy_of_periods(picture: Array) -> float:
    """The share of the frequencies 0, 1/4, 1/2 and 3/4; sides are multiples of 4."""
    spectrum = np.abs(np.fft.fft2(picture.astype(np.float64) @ (0.299, 0.587, 0.114))) ** 2
    spectrum[0, 0] = 0.0
    height, width = spectrum.shape
    return float(spectrum[:: height // 4, :: width // 4].sum() / spectrum.sum())


def test_the_loss_is_what_its_docstring_says(recipe: Recipe, sources: Sources) -> None:
    recipe = with_loss(
        recipe,
        emphasis={"red": 2.5},
        total_variation_by_style={"blue": 3.0},
        calm_by_style={"red": 0.4},
        layers_by_style={"red": LayerWeights(content={"relu2_2": 0.5}, style={"relu1_2": 3.0})},
        style_scales=2,
        total_variation=0.02,
        border=0.7,
        checkerboard=0.05,
    )
    model = build(recipe, sources)
    batch = chance_batch()
    batch["photos"][:, :16] = 60.0  # makes a part of them plain
    painted = ops.convert_to_numpy(model(batch))

    def see(pixels: npt.NDArray[np.float32], layer: str) -> Array:
        outputs = dict(zip(model.eyes.layers, model.loss_network(pixels[None]), strict=True))
        return ops.convert_to_numpy(outputs[layer])[0].astype(np.float64)

    expected: dict[str, list[float]] = {term: [] for term in LOSS_TERMS[1:]}
    for index, picture in enumerate(painted):
        photo = batch["photos"][index // 2]
        style = batch["styles"].ravel()[index]
        slug = recipe.data.styles[style]
        own = recipe.loss.layers_by_style.get(slug, LayerWeights())
        expected["content"].append(
            sum(
                own.content.get(layer, weight)
                * np.square(see(picture, layer) - see(photo, layer)).mean()
                / model.content_scales[layer]
                for layer, weight in recipe.loss.content.items()
            )
        )
        painting = read_picture(sources.paintings[slug], recipe.data.painting_side)
        distance = 0.0
        for scale, (one, other) in {
            "": (picture, painting),
            "_by2": (halved(picture), halved(painting)),
        }.items():
            for layer, weight in recipe.loss.style.items():
                apart = np.square(gram(see(one, layer)) - gram(see(other, layer))).sum()
                scaled = apart / float(model.style_scales[f"{layer}{scale}"][style])
                distance += own.style.get(layer, weight) * scaled
        expected["style"].append(recipe.loss.emphasis.get(slug, 1.0) * distance)
        rough = sum(np.abs(np.diff(picture, axis=axis)).mean() for axis in (0, 1))
        factor = recipe.loss.total_variation_by_style.get(slug, 1.0)
        calm = recipe.loss.calm_by_style.get(slug, 0.0) * variation_where_plain(picture, photo)
        expected["variation"].append(0.02 * factor * rough + calm)
        excess = border_ratio(picture) / border_ratio(photo)
        expected["border"].append(0.7 * np.log(np.clip(excess, 0.25, 4.0)) ** 2)
        expected["checkerboard"].append(0.05 * 1000 * energy_of_periods(picture))

    loss = float(model.compute_loss(x=batch, y_pred=ops.convert_to_tensor(painted)))
    means = {name: float(np.mean(values)) for name, values in expected.items()}
    assert loss == pytest.approx(sum(means.values()), rel=1e-3)
    results = {name: float(value) for name, value in model.get_metrics_result().items()}
    assert results == pytest.approx({"loss": loss, **means}, rel=1e-3)


def test_a_plain_border_of_a_photo_does_not_outshout_the_rest(recipe: Recipe, sources: Sources) -> None:
    batch = chance_batch()
    batch["photos"][:, :9] = batch["photos"][:, -9:] = 128.0
    batch["photos"][:, :, :9] = batch["photos"][:, :, -9:] = 128.0
    model = build(with_loss(recipe, border=1.0), sources)
    model.compute_loss(x=batch, y_pred=ops.convert_to_tensor(np.repeat(chance_batch()["photos"], 2, axis=0)))
    assert float(model.get_metrics_result()["border"]) == pytest.approx(np.log(4.0) ** 2)


def test_new_choices_change_nothing_by_default(recipe: Recipe, sources: Sources) -> None:
    plain, told = (
        build(with_loss(recipe, **changes), sources)
        for changes in ({}, {"style_scales": 1, "total_variation_by_style": {"red": 1.0}, "border": 0.0})
    )
    batch = chance_batch()
    painted = ops.convert_to_tensor(ops.convert_to_numpy(plain(batch)))
    assert list(plain.grams) == ["relu1_2", "relu2_2"]
    assert float(plain.compute_loss(x=batch, y_pred=painted)) == float(
        told.compute_loss(x=batch, y_pred=painted)
    )


def test_a_checkpoint_has_the_averages(recipe: Recipe, sources: Sources) -> None:
    model = build(recipe, sources)
    for average in model.optimizer.averages:
        average.assign(ops.convert_to_numpy(average) + 1.0)
    network = model.checkpoint()
    for layer in recipe.network.layers:
        kernel = ops.convert_to_numpy(model.transformer.get_layer(layer.name).kernel)
        np.testing.assert_array_equal(network.kernels[layer.name], kernel + np.float32(1.0))
    np.testing.assert_array_equal(network.rows, ops.convert_to_numpy(model.rows) + np.float32(1.0))


def with_blocks(recipe: Recipe, blocks: int) -> Recipe:
    network = NetworkConfig(base_width=4, halvings=2, residual_blocks=blocks)
    return dataclasses.replace(recipe, network=network)


def trained(recipe: Recipe, sources: Sources) -> Checkpoint:
    """A network with different styles, as after a training."""
    network = build(recipe, sources).checkpoint()
    rows = np.random.default_rng(7).normal(1.0, 0.2, network.rows.shape).astype(np.float32)
    return dataclasses.replace(network, rows=rows)


def test_a_network_takes_over_the_layers_that_it_shares_with_another(
    recipe: Recipe, sources: Sources
) -> None:
    """As house_fast starts from house: it has fewer residual blocks, and one of two styles is new."""
    whole = dataclasses.replace(trained(with_blocks(recipe, 3), sources), styles=("red", "other"))
    fast = with_blocks(recipe, 1)
    network = build(fast, dataclasses.replace(sources, start=whole)).checkpoint()
    red, unknown = whole.row("red"), whole.rows.mean(axis=0)
    for layer in fast.network.layers:
        np.testing.assert_array_equal(network.kernels[layer.name], whole.kernels[layer.name])
        spans = zip(fast.network.style_spans[layer.name], whole.config.style_spans[layer.name], strict=True)
        for here, there in spans:
            np.testing.assert_array_equal(network.row("red")[here], red[there])
            np.testing.assert_allclose(network.row("blue")[here], unknown[there], rtol=1e-6)


def test_a_deeper_network_begins_as_the_one_it_starts_from_with_quiet_new_branches(
    recipe: Recipe, sources: Sources
) -> None:
    start = trained(recipe, sources)
    before = build(recipe, dataclasses.replace(sources, start=start))
    more = NetworkConfig(base_width=4, halvings=2, residual_blocks=3, skips=1, fine_blocks=1)
    deeper = build(dataclasses.replace(recipe, network=more), dataclasses.replace(sources, start=start))
    rows = ops.convert_to_numpy(deeper.rows).copy()
    for branch in ("res2_b", "res3_b", "skip1", "fine1_b"):
        scales, _ = more.style_spans[branch]
        np.testing.assert_array_equal(rows[:, scales], np.float32(NEW_BRANCH))
        rows[:, scales] = 0.0
    deeper.rows.assign(rows)
    same, painted = (ops.convert_to_numpy(model(chance_batch())) for model in (before, deeper))
    np.testing.assert_allclose(painted, same, atol=1e-3)


def test_statistics_of_normalisation_stay_in_float32() -> None:
    """Near 100, bfloat16 numbers are half a unit apart: a mean of 100.15 would become 100."""
    config = NetworkConfig(base_width=4, residual_blocks=1)
    layer = build_transformer(config, policy="mixed_bfloat16").get_layer("res1_a_norm")
    x = 100.0 + 0.5 * (np.random.default_rng(2).random((1, 64, 64, 16)) < 0.3)
    scale, shift = np.full((1, 16), 2.0, np.float32), np.full((1, 16), 0.25, np.float32)
    normal = (x - x.mean(axis=(1, 2))) / np.sqrt(x.var(axis=(1, 2)) + config.epsilon)
    result = layer(ops.cast(x.astype(np.float32), "bfloat16"), scale=scale, shift=shift)
    assert result.dtype == "bfloat16"
    seen = ops.convert_to_numpy(ops.cast(result, "float32"))
    np.testing.assert_allclose(seen, 2.0 * normal + 0.25, rtol=0.01, atol=0.01)
