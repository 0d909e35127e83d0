"""The plan of a tiled pass: planes, precision and strips. Nothing is painted."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from app.engine.fast import tiling_plan
from app.engine.fast.rewriting import Convolution, rewrite
from app.engine.fast.tiling_plan import (
    Add,
    Finish,
    Make,
    Measure,
    Settle,
    TilingPlan,
    Window,
    plan_tiles,
    window,
)
from app.engine.networks.config import NetworkConfig
from app.engine.networks.topology import PHOTO

HOUSE = NetworkConfig(base_width=8, residual_blocks=1)
SKIPS = NetworkConfig(base_width=8, halvings=3, residual_blocks=1, skips=2, fine_blocks=1)
CONFIGS = {
    "house": HOUSE,
    "skips": SKIPS,
    "one halving": NetworkConfig(base_width=8, halvings=1, residual_blocks=0),
    "published": NetworkConfig(8, 2, 2, "zeros", "transposed", "bytes"),
    "odd width": NetworkConfig(base_width=5, residual_blocks=1),
}
HEIGHT, WIDTH = 96, 128
PLENTY = 1 << 30


def rewritten(config: NetworkConfig, weight: float = 1.0) -> dict[str, Convolution]:
    kernels = {layer.name: np.full(layer.kernel_shape, weight, np.float32) for layer in config.layers}
    return rewrite(config, kernels)


def planned(
    config: NetworkConfig, *, budget: int = PLENTY, dtype: str = "float32", weight: float = 1.0
) -> TilingPlan:
    layers = rewritten(config, weight)
    return plan_tiles(config, layers, HEIGHT, WIDTH, dtype=dtype, budget=budget)


def test_the_stages_of_a_small_network_with_plenty_of_memory() -> None:
    assert planned(HOUSE).stages == (
        Make("conv1", PHOTO),
        Make("down1", "conv1", overwrites=True),
        Make("down2", "down1", overwrites=True),
        Settle("down2"),
        Make("res1_a", "down2"),
        Make("res1_b", "res1_a", overwrites=True),
        Add("res1_b", to="down2"),
        Make("up1", "down2", overwrites=True, backwards=True),
        Make("up2", "up1", overwrites=True, backwards=True),
        Make("out", "up2", overwrites=True),
        Finish("out"),
    )


def test_layers_at_full_size_are_computed_twice_where_they_have_no_room() -> None:
    plenty, little = planned(HOUSE), planned(HOUSE, budget=plenty_bytes(HOUSE) - 1)
    assert planned(HOUSE, budget=plenty_bytes(HOUSE)) == plenty
    assert little.stages[:2] == (Measure("conv1", PHOTO), Make("down1", PHOTO, through="conv1"))
    assert little.stages[-3:] == (
        Measure("up2", "up1"),
        Make("out", "up1", through="up2", overwrites=True),
        Finish("out"),
    )
    twice = sum(little.layers[name].rows * little.layers[name].row_work for name in ("conv1", "up2"))
    assert little.multiply_adds == plenty.multiply_adds + twice


def plenty_bytes(config: NetworkConfig) -> int:
    """The bytes of the first layer's result, the largest plane."""
    return HEIGHT * WIDTH * config.base_width * 4


def test_planes_for_skips_live_until_they_are_added() -> None:
    stages = planned(SKIPS).stages
    assert Make("down2", "down1") in stages, "down1 is read again by skip2"
    assert Make("skip1", "down2", overwrites=True) in stages
    assert Make("skip2", "down1", overwrites=True) in stages
    first = stages.index(Make("skip1", "down2", overwrites=True))
    assert stages[first - 1 : first + 2] == (
        Settle("up1"),
        Make("skip1", "down2", overwrites=True),
        Add("skip1", to="up1"),
    )


