"""The losses against plain NumPy."""

from __future__ import annotations

from typing import Any, Literal

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from app.engine.errors import InvalidOption
from app.engine.native import operations as native
from app.engine.training.frozen import FrozenConvolution
from app.engine.training.loss_network import build_loss_network
from app.engine.training.losses import content_distance, gram_matrix, style_distance, total_variation
from app.engine.training.model import Eyes, Measure, painting_grams
from app.engine.training.recipe import LossRecipe


@pytest.fixture
def chance() -> np.random.Generator:
    return np.random.default_rng(3)


def test_gram_matrix(chance: np.random.Generator) -> None:
    x = chance.normal(size=(2, 3, 4, 5)).astype(np.float32)
    expected = np.zeros((2, 5, 5))
    for picture in range(2):
        for row in range(3):
            for column in range(4):
                expected[picture] += np.outer(x[picture, row, column], x[picture, row, column])
    np.testing.assert_allclose(ops.convert_to_numpy(gram_matrix(x)), expected / (3 * 4 * 5), rtol=1e-5)


def test_gram_matrix_of_bfloat16_is_summed_in_float32() -> None:
    # 4096 numbers: a sum in bfloat16 would stop at 256. In float32 it is right to a few parts in 10,000.
    x = ops.cast(np.full((1, 64, 64, 1), 1.0078125, np.float32), "bfloat16")
    assert gram_matrix(x).dtype == "float32"
    assert float(gram_matrix(x)[0, 0, 0]) == pytest.approx(1.0078125**2, rel=1e-3)


def test_distances(chance: np.random.Generator) -> None:
    a, b = chance.normal(size=(2, 2, 4, 4, 3)).astype(np.float32)
    np.testing.assert_allclose(content_distance(a, b), ((a - b) ** 2).mean(axis=(1, 2, 3)), rtol=1e-5)
    g, h = chance.normal(size=(2, 2, 3, 3)).astype(np.float32)
    np.testing.assert_allclose(style_distance(g, h), ((g - h) ** 2).sum(axis=(1, 2)), rtol=1e-5)


def test_total_variation() -> None:
    stripes = np.zeros((1, 4, 6, 3), np.float32)
    stripes[:, :, ::2] = 10.0
    np.testing.assert_allclose(total_variation(stripes), [10.0])
    np.testing.assert_allclose(total_variation(stripes.transpose(0, 2, 1, 3)), [10.0])
    np.testing.assert_allclose(total_variation(np.full((1, 4, 4, 3), 7.0)), [0.0])


def test_loss_network_gives_the_layers_asked_for_in_that_order() -> None:
    network = build_loss_network("vgg16", ["relu3_3", "relu1_2"], None)
    deep, shallow = network(np.zeros((1, 32, 48, 3), np.float32))
    assert deep.shape == (1, 8, 12, 256)
    assert shallow.shape == (1, 32, 48, 64)
    assert not network.trainable_variables
    assert "block4_conv1" not in {layer.name for layer in network.layers}


def test_loss_network_takes_red_green_blue_and_subtracts_the_mean() -> None:
    network = build_loss_network("vgg16", ["relu1_1"], None)
    convolution = network.get_layer("block1_conv1")
    kernel = np.zeros((3, 3, 3, 64), np.float32)
    kernel[1, 1, 2, 0] = 1.0  # its third channel is red
    convolution.set_weights([kernel, np.zeros(64, np.float32)])
    red = np.zeros((1, 4, 4, 3), np.float32)
    red[..., 0] = 200.0
    seen = np.asarray(network(red)[0] if isinstance(network(red), list) else network(red))
    np.testing.assert_allclose(seen[..., 0], 200.0 - 123.68, rtol=1e-5)


def test_loss_network_of_vgg19_has_a_fourth_convolution() -> None:
    assert build_loss_network("vgg19", ["relu4_4"], None).outputs[0].shape[-1] == 512
    with pytest.raises(InvalidOption, match="relu4_4"):
        build_loss_network("vgg16", ["relu4_4"], None)


def test_loss_network_in_bfloat16_leaves_the_global_policy() -> None:
    network = build_loss_network("vgg16", ["relu1_1"], None, precision="bfloat16")
    assert network.outputs[0].dtype == "bfloat16"
    assert build_loss_network("vgg16", ["relu1_1"], None).outputs[0].dtype == "float32"


@pytest.mark.skipif(not native.available(), reason="needs a C++ compiler and a processor with AVX2")
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_loss_network_sees_the_same_by_operations_of_our_own(
    chance: np.random.Generator, precision: Literal["float32", "bfloat16"], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its gradients are the same, too."""
    monkeypatch.setattr(native, "multiplies_better", lambda dtype: True)
    pixels = tf.constant(chance.uniform(0, 255, (2, 40, 56, 3)), tf.float32)

    def look(layer: type[keras.layers.Layer]) -> list[Any]:
        keras.utils.set_random_seed(3)
        network = build_loss_network("vgg16", ["relu1_2", "relu3_1"], None, precision=precision)
        assert isinstance(network.get_layer("block3_conv1"), layer)
        with tf.GradientTape() as tape:
            tape.watch(pixels)
            seen = [tf.cast(activations, tf.float32) for activations in network(pixels)]
            loss = sum(tf.reduce_sum(tf.square(activations)) for activations in seen)
        return [*seen, tape.gradient(loss, pixels)]

    ours = look(FrozenConvolution)
    monkeypatch.setattr(native, "available", lambda: False)
    for own, plain in zip(ours, look(keras.layers.Conv2D), strict=True):
        # If two neighbours are nearly equal, rounding decides which one is the maximum.
        apart = float(tf.norm(own - plain) / tf.norm(plain))
        assert apart < (1e-3 if precision == "float32" else 3e-2)


@pytest.mark.parametrize("weights", ["missing.weights.h5", __file__])
def test_loss_network_refuses_what_is_no_file_of_its_weights(weights: str) -> None:
    with pytest.raises(InvalidOption, match="weights"):
        build_loss_network("vgg16", ["relu1_1"], weights)


def test_measure_is_what_makes_distances_comparable(chance: np.random.Generator) -> None:
    recipe = LossRecipe(content={"relu1_2": 1.0}, style={"relu1_1": 1.0})
    network = build_loss_network("vgg16", ["relu1_1", "relu1_2"], None)
    eyes = Eyes(network, ["relu1_1", "relu1_2"], recipe)
    paintings, photos = chance.uniform(0, 255, (2, 3, 16, 16, 3)).astype(np.float32)
    measure = Measure.take(eyes, painting_grams(eyes, paintings[:2], ["relu1_1"]), photos)

    def gram(picture: np.ndarray) -> np.ndarray:
        return np.asarray(gram_matrix(eyes.look(picture[None])["relu1_1"]))[0]

    expected = [np.mean([((gram(x) - gram(p)) ** 2).sum() for x in photos]) for p in paintings[:2]]
    energies = [(gram(painting) ** 2).sum() for painting in paintings[:2]]
    np.testing.assert_allclose(measure.style["relu1_1"], np.sqrt(np.multiply(expected, energies)), rtol=1e-4)
    np.testing.assert_allclose(measure.grams["relu1_1"][1], gram(paintings[1]), rtol=1e-5)
    seen = [np.square(np.asarray(eyes.look(photo[None])["relu1_2"])).mean() for photo in photos]
    assert measure.content["relu1_2"] == pytest.approx(np.mean(seen), rel=1e-4)
