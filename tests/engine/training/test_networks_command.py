"""``flask networks train``, ``ship`` and ``add-style`` as an operator types them."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result
from flask import Flask
from PIL import Image

from app import create_app
from app.commands import networks, training_data
from app.config import PROJECT_ROOT
from app.engine.catalogue import Catalogue, StyleFacts, ship_network
from app.engine.errors import InvalidOption
from app.engine.networks.checkpoints import load_checkpoint, save_checkpoint
from app.engine.stylizer import Stylizer
from app.engine.training import fitting, trainer
from app.engine.training.recipe import check_recipe, read_recipe
from app.engine.training.trainer import Sources
from app.wiring import catalogue
from testing.networks import COMPILED_QUICKLY
from testing.site import make_settings
from testing.training_results import facts_of, identity

RECIPE = """
name = "tiny"
precision = "float32"
[network]
base_width = 4
residual_blocks = 1
[loss.content]
relu2_2 = 1.0
[loss.style]
relu1_2 = 1.0
[data]
styles = ["red", "blue"]
painting_side = 48
[schedule]
steps = 4
steps_per_round = 2
[[schedule.stages]]
share = 1.0
crop = 16
"""


def run(app: Flask, *arguments: object) -> Result:
    return app.test_cli_runner().invoke(args=[str(argument) for argument in arguments])


@pytest.fixture
def recipe_file(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.toml"
    path.write_text(RECIPE)
    return path


@pytest.fixture(scope="module")
def data(pictures: Path, loss_weights: Path) -> tuple[object, ...]:
    return ("--photos", pictures / "photos", "--vgg", loss_weights)


@pytest.fixture(scope="module")
def left_behind(
    pictures: Path, data: tuple[object, ...], migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The folder that ``flask networks train`` leaves."""
    folder = tmp_path_factory.mktemp("training")
    recipe = folder / "recipe.toml"
    recipe.write_text(RECIPE)
    options = ("--paintings", pictures / "paintings", "--output", folder / "trained", *data)
    app = create_app(make_settings(folder, database_url=f"sqlite:///{migrated_sqlite}"))
    result = run(app, "networks", "train", "--config", recipe, *options)
    assert result.exit_code == 0, result.output
    assert str(folder / "trained" / "tiny.npz") in result.output
    return folder / "trained"


@pytest.fixture
def network(app: Flask, trained: Path) -> str:
    """The name of a small network of this site; it paints the style "red"."""
    with app.app_context():
        folder = catalogue().import_folder
        folder.mkdir(parents=True)
        for file in (trained, trained.with_suffix(".json")):
            shutil.copy(file, folder)
        catalogue().add(StyleFacts("red", "Red"), trained.name)
    return trained.stem


