"""``flask networks evaluate``: measures and pictures that show how well networks paint."""

from __future__ import annotations

import logging
import shlex
import tempfile
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource
from flask.cli import with_appcontext
from PIL import Image

from app.commands.console import BadInput, OneLineCommand, Progress, bad_input_is_one_line
from app.commands.evaluation_inputs import (
    find_network,
    name_networks,
    read_folder,
    read_listed,
    read_paintings,
)
from app.commands.evaluation_page import Method, make_sheet, page, to_csv
from app.commands.training_data import folder_at_hand, loss_weights, vgg_option
from app.config import PROJECT_ROOT
from app.engine.catalogue import title_of
from app.engine.color import blend
from app.engine.processor import computes_bfloat16
from app.engine.training.candidates import PUBLISHED, Candidate, published_networks, whole_network
from app.engine.training.evaluation import Blended, Photo, Score
from app.engine.typing import Pixels
from app.files import write_whole
from app.wiring import catalogue

if TYPE_CHECKING:
    from app.engine.training.judge import Judge, Precision

# How strongly the styles that networks have in common are painted for the curves.
STRENGTHS = (1.0, 0.9, 0.8, 0.7)
# The photos of the sheet that sets networks side by side.
COMPARED_PHOTOS = 2
# Parameters that the page need not tell: the networks it names anyway, the others change no figure.
UNTOLD = {"networks", "output", "vgg"}
SHEET_HEIGHT, COMPARISON_HEIGHT = 132, 210
FOLDER = click.Path(path_type=Path, exists=True, file_okay=False)


@click.command("evaluate", cls=OneLineCommand)
@click.argument("networks", nargs=-1)
@click.option(
    "--published",
    type=FOLDER,
    default=folder_at_hand("checkpoints"),
    help="A folder of published checkpoints to compare with.",
)
@click.option("--photos", type=FOLDER, help="Use the photos of this folder.")
@click.option(
    "--held-out",
    type=FOLDER,
    default=folder_at_hand("photos"),
    help="The folder of the listed photos that training leaves out.",
)
@click.option(
    "--paintings",
    type=FOLDER,
    default=folder_at_hand("paintings"),
    help="A folder with SLUG.jpg or SLUG.png for each style.",
)
@vgg_option
@click.option(
    "--size",
    type=click.IntRange(64, 2048),
    default=384,
    show_default=True,
    help="The longest side of the photos.",
)
@click.option(
    "--style-size",
    type=click.IntRange(64, 2048),
    default=384,
    show_default=True,
    help="The longest side of the paintings.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    default=PROJECT_ROOT / "docs" / "networks",
    help="The folder for the page, the sheets and the figures.",
)
@with_appcontext
@bad_input_is_one_line
def evaluate(
    networks: tuple[str, ...],
    published: Path | None,
    photos: Path | None,
    held_out: Path | None,
    paintings: Path | None,
    vgg: Path | None,
    size: int,
    style_size: int,
    output: Path,
) -> None:
    """Paint photos that training left out in every style of NETWORKS, and measure the pictures.

    NETWORKS are checkpoints of this project: files, or names in models/. Default: all in models/. Published
    checkpoints are compared too, if they are available.

    Writes a page of tables, a contact sheet for each network and one that compares them, and all figures
    as CSV. Photos that may not be shown are measured, but are not on the sheets.
    """
    from app.engine.training.judge import Judge

    # A network meets a photo of each shape, and TensorFlow remarks on every new one.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    files = name_networks([find_network(name) for name in networks] or _shipped())
    judged = read_folder(photos, size) if photos else read_listed(held_out, size)
    if not judged:
        raise BadInput("There are no photos to measure with. Name a folder with --photos.")
    precision: Precision = "bfloat16" if computes_bfloat16() else "float32"
    with tempfile.TemporaryDirectory(prefix="networks-") as folder:
        candidates = list(_candidates(files, published, Path(folder)))
        styles = {style for candidate in candidates for style in candidate.slugs}
        judge = Judge(loss_weights(vgg), read_paintings(paintings, styles, style_size), precision=precision)
        results = _measure(candidates, judged, judge)
    sheets = list(make_sheets(candidates, judged, results.pictures))
    for sheet in sheets:
        write_whole(output / sheet.file, sheet.data)
    write_whole(output / "evaluation.csv", to_csv(results.scores).encode())
    if results.blended:
        write_whole(output / "curves.csv", to_csv(results.blended).encode())
    titles = {sheet.file: sheet.title for sheet in sheets}
    method = Method(_as_typed(files), size, style_size, precision)
    write_whole(output / "README.md", page(results.scores, results.blended, judged, titles, method).encode())
    click.echo(f"{len(results.scores)} pictures measured: {output / 'README.md'}")


