"""Our operations against TensorFlow's and NumPy's, for each instruction set."""

from __future__ import annotations

import logging
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from app.engine.fast import winograd
from app.engine.fast.graph import from_blocks, to_blocks
from app.engine.native import build
from app.engine.native import operations as native
from app.engine.processor import instructions
from app.engine.training.frozen import can_be_frozen
from app.engine.typing import Floats

needs_operations = pytest.mark.skipif(
    not native.available(), reason="needs a C++ compiler and a processor with AVX2"
)
PAD_MODES: dict[str, Any] = {"zeros": "constant", "mirror": "reflect", "repeat": "edge"}


@pytest.fixture(params=[False, True], ids=["avx2", "avx512"])
def avx512(request: pytest.FixtureRequest) -> bool:
    if request.param and "avx512f" not in instructions():
        pytest.skip("needs a processor with AVX-512")
    return bool(request.param)


@pytest.fixture(params=["float32", "bfloat16"])
def dtype(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=["float32", "bfloat16", "float16"])
def kept(request: pytest.FixtureRequest) -> str:
    """The types of activations, in computation and between layers."""
    return str(request.param)


@pytest.fixture
def chance() -> np.random.Generator:
    return np.random.default_rng(7)


def tensor(values: Floats, dtype: str) -> tuple[Any, Floats]:
    """The values in a type, and the rounded values in float32."""
    held = tf.cast(tf.constant(values, tf.float32), dtype)
    return held, tf.cast(held, tf.float32).numpy()


def rounding(dtype: str, values: Floats) -> Any:
    """The largest rounding error of these numbers."""
    steps = {"float32": np.inf, "bfloat16": 250, "float16": 2000}[dtype]
    return np.abs(values) / steps + 1e-4


def assert_rounded(result: Any, expected: Floats, dtype: str) -> None:
    """Assert that a tensor has the expected type and values, except for rounding."""
    assert result.dtype == dtype
    assert result.shape == expected.shape
    assert (np.abs(tf.cast(result, tf.float32) - expected) <= rounding(dtype, expected)).all()


def test_operations_are_there_where_they_can_be_compiled() -> None:
    if shutil.which("g++") is None or "avx2" not in instructions():
        pytest.skip("needs a C++ compiler and a processor with AVX2")
    assert native.available()


@needs_operations
@pytest.mark.parametrize("border", PAD_MODES)
@pytest.mark.parametrize(
    ("shape", "outputs"),
    [((1, 37, 41, 32), 64), ((1, 5, 3, 64), 16), ((2, 18, 70, 16), 48), ((1, 9, 12, 256), 32)],
    ids=str,
)
def test_a_convolution_is_tensorflows(
    chance: np.random.Generator,
    border: str,
    shape: tuple[int, ...],
    outputs: int,
    kept: str,
    avx512: bool,
) -> None:
    x, values = tensor(chance.normal(size=shape), kept)
    kernel = (chance.normal(size=(3, 3, shape[3], outputs)) / np.sqrt(9 * shape[3])).astype(np.float32)
    transformed = winograd.transform(kernel)
    for above, below in ((1, 1), (0, 1), (1, 0), (0, 0)):
        padded = np.pad(values, ((0, 0), (above, below), (1, 1), (0, 0)), PAD_MODES[border])
        expected = tf.nn.conv2d(padded, kernel, 1, "VALID").numpy()
        result = native.convolve(x, transformed, border, above, below, avx512=avx512)
        assert_rounded(result, expected, kept)


@needs_operations
@pytest.mark.parametrize("border", ["none", "zeros", "mirror blocks"])
@pytest.mark.parametrize(
    ("shape", "outputs"),
    [((1, 13, 17, 64), 12), ((2, 8, 8, 12), 64), ((1, 5, 6, 16), 16), ((1, 30, 41, 128), 12)],
    ids=str,
)
def test_a_convolution_in_quads_is_tensorflows(
    chance: np.random.Generator,
    border: str,
    shape: tuple[int, ...],
    outputs: int,
    kept: str,
    avx512: bool,
) -> None:
    """This holds also if half of the last quads lies beyond the picture."""
    x, values = tensor(chance.normal(size=shape), kept)
    kernel = (chance.normal(size=(5, 5, shape[3], outputs)) / np.sqrt(25 * shape[3])).astype(np.float32)
    transformed = winograd.transform_quads(kernel)
    for above, below in [(0, 0)] if border == "none" else [(1, 1), (0, 1), (1, 0), (0, 0)]:
        if border == "mirror blocks":
            padded = mirrored_pixels(values, 2, 2, above, below)
        else:
            aside = 0 if border == "none" else 2
            padded = np.pad(values, ((0, 0), (2 * above, 2 * below), (aside, aside), (0, 0)))
        expected = tf.nn.conv2d(padded, kernel, 1, "VALID").numpy()
        result = native.convolve(x, transformed, border, above, below, quads=True, avx512=avx512)
        assert_rounded(result, expected, kept)


