"""``flask stylize`` with several photos, folders, pipes and every option."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import time
from io import BytesIO
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

import app.commands.stylize as stylize_module
from app.commands.jobs import Finished, Job
from app.engine.catalogue import Catalogue
from app.engine.options import Mixture, StyleMap
from app.engine.stylizer import Stylizer
from app.engine.typing import Pixels
from testing.waiting import wait_until
from tests.commands.conftest import SAMPLES, Run, Start, make_photo

OTHER = ("--style", "wave", "--strength", "0.5")


def read(path: Path | BytesIO) -> Pixels:
    with Image.open(path) as file:
        return np.asarray(file.convert("RGB"))


def grey(path: Path, levels: Pixels) -> Path:
    Image.fromarray(levels).save(path)
    return path


def pictures(folder: Path) -> list[str]:
    """The files below a folder, without the hidden list of finished pictures."""
    paths = (path for path in folder.rglob("*") if path.is_file() and path.name != ".painted.jsonl")
    return sorted(str(path.relative_to(folder)) for path in paths)


def test_a_mixture_of_styles_is_painted(flask: Run, stylizer: Stylizer, tmp_path: Path) -> None:
    photo = make_photo(tmp_path / "photo.png")
    result = flask(
        "stylize", photo, "-o", tmp_path / "out.png", "--style", "wave:0.6,udnie:0.2", "--brush", "2"
    )
    assert (result.exit_code, result.output) == (0, "")
    expected = stylizer.stylize(read(photo), Mixture((("wave", 0.75), ("udnie", 0.25))), brush=2)
    assert np.array_equal(read(tmp_path / "out.png"), expected)


def test_a_mask_says_where_and_how_much(flask: Run, stylizer: Stylizer, tmp_path: Path) -> None:
    photo = make_photo(tmp_path / "photo.png")
    half = np.zeros((64, 96), np.uint8)
    half[:, 48:] = 255
    mask = grey(tmp_path / "mask.png", half)
    result = flask("stylize", photo, "-o", tmp_path / "out.png", "--style", "wave", "--mask", mask)
    assert result.exit_code == 0, result.output
    painted = read(tmp_path / "out.png")
    assert np.array_equal(painted[:, :48], read(photo)[:, :48])
    assert np.array_equal(painted[:, 48:], stylizer.stylize(read(photo), "wave")[:, 48:])


def test_a_mask_of_another_size_is_laid_over_the_photo(flask: Run, tmp_path: Path) -> None:
    photo = make_photo(tmp_path / "photo.png")
    mask = grey(tmp_path / "mask.png", np.array([[0, 255]], np.uint8).repeat(7, 0).repeat(10, 1))
    result = flask("stylize", photo, "-o", tmp_path / "out.png", "--style", "wave", "--mask", mask)
    assert result.exit_code == 0, result.output
    changed = np.abs(read(tmp_path / "out.png").astype(int) - read(photo)).mean(axis=(0, 2))
    assert changed[:40].max() == 0
    assert changed[56:].min() > 5


def test_a_style_map_puts_two_styles_into_one_picture(flask: Run, stylizer: Stylizer, tmp_path: Path) -> None:
    photo = make_photo(tmp_path / "photo.png")
    where = np.repeat(np.linspace(0, 255, 64).astype(np.uint8)[:, None], 96, axis=1)
    options = ("--style", "wave", "--style-map", "udnie", grey(tmp_path / "map.png", where))
    result = flask("stylize", photo, "-o", tmp_path / "out.png", *options)
    assert result.exit_code == 0, result.output
    expected = stylizer.stylize(read(photo), "wave", style_map=StyleMap(Mixture.parse("udnie"), where))
    assert np.array_equal(read(tmp_path / "out.png"), expected)


def test_precision_and_device_reach_the_engine(flask: Run, tmp_path: Path) -> None:
    photo = make_photo(tmp_path / "photo.png")
    options = ("--style", "wave", "--precision", "float32", "--device", "cpu")
    assert flask("stylize", photo, "-o", tmp_path / "out.png", *options).exit_code == 0
    stylizer = Stylizer(Catalogue([SAMPLES.parent.parent / "models"]), precision="float32", device="cpu")
    assert np.array_equal(read(tmp_path / "out.png"), stylizer.stylize(read(photo), "wave"))


@pytest.mark.skipif(bool(tf.config.list_physical_devices("GPU")), reason="there is a GPU here")
def test_a_gpu_that_is_not_there_is_one_line(flask: Run, tmp_path: Path) -> None:
    photo = make_photo(tmp_path / "photo.png")
    result = flask("stylize", photo, "-o", tmp_path / "out.png", "--style", "wave", "--device", "gpu")
    assert (result.exit_code, len(result.stderr.splitlines())) == (2, 1)
    assert "GPU" in result.stderr


@pytest.mark.skipif(bool(tf.config.list_physical_devices("GPU")), reason="there is a GPU here")
def test_a_gpu_that_is_not_there_ends_a_folder_too(flask: Run, tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        make_photo(tmp_path / "photos" / name)
    options = ("--style", "wave", "--device", "gpu")
    result = flask("stylize", tmp_path / "photos", "-o", tmp_path / "out", *options)
    assert (result.exit_code, len(result.stderr.splitlines())) == (2, 1)
    assert "GPU" in result.stderr


def test_standard_input_becomes_standard_output(flask: Run, stylizer: Stylizer, tmp_path: Path) -> None:
    photo = make_photo(tmp_path / "photo.png")
    result = flask("stylize", "-", "-o", "-", "--style", "wave", stdin=photo.read_bytes())
    assert (result.exit_code, result.stderr) == (0, "")
    assert np.array_equal(read(BytesIO(result.stdout_bytes)), stylizer.stylize(read(photo), "wave"))


@pytest.mark.parametrize(("kind", "expected"), [("png", "PNG"), ("jpg", "JPEG"), ("webp", "WEBP")])
def test_the_kind_of_a_nameless_picture_can_be_chosen(
    kind: str, expected: str, flask: Run, tmp_path: Path
) -> None:
    photo = make_photo(tmp_path / "photo.png")
    result = flask("stylize", photo, "-o", "-", "--format", kind, "--style", "wave")
    with Image.open(BytesIO(result.stdout_bytes)) as picture:
        assert (picture.format, picture.size) == (expected, (96, 64))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-", "-o", "-", "--style", "wave"], "empty"),
        (["a.png", "-o", "-", "--json", "--style", "wave"], "--json"),
        (["a.png", "-", "-o", "out", "--style", "wave"], "one picture"),
        (["a.png", "b.png", "-o", "-", "--style", "wave"], "one picture"),
        (["a.png", "b.png", "-o", "a.png", "--style", "wave"], "this is a file"),
        (["a.png", "-o", "a.png", "--style", "wave"], "overwrite"),
        (["a.png", "b.png", "-o", ".", "--style", "wave"], "overwrite"),
        ([".", "-o", ".", "--style", "wave"], "overwrite"),
        (["a.png", "sub/a.png", "-o", "out", "--style", "wave"], "both"),
        (["empty", "-o", "out", "--style", "wave"], "no photo"),
        (["a.png", "-o", "out.png", "--format", "jpg", "--style", "wave"], "does not match the name"),
        (["a.png", "-o", "out.png", "--style", "wave:1,wavy:1"], "wavy"),
        (["a.png", "-o", "out.png", "--style", "wave:x"], "weight"),
        (["a.png", "-o", "out.png", "--style", "wave", "--brush", "9"], "brush"),
        (["a.png", "-o", "out.png", "--style", "wave", "--mask", "nothing.png"], "nothing.png"),
        (["a.png", "-o", "out.png", "--style", "wave", "--style-map", "wavy", "a.png"], "wavy"),
        (["a.png", "b.png", "-o", "out", "--style", "wave", "--precision", "int8"], "int8"),
    ],
)
def test_what_cannot_be_is_one_line_and_code_2(
    arguments: list[str], message: str, flask: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a.png", "b.png", "sub/a.png"):
        make_photo(tmp_path / name)
    (tmp_path / "empty").mkdir()
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.png")}
    result = flask("stylize", *arguments)
    assert (result.exit_code, result.stdout, len(result.stderr.splitlines())) == (2, "", 1), result.output
    assert message in result.stderr
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.png")} == before


def test_a_folder_is_painted_into_a_folder(flask: Run, stylizer: Stylizer, tmp_path: Path) -> None:
    photos, out = tmp_path / "photos", tmp_path / "out"
    make_photo(photos / "one.png")
    make_photo(photos / "below" / "two.JPG", "coffee", format="JPEG")
    make_photo(photos / "three.tif", "coffee")
    make_photo(photos / ".hidden" / "four.png")
    make_photo(photos / "._five.png")
    (photos / "notes.txt").write_text("not a photo, and not taken for one")
    result = flask("stylize", photos, "-o", out, "--style", "wave")
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == "3 painted, 0 already finished, 0 failed.\n"
    assert pictures(out) == ["below/two.JPG", "one.png", "three.jpg"]
    assert np.array_equal(read(out / "one.png"), stylizer.stylize(read(photos / "one.png"), "wave"))
    with Image.open(out / "below" / "two.JPG") as picture:
        assert picture.format == "JPEG"


def test_photos_that_differ_in_their_ending_only_keep_their_whole_names(flask: Run, tmp_path: Path) -> None:
    photos = [make_photo(tmp_path / name) for name in ("a.tif", "a.jpg", "b.png")]
    result = flask("stylize", *photos, "-o", tmp_path / "out", "--style", "wave")
    assert result.exit_code == 0, result.output
    assert pictures(tmp_path / "out") == ["a.jpg.jpg", "a.tif.jpg", "b.png"]


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        (["photos/a.png", "photos/a.png"], ["a.png"]),
        (["photos", "photos/a.png"], ["a.png", "below/b.png"]),
        (["photos/../photos/a.png", "photos"], ["a.png", "below/b.png"]),
        (["photos/below/b.png", "photos"], ["a.png", "b.png"]),
        (["photos", "photos"], ["a.png", "below/b.png"]),
        (["photos/a.png", "link.png"], ["a.png", "link.png"]),
    ],
)
def test_a_photo_that_is_named_twice_is_painted_once(
    named: list[str], expected: list[str], flask: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    make_photo(tmp_path / "photos" / "a.png")
    make_photo(tmp_path / "photos" / "below" / "b.png")
    (tmp_path / "link.png").symlink_to(tmp_path / "photos" / "a.png")
    result = flask("stylize", *named, "-o", "out", *OTHER)
    assert result.exit_code == 0, result.output
    assert result.stderr == f"{len(expected)} painted, 0 already finished, 0 failed.\n"
    assert pictures(tmp_path / "out") == expected


def test_the_kind_of_all_pictures_can_be_chosen(flask: Run, tmp_path: Path) -> None:
    make_photo(tmp_path / "photos" / "a.png")
    make_photo(tmp_path / "photos" / "b.jpg")
    result = flask(
        "stylize", tmp_path / "photos", "-o", tmp_path / "out", "--style", "wave", "--format", "webp"
    )
    assert result.exit_code == 0, result.output
    assert pictures(tmp_path / "out") == ["a.webp", "b.webp"]


def test_an_output_inside_the_photos_is_not_painted_again(flask: Run, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    make_photo(photos / "a.png")
    for _ in range(2):
        assert flask("stylize", photos, "-o", photos / "painted", "--style", "wave").exit_code == 0
    assert pictures(photos) == ["a.png", "painted/a.png"]


def test_a_bad_photo_never_stops_the_rest(flask: Run, tmp_path: Path) -> None:
    photos, out = tmp_path / "photos", tmp_path / "out"
    make_photo(photos / "a.png")
    (photos / "b.png").write_text("words")
    (photos / "c.jpg").write_bytes(make_photo(photos / "d.jpg").read_bytes()[:900])
    result = flask("stylize", photos, "-o", out, "--style", "wave", "--json")
    assert result.exit_code == 1
    lines = result.stderr.splitlines()
    assert [line.partition(":")[0] for line in lines[:2]] == [str(photos / "b.png"), str(photos / "c.jpg")]
    assert lines[2:] == ["2 painted, 0 already finished, 2 failed."]
    assert pictures(out) == ["a.png", "d.jpg"]

    told = [json.loads(line) for line in result.stdout.splitlines()]
    assert [one["status"] for one in told] == ["painted", "failed", "failed", "painted"]
    assert [one["input"] for one in told] == [
        str(photos / name) for name in ("a.png", "b.png", "c.jpg", "d.jpg")
    ]
    assert told[0] | {"seconds": 0} == {
        "input": str(photos / "a.png"),
        "output": str(out / "a.png"),
        "status": "painted",
        "error": None,
        "width": 96,
        "height": 64,
        "seconds": 0,
        "style": "wave",
        "strength": 1.0,
        "keep_colors": False,
        "brush": 1.0,
        "upsampling": "cascade",
        "exact": False,
        "precision": "auto",
        "device": "auto",
    }
    assert told[0]["seconds"] > 0
    assert "not a photo" in told[1]["error"]


def test_a_missing_photo_among_several_is_one_of_the_bad_ones(flask: Run, tmp_path: Path) -> None:
    photo = make_photo(tmp_path / "a.png")
    result = flask("stylize", tmp_path / "nothing.png", photo, "-o", tmp_path / "out", "--style", "wave")
    assert result.exit_code == 1
    assert "nothing.png: No such file" in result.stderr
    assert pictures(tmp_path / "out") == ["a.png"]


def test_a_single_failure_is_told_in_json_too(flask: Run, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_text("words")
    result = flask("stylize", tmp_path / "a.png", "-o", tmp_path / "b.png", "--style", "wave", "--json")
    assert (result.exit_code, len(result.stderr.splitlines())) == (2, 1)
    assert json.loads(result.stdout)["status"] == "failed"


def test_what_is_finished_is_not_painted_again(flask: Run, tmp_path: Path) -> None:
    photos, out = tmp_path / "photos", tmp_path / "out"
    for name in ("a.png", "b.png", "c.png"):
        make_photo(photos / name)

    def statuses(*options: object) -> list[str]:
        result = flask("stylize", photos, "-o", out, "--json", *options)
        assert result.exit_code == 0, result.output
        return [json.loads(line)["status"] for line in result.stdout.splitlines()]

    assert statuses("--style", "wave") == ["painted"] * 3
    assert statuses("--style", "wave") == ["skipped"] * 3
    (out / "a.png").unlink()
    make_photo(photos / "b.png", "coffee")
    assert statuses("--style", "wave") == ["painted", "painted", "skipped"]
    assert statuses("--style", "wave", "--strength", "0.5") == ["painted"] * 3
    assert statuses("--style", "wave", "--strength", "0.5") == ["skipped"] * 3
    mask = grey(tmp_path / "mask.png", np.zeros((4, 4), np.uint8))
    assert statuses("--style", "wave", "--mask", mask) == ["painted"] * 3
    grey(mask, np.full((5, 5), 255, np.uint8))
    assert statuses("--style", "wave", "--mask", mask) == ["painted"] * 3


def test_a_torn_list_does_no_harm(flask: Run, tmp_path: Path) -> None:
    photos, out = tmp_path / "photos", tmp_path / "out"
    for name in ("a.png", "b.png"):
        make_photo(photos / name)
    assert flask("stylize", photos, "-o", out, "--style", "wave").exit_code == 0
    record = out / ".painted.jsonl"
    record.write_text(record.read_text()[:-20])
    for expected in (
        "1 painted, 1 already finished, 0 failed.\n",
        "0 painted, 2 already finished, 0 failed.\n",
    ):
        result = flask("stylize", photos, "-o", out, "--style", "wave")
        assert (result.exit_code, result.stderr) == (0, expected)
    assert pictures(out) == ["a.png", "b.png"]


def test_a_photo_that_is_replaced_while_it_is_painted_is_painted_again(
    flask: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo, out = make_photo(tmp_path / "photos" / "a.png"), tmp_path / "out"
    paint = stylize_module._paint

    def replacing(*arguments: Any) -> dict[str, Any]:
        facts = paint(*arguments)
        make_photo(photo, "coffee")
        return facts

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(stylize_module, "_paint", replacing)
        assert flask("stylize", photo.parent, "-o", out, *OTHER).exit_code == 0
    before = read(out / "a.png")
    for expected in (
        "1 painted, 0 already finished, 0 failed.\n",
        "0 painted, 1 already finished, 0 failed.\n",
    ):
        assert flask("stylize", photo.parent, "-o", out, *OTHER).stderr == expected
    assert not np.array_equal(read(out / "a.png"), before)


def test_what_was_noted_is_known(tmp_path: Path) -> None:
    photo = make_photo(tmp_path / "a.png")
    job = Job(photo, make_photo(tmp_path / "out" / "a.png"), "png")
    with Finished.of(tmp_path / "out", {"style": "wave"}) as finished:
        record = finished.record(job)
        assert record not in finished
        finished.add(record)
        assert record in finished
        make_photo(photo, "coffee")
        assert finished.record(job) not in finished


def test_only_what_was_left_long_ago_is_swept_away(flask: Run, tmp_path: Path) -> None:
    photo, out = make_photo(tmp_path / "photos" / "a.png"), tmp_path / "out"
    old, young = out / ".part-old", out / ".part-young"
    out.mkdir()
    for part, age in ((old, 3700), (young, 3500)):
        part.write_bytes(b"half a picture")
        os.utime(part, (time.time() - age,) * 2)
    assert flask("stylize", photo.parent, "-o", out, *OTHER).exit_code == 0
    assert pictures(out) == [".part-young", "a.png"]


def test_two_at_once_do_not_paint_into_one_folder(flask: Run, tmp_path: Path) -> None:
    make_photo(tmp_path / "photos" / "a.png")
    (tmp_path / "out").mkdir()
    with (tmp_path / "out" / ".painted.jsonl").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        result = flask("stylize", tmp_path / "photos", "-o", tmp_path / "out", "--style", "wave")
    assert (result.exit_code, len(result.stderr.splitlines())) == (2, 1)
    assert "another process" in result.stderr


def test_an_interrupted_photo_is_one_line_and_code_130(
    flask: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(stylize_module, "_paint", interrupt)
    result = flask("stylize", SAMPLES / "coffee.jpg", "-o", tmp_path / "out.png", "--style", "wave")
    assert (result.exit_code, len(result.stderr.splitlines())) == (130, 1)
    assert list(tmp_path.glob("*.png")) == []


@pytest.mark.soak
def test_a_folder_interrupted_and_then_killed_is_finished_by_the_same_command(
    start: Start, flask: Run, tmp_path: Path
) -> None:
    photos, out = tmp_path / "photos", tmp_path / "out"
    make_photo(photos / "00.png", size=(600, 400))
    for number in range(1, 24):
        shutil.copy(photos / "00.png", photos / f"{number:02}.png")
    for how, wanted in ((signal.SIGINT, 2), (signal.SIGKILL, 6)):
        process = start("stylize", photos, "-o", out, *OTHER)
        wait_until(lambda wanted=wanted: len(list(out.glob("*.png"))) >= wanted, f"{wanted} are painted")
        os.kill(process.pid, how)
        _, errors = process.communicate()
        done = pictures(out)
        painted = [name for name in done if not name.startswith(".part-")]
        assert wanted <= len(painted) < 24
        whole = read(out / "00.png")
        for name in painted:
            assert np.array_equal(read(out / name), whole)
        if how is signal.SIGINT:
            assert process.returncode == 130
            assert done == painted
            assert errors.startswith("Interrupted: ")
            assert len(errors.splitlines()) == 1
    result = flask("stylize", photos, "-o", out, *OTHER)
    assert result.exit_code == 0, result.output
    # The killed process may leave half a picture, which is too new to be removed.
    assert [name for name in pictures(out) if not name.startswith(".part-")] == [
        f"{number:02}.png" for number in range(24)
    ]
    for number in range(24):
        assert np.array_equal(read(out / f"{number:02}.png"), whole)
    assert int(result.stderr.split()[2]) in (len(painted), len(painted) - 1)


def test_names_of_pictures_suit_every_system(flask: Run, tmp_path: Path) -> None:
    names = ["CON.png", "me\u202e\u200dna.png", "写" * 80 + ".tif", "a\u202fb.png"]
    for name in names:
        make_photo(tmp_path / "photos" / name)
    result = flask("stylize", tmp_path / "photos", "-o", tmp_path / "out", "--style", "wave")
    assert result.exit_code == 0, result.output
    assert pictures(tmp_path / "out") == sorted(["_CON.png", "me\u200dna.png", "写" * 78 + ".jpg", "a b.png"])


def transparent_photo(path: Path) -> tuple[Path, Pixels]:
    """A photo that fades from clear to opaque, and its transparency."""
    make_photo(path)
    with Image.open(path) as file:
        photo = file.convert("RGB")
    share = np.tile(np.linspace(0, 255, photo.width).astype(np.uint8), (photo.height, 1))
    photo.putalpha(Image.fromarray(share))
    photo.save(path)
    return path, share


@pytest.mark.parametrize("ending", ["png", "tif", "webp"])
def test_transparency_is_kept_on_request(ending: str, flask: Run, tmp_path: Path) -> None:
    photo, share = transparent_photo(tmp_path / "photo.png")
    plain, kept = tmp_path / "plain.png", tmp_path / f"kept.{ending}"
    assert flask("stylize", photo, "-o", plain, *OTHER).exit_code == 0
    assert flask("stylize", photo, "-o", kept, *OTHER, "--keep-alpha").exit_code == 0
    with Image.open(plain) as file:
        assert file.mode == "RGB"
    with Image.open(kept) as file:
        assert file.mode == "RGBA"
        pixels = np.asarray(file)
    assert np.array_equal(pixels[..., 3], share)
    if ending == "webp":
        return  # its colours are not exact
    mixed = pixels[..., :3] * (share[..., None] / 255) + 255 - share[..., None]
    # On white it looks as without the option, where the painting is no brighter than white allows.
    assert np.abs(mixed - read(plain))[share > 40].mean() < 3


def test_opaque_photos_and_jpegs_have_no_transparency(flask: Run, tmp_path: Path) -> None:
    photo, _ = transparent_photo(tmp_path / "photo.png")
    assert flask("stylize", photo, "-o", tmp_path / "out.jpg", *OTHER, "--keep-alpha").exit_code == 0
    opaque = make_photo(tmp_path / "opaque.png")
    assert flask("stylize", opaque, "-o", tmp_path / "out.png", *OTHER, "--keep-alpha").exit_code == 0
    for name in ("out.jpg", "out.png"):
        with Image.open(tmp_path / name) as file:
            assert file.mode == "RGB"


@pytest.mark.parametrize("ending", ["png", "tif"])
@pytest.mark.parametrize("more", [(), ("--keep-alpha",)])
def test_sixteen_bits_on_request(ending: str, more: tuple[str, ...], flask: Run, tmp_path: Path) -> None:
    photo, share = transparent_photo(tmp_path / "photo.png")
    coarse, fine = tmp_path / "coarse.png", tmp_path / f"fine.{ending}"
    options = ("--style", "wave", "--strength", "0.7", *more)
    assert flask("stylize", photo, "-o", coarse, *options).exit_code == 0
    assert flask("stylize", photo, "-o", fine, *options, "--depth", "16").exit_code == 0
    pixels = cv2.imread(str(fine), cv2.IMREAD_UNCHANGED)
    assert pixels.dtype == np.uint16
    colors = pixels[..., 2::-1] / 257
    with Image.open(coarse) as file:
        expected = np.asarray(file)
    where = share > 200
    assert np.abs(colors - expected[..., :3])[where].max() <= 1.3
    assert len(np.unique(pixels)) > 300
    if more:
        assert np.array_equal(pixels[..., 3], share.astype(np.uint16) * 257)


def test_jpegs_have_no_sixteen_bits(flask: Run, tmp_path: Path) -> None:
    photo = make_photo(tmp_path / "photo.jpg")
    result = flask("stylize", photo, "-o", tmp_path / "out.jpg", *OTHER, "--depth", "16")
    assert result.exit_code == 2
    assert "only PNG and TIFF can have 16 bits" in result.output


def test_a_strength_beyond_one_exaggerates(flask: Run, stylizer: Stylizer, tmp_path: Path) -> None:
    photo, output = make_photo(tmp_path / "photo.png"), tmp_path / "out.png"
    result = flask("stylize", photo, "-o", output, "--style", "wave", "--strength", "1.5")
    assert result.exit_code == 0
    before, full = read(photo).astype(int), stylizer.stylize(read(photo), "wave").astype(int)
    beyond = read(output).astype(int)
    further = np.sign(full - before) * (beyond - full)
    assert further.min() >= 0
    assert np.abs(beyond - before).mean() > 1.2 * np.abs(full - before).mean()