def test_a_style_added_is_on_offer_at_once_and_mixes_in_any_order(
    app: Flask, network: str, pictures: Path, data: tuple[object, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fitting, "CROP", 32)
    painting = pictures / "paintings" / "blue.png"
    facts = ("--title", "My own", "--artist", "Me", "--year", "1900", "--movement", "None", "--public-domain")
    options = ("--network", network, "--minutes", "0.05", "--name", "mine", *facts, *data)
    result = run(app, "networks", "add-style", painting, *options)
    assert (result.exit_code, result.output) == (0, "mine is now on offer\n")
    assert "My own (Me, 1900, None)  [imported]  Public domain" in run(app, "styles", "list").output
    with app.app_context():
        style = catalogue().get("mine")
        stylizer = Stylizer(catalogue())
    assert style.checkpoint.name == "tiny.npz"
    assert style.row is not None
    assert style.row.name == "tiny+mine.npz"
    assert style.preview.is_file()
    facts = facts_of(style.row)
    assert facts["recipe"]["data"]["styles"] == ["mine"]
    made_by = facts_of(style.checkpoint)
    assert facts["start"] == {**identity(style.checkpoint), "made_by": made_by}
    assert facts["data"]["paintings"] == {"mine": identity(painting)["sha256"]}
    assert facts["trained"]["losses"]["style"] > 0.0

    with Image.open(pictures / "photos" / "a.jpg") as file:
        photo = np.asarray(file)
    red, mine = (stylizer.stylize(photo, slug).astype(int) for slug in ("red", "mine"))
    assert np.abs(red - mine).mean() > 1
    one, other = (stylizer.stylize(photo, both).astype(int) for both in ("red,mine", "mine,red"))
    assert np.abs(one - other).max() <= 1
    assert np.abs(one - red).mean() > 0
    assert np.abs(one - mine).mean() > 0

    assert run(app, "styles", "remove", "mine").exit_code == 0
    assert not style.row.exists()
    assert not style.preview.exists()
    assert np.array_equal(stylizer.stylize(photo, "red"), red)


def flask(
    instance: Path, *arguments: object, code: str = "pass", **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run a command in a new process, after ``code``."""
    script = f"import sys; {code}; from flask.cli import main; sys.argv[0] = 'flask'; main()"
    return subprocess.run(
        [sys.executable, "-c", script, "--app", "wsgi", *map(str, arguments)],
        cwd=PROJECT_ROOT,
        env=os.environ | {"INSTANCE_DIR": str(instance)} | environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.soak
def test_a_style_is_added_in_a_process_that_does_nothing_else(
    left_behind: Path, pictures: Path, data: tuple[object, ...], tmp_path: Path
) -> None:
    """TensorFlow must be configured before it computes, and the preview comes after the fitting."""
    own = Catalogue([tmp_path / "instance" / "styles"])
    own.import_folder.mkdir(parents=True)
    for ending in (".npz", ".json"):
        shutil.copy(left_behind / f"tiny{ending}", own.import_folder)
    own.add(StyleFacts("red", "Red"), "tiny.npz")
    answer = flask(
        tmp_path / "instance",
        *("networks", "add-style", pictures / "paintings" / "blue.png"),
        *("--name", "mine", "--network", "tiny", "--minutes", "0.05", *data),
        code="from app.engine.training import fitting; fitting.CROP = 32",
    )
    assert (answer.returncode, answer.stdout) == (0, "mine is now on offer\n"), answer.stderr
    assert own.get("mine").preview.is_file()


@pytest.mark.soak
@pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="JAX is not installed")
def test_networks_train_on_jax(
    recipe_file: Path, pictures: Path, data: tuple[object, ...], tmp_path: Path
) -> None:
    answer = flask(
        tmp_path / "instance",
        *("networks", "train", "--config", recipe_file, *data),
        *("--paintings", pictures / "paintings", "--output", tmp_path / "out"),
        KERAS_BACKEND="jax",
        XLA_FLAGS=COMPILED_QUICKLY,
    )
    assert answer.returncode == 0, answer.stderr
    assert load_checkpoint(tmp_path / "out" / "tiny.npz").styles == ("red", "blue")
    (run,) = json.loads((tmp_path / "out" / "tiny.json").read_text())["runs"]
    assert run["software"]["backend"] == "jax"


def test_a_style_that_cannot_be_added_leaves_nothing_behind(
    app: Flask, network: str, data: tuple[object, ...], tmp_path: Path
) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"no picture")
    result = run(app, "networks", "add-style", broken, "--name", "mine", "--network", network, *data)
    assert result.exit_code == 2
    assert "broken.jpg" in result.output
    with app.app_context():
        assert "mine" not in {style.slug for style in catalogue().styles}
        assert [path.name for path in catalogue().import_folder.glob("*.npz")] == ["tiny.npz"]


@pytest.mark.soak
def test_a_style_without_a_preview_leaves_nothing_behind(
    app: Flask, network: str, pictures: Path, data: tuple[object, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    def render_preview(*arguments: object) -> None:
        raise InvalidOption("no preview")

    monkeypatch.setattr(fitting, "CROP", 32)
    monkeypatch.setattr("app.commands.styles.render_preview", render_preview)
    painting = pictures / "paintings" / "blue.png"
    options = ("--name", "mine", "--network", network, "--minutes", "0.05", *data)
    result = run(app, "networks", "add-style", painting, *options)
    assert (result.exit_code, result.output) == (2, "Error: no preview\n")
    with app.app_context():
        assert not list(catalogue().import_folder.glob("*mine*"))


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (("--name", "wave"), "already a style called wave"),
        (("--name", "mine", "--network", "nothing"), "no network called nothing"),
        (("--name", "mine", "--vgg", "nowhere.h5"), "nowhere.h5"),
    ],
)
def test_what_cannot_be_is_refused_before_any_work(
    options: tuple[str, ...], complaint: str, app: Flask, pictures: Path, data: tuple[object, ...]
) -> None:
    painting = pictures / "paintings" / "blue.png"
    result = run(app, "networks", "add-style", painting, *data, *options)
    assert result.exit_code == 2
    assert complaint in result.output


def test_a_trained_network_ships(app: Flask, trained: Path, tmp_path: Path) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    ship_network(folder, "old.npz", [StyleFacts("red", "Red")])
    table = folder / "paintings.tsv"
    header = "slug\ttitle\tartist\tyear\tmovement\tpublic_domain\trights\n"
    table.write_text(header + "blue\tBlue\tAda\t1913\tOrphism\tno\tIn copyright\n")
    result = run(app, "networks", "ship", trained, "--folder", folder)
    assert result.exit_code == 2
    assert "no line for red" in result.output

    table.write_text(table.read_text() + "red\tRed\tBob\t1850\tNone\tyes\tPublic domain\n")
    result = run(app, "networks", "ship", trained, "--name", "small", "--folder", folder)
    assert result.exit_code == 0, result.output
    assert "old.npz no longer paints any style" in result.output
    shipped, original = load_checkpoint(folder / "small.npz"), load_checkpoint(trained)
    assert shipped.styles == original.styles
    assert shipped.fingerprint == original.fingerprint
    np.testing.assert_array_equal(shipped.rows, original.rows)
    assert (folder / "small.json").read_bytes() == trained.with_suffix(".json").read_bytes()
    losses = (trained.parent / "losses.csv").read_bytes()
    assert (folder / "small.csv").read_bytes() == losses
    red, blue = Catalogue([folder]).styles
    assert (red.slug, red.artist, red.year, red.public_domain) == ("red", "Bob", 1850, True)
    assert (blue.rights, blue.public_domain) == ("In copyright", False)
    assert red.checkpoint == blue.checkpoint == folder / "small.npz"

    # Shipping the same network again keeps its files. A network without description removes them.
    assert run(app, "networks", "ship", folder / "small.npz", "--folder", folder).exit_code == 0
    assert (folder / "small.csv").read_bytes() == losses
    for unknown in (trained.with_suffix(".json"), trained.parent / "losses.csv"):
        unknown.unlink()
    assert run(app, "networks", "ship", trained, "--name", "small", "--folder", folder).exit_code == 0
    assert sorted(path.name for path in folder.glob("small.*")) == ["small.npz"]


TABLE = """\
slug\ttitle\tartist\tyear\tmovement\tpublic_domain\trights
blue\tBlue\tAda\t1913\tOrphism\tno\tIn copyright
red\tRed\tBob\t1850\tNone\tyes\tPublic domain
"""


def test_a_fast_variant_ships_beside_its_network(app: Flask, trained: Path, tmp_path: Path) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / "paintings.tsv").write_text(TABLE)
    options = (trained, "--folder", folder, "--name")
    assert run(app, "networks", "ship", *options, "small").exit_code == 0
    before = (folder / "catalogue.json").read_bytes()
    result = run(app, "networks", "ship", *options, "small_fast")
    assert result.exit_code == 0, result.output
    assert result.output.startswith("small_fast ships as the fast variant of small in float")
    assert "paints any style" not in result.output
    assert (folder / "catalogue.json").read_bytes() == before
    for ending in (".npz", ".json", ".csv"):
        assert (folder / f"small_fast{ending}").is_file()
    assert {style.checkpoint.stem for style in Catalogue([folder], fast=True).styles} == {"small_fast"}

    network = load_checkpoint(trained)
    save_checkpoint(trained, replace(network, styles=("red", "green")))
    result = run(app, "networks", "ship", *options, "small_fast")
    assert result.exit_code == 2
    assert "small_fast cannot replace small: it has no style blue" in result.output


def test_a_fast_variant_that_took_its_networks_place_gives_it_back(
    app: Flask, trained: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / "paintings.tsv").write_text(TABLE)
    ship_network(folder, "small_fast.npz", [StyleFacts("red", "Red")])
    result = run(app, "networks", "ship", trained, "--folder", folder, "--name", "small")
    assert result.exit_code == 0, result.output
    assert "paints any style" not in result.output
    assert {style.checkpoint.stem for style in Catalogue([folder]).styles} == {"small"}

    # Networks and the catalogue lie in one folder.
    for name in ("catalogue", "../small", "Small"):
        result = run(app, "networks", "ship", trained, "--folder", folder, "--name", name)
        assert (result.exit_code, "cannot name a network" in result.output) == (2, True)

    # Without the network X, the name X_fast has no special meaning.
    result = run(app, "networks", "ship", trained, "--folder", folder, "--name", "large_fast")
    assert result.output.startswith("large_fast ships with 2 styles")
    assert "small.npz no longer paints any style" in result.output


def test_code_has_a_version_without_git(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    about = tomllib.loads((PROJECT_ROOT / "pyproject.toml").read_text())
    assert networks._code_version() == about["project"]["version"]
    monkeypatch.setattr(networks, "PROJECT_ROOT", tmp_path)
    assert networks._code_version() == ""


def test_kernels_that_float16_would_spoil_ship_in_float32(app: Flask, trained: Path, tmp_path: Path) -> None:
    network = load_checkpoint(trained)
    shutil.copy(PROJECT_ROOT / "models" / "paintings.tsv", tmp_path)
    # Float16 rounds numbers this small to zero, but normalisation would enlarge them again.
    tiny = {name: kernel * np.float32(1e-8) for name, kernel in network.kernels.items()}
    config = replace(network.config, epsilon=1e-30)
    save_checkpoint(trained, replace(network, config=config, kernels=tiny, styles=("wave", "udnie")))
    result = run(app, "networks", "ship", trained, "--folder", tmp_path)
    assert result.exit_code == 0, result.output
    assert "in float32" in result.output
    kept = load_checkpoint(tmp_path / "tiny.npz").kernels
    for name, kernel in tiny.items():
        np.testing.assert_array_equal(kept[name], kernel)


@pytest.mark.soak
def test_weights_that_cannot_be_fetched_are_one_sentence(
    recipe_file: Path, pictures: Path, tmp_path: Path
) -> None:
    """Keras itself tries to fetch them, in a process without network and cache."""
    photos = ("--photos", pictures / "photos", "--paintings", pictures / "paintings")
    recipe_file.write_text(RECIPE.replace("[loss.content]", "[loss]\nnetwork = 'vgg19'\n[loss.content]"))
    unreachable = {"https_proxy": "http://127.0.0.1:9", "KERAS_HOME": str(tmp_path / "keras")}
    arguments = ("networks", "train", "--config", recipe_file, *photos, "--output", tmp_path / "out")
    answer = flask(tmp_path / "instance", *arguments, **unreachable)
    assert answer.returncode == 2
    assert answer.stderr.startswith("Error: Keras could not fetch the ImageNet weights of vgg19")
    assert "URL fetch failure" in answer.stderr
    assert answer.stderr.count("\n") == 1


def test_the_shipped_weights_serve_the_network_and_the_layers_that_they_hold(tmp_path: Path) -> None:
    shipped = PROJECT_ROOT / "models" / "vgg16.npz"
    assert training_data.loss_weights(None) == shipped
    assert training_data.loss_weights(None, "vgg16", ["relu1_1", "relu5_2"]) == shipped
    assert training_data.loss_weights(None, "vgg16", ["relu1_1", "relu5_3"]) == "imagenet"
    assert training_data.loss_weights(None, "vgg19") == "imagenet"
    assert training_data.loss_weights(tmp_path / "named.h5", "vgg19") == tmp_path / "named.h5"


def test_training_takes_the_weights_of_the_network_that_the_recipe_names(
    app: Flask, recipe_file: Path, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []

    def train(recipe: object, sources: Sources, folder: Path, **options: object) -> Path:
        asked.append(sources.loss_weights)
        return folder

    monkeypatch.setattr(trainer, "train", train)
    folders = ("--photos", pictures / "photos", "--paintings", pictures / "paintings")
    recipe_file.write_text(RECIPE.replace("[loss.content]", "[loss]\nnetwork = 'vgg19'\n[loss.content]"))
    result = run(app, "networks", "train", "--config", recipe_file, *folders)
    assert result.exit_code == 0, result.output
    assert asked == ["imagenet"]


def test_training_names_the_painting_that_is_missing(
    app: Flask, recipe_file: Path, data: tuple[object, ...], tmp_path: Path
) -> None:
    options = ("--config", recipe_file, "--paintings", tmp_path, "--output", tmp_path / "out", *data)
    result = run(app, "networks", "train", *options)
    assert result.exit_code == 2
    assert "There is no painting for red." in result.output


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (("crop = 16", "crop = 18"), "multiples of 4"),
        (("share = 1.0", "share = 0.5"), "sum to 1"),
        (("steps = 4", "minutes = 4\nsteps = 4"), "either minutes or steps"),
        (('"red", "blue"', '"red", "red"'), "each once"),
        (("painting_side", "painting_size"), "painting_size"),
        (
            ("painting_side", "layer_painting_sides = { relu5_1 = 96 }\npainting_side"),
            "not one of the style's",
        ),
        (("[network]", "[network"), "not a TOML file"),
        (("[loss.style]\nrelu1_2 = 1.0", "[loss.style]"), "one for style"),
        (("base_width = 4", "base_width = 4\nupsampling = 'cubic'"), "upsampling"),
        (("base_width = 4", "base_width = 600"), "base_width"),
        (("steps = 4", "minutes = '140'"), r"schedule\.minutes"),
        (("crop = 16", "crop = 16.5"), r"schedule\.stages\.0\.crop"),
        (("relu2_2 = 1.0", "relu2_2 = 'much'"), r"loss\.content\.relu2_2"),
        (('styles = ["red", "blue"]', "styles = 'red'"), r"data\.styles"),
        (('"float32"', '"mixed_float16"'), "precision: .*'float32' or 'mixed_bfloat16'"),
        (("[loss.content]", "[loss]\nnetwork = 'vgg18'\n[loss.content]"), r"loss\.network"),
        (('name = "tiny"', ""), "name"),
        (("steps_per_round = 2", "steps_per_round = 0"), "at least 1"),
        (("steps = 4", "minutes = 4\nsteps = -5"), "neither below 0"),
        (
            (
                "share = 1.0\ncrop = 16",
                "share = 1.5\ncrop = 16\n[[schedule.stages]]\nshare = -0.5\ncrop = 16",
            ),
            "shares above 0",
        ),
        (("steps = 4", "steps = 4\nrate = 0.0"), "rate must be above 0"),
        (("steps = 4", "steps = 4\nrate = -1e-3"), "rate must be above 0"),
        (("steps = 4", "steps = 4\nrate = nan"), "rate must be above 0"),
        (("steps = 4", "steps = 4\nfinal_rate = -1e-3"), "final_rate not below"),
        (("steps = 4", "steps = 4\nclip = 0.0"), "clip must be above 0"),
        (("steps = 4", "steps = 4\naverage = 1.0"), "average must be from 0 on and below 1"),
        (("steps = 4", "steps = 4\naverage = -0.1"), "average must be from 0 on and below 1"),
        (("steps = 4", "steps = 4\ncheckpoint_minutes = -1.0"), "checkpoint_minutes"),
        (("painting_side = 48", "painting_side = 0"), "side of at least 32 pixels"),
        (
            ("painting_side = 48", "painting_side = 48\nlayer_painting_sides = { relu1_2 = -1 }"),
            "side of at least 32 pixels",
        ),
        (("relu2_2 = 1.0", "relu2_3 = 1.0"), "vgg16 has no layer called relu2_3"),
        (("relu1_2 = 1.0", "relu9_1 = 1.0\nconv1 = 1.0"), "vgg16 has no layer called relu9_1, conv1"),
        (("relu1_2 = 1.0", "relu1_2 = -1.0"), "weights from 0 on"),
        (("[loss.content]", "[loss]\ntotal_variation = -1.0\n[loss.content]"), "weights from 0 on"),
        (("[loss.content]", "[loss.emphasis]\nred = -1.0\n[loss.content]"), "weights from 0 on"),
        (
            ("[data]", "[loss.layers_by_style.red]\nstyle = { relu1_2 = -1.0 }\n[data]"),
            "weights from 0 on",
        ),
        (
            ("[data]", "[loss.layers_by_style.green]\nstyle = { relu1_2 = 1.0 }\n[data]"),
            "layers_by_style names a style",
        ),
        (
            ("[data]", "[loss.layers_by_style.red]\ncontent = { relu1_2 = 1.0 }\n[data]"),
            "layers_by_style names a layer",
        ),
        (("[loss.content]", "[loss.emphasis]\ngreen = 1.0\n[loss.content]"), "emphasis names a style"),
        (
            ("[loss.content]", "[loss.total_variation_by_style]\ngreen = 1.0\n[loss.content]"),
            "total_variation_by_style names a style",
        ),
        (
            ("[loss.content]", "[loss.calm_by_style]\ngreen = 1.0\n[loss.content]"),
            "calm_by_style names a style",
        ),
        (("[loss.content]", "[loss.calm_by_style]\nred = -1.0\n[loss.content]"), "weights from 0 on"),
        (("[data]", "[data.practice]\ngreen = 2.0\n[data]"), "practice names a style"),
        (("[data]", "[data.practice]\nred = 0.0\n[data]"), "practice must be above 0"),
        (("[loss.content]", "[loss]\nstyle_scales = 0\n[loss.content]"), "style_scales must be from 1 to 3"),
        (("[loss.content]", "[loss]\nstyle_scales = 2\n[loss.content]"), "crops of at least 32 pixels"),
        (("share = 1.0", "share = 1.0\nphotos = 0"), "at least 1"),
    ],
)
def test_a_recipe_that_cannot_be_followed_is_refused(
    change: tuple[str, str], complaint: str, recipe_file: Path
) -> None:
    assert change[0] in RECIPE
    recipe_file.write_text(RECIPE.replace(*change, 1))
    with pytest.raises(InvalidOption, match=complaint):
        read_recipe(recipe_file)


def test_recipes_may_name_what_is_new(recipe_file: Path) -> None:
    recipe = read_recipe(recipe_file)
    assert (recipe.loss.style_scales, recipe.loss.total_variation_by_style) == (1, {})
    news = "style_scales = 2\ntotal_variation_by_style = { red = 0.5 }\nnetwork = 'vgg19'"
    text = RECIPE.replace("[loss.content]", f"[loss]\n{news}\n[loss.content]").replace("= 16", "= 32")
    recipe_file.write_text(text.replace("relu1_2 = 1.0", "relu3_4 = 1.0").replace("side = 48", "side = 64"))
    recipe = read_recipe(recipe_file)
    assert (recipe.loss.style_scales, recipe.loss.total_variation_by_style) == (2, {"red": 0.5})
    assert list(recipe.loss.style) == ["relu3_4"], "which vgg16 does not have"


@pytest.mark.parametrize("name", ["house", "house_fast"])
def test_what_shipped_networks_were_trained_with_can_be_read(name: str) -> None:
    recipe = networks.recipe_of(PROJECT_ROOT / "models" / f"{name}.npz")
    check_recipe(recipe, name)
    assert recipe.name == name
    assert recipe.loss.style_scales == 1
    assert not recipe.rows_only, "the network itself, not the rows that were fitted last"


@pytest.mark.parametrize("name", ["house", "house_fast"])
def test_the_recipes_that_ship_can_be_followed(name: str) -> None:
    from app.engine.networks.config import PUBLISHED
    from app.engine.training.evaluation import held_out_files

    recipe = read_recipe(PROJECT_ROOT / "models" / "recipes" / f"{name}.toml")
    assert recipe.name == name
    assert len(recipe.data.styles) >= 20
    assert held_out_files() <= set(recipe.data.held_out)
    least = 4 if name == "house_fast" else 2
    assert recipe.network.multiply_adds(512, 512) * least <= PUBLISHED.multiply_adds(512, 512)
