"""The values computed from a network's configuration."""

from __future__ import annotations

import numpy as np

from app.engine.networks.config import PUBLISHED, NetworkConfig


def test_multiply_adds_of_the_published_network() -> None:
    outer = 81 * 3 * 32
    down = 9 * 32 * 64 // 4 + 9 * 64 * 128 // 16
    residual = 10 * 9 * 128 * 128 // 16
    up = 9 * 128 * 64 // 16 + 9 * 64 * 32 // 4
    assert PUBLISHED.multiply_adds(8, 12) == 8 * 12 * (2 * outer + down + residual + up)


def test_multiply_adds_count_the_doubling_as_it_is_done() -> None:
    config = NetworkConfig(base_width=16, halvings=1, residual_blocks=0)
    outer = 81 * 3 * 16
    down = 9 * 16 * 32 // 4
    up = 4 * 4 * 32 * 16 // 4
    assert config.multiply_adds(10, 10) == 100 * (2 * outer + down + up)


def test_multiply_adds_of_skips_and_fine_blocks_are_at_the_size_of_the_first_doubling() -> None:
    plain = NetworkConfig(base_width=16, halvings=3)
    more = NetworkConfig(base_width=16, halvings=3, skips=1, fine_blocks=2)
    assert more.multiply_adds(8, 16) - plain.multiply_adds(8, 16) == 8 * 16 * 5 * 9 * 64 * 64 // 16


def test_spans_cover_a_style_without_overlap() -> None:
    config = NetworkConfig(base_width=4, halvings=3, residual_blocks=2)
    covered = np.zeros(config.style_size, int)
    for layer in config.layers:
        for span in config.style_spans[layer.name]:
            covered[span] += 1
            assert span.stop - span.start == layer.outputs
    assert set(covered) == {1}
    assert config.style_spans["conv1"] == (slice(0, 4), slice(4, 8))