@needs_operations
@pytest.mark.parametrize(
    "change",
    [{"x": (1, 4, 4, 16)}, {"x": (1, 2, 4, 4)}, {"border": "mirror"}, {"border": "none", "above": 1}],
    ids=str,
)
def test_a_convolution_in_quads_refuses_what_does_not_fit(change: dict[str, Any]) -> None:
    kernels = winograd.transform_quads(np.ones((5, 5, 4, 4), np.float32))
    x, border = tf.zeros(change.get("x", (1, 8, 8, 4))), change.get("border", "mirror blocks")
    with pytest.raises(tf.errors.InvalidArgumentError):
        native.convolve(x, kernels, border, change.get("above", 1), 1, quads=True)


@needs_operations
@pytest.mark.parametrize(
    "change",
    [{"x": (1, 4, 4, 32)}, {"x": (1, 1, 4, 16)}, {"x": (1, 2, 4, 16), "above": 0, "below": 0}, {"above": 2}],
    ids=str,
)
def test_a_convolution_refuses_what_does_not_fit(change: dict[str, Any]) -> None:
    kernels = winograd.transform(np.ones((3, 3, 16, 16), np.float32))
    x = tf.zeros(change.get("x", (1, 4, 4, 16)))
    with pytest.raises(tf.errors.InvalidArgumentError):
        native.convolve(x, kernels, "mirror", change.get("above", 1), change.get("below", 1))


@needs_operations
@pytest.mark.parametrize("quads", [False, True])
def test_the_library_knows_the_borders_and_channels_that_it_names(quads: bool) -> None:
    limits = native.limits()
    makes = winograd.transform_quads if quads else winograd.transform
    named = limits.quad_borders if quads else limits.borders

    def convolve(border: str, inputs: int) -> Any:
        taps = 5 if quads else 3
        ends = 0 if border == "none" else 1
        kernels = makes(np.ones((taps, taps, inputs, limits.panel), np.float32))
        return native.convolve(tf.zeros((1, 8, 8, inputs)), kernels, border, ends, ends, quads=quads)

    most = limits.most_inputs // (4 if quads else 1)
    for border in limits.borders | limits.quad_borders:
        if border in named:
            assert convolve(border, most).shape[3] == limits.panel
        else:
            with pytest.raises(tf.errors.InvalidArgumentError):
                convolve(border, limits.panel)
    with pytest.raises(tf.errors.InvalidArgumentError):
        convolve("zeros", most + limits.panel)


@needs_operations
@pytest.mark.parametrize(
    ("shape", "channels"),
    [((1, 61, 67, 32), 32), ((1, 40, 30, 12), 3), ((1, 33, 35, 20), 5), ((1, 1, 1, 16), 16)],
    ids=str,
)
def test_moments_are_numpys(
    chance: np.random.Generator, shape: tuple[int, ...], channels: int, kept: str, avx512: bool
) -> None:
    """This holds also if the mean is a thousand times the deviation."""
    spread = chance.normal(size=shape) * np.resize(chance.uniform(0.1, 3, channels), shape[3])
    x, values = tensor(spread + np.resize(chance.uniform(-100, 100, channels), shape[3]), kept)
    mean, variance = native.moments(x, channels, avx512=avx512)
    pixels = values.reshape(-1, channels).astype(np.float64)
    np.testing.assert_allclose(mean, pixels.mean(0), rtol=1e-5)
    np.testing.assert_allclose(variance, pixels.var(0), rtol=1e-3, atol=1e-6)


@needs_operations
def test_moments_are_the_same_every_time(chance: np.random.Generator) -> None:
    x = tf.constant(chance.normal(size=(1, 300, 200, 32)), tf.float32)
    first, *others = [np.stack(native.moments(x, 32)) for _ in range(5)]
    assert all((other == first).all() for other in others)


