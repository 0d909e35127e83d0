"""Our checkpoint files: they read back as written, and damaged files are refused."""

from __future__ import annotations

import io
import json
import shutil
import zipfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.engine.errors import InvalidCheckpoint
from app.engine.networks.checkpoints import Checkpoint, load_checkpoint, save_checkpoint
from app.engine.networks.config import NetworkConfig
from testing.networks import MODELS

SMALL = NetworkConfig(base_width=2, residual_blocks=1)


def small_checkpoint() -> Checkpoint:
    chance = np.random.default_rng(1)
    kernels = {layer.name: chance.normal(size=layer.kernel_shape) for layer in SMALL.layers}
    return Checkpoint(SMALL, ("one", "two"), chance.normal(size=(2, SMALL.style_size)), kernels)


def written(path: Path, **changes: Any) -> Path:
    """A small checkpoint's file with arrays replaced, or removed if None is given."""
    save_checkpoint(path, small_checkpoint())
    with np.load(path) as archive:
        arrays = dict(archive) | changes
    np.savez(path, **{name: array for name, array in arrays.items() if array is not None})
    return path


def test_what_is_saved_comes_back(tmp_path: Path) -> None:
    saved = small_checkpoint()
    save_checkpoint(tmp_path / "small.npz", saved)
    loaded = load_checkpoint(tmp_path / "small.npz")
    assert (loaded.config, loaded.styles) == (saved.config, saved.styles)
    assert np.array_equal(loaded.row("two"), saved.rows[1].astype(np.float32))
    for name, kernel in saved.kernels.items():
        assert np.array_equal(loaded.kernels[name], kernel.astype(np.float32))
    assert [file.name for file in tmp_path.iterdir()] == ["small.npz"]


def test_the_house_network_has_the_published_form() -> None:
    house = load_checkpoint(MODELS / "house_v0.npz")
    assert len(house.styles) == 14
    assert house.config == NetworkConfig(base_width=24)
    assert house.kernels["out"].shape == (9, 9, 24, 3)


def config(**changes: Any) -> np.ndarray:
    return np.array(json.dumps(asdict(SMALL) | changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"rows": None},
        {"config": None},
        {"kernels/out": None},
        {"kernels/out": np.zeros((9, 9, 2, 4))},
        {"kernels/out": np.array(["words"])},
        {"rows": np.zeros((3, SMALL.style_size))},
        {"rows": np.zeros((2, SMALL.style_size - 1))},
        {"rows": np.full((2, SMALL.style_size), np.nan)},
        {"kernels/conv1": np.full((9, 9, 3, 2), np.inf)},
        {"config": np.array("{")},
        {"config": config(padding="circular")},
        {"config": config(base_width=0)},
        {"config": config(base_width="2")},
        {"config": config(epsilon=0)},
        {"config": config(epsilon="small")},
        {"config": config(skips=2)},
        {"config": config(halvings=1, fine_blocks=1)},
        {"config": config(activation="gelu")},
    ],
    ids="-".join,
)
def test_a_file_that_does_not_fit_is_refused(changes: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(InvalidCheckpoint, match=r"bad\.npz"):
        load_checkpoint(written(tmp_path / "bad.npz", **changes))


def test_no_pickle_is_ever_opened(tmp_path: Path) -> None:
    with pytest.raises(InvalidCheckpoint):
        load_checkpoint(written(tmp_path / "pickle.npz", rows=np.array([{"a": 1}], dtype=object)))


@pytest.mark.parametrize("kept", [0, 100, 1000, -200])
def test_a_truncated_file_is_refused(kept: int, tmp_path: Path) -> None:
    path = tmp_path / "cut.npz"
    save_checkpoint(path, small_checkpoint())
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(InvalidCheckpoint):
        load_checkpoint(path)


@pytest.mark.parametrize("seed", range(20))
def test_a_damaged_file_is_refused_or_unharmed(seed: int, tmp_path: Path) -> None:
    """After a few changed bytes, loading fails or the weights are the same."""
    path = tmp_path / "damaged.npz"
    save_checkpoint(path, small_checkpoint())
    whole = load_checkpoint(path)
    data = bytearray(path.read_bytes())
    chance = np.random.default_rng(seed)
    for position in chance.integers(0, len(data), 3):
        data[position] ^= int(chance.integers(1, 256))
    path.write_bytes(data)
    try:
        loaded = load_checkpoint(path)
    except InvalidCheckpoint:
        return
    assert np.array_equal(loaded.rows, whole.rows)
    assert all(np.array_equal(loaded.kernels[name], kernel) for name, kernel in whole.kernels.items())


def test_an_array_that_claims_to_be_endless_is_refused(tmp_path: Path) -> None:
    header = io.BytesIO()
    shape = {"descr": "<f4", "fortran_order": False, "shape": (1 << 40, SMALL.style_size)}
    np.lib.format.write_array_header_1_0(header, shape)
    path = written(tmp_path / "endless.npz", rows=None)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("rows.npy", header.getvalue())
    with pytest.raises(InvalidCheckpoint):
        load_checkpoint(path)


def test_other_files_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "array.npz", np.zeros(3))
    (tmp_path / "array.npz.npy").rename(tmp_path / "array.npz")
    (tmp_path / "text.npz").write_text("words")
    shutil.copy(MODELS / "catalogue.json", tmp_path / "json.npz")
    for name in ("array.npz", "text.npz", "json.npz", "missing.npz"):
        with pytest.raises(InvalidCheckpoint):
            load_checkpoint(tmp_path / name)
