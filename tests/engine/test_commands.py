"""``flask stylize`` and ``flask styles`` as an operator types them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result
from flask import Flask
from PIL import Image

from app.config import PROJECT_ROOT
from app.engine.catalogue import Catalogue
from app.engine.errors import InvalidOption
from app.engine.stylizer import Stylizer
from app.engine.typing import Pixels
from testing.published import paint, random_variables

SHIPPED = len(Catalogue([PROJECT_ROOT / "models"]).styles)


def run(app: Flask, *arguments: object) -> Result:
    return app.test_cli_runner().invoke(args=[str(argument) for argument in arguments])


@pytest.fixture
def photo_file(tmp_path: Path, photo: Pixels) -> Path:
    path = tmp_path / "photo.png"
    Image.fromarray(photo).save(path)
    return path


def read(path: Path) -> Pixels:
    with Image.open(path) as file:
        return np.asarray(file.convert("RGB"))


def test_a_photo_is_painted(
    app: Flask, photo_file: Path, photo: Pixels, stylizer: Stylizer, tmp_path: Path
) -> None:
    output = tmp_path / "painted.png"
    options = ("--strength", "0.5", "--keep-colors", "--exact")
    result = run(app, "stylize", photo_file, "-o", output, "--style", "wave", *options)
    assert (result.exit_code, result.output) == (0, "")
    expected = stylizer.stylize(photo, "wave", strength=0.5, keep_colors=True, exact=True)
    assert np.array_equal(read(output), expected)


@pytest.mark.parametrize(
    ("ending", "kind"), [("png", "PNG"), ("jpg", "JPEG"), ("JPEG", "JPEG"), ("webp", "WEBP")]
)
def test_the_output_is_what_its_name_says(
    ending: str, kind: str, app: Flask, photo_file: Path, tmp_path: Path
) -> None:
    output = tmp_path / f"painted.{ending}"
    assert run(app, "stylize", photo_file, "-o", output, "--style", "wave").exit_code == 0
    with Image.open(output) as painted:
        assert (painted.format, painted.size) == (kind, (96, 64))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"photo": "missing.png"}, "missing.png"),
        ({"photo": "text.png"}, "not"),
        ({"photo": "."}, "is a folder"),
        ({"style": "wavy"}, "wave"),
        ({"strength": "1.6"}, "between 0 and 1.5"),
        ({"strength": "nan"}, "between 0 and 1.5"),
        ({"output": "out.bmp"}, ".png"),
        ({"output": "nowhere/out.png"}, "nowhere"),
        ({"output": "folder.png"}, "folder.png"),
    ],
)
def test_bad_input_is_one_line_and_code_2(
    changes: dict[str, str], message: str, app: Flask, photo_file: Path, tmp_path: Path
) -> None:
    (tmp_path / "text.png").write_text("not a picture")
    (tmp_path / "folder.png").mkdir()
    before = sorted(tmp_path.rglob("*"))
    values = {"photo": photo_file.name, "output": "out.png", "style": "wave", "strength": "1"} | changes
    photo, output = tmp_path / values["photo"], tmp_path / values["output"]
    result = run(
        app, "stylize", photo, "-o", output, "--style", values["style"], "--strength", values["strength"]
    )
    assert result.exit_code == 2
    assert result.stdout == ""
    assert len(result.stderr.splitlines()) == 1
    assert message in result.stderr
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("published_file", [pytest.param("V1", marks=pytest.mark.soak), "V2"], indirect=True)
def test_a_style_is_imported_listed_used_and_removed(
    app: Flask, published_file: Path, photo_file: Path, photo: Pixels, tmp_path: Path
) -> None:
    result = run(app, "styles", "import", published_file, "--name", "chance", "--artist", "Nobody")
    assert result.exit_code == 0, result.output
    style = app.extensions["catalogue"].get("chance")
    assert tmp_path in style.preview.parents
    with Image.open(style.preview) as preview:
        assert preview.format == "WEBP"

    lines = run(app, "styles", "list").stdout.splitlines()
    assert len(lines) == SHIPPED + 1
    assert lines[-1].split()[:2] == ["chance", "Chance"]
    assert "Nobody" in lines[-1]
    assert "imported" in lines[-1]

    output = tmp_path / "painted.png"
    assert run(app, "stylize", photo_file, "-o", output, "--style", "chance", "--exact").exit_code == 0
    assert np.abs(read(output) - paint(random_variables(), photo)).max() <= 1

    assert run(app, "styles", "remove", "chance").exit_code == 0
    assert not style.checkpoint.exists()
    assert not style.preview.exists()
    assert len(run(app, "styles", "list").stdout.splitlines()) == SHIPPED


def test_an_imported_style_without_a_preview_leaves_nothing_behind(
    app: Flask, published_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def render_preview(*arguments: object) -> None:
        raise InvalidOption("no preview")

    monkeypatch.setattr("app.commands.styles.render_preview", render_preview)
    result = run(app, "styles", "import", published_file, "--name", "chance")
    assert (result.exit_code, result.output) == (2, "Error: no preview\n")
    catalogue = app.extensions["catalogue"]
    assert len(catalogue.styles) == SHIPPED
    assert not list(catalogue.import_folder.glob("*chance*"))


@pytest.mark.parametrize("slug", ["wave", "Not-A-Slug"])
def test_an_import_under_a_bad_name_is_refused(slug: str, app: Flask, published_file: Path) -> None:
    result = run(app, "styles", "import", published_file, "--name", slug)
    assert (result.exit_code, len(result.stderr.splitlines())) == (2, 1)
    assert len(app.extensions["catalogue"].styles) == SHIPPED


def test_an_import_of_something_else_leaves_nothing(app: Flask, tmp_path: Path) -> None:
    (tmp_path / "text.ckpt").write_text("words")
    before = sorted(tmp_path.rglob("*"))
    result = run(app, "styles", "import", tmp_path / "text.ckpt", "--name", "words")
    assert (result.exit_code, len(result.stderr.splitlines())) == (2, 1)
    assert "text.ckpt" in result.stderr
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("slug", ["wave", "nothing"])
def test_only_imports_can_be_removed(slug: str, app: Flask) -> None:
    result = run(app, "styles", "remove", slug)
    assert (result.exit_code, len(result.stderr.splitlines())) == (2, 1)
    assert len(app.extensions["catalogue"].styles) == SHIPPED


def test_the_real_command_keeps_tensorflow_off_the_terminal(photo_file: Path, tmp_path: Path) -> None:
    """TensorFlow writes its start-up lines past Python, once per process, so this needs a process."""
    output = tmp_path / "painted.png"
    command = ("-m", "flask", "--app", "wsgi", "stylize", photo_file, "-o", output)

    def stylize(style: str) -> tuple[int, str, str]:
        answer = subprocess.run(
            [sys.executable, *command, "--style", style],
            cwd=PROJECT_ROOT,
            env=os.environ | {"INSTANCE_DIR": str(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
        )
        return answer.returncode, answer.stdout, answer.stderr

    assert stylize("wave") == (0, "", "")
    assert read(output).shape == (64, 96, 3)
    assert stylize("wavy") == (2, "", "Error: There is no style called wavy. Did you mean wave?\n")


@pytest.mark.parametrize(
    "arguments",
    [
        ["stylize", "photo.jpg", "-o", "x.png", "--style", "wave", "--strength", "lots"],
        ["stylize", "photo.jpg", "--style", "wave"],
        ["stylize", "-o", "x.png", "--style", "wave"],
        ["stylize", "photo.jpg", "-o", "x.png", "--style", "wave", "--unknown"],
        ["styles", "import", "x.ckpt"],
    ],
)
def test_wrong_arguments_are_one_line_too(app: Flask, arguments: list[str]) -> None:
    answer = app.test_cli_runner().invoke(args=arguments)
    assert answer.exit_code == 2
    assert len(answer.stderr.strip().splitlines()) == 1
    assert answer.stderr.startswith("Error: ")
