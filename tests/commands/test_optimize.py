"""``flask optimize`` as a person types it."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from app.engine.optimization import run as engine
from app.engine.typing import Pixels
from tests.commands.conftest import Run, make_photo

# A shallow loss network, so that a step takes no time.
QUICK = ("--content-layer", "relu2_1", "--style-layer", "relu1_1", "--style-layer", "relu2_1=2", "--size", 64)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    return make_photo(tmp_path / "photo.png")


@pytest.fixture
def painting(tmp_path: Path) -> Path:
    return make_photo(tmp_path / "painting.png", "coffee")


def read(path: Path) -> Pixels:
    with Image.open(path) as file:
        return np.asarray(file.convert("RGB"))


def test_a_picture_with_its_film_losses_and_epochs(
    flask: Run, photo: Path, painting: Path, tmp_path: Path
) -> None:
    out, film, losses, epochs = (tmp_path / name for name in ("out.png", "film.mp4", "losses.csv", "epochs"))
    files = ("-o", out, "--film", film, "--losses", losses, "--pictures", epochs)
    asked = ("--recipe", "portrait", "--network", "vgg16", "--epoch", 2, "--epochs", 2, "--style2", photo)
    result = flask("optimize", photo, "--style", painting, *asked, *QUICK, *files)
    assert result.exit_code == 0, result.output
    assert "portrait is made for vgg19; this run uses vgg16." in result.output
    assert read(out).shape == (43, 64, 3)
    assert sorted(path.name for path in epochs.iterdir()) == [
        "out_00000.png",
        "out_00002.png",
        "out_00004.png",
    ]
    np.testing.assert_array_equal(read(epochs / "out_00004.png"), read(out))
    with losses.open() as file:
        totals = [float(row["total"]) for row in csv.DictReader(file)]
    assert len(totals) == 5
    assert totals[-1] < totals[0]
    with av.open(str(film)) as opened:
        assert len(list(opened.decode(video=0))) == 6
    assert not (tmp_path / "out.png.partial").exists()


def test_the_default_starts_from_the_feed_forward_picture_of_a_style(
    flask: Run, photo: Path, painting: Path, tmp_path: Path
) -> None:
    epochs = tmp_path / "epochs"
    result = flask(
        "optimize", photo, "--style", painting, *QUICK, "--steps", 2, "--start-style", "wave",
        "--pictures", epochs, "-o", tmp_path / "out.png",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    small = Image.open(photo).resize((64, 43), Image.Resampling.LANCZOS)
    small.save(tmp_path / "small.png")
    assert (
        flask("stylize", tmp_path / "small.png", "-o", tmp_path / "wave.png", "--style", "wave").exit_code
        == 0
    )
    first = Image.open(epochs / "out_00000.png")
    started = Image.open(tmp_path / "wave.png").resize(first.size, Image.Resampling.LANCZOS)
    assert np.abs(np.asarray(first, np.float32) - np.asarray(started, np.float32)).mean() < 2


def test_an_interrupted_run_goes_on_to_the_same_picture(
    flask: Run, photo: Path, painting: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def command(name: str, *more: object) -> tuple[object, ...]:
        recipe = ("--recipe", "capstone", "--network", "vgg16", "--steps", 5)
        return ("optimize", photo, "--style", painting, *recipe, *QUICK, "-o", tmp_path / name, *more)

    assert flask(*command("whole.png")).exit_code == 0
    note: Any = engine.Run._note

    def stop(run: engine.Run, start: float) -> None:
        note(run, start)
        if run._step == 3:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(engine.Run, "_note", stop)
        result = flask(*command("again.png"))
    assert result.exit_code == 130
    assert "Interrupted after step 3. Add --resume to go on from there." in result.output
    assert flask(*command("again.png", "--resume")).exit_code == 0
    np.testing.assert_array_equal(read(tmp_path / "again.png"), read(tmp_path / "whole.png"))
    result = flask(*command("again.png", "--resume"))
    assert result.exit_code == 2
    assert "there is nothing to resume" in result.output


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (("--size", 4096), "16 to 2048"),
        (("--style-layer", "relu1_1=much"), "relu1_1=much is not LAYER or LAYER=WEIGHT"),
        (("--style-layer", "relu9_1", "--start", "photo"), "has no layer called relu9_1"),
        (("--film", "film.avi"), "must end in .mp4 or .gif"),
        (("-o", "picture.txt"), "must end in one of png, jpg, jpeg, webp"),
        (("--steps", 2, "--epochs", 2), "use one of them"),
        (("--keep-colors", "histogram", "--colors-only"), "exclude each other"),
        (("--keep-faces", "--mask", "mask.png"), "exclude each other"),
        (("--style", "nowhere.png"), "nowhere.png: No such file"),
        (("--recipe", "dream"), "dream"),
    ],
)
def test_what_cannot_be_used_is_one_line(
    options: tuple[object, ...], complaint: str, flask: Run, photo: Path, painting: Path, tmp_path: Path
) -> None:
    result = flask("optimize", photo, "--style", painting, "-o", tmp_path / "out.png", *options)
    assert result.exit_code == 2
    assert complaint in result.output
    assert result.output.startswith("Error: ")
    assert result.output.count("\n") == 1


def test_a_black_and_white_photo_is_said_to_have_no_colors(
    flask: Run, painting: Path, tmp_path: Path
) -> None:
    photo = tmp_path / "grey.png"
    Image.open(make_photo(tmp_path / "photo.png")).convert("L").save(photo)
    result = flask(
        "optimize", photo, "--style", painting, "--start", "photo", "--steps", 2,
        "--keep-colors", "luminance", *QUICK, "-o", tmp_path / "out.png",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "black and white, so the picture takes the painting's colours" in result.output


def test_faces_stay_as_they_are(flask: Run, painting: Path, tmp_path: Path) -> None:
    photo = make_photo(tmp_path / "person.png", "astronaut", size=(192, 192))
    quick = (*QUICK[:-1], 192, "--recipe", "portrait", "--network", "vgg16", "--steps", 6, "--rate", 20)
    assert flask(
        "optimize", photo, "--style", painting, *quick, "--keep-faces", "-o", tmp_path / "out.png"
    ).exit_code == 0  # fmt: skip
    change = np.abs(read(tmp_path / "out.png").astype(int) - read(photo)).mean(axis=2)
    # The astronaut's face, and the flag beside it.
    assert change[32:52, 74:94].mean() < 0.5 * change[:, 130:].mean()


def test_styles_from_picture_is_adding_a_style(flask: Run) -> None:
    named, known = (
        flask(*command, "--help").output
        for command in (("styles", "from-picture"), ("networks", "add-style"))
    )
    assert "Teach a network of this site" in named
    assert named.partition("\n")[2] == known.partition("\n")[2]