@needs_operations
@pytest.mark.parametrize(
    ("shape", "channels"), [((1, 31, 37, 32), 32), ((1, 40, 30, 12), 3), ((1, 3, 5, 20), 5)], ids=str
)
@pytest.mark.parametrize(("activate", "adds"), [(True, False), (False, True), (True, True), (False, False)])
def test_normalising_is_its_formula(
    chance: np.random.Generator,
    shape: tuple[int, ...],
    channels: int,
    activate: bool,
    adds: bool,
    kept: str,
    avx512: bool,
) -> None:
    x, values = tensor(chance.normal(size=shape), kept)
    before, added = tensor(chance.normal(size=shape), kept)
    mean, variance, scale, shift = chance.uniform(0.2, 2, (4, channels)).astype(np.float32)
    result = native.normalize(
        x,
        native.Normalization((mean, variance), scale, shift, 0.5),
        activate=activate,
        added_to=before if adds else None,
        avx512=avx512,
    )
    pixels = values.reshape(-1, channels)
    expected = (pixels - mean) / np.sqrt(variance + 0.5) * scale + shift
    expected = np.maximum(expected, 0) if activate else expected
    expected = expected.reshape(shape) + (added if adds else 0)
    assert_rounded(result, expected, kept)
    # The arguments are unchanged.
    assert (tf.cast(x, tf.float32).numpy() == values).all()
    assert (tf.cast(before, tf.float32).numpy() == added).all()


def scaled_by(factor: float) -> native.Normalization:
    """A normalisation that only multiplies 16 channels by a factor."""
    zeros, ones = np.zeros(16, np.float32), np.ones(16, np.float32)
    return native.Normalization((zeros, ones), ones * np.float32(factor), zeros, 0.0)


@needs_operations
@pytest.mark.parametrize("held", ["bfloat16", "float16"])
def test_normalising_can_make_float32_of_what_is_kept(
    chance: np.random.Generator, held: str, avx512: bool
) -> None:
    x, values = tensor(chance.normal(size=(1, 7, 9, 16)), held)
    added = tf.constant(chance.normal(size=x.shape), tf.float32)
    result = native.normalize(
        x, scaled_by(3.0), activate=False, added_to=added, dtype="float32", avx512=avx512
    )
    assert_rounded(result, 3 * values + added, "float32")


@needs_operations
def test_a_convolution_can_make_float16_of_float32(chance: np.random.Generator, avx512: bool) -> None:
    """Each float32 becomes the nearest float16."""
    x, _ = tensor(chance.normal(size=(1, 9, 11, 16)), "float32")
    kernels = winograd.transform(chance.normal(size=(3, 3, 16, 16)).astype(np.float32))
    exact, result = (
        native.convolve(x, kernels, "mirror", 1, 1, dtype=dtype, avx512=avx512)
        for dtype in ("float32", "float16")
    )
    assert result.dtype == "float16"
    assert (result == tf.cast(exact, tf.float16)).numpy().all()


@needs_operations
def test_bfloat16_is_rounded_to_the_nearest(chance: np.random.Generator, avx512: bool) -> None:
    """Ties go to even, as in TensorFlow; one and a half steps of the last bit are a tie."""
    x, values = tensor(np.concatenate([chance.normal(size=600), 1 + np.arange(424) / 128]), "bfloat16")
    for factor in (np.float32(1.0 + 2**-9), np.float32(0.75)):
        result = native.normalize(x, scaled_by(factor), activate=False, avx512=avx512)
        expected = tf.cast(tf.constant(values * factor), tf.bfloat16)
        assert (tf.bitcast(result, tf.uint16) == tf.bitcast(expected, tf.uint16)).numpy().all()


@needs_operations
def test_normalising_refuses_what_does_not_fit() -> None:
    x, channel = tf.zeros((1, 4, 4, 16)), tf.zeros(16)
    for variance, before in (
        (channel[:3], None),
        (channel, tf.zeros((1, 4, 4, 8))),
        (channel, tf.zeros(x.shape, tf.float16)),
    ):
        normalization = native.Normalization((channel, variance), channel, channel, 1e-3)
        with pytest.raises(tf.errors.InvalidArgumentError):
            native.normalize(x, normalization, activate=False, added_to=before)
    for empty in (tf.zeros((1, 0, 4, 16)), tf.zeros((1, 1, 1, 20))):
        with pytest.raises(tf.errors.InvalidArgumentError):
            native.moments(empty, 16)


