"""``flask networks evaluate``: photos, measures, and the written reports."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from flask import Flask
from PIL import Image

from app.commands.console import BadInput
from app.commands.evaluate import STRENGTHS, evaluate, make_sheets
from app.commands.evaluation_goals import no_farther
from app.commands.evaluation_inputs import (
    name_networks,
    read_folder,
    read_listed,
    read_paintings,
    read_picture,
)
from app.commands.evaluation_page import MOST_BYTES, Method, make_sheet, page, to_csv
from app.commands.training_data import SHIPPED
from app.config import PROJECT_ROOT
from app.engine.networks.checkpoints import save_checkpoint
from app.engine.networks.config import NetworkConfig
from app.engine.stylizer import Stylizer
from app.engine.training.candidates import Candidate
from app.engine.training.evaluation import (
    Blended,
    CurvePoint,
    Photo,
    Score,
    at_content,
    curves,
    held_out_files,
    listed_photos,
    mean_scores,
)
from app.engine.training.judge import Judge
from app.engine.typing import Pixels
from testing.networks import chance_checkpoint
from testing.site import SHARED

METHOD = Method("flask networks evaluate", 384, 256, "bfloat16")
WAVE = SHARED / "paintings" / "wave.jpg"


def make_score(**changes: object) -> Score:
    score = Score("house", "wave", "cat", "animal", 1000.0, 200.0, 20.0, 4.0, 1.0, 0.001, 5.0, 1.0)
    return replace(score, **changes)  # type: ignore[arg-type]


def noise(height: int, width: int, seed: int = 1) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def test_the_list_has_every_kind_and_shows_only_what_may_be_shown() -> None:
    entries = listed_photos()
    kinds = {entry.kind for entry in entries}
    assert kinds >= {"face", "group", "animal", "street", "landscape", "night", "text", "black and white"}
    assert len({entry.name for entry in entries}) == len(entries)
    assert {entry.source for entry in entries} == {"samples", "scikit-image", "held-out"}
    for entry in entries:
        assert bool(entry.rights) == (entry.source != "held-out")
    assert held_out_files() == {entry.file for entry in entries if entry.source == "held-out"}


def test_listed_photos_that_are_not_here_are_left_out(tmp_path: Path) -> None:
    photos = read_listed(tmp_path, size=64)
    assert {photo.name for photo in photos} == {e.name for e in listed_photos() if e.source != "held-out"}
    for photo in photos:
        height, width = photo.pixels.shape[:2]
        assert height % 4 == width % 4 == 0
        assert 60 <= max(height, width) <= 64
        assert photo.shown


@pytest.mark.skipif(not (SHARED / "photos").is_dir(), reason="no training photos here")
def test_held_out_photos_are_measured_and_not_shown() -> None:
    photos = {photo.name: photo for photo in read_listed(SHARED / "photos", size=64)}
    assert set(photos) == {entry.name for entry in listed_photos()}
    assert not photos["tram"].shown
    assert photos["astronaut"].shown


def test_a_picture_is_read_upright_and_no_larger_than_asked(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # lies on its side
    Image.fromarray(noise(70, 90)).save(tmp_path / "photo.jpg", exif=exif)
    assert read_picture(tmp_path / "photo.jpg", 80, multiple=4).shape == (80, 60, 3)
    assert read_picture(tmp_path / "photo.jpg", 200).shape == (90, 70, 3)


def test_paintings_are_those_that_training_takes(tmp_path: Path) -> None:
    for name in ("red.png", "blue.jpeg", "other.jpg"):
        Image.fromarray(noise(30, 40)).save(tmp_path / name)
    paintings = read_paintings(tmp_path, ["red", "blue", "green"], 32)
    assert {slug: painting.shape for slug, painting in paintings.items()} == {
        "red": (24, 32, 3),
        "blue": (24, 32, 3),
    }
    assert read_paintings(None, ["red"], 32) == {}


def test_photos_of_one_name_are_told_apart_by_their_endings(tmp_path: Path) -> None:
    for name in ("cat.png", "cat.jpg", "dog.png"):
        Image.fromarray(noise(32, 40)).save(tmp_path / name)
    assert [photo.name for photo in read_folder(tmp_path, 40)] == ["cat.jpg", "cat.png", "dog"]


def test_networks_of_one_name_are_told_apart_by_their_folders(tmp_path: Path) -> None:
    one, other, small = (tmp_path / name for name in ("a/house.npz", "b/house.npz", "a/small.npz"))
    assert name_networks([one, small, one]) == {"house": one, "small": small}
    assert name_networks([one, other, small]) == {"a_house": one, "b_house": other, "small": small}
    published = tmp_path / "a" / "published.npz"
    assert name_networks([published]) == {"a_published": published}, "as others are called so"
    with pytest.raises(BadInput, match="a_house"):
        name_networks([one, tmp_path / "c" / "a" / "house.npz"])


def test_distances_are_nothing_where_pictures_are_the_same() -> None:
    photo, painting = Photo("photo", "noise", noise(48, 64)), noise(48, 64, seed=2)
    judge = Judge(None, {"same": painting, "other": photo.pixels})

    def score(style: str, picture: Pixels) -> Score:
        return judge.score("n", photo, {style: picture})[0]

    as_photo = score("same", photo.pixels)
    assert as_photo.content == 0.0
    assert as_photo.recognized == 0.0
    assert as_photo.border_excess == 1.0
    assert as_photo.style_distance is not None
    assert as_photo.style_distance > 0.0
    as_painting = score("same", painting)
    assert as_painting.content > 0.0
    assert as_painting.style_distance == pytest.approx(0.0, abs=1e-6 * as_photo.style_distance)
    assert as_painting.color_distance == pytest.approx(0.0, abs=1e-4)
    assert as_painting.recognized == 1.0
    unknown = score("no painting of it", painting)
    assert (unknown.style_distance, unknown.color_distance, unknown.recognized) == (None, None, None)
    assert unknown.content == as_painting.content


@pytest.mark.skipif(not WAVE.exists(), reason="the painting is not here")
def test_style_distance_has_the_size_it_was_trained_with(house_v0: Stylizer) -> None:
    # On other photos the wave of the first house network has the distances 131k and 20.5k.
    painting = read_picture(WAVE, 384)
    photo = Photo(
        "coffee", "", read_picture(PROJECT_ROOT / "static" / "samples" / "coffee.jpg", 480, multiple=4)
    )
    picture = house_v0.stylize(photo.pixels, "wave", exact=True)
    score = Judge(SHIPPED, {"wave": painting}).score("n", photo, {"wave": picture})[0]
    assert 90_000 < score.content < 170_000
    assert score.style_distance is not None
    assert 14_000 < score.style_distance < 30_000


def test_pictures_are_measured_alike_alone_and_together() -> None:
    photo = Photo("photo", "noise", noise(48, 64))
    paintings = {str(number): noise(40, 40, seed=number) for number in range(2)}
    pictures = [(str(number % 3), noise(48, 64, seed=10 + number)) for number in range(6)]
    judge = Judge(None, paintings)
    together = judge.distances(photo, pictures)
    for picture, distances in zip(pictures, together, strict=True):
        (alone,) = judge.distances(photo, [picture])
        assert distances.content == pytest.approx(alone.content, rel=1e-4)
        if picture[0] == "2":
            assert distances.style is None
        else:
            assert distances.style == pytest.approx(alone.style, rel=1e-3)


def curve(*points: tuple[float, float, float]) -> list[CurvePoint]:
    return [CurvePoint(*point) for point in points]


def test_a_curve_is_read_off_between_its_points() -> None:
    falling = curve((1.0, 200.0, 10.0), (0.9, 160.0, 14.0), (0.8, 120.0, 20.0))
    assert at_content(falling, 180.0) == CurvePoint(pytest.approx(0.95), 180.0, pytest.approx(12.0))
    assert at_content(falling, 120.0) == falling[-1]
    assert at_content(falling, 110.0) is None
    assert at_content(falling, 210.0) is None


def test_curves_are_means_over_photos_from_full_strength_down() -> None:
    blended = [
        Blended("house", "wave", photo, strength, content, 10.0)
        for photo, strength, content in (("a", 0.9, 80.0), ("b", 0.9, 60.0), ("a", 1.0, 100.0))
    ]
    assert curves(blended) == {("wave", "house"): curve((1.0, 100.0, 10.0), (0.9, 70.0, 10.0))}


def test_a_network_that_goes_farther_is_blended_until_it_is_near_enough() -> None:
    bold = curve((1.0, 200.0, 10.0), (0.8, 100.0, 30.0))
    timid = curve((1.0, 150.0, 15.0), (0.8, 90.0, 40.0))
    blended, whole = no_farther(bold, timid), no_farther(timid, bold)
    assert blended is not None
    assert whole is not None
    assert blended.ratio == pytest.approx(17.0 / 15.0), "at a content of 165, 35 of 100 down from 200"
    assert blended.strength == pytest.approx(0.93)
    assert (whole.ratio, whole.strength) == (pytest.approx(1.5), 1.0)
    assert no_farther(bold, curve((1.0, 20.0, 50.0))) is None


def test_goals_are_ratios_to_the_published_network() -> None:
    blended = [
        Blended(network, "wave", "cat", strength, content * strength**2, style / strength)
        for network, content, style in (("house", 1000.0, 100.0), ("published", 2000.0, 400.0))
        for strength in (1.0, 0.8, 0.7)
    ]
    scores = [
        make_score(style_distance=100.0, border_excess=1.3, checkerboard=0.0005),
        make_score(network="published", content=2000.0, style_distance=400.0, checkerboard=0.002),
    ]
    text = page(scores, blended, [], {}, METHOD)
    row = next(line for line in text.splitlines() if line.startswith("| wave | house |"))
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells[2:4] == ["0.50", "0.25"]
    assert cells[4:] == ["**0.25**", "1.00", "1.30", "0.250"]
    assert "| house | 0.50 | 0.25 |" in text
    assert "| 0.25 | 1 of 1 | 0 of 1 | 0.250 | 0 of 1 |" in text
    assert "| wave | published | 2.0k / 0.4k | 1.3k / 0.5k | 1.0k / 0.6k |" in text


def test_means_leave_out_what_is_missing() -> None:
    scores = [make_score(), make_score(content=3000.0, style_distance=None), make_score(style="udnie")]
    means = mean_scores(scores, "style")
    assert list(means) == [("wave",), ("udnie",)]
    assert means["wave",]["content"] == 2000.0
    assert "style_distance" not in means["wave",]
    assert means["udnie",]["style_distance"] == 200.0


def test_csv_has_every_figure() -> None:
    rows = list(csv.DictReader(io.StringIO(to_csv([make_score(), make_score(color_distance=None)]))))
    assert rows[0]["network"] == "house"
    assert float(rows[0]["checkerboard"]) == 0.001
    assert rows[1]["color_distance"] == ""


def test_page_sets_networks_beside_the_published_ones() -> None:
    scores = [
        make_score(style_distance=50.0, checkerboard=0.0001),
        make_score(network="published"),
        make_score(style="udnie"),
    ]
    photos = [
        Photo("cat", "animal", noise(8, 12), "CC0"),
        Photo("street", "street", noise(8, 8), shown=False),
    ]
    text = page(scores, [], photos, {"house.webp": "Every style"}, METHOD)
    assert "| wave | house | 1.0k | 1.00 | 0.1k | 0.25 | 0.10 | 0.10 | 1.00 |" in text
    assert "| udnie | 1.0k | 0.2k | 20.0 | 4.0 | 1.00 | 1.00 | 5.0 | 100 |" in text
    assert "![Every style](house.webp)" in text
    assert "| cat | animal | CC0 | 12x8 |" in text
    assert "| street | street | measured only | 8x8 |" in text
    assert "at most 384 pixels a side, paintings 256. VGG-16 computes in bfloat16" in text
    alone = page([make_score()], [], photos, {}, METHOD)
    assert "published networks" not in alone


def test_a_sheet_stays_below_its_limit_and_has_its_pictures_in_place() -> None:
    red, blue = (Image.new("RGB", (60, 40), color) for color in ("red", "blue"))
    with Image.open(io.BytesIO(make_sheet("Title", {"one": [red, blue], "two": [blue, red]}, 40))) as sheet:
        first = sheet.convert("RGB").getpixel((20 + 190 + 30, 20 + 44 + 20))
        below = sheet.convert("RGB").getpixel((20 + 190 + 30, 20 + 44 + 46 + 20))
    assert isinstance(first, tuple)
    assert isinstance(below, tuple)
    assert first[0] - first[2] > 180
    assert below[2] - below[0] > 180
    loud = Image.fromarray(noise(700, 900))
    assert len(make_sheet("Loud", {str(row): [loud] for row in range(4)}, 700)) <= MOST_BYTES


def test_sheets_show_no_photo_that_may_not_be_shown(stylizer: Stylizer) -> None:
    shown, hidden = Photo("cat", "", noise(32, 32)), Photo("street", "", noise(32, 32), shown=False)
    candidates = [
        Candidate("house", stylizer, {"wave": "wave"}),
        Candidate("published", stylizer, {"wave": "wave"}),
    ]
    pictures = {(name, "wave", "cat"): Image.fromarray(shown.pixels) for name in ("house", "published")}
    # The hidden photo has no pictures: reading one would raise KeyError.
    sheets = list(make_sheets(candidates, [shown, hidden], pictures))
    assert [sheet.file for sheet in sheets] == ["comparison.webp", "house.webp", "published.webp"]
    assert list(make_sheets(candidates, [hidden], {})) == []


def run(app: Flask, *arguments: object) -> tuple[int, str]:
    result = app.test_cli_runner().invoke(evaluate, [str(argument) for argument in arguments])
    return result.exit_code, result.output


@pytest.mark.parametrize("published_file", [pytest.param("V1", marks=pytest.mark.soak), "V2"], indirect=True)
def test_command_writes_page_sheet_and_figures(app: Flask, published_file: Path, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    Image.fromarray(noise(64, 80)).save(photos / "noise.png")
    (photos / "notes.txt").write_text("no photo")
    (tmp_path / "paintings").mkdir()
    Image.fromarray(noise(40, 60)).save(tmp_path / "paintings" / "chance.jpg")
    network = tmp_path / "small.npz"
    chance = chance_checkpoint(NetworkConfig(base_width=4, residual_blocks=1))
    save_checkpoint(network, replace(chance, styles=("wave", "chance")))
    output = tmp_path / "out"
    folders = ("--photos", photos, "--paintings", tmp_path / "paintings", "--output", output)
    sizes = ("--published", published_file.parent, "--size", 80, "--style-size", 64)
    code, text = run(app, network, "house_v0", *folders, *sizes)
    assert (code, text.count("\n")) == (0, 1)
    rows = list(csv.DictReader(io.StringIO((output / "evaluation.csv").read_text())))
    styles = {(row["network"], row["style"]) for row in rows}
    assert len(styles) == len(rows)
    assert ("house_v0", "wave") in styles
    assert ("published", "chance") in styles
    assert ("small", "chance") in styles
    assert {row["photo"] for row in rows} == {"noise"}
    points = list(csv.DictReader(io.StringIO((output / "curves.csv").read_text())))
    strengths = {(row["network"], row["style"], float(row["strength"])) for row in points}
    assert strengths == {(name, "chance", s) for name in ("small", "published") for s in STRENGTHS}
    with Image.open(output / "house_v0.webp") as sheet:
        assert sheet.format == "WEBP"
    text = (output / "README.md").read_text()
    assert "Figures of house_v0" in text
    given = f"--photos photos --paintings paintings --published {published_file.parent.name}"
    command = f"flask networks evaluate small house_v0 {given} --size 80 --style-size 64"
    assert f"`{command}`" in text
    assert "at most 80 pixels a side, paintings 64." in text
    assert text.index("## Goals") < text.index("| chance | small |")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--photos", "nowhere"), "nowhere"),
        (("--paintings", "nowhere"), "nowhere"),
        (("--published", "nowhere"), "nowhere"),
        (("--photos", "."), "no photos to measure with"),
        (("--photos", "small"), "tiny.png is too small"),
        (("nowhere.npz", "--size", "64"), "nowhere.npz"),
        (("--size", "3"), "64"),
    ],
)
def test_bad_input_is_one_line(
    arguments: tuple[str, ...], message: str, app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small").mkdir()
    Image.fromarray(noise(18, 90)).save(tmp_path / "small" / "tiny.png")
    code, text = run(app, *arguments, "--output", tmp_path / "out")
    assert code == 2
    assert message in text
    assert text.startswith("Error: ")
    assert text.count("\n") == 1
    assert not (tmp_path / "out").exists()
