"""``flask stylize-video`` with the real engine, interrupted and gone on with."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from app.engine.stylizer import Stylizer
from testing.clips import make_film, read, same_film, sound_packets, spoil
from testing.waiting import wait_until
from tests.commands.conftest import Run, Start


def test_a_film_is_painted_with_its_sound(flask: Run, stylizer: Stylizer, tmp_path: Path) -> None:
    source, target = make_film(tmp_path / "film.mp4", size=(96, 64)), tmp_path / "painted.mp4"
    options = ("--style", "wave", "--damping", "0", "--strength", "0.5", "--keep-colors")
    result = flask("stylize-video", source, "-o", target, *options)
    assert (result.exit_code, result.output) == (0, "")
    before, after = read(source), read(target)
    assert after.times == before.times
    assert [data for _, data in sound_packets(target)] == [data for _, data in sound_packets(source)]
    for number in (0, 17, 29):
        painted = stylizer.stylize(before.frames[number], "wave", strength=0.5, keep_colors=True)
        assert np.abs(after.frames[number].astype(int) - painted).mean() < 8
        assert np.abs(after.frames[number].astype(int) - before.frames[number]).mean() > 16
    assert sorted(path.name for path in tmp_path.glob("*.mp4*")) == ["film.mp4", "painted.mp4"]


def test_json_tells_what_was_made(flask: Run, tmp_path: Path) -> None:
    source, target = make_film(tmp_path / "film.mp4"), tmp_path / "painted.mkv"
    result = flask("stylize-video", source, "-o", target, "--style", "wave:3,udnie:1", "--json")
    assert (result.exit_code, result.stderr) == (0, "")
    told = json.loads(result.stdout)
    assert told["flicker"]["after"] < told["flicker"]["before"]
    assert told["took"] > 0
    assert told | {"flicker": 0, "took": 0} == {
        "input": str(source),
        "output": str(target),
        "width": 64,
        "height": 48,
        "frames": 30,
        "resumed": 0,
        "seconds": 1.0,
        "sounds": ["copied"],
        "damage": "",
        "flicker": 0,
        "style": "wave:0.75,udnie:0.25",
        "strength": 1.0,
        "keep_colors": False,
        "brush": 1.0,
        "upsampling": "cascade",
        "exact": False,
        "precision": "auto",
        "device": "auto",
        "damping": 0.95,
        "took": 0,
    }


def test_a_damaged_film_is_said_to_be_one(flask: Run, tmp_path: Path) -> None:
    whole = make_film(tmp_path / "whole.mkv", frames=60).read_bytes()
    (tmp_path / "cut.mkv").write_bytes(whole[: len(whole) // 2])
    result = flask("stylize-video", tmp_path / "cut.mkv", "-o", tmp_path / "painted.mp4", "--style", "wave")
    assert (result.exit_code, len(result.stderr.splitlines())) == (1, 1)
    assert "seconds missing at the end" in result.stderr
    assert 10 < len(read(tmp_path / "painted.mp4").frames) < 50


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nothing.mp4", "-o", "out.mp4", "--style", "wave"], "nothing.mp4: No such file"),
        (["text.mp4", "-o", "out.mp4", "--style", "wave"], "not a video"),
        (["film.mp4", "-o", "out.gif", "--style", "wave"], ".webm"),
        (["film.mp4", "-o", "nowhere/out.mp4", "--style", "wave"], "nowhere"),
        (["film.mp4", "-o", "film.mp4", "--style", "wave"], "overwrite"),
        (["film.mp4", "-o", "folder.mp4", "--style", "wave"], "folder.mp4"),
        (["film.mp4", "-o", "out.mp4", "--style", "wavy"], "Did you mean wave"),
        (["film.mp4", "-o", "out.mp4", "--style", "wave", "--damping", "1"], "--damping"),
        (["film.mp4", "-o", "out.mp4", "--style", "wave", "--segment", "0"], "--segment"),
        (["film.mp4", "-o", "out.mp4", "--style", "wave", "--damping", "nan"], "--damping"),
        (["film.mp4", "-o", "out.mp4", "--style", "wave", "--segment", "inf"], "--segment"),
        (["film.mp4", "-o", "out.mp4"], "--style"),
    ],
)
def test_what_cannot_be_is_one_line_and_code_2(
    arguments: list[str], message: str, flask: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    make_film(tmp_path / "film.mp4", frames=3)
    (tmp_path / "text.mp4").write_text("words")
    (tmp_path / "folder.mp4").mkdir()
    before = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*.mp4*")}
    result = flask("stylize-video", *arguments)
    assert (result.exit_code, result.stdout, len(result.stderr.splitlines())) == (2, "", 1), result.output
    assert message in result.stderr
    assert {path: path.stat().st_mtime_ns for path in tmp_path.glob("*.mp4*")} == before


@pytest.mark.skipif(bool(tf.config.list_physical_devices("GPU")), reason="there is a GPU here")
def test_a_gpu_that_is_not_there_leaves_all_as_it_was(flask: Run, tmp_path: Path) -> None:
    source, target = make_film(tmp_path / "film.mp4", frames=3), tmp_path / "out.mp4"
    manifest = tmp_path / "out.mp4.partial" / "manifest.json"
    painted_otherwise = json.dumps({"identity": {}, "segments": [], "flicker": {}})
    for unfinished in (False, True):
        if unfinished:
            manifest.parent.mkdir()
            manifest.write_text(painted_otherwise)
        result = flask("stylize-video", source, "-o", target, "--style", "wave", "--device", "gpu")
        assert (result.exit_code, len(result.stderr.splitlines())) == (2, 1)
        assert "GPU" in result.stderr
        assert manifest.parent.exists() == unfinished
    assert manifest.read_text() == painted_otherwise


def test_sound_that_is_missing_is_said(flask: Run, tmp_path: Path) -> None:
    source = make_film(tmp_path / "film.mp4")
    spoil(source, slice(20, 25), "audio")
    result = flask("stylize-video", source, "-o", tmp_path / "painted.webm", "--style", "wave", "--json")
    assert (result.exit_code, len(result.stderr.splitlines())) == (1, 1)
    assert "5 missing pieces of sound" in result.stderr
    assert json.loads(result.stdout)["damage"] == "5 missing pieces of sound"


@pytest.mark.soak
def test_a_film_interrupted_and_then_killed_is_finished_by_the_same_command(
    start: Start, flask: Run, tmp_path: Path
) -> None:
    source = make_film(tmp_path / "film.mp4", frames=60, size=(320, 240))
    options = ("--style", "wave", "--segment", "0.2")
    assert flask("stylize-video", source, "-o", tmp_path / "at-once.mp4", *options).exit_code == 0

    target = tmp_path / "painted.mp4"
    unfinished = tmp_path / "painted.mp4.partial"
    for how, segments in ((signal.SIGINT, 2), (signal.SIGKILL, 4)):
        process = start("stylize-video", source, "-o", target, *options)
        wait_until(
            lambda wanted=segments: len(list(unfinished.glob("0*.mp4"))) >= wanted,
            f"{segments} segments are finished",
        )
        os.kill(process.pid, how)
        _, errors = process.communicate()
        assert not target.exists()
        if how is signal.SIGINT:
            assert process.returncode == 130
            assert errors.startswith("Interrupted: ")
            assert "frames are kept" in errors
            assert len(errors.splitlines()) == 1

    result = flask("stylize-video", source, "-o", target, *options, "--json")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert 18 <= told["resumed"] < 60
    assert f"continuing after {told['resumed']} frames" in result.stderr
    same_film(target, tmp_path / "at-once.mp4")
    assert not unfinished.exists()


@pytest.mark.soak
def test_another_style_begins_anew_and_says_so(start: Start, flask: Run, tmp_path: Path) -> None:
    source, target = make_film(tmp_path / "film.mp4", frames=30, size=(320, 240)), tmp_path / "painted.mp4"
    process = start("stylize-video", source, "-o", target, "--style", "wave", "--segment", "0.2")
    wait_until(lambda: list((tmp_path / "painted.mp4.partial").glob("0*.mp4")), "a segment is finished")
    process.kill()
    process.communicate()
    result = flask("stylize-video", source, "-o", target, "--style", "udnie", "--segment", "0.2", "--json")
    assert result.exit_code == 0, result.output
    assert "starting over" in result.stderr
    assert json.loads(result.stdout)["resumed"] == 0
