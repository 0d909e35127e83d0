"""``flask stylize``: paints photos without the site and its database."""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import click
import numpy as np
from flask.cli import with_appcontext

from app.commands.console import (
    BadInput,
    Incomplete,
    Interrupted,
    OneLineCommand,
    Progress,
    bad_input_is_one_line,
    sentence,
)
from app.commands.jobs import (
    ENCODERS,
    STANDARD,
    Finished,
    Job,
    check_depth,
    encode,
    plan_folder,
    plan_single,
    sweep,
)
from app.commands.painting import Painter, Painting, painting_options
from app.files import write_whole
from app.imaging import DecodedPhoto, decode_photo
from app.wiring import settings

# A job, its result, and more facts about it.
Outcome = tuple[Job, str, dict[str, Any]]


@click.command("stylize", cls=OneLineCommand)
@click.argument("inputs", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path), help="A file, a folder, or - (stdout)."
)
@click.option(
    "--format", "kind", type=click.Choice(["png", "jpg", "webp", "tif"]), help="The format of the pictures."
)
@click.option("--keep-alpha", is_flag=True, help="Keep the photo's transparency in PNG, WebP and TIFF.")
@click.option(
    "--depth",
    type=click.Choice(["8", "16"]),
    default="8",
    show_default=True,
    help="Bits per channel; 16 for PNG and TIFF. Photo and painting have 8, their mixture has more.",
)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object per picture.")
@with_appcontext
@bad_input_is_one_line
@painting_options
def stylize(
    inputs: tuple[Path, ...],
    output: Path,
    kind: str | None,
    keep_alpha: bool,
    depth: str,
    as_json: bool,
    painting: Painting,
) -> None:
    """Paint photos: one file, several, folders, or - for standard input.

    One photo becomes the file OUTPUT. Several photos, or folders, become files in the folder OUTPUT.
    Pictures that are already finished there are skipped.
    """
    if output == STANDARD and as_json:
        raise BadInput("--json and a picture cannot both go to standard output. Name a file with -o")
    painting = replace(painting, keep_alpha=keep_alpha, depth=int(depth))
    if _is_folder(inputs, output):
        if STANDARD in (*inputs, output):
            raise BadInput("- means one picture. It cannot be used with several photos or with a folder")
        _stylize_folder(plan_folder(inputs, output, kind), output, painting, as_json)
    else:
        _stylize_single(plan_single(inputs[0], output, kind), painting, as_json)


def _is_folder(inputs: Sequence[Path], output: Path) -> bool:
    """Whether ``output`` is a folder of pictures."""
    looks_like_a_file = output.suffix.lower().removeprefix(".") in ENCODERS
    if len(inputs) == 1 and inputs[0].is_dir() and looks_like_a_file:
        raise BadInput(
            f"{inputs[0]} is a folder, so its pictures cannot all become {output}. Name a folder with -o"
        )
    return len(inputs) > 1 or inputs[0].is_dir() or (output.is_dir() and not looks_like_a_file)


def _stylize_single(job: Job, painting: Painting, as_json: bool) -> None:
    if painting.depth == 16:
        check_depth([job])
    try:
        photo = _read(job)
        painter = painting.load()
        with Progress() as progress:
            facts = _paint(job, photo, painter, lambda share: progress.show(share, job.source.name))
    except KeyboardInterrupt:
        raise Interrupted(f"Interrupted: {job.source} is not painted.") from None
    except Exception as error:
        _tell(as_json, job, painting, "failed", error=sentence(error))
        raise
    _tell(as_json, job, painting, "painted", **facts)


def _stylize_folder(jobs: Sequence[Job], folder: Path, painting: Painting, as_json: bool) -> None:
    if painting.depth == 16:
        check_depth(jobs)
    folder.mkdir(parents=True, exist_ok=True)
    counts: Counter[str] = Counter()
    with Finished.of(folder, painting.identity()) as finished:
        sweep(jobs)
        try:
            for job, status, facts in _each(jobs, finished, painting):
                counts[status] += 1
                _tell(as_json, job, painting, status, **facts)
        except KeyboardInterrupt:
            left = len(jobs) - counts.total()
            raise Interrupted(
                f"Interrupted: {_summary(counts)}, {left} to go. Run the same command again to continue."
            ) from None
    if counts["failed"]:
        raise Incomplete(f"{_summary(counts)}.")
    click.echo(f"{_summary(counts)}.", err=True)


def _each(jobs: Sequence[Job], finished: Finished, painting: Painting) -> Iterator[Outcome]:
    """Do the jobs and yield each outcome; a bad photo never stops the rest.

    Raises:
        EngineError: the device is missing, so no photo can be painted.
    """
    painter: Painter | None = None
    with Progress() as progress:
        for number, job in enumerate(jobs):

            def show(share: float, number: int = number, job: Job = job) -> None:
                progress.show((number + share) / len(jobs), f"{number + 1}/{len(jobs)} {job.source.name}")

            show(0.0)
            try:
                record = finished.record(job)
                photo = None if record in finished else _read(job)
            except Exception as error:
                yield _failed(job, error, progress)
                continue
            if photo is None:
                yield job, "skipped", {}
                continue
            painter = painter or painting.load()
            try:
                facts = _paint(job, photo, painter, show)
                finished.add(record)
            except Exception as error:
                yield _failed(job, error, progress)
            else:
                yield job, "painted", facts


def _failed(job: Job, error: Exception, progress: Progress) -> Outcome:
    progress.say(f"{job.source}: {sentence(error)}")
    return job, "failed", {"error": sentence(error)}


def _read(job: Job) -> DecodedPhoto:
    if job.source == STANDARD:
        return _decode(BytesIO(sys.stdin.buffer.read()))
    with job.source.open("rb") as file:
        return _decode(file)


def _decode(file: BinaryIO) -> DecodedPhoto:
    return decode_photo(file, max_pixels=settings().upload_max_pixels)


def _paint(job: Job, photo: DecodedPhoto, painter: Painter, show: Callable[[float], None]) -> dict[str, Any]:
    """Paint a photo into its file; returns what can be told about it."""
    start = time.perf_counter()
    asked, pixels = painter.painting, np.asarray(photo.image)
    painted = painter.paint(pixels, show) if asked.depth == 8 else painter.paint_fine(pixels, show)
    seconds = time.perf_counter() - start
    data = encode(job.kind, painted, photo.alpha if asked.keep_alpha else None)
    if job.target == STANDARD:
        sys.stdout.buffer.write(data)
    else:
        write_whole(job.target, data)
    return {"width": photo.image.width, "height": photo.image.height, "seconds": round(seconds, 3)}


def _tell(as_json: bool, job: Job, painting: Painting, status: str, **facts: Any) -> None:
    if as_json:
        told = {"input": str(job.source), "output": str(job.target), "status": status, "error": None}
        click.echo(json.dumps(told | painting.facts() | facts))


def _summary(counts: Counter[str]) -> str:
    return f"{counts['painted']} painted, {counts['skipped']} already finished, {counts['failed']} failed"
