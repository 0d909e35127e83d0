"""``flask stylize-video``: paints films frame by frame."""

from __future__ import annotations

import json
import math
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click
from flask.cli import with_appcontext

from app.commands.console import (
    BadInput,
    Incomplete,
    Interrupted,
    OneLineCommand,
    Progress,
    bad_input_is_one_line,
)
from app.commands.painting import Painting, painting_options, stamp
from app.video import DAMPING, SEGMENT_SECONDS


class _Finite(click.FloatRange):
    """A range that refuses infinity and NaN; comparisons alone let NaN through."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        number: float = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value} is not a usable number.", param, ctx)
        return number


@click.command("stylize-video", cls=OneLineCommand)
@click.argument("source", metavar="INPUT", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    help="A .mp4, .mov, .m4v, .mkv or .webm file.",
)
@click.option(
    "--damping",
    type=_Finite(0, 1, max_open=True),
    default=DAMPING,
    show_default=True,
    help="Reduces flicker: how much of the previous frame stays where nothing moves. 0 turns it off.",
)
@click.option(
    "--segment",
    type=_Finite(0, min_open=True),
    default=SEGMENT_SECONDS,
    show_default=True,
    help="Save the finished part after this many seconds of film.",
)
@click.option(
    "--keep-alpha",
    is_flag=True,
    help="Keep a transparent film transparent, in .webm, .mkv or .mov. Otherwise it is painted on white.",
)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object about the film.")
@with_appcontext
@bad_input_is_one_line
@painting_options
def stylize_video(
    source: Path,
    output: Path,
    damping: float,
    segment: float,
    keep_alpha: bool,
    as_json: bool,
    painting: Painting,
) -> None:
    """Paint the film INPUT, with its sound, its time stamps and the right way up.

    Finished parts are kept in the folder OUTPUT.partial until the film is complete. After an interruption,
    run the same command again to continue.
    """
    if not output.parent.is_dir():
        raise BadInput(f"{output.parent}: there is no such folder. Create it first")
    if output.is_dir():
        raise BadInput(f"{output}: this is a folder. Name a file")
    if output.resolve() == source.resolve():
        raise BadInput(f"{output}: the painted film would overwrite the original. Choose another name")
    from app.video.film import Wishes, paint_film

    identity = {"source": stamp(source), "painting": painting.identity()}
    start = time.perf_counter()
    with Progress() as progress:
        watcher = _Watcher(progress, source)
        try:
            wishes = Wishes(damping, segment, identity, keep_alpha)
            summary = paint_film(source, output, lambda: painting.load().paint, wishes, watcher)
        except KeyboardInterrupt:
            raise Interrupted(
                f"Interrupted: {watcher.frames} frames are kept. Run the same command again to continue."
            ) from None
    if as_json:
        facts = {"input": str(source), "output": str(output)} | asdict(summary) | painting.facts()
        click.echo(json.dumps(facts | {"damping": damping, "took": round(time.perf_counter() - start, 3)}))
    if summary.damage:
        raise Incomplete(f"{source}: the film is damaged ({summary.damage}). The readable part is painted.")


@dataclass
class _Watcher:
    """Shows progress on the terminal, and counts the finished frames."""

    progress: Progress
    source: Path
    frames: int = 0

    def leaves_out(self, streams: list[str]) -> None:
        self.progress.say(f"{self.source}: left out of the painted film: {', '.join(streams)}")

    def begins(self, finished: int, anew: bool) -> None:
        self.frames = finished
        if anew:
            self.progress.say(f"{self.source}: starting over, because the film or its options have changed")
        elif finished:
            self.progress.say(f"{self.source}: continuing after {finished} frames")

    def kept(self, frames: int) -> None:
        self.frames = frames

    def painted(self, frames: int, share: float | None) -> None:
        self.progress.show(share or 0.0, f"frame {frames}")
