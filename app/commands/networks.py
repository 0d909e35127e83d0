"""``flask networks``: trains networks, adds styles to them and evaluates them."""

from __future__ import annotations

import json
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from flask.cli import with_appcontext

from app.commands.console import (
    OneLineCommand,
    Progress,
    bad_input_is_one_line,
)
from app.commands.evaluate import evaluate
from app.commands.shipping import ship
from app.commands.styles import show_new_style, styles
from app.commands.training_data import loss_weights, lying_beside, read_training_picture, vgg_option
from app.config import PROJECT_ROOT
from app.engine.catalogue import StyleFacts, title_of
from app.engine.errors import CatalogueError
from app.engine.training.recipe import Recipe, parse_recipe, read_recipe
from app.files import write_whole
from app.wiring import catalogue, settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.engine.training.trainer import Progress as Trained

SAMPLES = PROJECT_ROOT / "static" / "samples"


@click.group("networks")
def networks() -> None:
    """Train, extend, compare and ship networks."""


networks.add_command(evaluate)
networks.add_command(ship)


def _training_data(command: Callable[..., None]) -> Callable[..., None]:
    photos = click.option(
        "--photos",
        type=click.Path(path_type=Path, exists=True, file_okay=False),
        **lying_beside("photos"),
        help="A folder of photos to train on.",
    )
    return photos(vgg_option(command))


@networks.command("train", cls=OneLineCommand)
@click.option(
    "--config",
    required=True,
    type=click.Path(path_type=Path),
    help="A recipe, such as those in models/recipes.",
)
@_training_data
@click.option(
    "--paintings",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    **lying_beside("paintings"),
    help="A folder with SLUG.jpg or SLUG.png for each style.",
)
@click.option("--start", type=click.Path(path_type=Path), help="A checkpoint of this project to start from.")
@click.option("--output", type=click.Path(path_type=Path), help="Default: a folder in instance/training.")
@with_appcontext
@bad_input_is_one_line
def train(
    config: Path, photos: Path, vgg: Path | None, paintings: Path, start: Path | None, output: Path | None
) -> None:
    """Train a network from a recipe.

    Stop it at any time. The same command continues from the last checkpoint, as long as the recipe, photos,
    paintings and weights are the same. The output folder holds the network, a file that describes its
    training, the losses and sheets of samples.
    """
    recipe = read_recipe(config)
    from app.engine.networks.checkpoints import load_checkpoint
    from app.engine.training import trainer
    from app.engine.training.pictures import find_paintings

    sources = trainer.Sources(
        photos=photos,
        paintings=find_paintings(paintings),
        loss_weights=loss_weights(vgg, recipe.loss.network, (*recipe.loss.content, *recipe.loss.style)),
        sheet_photos=tuple(sorted(SAMPLES.glob("*.jpg"))),
        start=load_checkpoint(start) if start else None,
        start_file=start,
        decode=read_training_picture,
    )
    folder = output or settings().instance_dir / "training" / recipe.name
    with Progress() as progress:
        path = trainer.train(
            recipe, sources, folder, code_version=_code_version(), report=_reporter(progress)
        )
    click.echo(f"{recipe.name} is trained: {path}")


@networks.command("add-style", cls=OneLineCommand)
@click.argument("painting", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--name", "slug", required=True, help="The slug of the new style: a-z, 0-9 and underscores.")
@click.option("--title", default="", help="The title people see. Default: made from the slug.")
@click.option("--artist", default="")
@click.option("--year", type=int)
@click.option("--movement", default="")
@click.option("--public-domain", is_flag=True, help="The painting is in the public domain.")
@click.option("--network", default="", help="The name of one of the site's networks. Default: the first.")
@click.option("--minutes", type=click.FloatRange(0.05, 600), default=4.0, show_default=True)
@_training_data
@with_appcontext
@bad_input_is_one_line
def add_style(
    painting: Path, slug: str, network: str, minutes: float, photos: Path, vgg: Path | None, **known: Any
) -> None:
    """Teach a network of this site the style of PAINTING, a JPEG or PNG file.

    Only the scales and shifts of the new style are fitted. They go into a small file, beside another that
    describes the fitting. The network and its other styles do not change, and the new style can be mixed
    with them.
    """
    offered = catalogue()
    facts = _facts(slug, **known)
    offered.check_new(facts)
    path = offered.find_network(network)
    from app.engine.networks.checkpoints import load_checkpoint, save_row
    from app.engine.stylizer import configure_tensorflow
    from app.engine.training.fitting import fit_style

    # Configure TensorFlow before the fitting; it cannot be configured later, for the preview.
    configure_tensorflow()
    checkpoint, recipe = load_checkpoint(path), recipe_of(path)
    with Progress() as progress:
        fitted = fit_style(
            checkpoint,
            recipe,
            slug,
            painting,
            photos,
            minutes=minutes,
            network_file=path,
            loss_weights=loss_weights(vgg, recipe.loss.network, (*recipe.loss.content, *recipe.loss.style)),
            code_version=_code_version(),
            decode=read_training_picture,
            report=_reporter(progress),
        )
    row = offered.import_folder / f"{path.stem}+{slug}.npz"
    save_row(row, checkpoint, fitted.row)
    write_whole(row.with_suffix(".json"), json.dumps(fitted.facts, indent=2).encode())
    offered.add_row(facts, path.name, row.name)
    show_new_style(offered, slug)


# The name under which people look for it.
styles.add_command(add_style, "from-picture")


def _facts(slug: str, *, title: str, public_domain: bool, **known: Any) -> StyleFacts:
    return StyleFacts(
        slug,
        title or title_of(slug),
        rights="Public domain" if public_domain else "Unknown: ask the rights holder",
        public_domain=public_domain,
        **known,
    )


def recipe_of(network: Path) -> Recipe:
    """The recipe in the file beside a network; the house recipe if there is none.

    The file of a style that was added names the network it started from; that network's recipe counts.
    """
    beside = network.with_suffix(".json")
    if not beside.exists():
        return read_recipe(PROJECT_ROOT / "models" / "recipes" / "house.toml")
    try:
        facts = json.loads(beside.read_text(encoding="utf-8"))
        while (recipe := parse_recipe(facts["recipe"])).rows_only:
            facts = facts["start"]["made_by"]
        return recipe
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CatalogueError(f"{beside.name} does not hold the recipe of {network.name}.") from error


def _reporter(progress: Progress) -> Callable[[Trained, float], None]:
    def report(trained: Trained, share: float) -> None:
        losses = "  ".join(f"{name} {value:.3g}" for name, value in sorted(trained.losses.items()))
        skipped = f"  skipped {trained.skipped}" if trained.skipped else ""
        progress.show(share, f"step {trained.step}  {losses}{skipped}")

    return report


def _code_version() -> str:
    """The commit of the code, else the project's version, else an empty string."""
    return _commit() or _project_version()


def _commit() -> str:
    git = shutil.which("git")
    if git is None or not (PROJECT_ROOT / ".git").exists():
        return ""
    asked: Any = subprocess.run(  # noqa: S603 - the command is fixed
        [git, "-C", str(PROJECT_ROOT), "describe", "--always", "--dirty"],
        capture_output=True,
        text=True,
        check=False,
    )
    return str(asked.stdout).strip()


def _project_version() -> str:
    about = PROJECT_ROOT / "pyproject.toml"
    if not about.is_file():
        return ""
    return str(tomllib.loads(about.read_text(encoding="utf-8"))["project"]["version"])
