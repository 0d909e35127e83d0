"""``flask networks ship``: from a training's folder to the networks that ship in ``models/``."""

from __future__ import annotations

import csv
import dataclasses
from collections.abc import Iterable, Sequence
from pathlib import Path

import click
import numpy as np
from flask.cli import with_appcontext
from PIL import Image

from app.commands.console import BadInput, OneLineCommand, Progress, bad_input_is_one_line
from app.config import PROJECT_ROOT
from app.engine.catalogue import Catalogue, StyleFacts, is_name, ship_network
from app.engine.networks.checkpoints import Checkpoint, load_checkpoint, save_checkpoint
from app.engine.typing import Pixels
from app.files import write_whole

MODELS = PROJECT_ROOT / "models"
FACTS = "paintings.tsv"
LOSSES = "losses.csv"
SAMPLES = PROJECT_ROOT / "static" / "samples"
SAMPLE_SIDE = 384
# By how many levels of 255 a pixel may change when kernels are rounded to float16.
TOLERANCE = 1
MEMORY = 1 << 30
# How the names of networks end that paint in another one's place where FAST_NETWORKS=true.
FAST = "_fast"


@click.command("ship", cls=OneLineCommand)
@click.argument("trained", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--name", default="", help="The name of the network. Default: the name of its file.")
@click.option(
    "--folder",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    default=MODELS,
    help="A folder with a catalogue and paintings.tsv. Default: models/.",
)
@with_appcontext
@bad_input_is_one_line
def ship(trained: Path, name: str, folder: Path) -> None:
    """Put the network TRAINED, a checkpoint of this project, first in the catalogue that ships.

    If they exist beside TRAINED, two files go along: the description of its training, and the losses
    (losses.csv, as NAME.csv).

    Kernels are rounded to float16 if that moves no pixel of the sample photos by more than one level.
    This network takes over its styles from the network that painted them before. A network that loses all
    its styles stays as a file, for comparison.

    A network called X_fast is the fast variant of a network X on offer. It joins X, and paints in its place
    where FAST_NETWORKS=true.
    """
    checkpoint = load_checkpoint(trained)
    name = name or trained.stem
    if not is_name(name):
        raise BadInput(f"{name!r} cannot name a network: use a-z, 0-9 and single underscores between them.")
    if name.endswith(FAST) and (taken := _styles_of(name.removesuffix(FAST), folder)):
        _ship_variant(trained, checkpoint, name, folder, taken)
    else:
        _ship_network(trained, checkpoint, name, folder)


def _ship_network(trained: Path, checkpoint: Checkpoint, name: str, folder: Path) -> None:
    styles = read_facts(folder / FACTS, checkpoint.styles)
    kind = _copy(trained, checkpoint, name, folder)
    idle = ship_network(folder, f"{name}.npz", styles)
    click.echo(f"{name} ships with {len(styles)} styles {kind}")
    for file in idle:
        if not _is_variant(folder / file):
            click.echo(f"{file} no longer paints any style: keep it for comparison, or delete it.")
    click.echo("Next: flask styles render-previews")


def _ship_variant(
    trained: Path, checkpoint: Checkpoint, name: str, folder: Path, styles: Iterable[str]
) -> None:
    """Put a fast variant beside its network, whose ``styles`` it is to paint; the catalogue stays."""
    whole = name.removesuffix(FAST)
    for slug in styles:
        if slug not in checkpoint.styles:
            raise BadInput(f"{name} cannot replace {whole}: it has no style {slug}.")
    kind = _copy(trained, checkpoint, name, folder)
    click.echo(f"{name} ships as the fast variant of {whole} {kind}")


def _copy(trained: Path, checkpoint: Checkpoint, name: str, folder: Path) -> str:
    """Put a network's files into the folder, and say in what numbers its kernels are kept."""
    difference = rounding_difference(checkpoint, _samples())
    kernel_type = np.float16 if difference <= TOLERANCE else np.float32
    save_checkpoint(folder / f"{name}.npz", checkpoint, kernel_type=kernel_type)
    _take_along([trained.with_suffix(".json")], folder / f"{name}.json")
    # A network that has shipped already has its losses under its own name.
    _take_along([trained.with_name(LOSSES), trained.with_suffix(".csv")], folder / f"{name}.csv")
    return (
        f"in {np.dtype(kernel_type).name}:\n"
        f"rounding to float16 moves a pixel by {difference} of 255 levels at most."
    )


def _styles_of(network: str, folder: Path) -> list[str]:
    """The styles that a folder's catalogue has a network paint."""
    return [style.slug for style in Catalogue([folder]).styles if style.checkpoint.stem == network]


def _is_variant(network: Path) -> bool:
    """Whether a file is the fast variant of a network that lies beside it."""
    whole = network.stem.removesuffix(FAST)
    return whole != network.stem and network.with_stem(whole).is_file()


def _take_along(candidates: Sequence[Path], target: Path) -> None:
    """Copy the first of the files that is there; without any, none that an older network left may stay."""
    for path in candidates:
        if path.is_file():
            write_whole(target, path.read_bytes())
            return
    target.unlink(missing_ok=True)


def read_facts(path: Path, slugs: Iterable[str]) -> list[StyleFacts]:
    """What is known of the paintings behind styles, in the order of ``slugs``.

    Raises:
        BadInput: a painting is not in the table.
    """
    with path.open(encoding="utf-8", newline="") as file:
        known = {row["slug"]: row for row in csv.DictReader(file, delimiter="\t")}
    missing = [slug for slug in slugs if slug not in known]
    if missing:
        raise BadInput(f"{path.name} has no line for {missing[0]}: add one.")
    return [_facts(**known[slug]) for slug in slugs]


def _facts(*, year: str, public_domain: str, **words: str) -> StyleFacts:
    return StyleFacts(**words, year=int(year), public_domain=public_domain == "yes")


def rounding_difference(checkpoint: Checkpoint, photos: Sequence[Pixels]) -> int:
    """By how many levels a pixel of some photo in some style differs at most when kernels are float16."""
    from app.engine.network import Network, Pass, StyleRows
    from app.engine.stylizer import CPU, configure_tensorflow

    configure_tensorflow()
    kernels = {layer: kernel.astype(np.float16) for layer, kernel in checkpoint.kernels.items()}
    rounded = dataclasses.replace(
        checkpoint, kernels={layer: kernel.astype(np.float32) for layer, kernel in kernels.items()}
    )
    networks = [Network(each, precision="float32", device=CPU) for each in (checkpoint, rounded)]
    largest = 0
    with Progress() as progress:
        for index, slug in enumerate(checkpoint.styles):
            progress.show(index / len(checkpoint.styles), slug)
            style = StyleRows(checkpoint.row(slug))
            for photo in photos:
                wanted = Pass(photo, style, exact=True, budget=MEMORY)
                one, other = (network.paint(wanted).astype(int) for network in networks)
                largest = max(largest, int(np.abs(one - other).max()))
    return largest


def _samples() -> list[Pixels]:
    photos = []
    for path in sorted(SAMPLES.glob("*.jpg")):
        with Image.open(path) as file:
            photo = file.convert("RGB")
        photo.thumbnail((SAMPLE_SIDE, SAMPLE_SIDE), Image.Resampling.LANCZOS)
        photos.append(np.asarray(photo))
    return photos
