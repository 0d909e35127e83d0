"""Measure engines side by side; print the table, and write it with a chart."""

from __future__ import annotations

import argparse
import shlex
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from app.config import PROJECT_ROOT
from app.engine.catalogue import Catalogue, StyleFacts
from app.engine.networks.checkpoints import Checkpoint, read_tensorflow1_checkpoint, save_checkpoint
from bench.machine import PRECISIONS
from bench.peers.chart import chart
from bench.peers.driver import PIXELS_TOGETHER, Driver
from bench.peers.engines import ENGINES, Engine, Job
from bench.peers.network import random_checkpoint
from bench.peers.results import Report, Size, load_report, size_text, this_machine
from bench.peers.table import comparisons, failures, page, table

SIZES: tuple[Size, ...] = ((512, 512), (1024, 1024), (2048, 2048), (4000, 3000))
ROUNDS = 9
# Large pictures vary less, and their processes restart in each round.
ROUNDS_LARGE = 3
PUBLISHED = PROJECT_ROOT.parent / "shared" / "checkpoints" / "udnie.ckpt"
PEERS_PYTHON = PROJECT_ROOT / ".venv-bench" / "bin" / "python"
HOUSE_STYLE = "udnie"
ALL_ENGINES = [""]  # every name starts with ""
MEASURABLE = (*PRECISIONS, "auto")


def main(arguments: list[str]) -> None:
    options = parse(arguments)
    engines = choose_engines(options.engines)
    checkpoint, weights = published_checkpoint(options.published)
    report = Report(this_machine(), weights)
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        jobs = prepare_jobs(folder, checkpoint)
        pythons = {True: options.python, False: Path(sys.executable)}
        driver = Driver(
            jobs={engine.name: job_of(engine, jobs) for engine in engines},
            pythons={engine.name: pythons[engine.peer] for engine in engines},
            folder=folder,
        )
        for size in options.sizes:
            print(f"Measuring {size_text(size)} ...", file=sys.stderr, flush=True)
            rounds = options.rounds or (ROUNDS if size[0] * size[1] <= PIXELS_TOGETHER else ROUNDS_LARGE)
            command = _command(options, size, rounds)
            report.replace(size, driver.measure(engines, size, rounds), command)
    print(table(report), comparisons(report), failures(report), sep="\n\n")
    if options.output:
        write(report, options.output)


def _command(options: argparse.Namespace, size: Size, rounds: int) -> str:
    """The command that repeats one size's measurement, with only the names of files."""
    words = ["python", "-m", "bench", "peers", "--sizes", size_text(size), "--rounds", str(rounds)]
    if options.engines != ALL_ENGINES:
        words += ["--engines", *options.engines]
    if options.published != PUBLISHED:
        words += ["--published", options.published.name]
    return shlex.join(words)


def write(report: Report, folder: Path) -> None:
    """Write page, chart and figures; keep earlier results of other sizes."""
    folder.mkdir(parents=True, exist_ok=True)
    figures = folder / "peers.json"
    if figures.exists():
        older = load_report(figures)
        if older.machine == report.machine:
            for size in report.sizes:
                older.replace(size, report.at(size), report.commands[size_text(size)])
            report = replace(older, weights=report.weights)
    report.save(figures)
    (folder / "peers.svg").write_text(chart(report), encoding="utf-8")
    (folder / "README.md").write_text(page(report, "peers.svg"), encoding="utf-8")


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench peers", description=__doc__)
    option = parser.add_argument
    option("--sizes", nargs="+", type=parse_size, default=SIZES, metavar="SIZE", help="1024 or 4000x3000")
    option("--rounds", type=int, help=f"runs of each engine; {ROUNDS}, for large sizes {ROUNDS_LARGE}")
    names = ", ".join(engine.name for engine in ENGINES)
    option("--engines", nargs="+", default=ALL_ENGINES, metavar="NAME", help=f"beginnings of: {names}")
    option("--python", type=Path, default=PEERS_PYTHON, help="the Python that has the peers")
    option("--published", type=Path, default=PUBLISHED, help="a published checkpoint")
    option("--output", type=Path, help="a folder for the page, the chart and the figures (docs/benchmarks)")
    return parser.parse_args(arguments)


def parse_size(text: str) -> Size:
    width, _, height = text.partition("x")
    return int(width), int(height or width)


def choose_engines(beginnings: list[str]) -> list[Engine]:
    """The engines with these prefixes; without any, all except emulated bfloat16."""
    measurable = [engine for engine in ENGINES if beginnings != ALL_ENGINES or engine.precision in MEASURABLE]
    chosen = [engine for engine in measurable if engine.name.startswith(tuple(beginnings))]
    if not chosen:
        raise SystemExit(
            "No engine is called that. There are: " + ", ".join(engine.name for engine in ENGINES)
        )
    return chosen


def published_checkpoint(path: Path) -> tuple[Checkpoint, str]:
    """The published network, and a sentence about its weights."""
    if path.exists():
        return read_tensorflow1_checkpoint(path, "published"), f"Published network: {path.name}."
    return random_checkpoint("published"), (
        "Published network: its architecture with chance weights, since the checkpoint is not here; "
        "time and memory do not depend on weights."
    )


def prepare_jobs(folder: Path, checkpoint: Checkpoint) -> dict[str, Job]:
    """A job per network.

    Published and fast get catalogues of their own; house is as shipped.
    """
    published = Catalogue([folder / "published"])
    save_checkpoint(published.import_folder / "published.npz", checkpoint)
    published.add(StyleFacts("published", "Published"), "published.npz")
    fast = Catalogue([folder / "house_fast"])
    fast.add(StyleFacts(HOUSE_STYLE, HOUSE_STYLE), str(PROJECT_ROOT / "models" / "house_fast.npz"))
    house = Catalogue([PROJECT_ROOT / "models"])
    styles = {
        "published": (published, "published"),
        "house": (house, HOUSE_STYLE),
        "house_fast": (fast, HOUSE_STYLE),
    }
    return {
        name: Job(name, catalogue.import_folder, catalogue.get(style).checkpoint, style, "float32")
        for name, (catalogue, style) in styles.items()
    }


def job_of(engine: Engine, jobs: dict[str, Job]) -> Job:
    return replace(jobs.get(engine.network, jobs["house"]), precision=engine.precision)
