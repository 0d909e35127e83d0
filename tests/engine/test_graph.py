"""The fast graph and its strips against plain Keras with the same weights."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image

from app.config import PROJECT_ROOT
from app.engine import network as network_module
from app.engine.fast import planes, tiling_plan
from app.engine.fast.graph import BatchGraph, Graph
from app.engine.native import operations as native
from app.engine.network import Network, Pass, StyleRows
from app.engine.networks.checkpoints import Checkpoint, load_checkpoint
from app.engine.networks.config import NetworkConfig
from app.engine.networks.transformer import build_transformer, load_kernels
from app.engine.typing import Pixels
from testing.networks import MODELS, chance_checkpoint, paint

CONFIGS = {
    "house": NetworkConfig(base_width=8, residual_blocks=2),
    "three halvings": NetworkConfig(base_width=8, halvings=3, residual_blocks=1),
    "skips": NetworkConfig(base_width=8, halvings=3, residual_blocks=1, skips=2, fine_blocks=1),
    "skips by zeros": NetworkConfig(8, 3, 0, "zeros", "transposed", "bytes", skips=1, fine_blocks=1),
    "one halving": NetworkConfig(base_width=8, halvings=1, residual_blocks=0),
    "published": NetworkConfig(8, 2, 1, "zeros", "transposed", "bytes"),
    "zeros and nearest": NetworkConfig(8, 2, 1, "zeros", "nearest", "bytes"),
    "odd width": NetworkConfig(base_width=5, residual_blocks=1),
}


OPERATIONS = {True: "own operations", False: "TensorFlow's"}
# TensorFlow's operations are the same for every network, and slow. So only these networks run with them in
# `make test`.
WITH_BOTH = ("house", "skips", "published")
EVERY_WAY = [
    pytest.param(
        (name, own),
        id=f"{OPERATIONS[own]}-{name}",
        marks=() if own or name in WITH_BOTH else pytest.mark.soak,
    )
    for own in OPERATIONS
    for name in CONFIGS
]


def choose_operations(own: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Choose our operations or TensorFlow's for all networks."""
    if own and not native.available():
        pytest.skip("needs a C++ compiler and a processor with AVX2")
    monkeypatch.setattr(native, "available", lambda: own)


