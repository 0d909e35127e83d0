"""Published TensorFlow 1 checkpoints paint the pixels of their own network."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from app.engine.catalogue import Catalogue, StyleFacts
from app.engine.errors import InvalidCheckpoint
from app.engine.networks.checkpoints import read_tensorflow1_checkpoint, save_checkpoint
from app.engine.stylizer import Stylizer
from app.engine.typing import Pixels
from testing.published import paint, random_variables, read_variables, save_as_tensorflow1
from testing.site import SHARED

CHECKPOINTS = SHARED / "checkpoints"
PUBLISHED = ("la_muse.ckpt", "rain_princess.ckpt", "scream.ckpt", "udnie.ckpt", "wave.ckpt", "wreck.ckpt")
Import = Callable[[Path], Stylizer]


@pytest.fixture
def imported(tmp_path: Path) -> Import:
    """A stylizer with one imported checkpoint as the style "imported"."""

    def make(file: Path) -> Stylizer:
        catalogue = Catalogue([tmp_path / "none", tmp_path / "styles"])
        checkpoint = read_tensorflow1_checkpoint(file, "imported")
        save_checkpoint(catalogue.import_folder / "imported.npz", checkpoint)
        catalogue.add(StyleFacts("imported", "Imported"), "imported.npz")
        return Stylizer(catalogue)

    return make


def published_checkpoint(file: str) -> Path:
    """One of the six published files; without them the test is skipped."""
    path = CHECKPOINTS / file
    if not path.exists() and not path.with_name(f"{file}.index").exists():
        pytest.skip(f"needs the published checkpoint {file}")
    return path


@pytest.mark.parametrize("file", PUBLISHED)
def test_the_six_published_networks(file: str, imported: Import, photo: Pixels) -> None:
    path = published_checkpoint(file)
    painted = imported(path).stylize(photo, "imported", exact=True)
    assert np.abs(painted - paint(read_variables(path), photo)).max() <= 1


def test_chance_weights_in_both_formats(published_file: Path, imported: Import, photo: Pixels) -> None:
    painted = imported(published_file).stylize(photo, "imported", exact=True)
    assert np.abs(painted - paint(random_variables(), photo)).max() <= 1
    assert painted.std() > 10  # a flat picture would match anything


@pytest.mark.parametrize("ending", ["", ".index", ".data-00000-of-00001"])
def test_a_v2_pair_is_found_by_each_of_its_names(ending: str, tmp_path: Path) -> None:
    save_as_tensorflow1(tmp_path / "pair.ckpt", random_variables(), version="V2")
    checkpoint = read_tensorflow1_checkpoint(tmp_path / f"pair.ckpt{ending}", "pair")
    assert checkpoint.styles == ("pair",)
    assert np.array_equal(checkpoint.kernels["conv1"], random_variables()["Variable"])


@pytest.mark.parametrize(("height", "width"), [(1, 1), (2, 3), (7, 300), (61, 47)])
@pytest.mark.parametrize("exact", [True, False])
def test_other_sizes_keep_their_shape(
    height: int, width: int, exact: bool, chance_stylizer: Stylizer, photo: Pixels
) -> None:
    picture = np.ascontiguousarray(np.resize(photo, (height, width, 3)))
    assert chance_stylizer.stylize(picture, "chance", exact=exact).shape == (height, width, 3)


@pytest.fixture(scope="module")
def chance_stylizer(tmp_path_factory: pytest.TempPathFactory) -> Stylizer:
    folder = tmp_path_factory.mktemp("chance")
    save_as_tensorflow1(folder / "chance.ckpt", random_variables())
    catalogue = Catalogue([folder / "styles"])
    save_checkpoint(
        folder / "styles" / "c.npz", read_tensorflow1_checkpoint(folder / "chance.ckpt", "chance")
    )
    catalogue.add(StyleFacts("chance", "Chance"), "c.npz")
    return Stylizer(catalogue)


def test_zero_padding_draws_no_frame_unless_exact_pixels_are_asked_for(chance_stylizer: Stylizer) -> None:
    flat = np.full((120, 120, 3), 120, np.uint8)

    def frame(*, exact: bool) -> float:
        """The outermost ring's difference to the middle; a flat colour should have none."""
        painted = chance_stylizer.stylize(flat, "chance", exact=exact).astype(float)
        ring = np.ones((120, 120), bool)
        ring[2:-2, 2:-2] = False
        return float(np.abs(painted[ring].mean(0) - painted[40:80, 40:80].mean((0, 1))).max())

    exact = frame(exact=True)
    assert exact > 10
    assert frame(exact=False) < exact / 2


def test_the_published_wave_has_no_bright_border(imported: Import) -> None:
    stylizer = imported(published_checkpoint("wave.ckpt"))
    with Image.open(SHARED / "house_v0" / "reference_photo.png") as file:
        photo = np.asarray(file.convert("RGB"))

    def step(*, exact: bool) -> float:
        """The difference of the outermost rows over the usual difference of rows."""
        painted = stylizer.stylize(photo, "imported", exact=exact).astype(float)
        rows = np.abs(np.diff(painted, axis=0)).mean((1, 2))
        return float(max(rows[0], rows[-1]) / np.median(rows))

    assert step(exact=False) < step(exact=True)
    assert step(exact=False) < 2.5


@pytest.mark.parametrize("version", ["V1", "V2"])
@pytest.mark.parametrize("kept", [0.0, 0.01, 0.5, 0.999])
def test_a_truncated_checkpoint_is_refused(version: str, kept: float, tmp_path: Path) -> None:
    path = tmp_path / "cut.ckpt"
    save_as_tensorflow1(path, random_variables(), version=version)
    file = path if version == "V1" else tmp_path / "cut.ckpt.data-00000-of-00001"
    os.truncate(file, int(file.stat().st_size * kept))
    with pytest.raises(InvalidCheckpoint, match=r"cut\.ckpt"):
        read_tensorflow1_checkpoint(path, "cut")


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_numbers_that_are_not_finite_are_refused(value: float, tmp_path: Path) -> None:
    variables = random_variables()
    variables["Variable_9"][0, 0, 0, 0] = value
    save_as_tensorflow1(tmp_path / "nan.ckpt", variables)
    with pytest.raises(InvalidCheckpoint, match="not finite"):
        read_tensorflow1_checkpoint(tmp_path / "nan.ckpt", "nan")


def test_another_architecture_is_refused(tmp_path: Path) -> None:
    wider = random_variables()
    wider["Variable_45"] = np.zeros((9, 9, 32, 4), np.float32)
    fewer = random_variables()
    del fewer["Variable_47"]
    words = random_variables() | {"Variable_46": np.array([b"a", b"b", b"c"])}
    for number, variables in enumerate((wider, fewer, words)):
        path = tmp_path / f"{number}.ckpt"
        save_as_tensorflow1(path, variables)
        with pytest.raises(InvalidCheckpoint, match="another network"):
            read_tensorflow1_checkpoint(path, "other")


def test_what_is_no_checkpoint_at_all_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.ckpt").write_text("not a checkpoint")
    for name in ("text.ckpt", "missing.ckpt", "."):
        with pytest.raises(InvalidCheckpoint):
            read_tensorflow1_checkpoint(tmp_path / name, "no")
