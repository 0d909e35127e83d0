"""The Keras model has the architecture of its configuration."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from app.engine.networks.config import PUBLISHED, NetworkConfig
from app.engine.networks.layers import ConditionalInstanceNormalization, ReflectionPadding2D
from app.engine.networks.transformer import build_transformer

SMALL = NetworkConfig(base_width=4, residual_blocks=2)


@pytest.mark.parametrize(
    "config",
    [
        SMALL,
        NetworkConfig(4, 2, 1, "zeros", "transposed", "bytes"),
        NetworkConfig(4, 2, 0, "zeros", "nearest"),
        NetworkConfig(4, 3, 1),
    ],
)
@pytest.mark.parametrize("shape", [(16, 16), (24, 48)])
def test_a_picture_keeps_its_shape_and_range(config: NetworkConfig, shape: tuple[int, int]) -> None:
    model = build_transformer(config)
    pixels = np.random.default_rng(1).uniform(0, 255, (2, *shape, 3)).astype(np.float32)
    painted = model([pixels, np.ones((2, config.style_size), np.float32)]).numpy()
    assert painted.shape == pixels.shape
    assert painted.min() >= 0
    assert painted.max() <= 255


def test_the_parameters_are_those_of_the_papers() -> None:
    model = build_transformer(PUBLISHED)
    kernels = sum(int(np.prod(layer.kernel_shape)) for layer in PUBLISHED.layers)
    assert model.count_params() == kernels
    assert len(PUBLISHED.layers) == 16
    assert PUBLISHED.style_size == 2 * (32 + 64 + 128 + 10 * 128 + 64 + 32 + 3)


def test_the_style_alone_changes_the_picture() -> None:
    model = build_transformer(SMALL)
    pixels = np.random.default_rng(1).uniform(0, 255, (1, 16, 16, 3)).astype(np.float32)
    rows = np.random.default_rng(2).normal(1, 0.5, (2, 1, SMALL.style_size)).astype(np.float32)
    one, two = (model([pixels, row]).numpy() for row in rows)
    assert np.abs(one - two).max() > 1


def test_each_picture_of_a_batch_has_statistics_and_a_style_of_its_own() -> None:
    model = build_transformer(SMALL)
    chance = np.random.default_rng(1)
    pixels = chance.uniform(0, 255, (2, 16, 16, 3)).astype(np.float32)
    rows = chance.normal(1, 0.5, (2, SMALL.style_size)).astype(np.float32)
    together = model([pixels, rows]).numpy()
    for index in range(2):
        alone = model([pixels[index : index + 1], rows[index : index + 1]]).numpy()
        assert np.abs(together[index] - alone[0]).max() < 0.01


def test_conditional_instance_normalization_is_its_formula() -> None:
    chance = np.random.default_rng(1)
    x = chance.normal(3, 2, (2, 5, 7, 4)).astype(np.float32)
    scale, shift = chance.normal(1, 1, (2, 2, 4)).astype(np.float32)
    mean, variance = x.mean((1, 2), keepdims=True), x.var((1, 2), keepdims=True)
    expected = scale[:, None, None] * (x - mean) / np.sqrt(variance + 1e-3) + shift[:, None, None]
    result = ConditionalInstanceNormalization(1e-3)(tf.constant(x), scale=scale, shift=shift).numpy()
    assert np.abs(result - expected).max() < 1e-4


def test_reflection_padding_does_not_repeat_the_border() -> None:
    x = np.arange(2 * 5 * 6 * 3, dtype=np.float32).reshape(2, 5, 6, 3)
    padded = ReflectionPadding2D(4)(tf.constant(x)).numpy()
    assert np.array_equal(padded, np.pad(x, [(0, 0), (4, 4), (4, 4), (0, 0)], mode="reflect"))
