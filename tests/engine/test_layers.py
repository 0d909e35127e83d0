"""The layers against plain implementations."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from app.engine.networks.layers import BlockConv2D, DoublingConv2D


@pytest.mark.parametrize("reflect", [True, False])
@pytest.mark.parametrize("size", [(2, 3), (7, 5), (16, 12)])
def test_doubling_equals_nearest_neighbour_and_a_convolution(reflect: bool, size: tuple[int, int]) -> None:
    chance = np.random.default_rng(0)
    x = chance.normal(size=(2, *size, 5)).astype(np.float32)
    kernel = chance.normal(size=(3, 3, 5, 4)).astype(np.float32)
    layer = DoublingConv2D(4, reflect=reflect)
    layer.build(x.shape)
    layer.set_weights([kernel])
    result = layer(x)

    doubled = np.repeat(np.repeat(x, 2, axis=1), 2, axis=2)
    padded = np.pad(doubled, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="reflect" if reflect else "constant")
    expected = tf.nn.conv2d(padded, kernel, 1, "VALID")
    assert layer.compute_output_shape(x.shape) == expected.shape
    np.testing.assert_allclose(result, expected, atol=2e-5)


@pytest.mark.parametrize(("channels", "outputs"), [(16, 3), (3, 16)])
@pytest.mark.parametrize(("block", "size"), [(4, 9), (2, 9), (4, 5)])
def test_a_convolution_on_blocks_equals_one_on_pixels(
    block: int, size: int, channels: int, outputs: int
) -> None:
    chance = np.random.default_rng(0)
    x = chance.normal(size=(2, 8 + size - 1, 12 + size - 1, channels)).astype(np.float32)
    kernel = chance.normal(size=(size, size, channels, outputs)).astype(np.float32)
    layer = BlockConv2D(outputs, size, block=block)
    layer.build(x.shape)
    layer.set_weights([kernel])
    expected = tf.nn.conv2d(x, kernel, 1, "VALID")
    assert layer.compute_output_shape(x.shape) == expected.shape == (2, 8, 12, outputs)
    np.testing.assert_allclose(layer(x), expected, atol=2e-4)