def _as_typed(networks: Iterable[str]) -> str:
    """The command that runs, with the options that were given; of files and folders only their names."""
    context = click.get_current_context()
    words = ["flask", "networks", "evaluate", *networks]
    for name, value in context.params.items():
        if name not in UNTOLD and context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            told = value.resolve().name if isinstance(value, Path) else str(value)
            words += [f"--{name.replace('_', '-')}", told]
    return shlex.join(words)


def _shipped() -> list[Path]:
    """All checkpoints beside the catalogue's own, the newest networks first as the catalogue has them."""
    used = list(dict.fromkeys(style.checkpoint for style in catalogue().styles if not style.imported))
    others = {path for style_file in used for path in style_file.parent.glob("*.npz")}
    return [*used, *sorted(others.difference(used))]


def _candidates(files: Mapping[str, Path], published: Path | None, folder: Path) -> Iterable[Candidate]:
    """Each network in a catalogue of its own, since networks share the names of styles."""
    for name, path in files.items():
        yield whole_network(name, path, folder / name)
    if published and (candidate := published_networks(published, folder)):
        yield candidate


# The painted pictures that may be shown, by network, style and photo.
Pictures = dict[tuple[str, str, str], Image.Image]


@dataclass
class Results:
    """What came out: measures, curves of the styles that are compared, and pictures to show."""

    scores: list[Score] = field(default_factory=list)
    blended: list[Blended] = field(default_factory=list)
    pictures: Pictures = field(default_factory=dict)


def _measure(candidates: Sequence[Candidate], photos: Sequence[Photo], judge: Judge) -> Results:
    results = Results()
    compared = _compared_styles(candidates)
    todo = [(candidate, photo) for candidate in candidates for photo in photos]
    with Progress() as progress:
        for index, (candidate, photo) in enumerate(todo):
            progress.show(index / len(todo), f"{candidate.name} {photo.name}")
            painted = {style: candidate.paint(style, photo.pixels) for style in candidate.slugs}
            scores = judge.score(candidate.name, photo, painted)
            results.scores += scores
            results.blended += _blend(scores, photo, painted, compared, judge)
            if photo.shown:
                for style, picture in painted.items():
                    results.pictures[candidate.name, style, photo.name] = Image.fromarray(picture)
    return results


def _compared_styles(candidates: Sequence[Candidate]) -> set[str]:
    """The published networks' styles that another network paints too."""
    published = {style for each in candidates if each.name == PUBLISHED for style in each.slugs}
    return published & {style for each in candidates if each.name != PUBLISHED for style in each.slugs}


def _blend(
    scores: Sequence[Score],
    photo: Photo,
    painted: Mapping[str, Pixels],
    compared: Collection[str],
    judge: Judge,
) -> list[Blended]:
    """The compared styles at every strength; at full strength they are measured already."""
    measured = [
        (score, score.style_distance)
        for score in scores
        if score.style in compared and score.style_distance is not None
    ]
    points = [Blended(s.network, s.style, s.photo, 1.0, s.content, style) for s, style in measured]
    wanted = [(score, strength) for score, _ in measured for strength in STRENGTHS[1:]]
    pictures = [
        (score.style, blend(photo.pixels, painted[score.style], strength)) for score, strength in wanted
    ]
    for (score, strength), (content, style, _) in zip(wanted, judge.distances(photo, pictures), strict=True):
        assert style is not None
        points.append(Blended(score.network, score.style, score.photo, strength, content, style))
    return points


@dataclass(frozen=True)
class Sheet:
    """A contact sheet's file name, its heading, and the file."""

    file: str
    title: str
    data: bytes


def make_sheets(
    candidates: Sequence[Candidate], photos: Sequence[Photo], pictures: Pictures
) -> Iterable[Sheet]:
    """A sheet that sets the networks side by side on common styles, and one for each network."""
    shown = [photo for photo in photos if photo.shown]
    if not shown:
        return
    common = [style for style in candidates[0].slugs if all(style in c.slugs for c in candidates)]
    if len(candidates) > 1 and common:
        names = [candidate.name for candidate in candidates]
        compared = shown[:COMPARED_PHOTOS]
        rows = {
            title_of(style): [pictures[name, style, photo.name] for photo in compared for name in names]
            for style in common
        }
        captions = names * len(compared)
        sheet = make_sheet("The same styles by each network", rows, COMPARISON_HEIGHT, captions)
        yield Sheet("comparison.webp", f"Side by side: {', '.join(names)}", sheet)
    for candidate in candidates:
        rows = {"Photo": [Image.fromarray(photo.pixels) for photo in shown]}
        for style in candidate.slugs:
            rows[title_of(style)] = [pictures[candidate.name, style, photo.name] for photo in shown]
        title = f"Every style of {candidate.name}"
        yield Sheet(f"{candidate.name}.webp", title, make_sheet(title, rows, SHEET_HEIGHT))