@pytest.mark.parametrize(("spare", "rests"), [(0, False), (-1, True)])
def test_a_plane_for_a_skip_rests_where_a_residual_block_needs_the_memory(spare: int, rests: bool) -> None:
    plans = planned(SKIPS).layers
    needed = plans["down2"].plane_bytes + 2 * plans["res1_a"].plane_bytes
    made = {
        stage.layer: stage
        for stage in planned(SKIPS, budget=needed + spare).stages
        if isinstance(stage, Make)
    }
    assert made["down2"].rests is rests
    assert not any(stage.rests for name, stage in made.items() if name != "down2")


@pytest.mark.parametrize("budget", [0, 20_000, 100_000, PLENTY])
@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_every_stage_reads_planes_that_are_there(config: NetworkConfig, budget: int) -> None:
    alive, raw = {PHOTO}, set()
    for stage in planned(config, budget=budget).stages:
        match stage:
            case Measure(layer, reads):
                assert reads in alive
            case Make(layer, reads):
                assert reads in alive
                assert layer not in alive
                alive -= {reads} if stage.overwrites else set()
                alive.add(layer)
                raw.add(layer)
            case Settle(plane):
                assert plane in alive
                raw.discard(plane)
            case Add(layer, to):
                assert {layer, to} <= alive
                assert to not in raw, "only settled planes are added to"
                alive.remove(layer)
                raw.remove(layer)
            case Finish(layer):
                assert layer in raw
                alive.remove(layer)
    assert alive == {PHOTO}, "no plane is left over"


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_a_larger_plane_is_written_backwards_over_a_smaller_one(config: NetworkConfig) -> None:
    plan = planned(config)
    for stage in plan.stages:
        if isinstance(stage, Make) and stage.overwrites:
            larger = plan.layers[stage.layer].plane_bytes > plan.layers[stage.reads].plane_bytes
            assert stage.backwards is larger


def test_large_planes_are_float16_where_it_holds_all_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    assert planned(HOUSE).kept == "float32"
    largest = planned(HOUSE).layers["down1"].plane_bytes
    monkeypatch.setattr(tiling_plan, "FLOAT32_BYTES", largest)
    assert planned(HOUSE, weight=0.01).kept == "float32"
    monkeypatch.setattr(tiling_plan, "FLOAT32_BYTES", largest - 1)
    halved = planned(HOUSE, weight=0.01)
    assert halved.kept == "float16"
    assert halved.layers["down1"].plane_bytes == largest // 2
    assert any(isinstance(stage, Measure) for stage in halved.stages), "what is rounded is computed twice"
    assert planned(HOUSE, weight=100.0).kept == "float32", "sums are too large for float16"
    assert planned(HOUSE, weight=0.01, dtype="bfloat16").kept == "bfloat16"


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_strips_cover_each_layer_once_and_stay_small(
    config: NetworkConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tiling_plan, "STRIP_BYTES", 16_000)
    monkeypatch.setattr(tiling_plan, "STRIP_MULTIPLY_ADDS", 1 << 20)
    plan = planned(config)
    assert len(plan.layers["conv1"].strips) > 4
    for layer in plan.layers.values():
        assert layer.strips[0][0] == 0
        assert layer.strips[-1][1] == layer.rows
        assert all(first[1] == second[0] for first, second in pairwise(layer.strips))
        rows = [stop - start for start, stop in layer.strips]
        assert max(rows) <= 5 or max(rows) * layer.row_work <= 1.5 * (1 << 20)


def test_a_window_ends_at_the_border_and_says_so() -> None:
    layers = rewritten(SKIPS)
    assert window(layers["res1_a"], 0, 4, 12) == Window(0, 5, 1, 0)
    assert window(layers["res1_a"], 4, 12, 12) == Window(3, 12, 0, 1)
    assert window(layers["down2"], 0, 4, 12) == Window(0, 8, 1, 0), "a halving reads two rows for each"
    assert window(layers["up1"], 4, 8, 12) == Window(3, 9, 0, 0), "shifted blocks need one more"
    assert window(layers["out"], 4, 8, 48) == Window(2, 10, 0, 0)