def mirrored_pixels(blocks: Floats, before: int, after: int, above: int, below: int) -> Floats:
    """Blocks of 2x2 pixels continued by mirroring their pixels."""
    pixels = from_blocks(tf.constant(blocks)).numpy()
    rows, columns = (2 * before * above, 2 * after * below), (2 * before, 2 * after)
    padded = np.pad(pixels, ((0, 0), rows, columns, (0, 0)), "reflect")
    return np.asarray(to_blocks(tf.constant(padded)))


@needs_operations
@pytest.mark.parametrize("border", ["mirror", "repeat", "mirror blocks"])
@pytest.mark.parametrize(("before", "after"), [(1, 0), (1, 1), (2, 2), (0, 2)])
@pytest.mark.parametrize("shape", [(1, 5, 7, 16), (2, 3, 3, 12)], ids=str)
def test_a_picture_goes_on_beyond_its_border(
    chance: np.random.Generator, border: str, before: int, after: int, shape: tuple[int, ...], dtype: str
) -> None:
    x, values = tensor(chance.normal(size=shape), dtype)
    for above, below in ((1, 1), (0, 1), (1, 0), (0, 0)):
        if border == "mirror blocks":
            expected = mirrored_pixels(values, before, after, above, below)
        else:
            rows, columns = (before * above, after * below), (before, after)
            mode: Any = "symmetric" if border == "repeat" else "reflect"
            expected = np.pad(values, ((0, 0), rows, columns, (0, 0)), mode)
        result = native.continue_picture(x, before, after, border, above, below)
        assert result.dtype == dtype
        assert (tf.cast(result, tf.float32).numpy() == expected).all()


@needs_operations
@pytest.mark.parametrize("crop", [0, 1])
def test_blocks_become_pixels(chance: np.random.Generator, crop: int, dtype: str) -> None:
    x, values = tensor(chance.normal(size=(2, 5, 7, 20)), dtype)
    expected = from_blocks(tf.constant(values)).numpy()
    expected = expected[:, crop : 10 - crop, crop : 14 - crop]
    result = native.blocks_to_pixels(x, crop)
    assert result.dtype == dtype
    assert (tf.cast(result, tf.float32).numpy() == expected).all()


@needs_operations
def test_what_is_too_small_is_refused() -> None:
    with pytest.raises(tf.errors.InvalidArgumentError):
        native.continue_picture(tf.zeros((1, 2, 8, 16)), 2, 2, "mirror", 1, 1)
    with pytest.raises(tf.errors.InvalidArgumentError):
        native.blocks_to_pixels(tf.zeros((1, 4, 4, 6)), 0)
    with pytest.raises(tf.errors.InvalidArgumentError):
        native.blocks_to_pixels(tf.zeros((1, 1, 4, 8)), 1)


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder without a library, used in place of the usual folder."""
    monkeypatch.setattr(build, "LIBRARIES", tmp_path / "libraries")
    cached = (native._library, native.available, native.limits)
    for function in cached:
        function.cache_clear()
    yield tmp_path / "libraries"
    for function in cached:
        function.cache_clear()


def test_without_a_compiler_nothing_is_built(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    build.build()
    assert "need a C++ compiler" in caplog.text
    assert not elsewhere.exists()
    assert not native.available()


@pytest.mark.usefixtures("elsewhere")
def test_without_a_library_keras_convolutions_stay() -> None:
    layer = keras.layers.Conv2D(16, 3, padding="same")
    layer.build((None, 8, 8, 16))
    assert not can_be_frozen(layer, "float32")


def test_a_compiler_that_fails_leaves_nothing(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "false")
    with pytest.raises(subprocess.CalledProcessError):
        build.build()
    assert list(elsewhere.iterdir()) == []
    assert not native.available()


@pytest.mark.skipif("avx2" not in instructions(), reason="needs a processor with AVX2")
def test_a_library_that_cannot_be_loaded_is_done_without(
    elsewhere: Path, caplog: pytest.LogCaptureFixture
) -> None:
    elsewhere.mkdir()
    build.library_path().write_bytes(b"no library")
    with caplog.at_level(logging.WARNING):
        assert not native.available()
    assert "cannot be used" in caplog.text


def test_another_source_is_another_library(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = build.library_path()
    sources = elsewhere.parent / "sources"
    shutil.copytree(build.SOURCES, sources)
    monkeypatch.setattr(build, "SOURCES", sources)
    assert build.library_path() == before
    with (sources / "vectors.h").open("a") as header:
        header.write("// changed\n")
    assert build.library_path() != before