@pytest.fixture(params=OPERATIONS, ids=OPERATIONS.get)
def use_native(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run every test with our operations and with TensorFlow's."""
    choose_operations(request.param, monkeypatch)


@pytest.fixture(params=EVERY_WAY)
def checkpoint(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Checkpoint:
    """Networks of every architecture, each with both kinds of operations."""
    name, own = request.param
    choose_operations(own, monkeypatch)
    return chance_checkpoint(CONFIGS[name])


@pytest.fixture
def in_strips(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """A function; after its call every picture is painted in many small strips."""

    def switch() -> None:
        monkeypatch.setattr(network_module, "WHOLE_PIXELS", 0)
        monkeypatch.setattr(tiling_plan, "STRIP_BYTES", 16000)

    return switch


def test_the_rewritten_network_is_the_plain_one(checkpoint: Checkpoint, photo: Pixels) -> None:
    model = build_transformer(checkpoint.config)
    load_kernels(model, checkpoint.config, checkpoint.kernels)
    network = Network(checkpoint, precision="float32", device="/CPU:0")
    for height, width in ((64, 96), (32, 48)):
        picture = np.ascontiguousarray(photo[:height, :width])
        expected = model([picture[None].astype(np.float32), checkpoint.row("two")[None]]).numpy()[0]
        painted = paint(network, picture, StyleRows(checkpoint.row("two")))
        assert np.abs(painted - expected).max() <= 1, (height, width)
        assert painted.std() > 10, (height, width)


def test_strips_make_the_picture_that_a_whole_pass_makes(
    checkpoint: Checkpoint, photo: Pixels, in_strips: Callable[[], None]
) -> None:
    """Activations lie on disk, half on disk, or in memory that just holds the largest layer."""
    network = Network(checkpoint, precision="float32", device="/CPU:0")
    where = np.tile(np.linspace(0, 255, 96).astype(np.uint8), (64, 1))
    styles = (StyleRows(checkpoint.row("one")), StyleRows(checkpoint.rows, where))
    whole = [paint(network, photo, style) for style in styles]
    in_strips()
    for style, expected in zip(styles, whole, strict=True):
        for budget in (0, 50_000, 200_000):
            strips = paint(network, photo, style, budget=budget)
            assert np.abs(strips.astype(int) - expected).max() <= 1, (budget, style.where is not None)


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> set[Any]:
    """The types of the planes made so far; from now on all planes count as large."""
    monkeypatch.setattr(tiling_plan, "FLOAT32_BYTES", 0)
    types: set[Any] = set()
    new = planes.PlaneStore.new

    def noted(self: planes.PlaneStore, shape: tuple[int, ...], dtype: Any, **options: Any) -> planes.Plane:
        types.add(np.dtype(dtype))
        return new(self, shape, dtype, **options)

    monkeypatch.setattr(planes.PlaneStore, "new", noted)
    return types


@pytest.mark.usefixtures("use_native")
@pytest.mark.parametrize(
    ("name", "style"), [("house", "wave"), ("house_fast", "udnie"), ("house_v0", "wave")]
)
def test_large_planes_are_kept_in_float16_and_make_the_same_picture(
    in_strips: Callable[[], None], kept: set[Any], name: str, style: str
) -> None:
    checkpoint = load_checkpoint(MODELS / f"{name}.npz")
    network = Network(checkpoint, precision="float32", device="/CPU:0")
    with Image.open(PROJECT_ROOT / "static" / "samples" / "chelsea.jpg") as sample:
        photo = np.asarray(sample.convert("RGB").resize((256, 192)))
    whole = paint(network, photo, StyleRows(checkpoint.row(style)))
    in_strips()
    for budget in (0, 1 << 30):
        strips = paint(network, photo, StyleRows(checkpoint.row(style)), budget=budget)
        assert np.abs(strips.astype(int) - whole).max() <= 1
        assert kept == {np.dtype(np.float16)}


def test_what_float16_does_not_hold_is_kept_in_float32(
    photo: Pixels, in_strips: Callable[[], None], kept: set[Any]
) -> None:
    """Larger kernels make the same picture, because normalisation removes the factor."""
    plain = chance_checkpoint(CONFIGS["three halvings"])
    kernels = {name: kernel * np.float32(10_000) for name, kernel in plain.kernels.items()}
    network = Network(dataclasses.replace(plain, kernels=kernels), precision="float32", device="/CPU:0")
    whole = paint(network, photo, StyleRows(plain.row("one")))
    in_strips()
    strips = paint(network, photo, StyleRows(plain.row("one")), budget=0)
    assert np.abs(strips.astype(int) - whole).max() <= 1
    assert whole.std() > 10
    assert kept == {np.dtype(np.float32)}


@pytest.mark.usefixtures("use_native")
@pytest.mark.parametrize(
    ("name", "budget"), [("house", 0), ("house", 1 << 30), ("house_fast", 1 << 30), ("house_v0", 0)]
)
def test_strips_in_bfloat16_make_the_picture_that_a_whole_pass_makes(
    photo: Pixels, in_strips: Callable[[], None], name: str, budget: int
) -> None:
    """Statistics sum in another order, so a number is rounded the other way now and then."""
    checkpoint = load_checkpoint(MODELS / f"{name}.npz")
    network = Network(checkpoint, precision="bfloat16", device="/CPU:0")
    style = StyleRows(checkpoint.row("wave"))
    whole = paint(network, photo, style)
    in_strips()
    strips = paint(network, photo, style, budget=budget)
    assert np.abs(strips.astype(int) - whole).mean() < 0.5


def test_a_batch_of_styles_is_what_each_makes_alone(checkpoint: Checkpoint, photo: Pixels) -> None:
    own = native.available()
    alone = Graph(checkpoint.config, checkpoint.kernels, "float32", use_native=own)
    together = BatchGraph(checkpoint.config, checkpoint.kernels, "float32", use_native=own)
    slabs = np.stack([photo, photo[::-1], photo[:, ::-1]])
    rows = checkpoint.rows[[0, 1, 1]]
    painted = together.whole(slabs, rows).numpy()
    assert painted.shape == (3, 56, 88, 3)
    for number in range(3):
        single = alone.whole(slabs[number : number + 1], rows[number]).numpy()[0]
        assert np.abs(painted[number].astype(int) - single).max() <= 1


@pytest.mark.usefixtures("use_native")
def test_a_style_map_paints_each_style_where_it_applies(photo: Pixels) -> None:
    checkpoint = chance_checkpoint(CONFIGS["house"])
    network = Network(checkpoint, precision="float32", device="/CPU:0")
    for level, slug in ((0, "one"), (255, "two")):
        where = np.full(photo.shape[:2], level, np.uint8)
        mapped = paint(network, photo, StyleRows(checkpoint.rows, where))
        alone = paint(network, photo, StyleRows(checkpoint.row(slug)))
        assert np.abs(mapped.astype(int) - alone).max() <= 1


@pytest.mark.parametrize("name", ["house", "house_fast", "house_v0"])
def test_bfloat16_stays_close_on_a_trained_network(photo: Pixels, name: str) -> None:
    checkpoint = load_checkpoint(MODELS / f"{name}.npz")
    style = StyleRows(checkpoint.row("wave"))
    exact, fast = (
        paint(Network(checkpoint, precision=precision, device="/CPU:0"), photo, style)
        for precision in ("float32", "bfloat16")
    )
    difference = np.abs(exact.astype(int) - fast)
    assert 0 < difference.mean() < 1


@pytest.mark.parametrize("budget", [0, 1 << 30])
def test_a_tiled_pass_reports_in_order_and_stops_when_told(
    photo: Pixels, in_strips: Callable[[], None], budget: int
) -> None:
    checkpoint = chance_checkpoint(CONFIGS["house"])
    network = Network(checkpoint, precision="float32", device="/CPU:0")
    style = StyleRows(checkpoint.row("one"))
    in_strips()
    shares: list[float] = []
    network.paint(Pass(photo, style, exact=True, budget=budget, report=shares.append))
    assert shares == sorted(shares)
    assert len(set(shares)) > 30
    assert shares[-1] == pytest.approx(1)

    def stop(share: float) -> None:
        if share > 0.5:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        network.paint(Pass(photo, style, exact=True, budget=budget, report=stop))
