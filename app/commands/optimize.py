"""``flask optimize``: a picture by the optimisation itself, minutes instead of a second."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np
import numpy.typing as npt
from flask.cli import with_appcontext
from PIL import Image

from app.commands.console import (
    BadInput,
    Interrupted,
    OneLineCommand,
    Progress,
    bad_input_is_one_line,
    load_stylizer,
)
from app.commands.jobs import ENCODERS
from app.commands.painting import GreyFile
from app.commands.training_data import loss_weights
from app.engine.errors import InvalidOption
from app.engine.optimization.recipe import (
    RECIPES,
    AdamSettings,
    LbfgsSettings,
    OptimizationRecipe,
    coarse_to_fine,
)
from app.files import write_whole
from app.imaging import decode_photo
from app.imaging.faces import find_faces, spare_faces
from app.wiring import catalogue, settings

if TYPE_CHECKING:
    from app.engine.optimization.colors import Colors
    from app.engine.optimization.run import Outcome, Sources
    from app.engine.optimization.run import Progress as Step
    from app.engine.stylizer import Stylizer

Pixels = npt.NDArray[np.uint8]

# The film of a run has about so many pictures, each of a 25th of a second.
FRAMES = 240

# Options whose value takes the place of a field of the recipe: option, field, type, help.
_SETTINGS: tuple[tuple[str, str, Any, str], ...] = (
    ("--network", "network", click.Choice(["vgg16", "vgg19"]), "The loss network."),
    ("--size", "size", int, "The long side of the picture in pixels, at most 2048."),
    ("--start", "start", click.Choice(["photo", "noise", "feed-forward"]), "The picture to start from."),
    ("--pooling", "pooling", click.Choice(["max", "average"]), "The loss network's pooling."),
    ("--content-weight", "content_weight", float, "How much the photo counts (alpha)."),
    ("--style-weight", "style_weight", float, "How much the painting counts (beta)."),
    ("--style2-weight", "second_style_weight", float, "How much the second painting counts (gamma)."),
    ("--tv-weight", "total_variation", float, "How much smoothness counts (total variation)."),
    ("--epoch", "epoch", int, "Steps per epoch: after each, --pictures gets a picture."),
)


def _layer_weights(
    context: click.Context, option: click.Parameter, values: Sequence[str]
) -> dict[str, float]:
    """NAME or NAME=WEIGHT, several times, as weights by layer."""
    weights = {}
    for value in values:
        name, _, weight = value.partition("=")
        try:
            weights[name] = float(weight or 1)
        except ValueError:
            raise click.BadParameter(f"{value} is not LAYER or LAYER=WEIGHT.") from None
    return weights


def _options(command: Callable[..., Any]) -> Callable[..., Any]:
    for name, field, kind, text in reversed(_SETTINGS):
        command = click.option(name, field, type=kind, help=f"{text} By default the recipe's.")(command)
    return command


@click.command("optimize", cls=OneLineCommand)
@click.argument("photo", type=click.Path(path_type=Path))
@click.option("--style", required=True, type=click.Path(path_type=Path), help="A picture of a painting.")
@click.option("--style2", type=click.Path(path_type=Path), help="A second painting, mixed with the first.")
@click.option("--recipe", "name", type=click.Choice([*RECIPES]), default="masterwork", show_default=True)
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="A PNG, JPEG or WebP.")
@_options
@click.option(
    "--levels",
    type=click.IntRange(1, 4),
    help="Paint from coarse to fine: so many sizes, each twice the one before. By default one.",
)
@click.option("--steps", type=int, help="How many steps to take. By default the recipe's.")
@click.option("--epochs", type=int, help="The same in epochs.")
@click.option("--content-layer", multiple=True, callback=_layer_weights, metavar="LAYER[=WEIGHT]")
@click.option("--style-layer", multiple=True, callback=_layer_weights, metavar="LAYER[=WEIGHT]")
@click.option("--optimizer", type=click.Choice(["adam", "lbfgs"]), help="By default the recipe's.")
@click.option("--rate", type=float, help="The step size: levels for Adam, Newton steps for L-BFGS.")
@click.option("--weights", type=click.Path(path_type=Path), help="A file of the loss network's weights.")
@click.option("--precision", type=click.Choice(["float32", "bfloat16"]), default="float32", show_default=True)
@click.option("--start-style", help="The style of the feed-forward start. By default the nearest one.")
@click.option(
    "--keep-colors", type=click.Choice(["luminance", "histogram"]), help="Keep the photo's colours."
)
@click.option("--colors-only", is_flag=True, help="Take nothing but the colours from the painting.")
@click.option("--keep-faces", is_flag=True, help="Leave faces as they are in the photo.")
@click.option("--mask", type=click.Path(path_type=Path), help="A grey picture: white where to paint.")
@click.option("--seed", type=int, default=1, show_default=True, help="Of the noise to start from.")
@click.option("--film", type=click.Path(path_type=Path), help="An .mp4 or .gif of the process.")
@click.option("--losses", type=click.Path(path_type=Path), help="A CSV file with the losses of each step.")
@click.option("--pictures", type=click.Path(path_type=Path), help="A folder for a picture per epoch.")
@click.option("--resume", is_flag=True, help="Go on where the same command was stopped.")
@with_appcontext
@bad_input_is_one_line
def optimize(
    photo: Path,
    style: Path,
    style2: Path | None,
    name: str,
    output: Path,
    weights: Path | None,
    precision: Any,
    start_style: str | None,
    resume: bool,
    losses: Path | None,
    film: Path | None,
    pictures: Path | None,
    **chosen: Any,
) -> None:
    """Paint PHOTO in the style of a painting by descending the losses of a recipe.

    This takes minutes where ``flask stylize`` takes a second, and needs no training. Stop it at any time:
    with --resume the same command goes on.
    """
    kind = output.suffix.lower().removeprefix(".")
    if kind not in ENCODERS:
        raise BadInput(f"{output}: the picture's name must end in one of {', '.join(ENCODERS)}")
    from app.video.timelapse import check_timelapse

    if film:
        check_timelapse(film)
    recipe = _recipe(name, chosen)
    sources = _sources(photo, [style, *([style2] if style2 else [])], chosen)
    files = _Files(output, kind, film, losses, pictures)
    _paint(recipe, sources, files, _Descent(weights, precision, start_style, resume))


def _recipe(name: str, chosen: dict[str, Any]) -> OptimizationRecipe:
    """The recipe with what the command line changes."""
    recipe = RECIPES[name]()
    changes = {field: chosen[field] for _, field, _, _ in _SETTINGS if chosen[field] is not None}
    changes |= {
        field: chosen[option]
        for option, field in (("content_layer", "content"), ("style_layer", "style"))
        if chosen[option]
    }
    if chosen["optimizer"]:
        changes["optimizer"] = AdamSettings() if chosen["optimizer"] == "adam" else LbfgsSettings()
    if chosen["rate"] is not None:
        changes["optimizer"] = replace(changes.get("optimizer", recipe.optimizer), rate=chosen["rate"])
    if chosen["levels"] is not None:
        changes["stages"] = coarse_to_fine(chosen["levels"])
    recipe = replace(recipe, **changes)
    if chosen["steps"] is not None and chosen["epochs"] is not None:
        raise BadInput("--steps and --epochs both say how long: use one of them")
    if chosen["epochs"] is not None:
        recipe = replace(recipe, steps=chosen["epochs"] * recipe.epoch)
    if chosen["steps"] is not None:
        recipe = replace(recipe, steps=chosen["steps"])
    recipe.check()
    if recipe.network != RECIPES[name]().network:
        click.echo(f"{name} is made for {RECIPES[name]().network}; this run uses {recipe.network}.", err=True)
    return recipe


def _sources(photo: Path, paintings: Sequence[Path], chosen: dict[str, Any]) -> Sources:
    from app.engine.optimization.colors import colors_for
    from app.engine.optimization.run import Sources

    if chosen["keep_colors"] and chosen["colors_only"]:
        raise BadInput("--keep-colors and --colors-only exclude each other")
    if chosen["keep_faces"] and chosen["mask"]:
        raise BadInput("--keep-faces and --mask exclude each other")
    image = _decode(photo)
    pixels = np.asarray(image)
    colors: Colors = "only" if chosen["colors_only"] else chosen["keep_colors"] or "painting"
    if colors_for(pixels, colors) != colors:
        click.echo(f"{photo} is black and white, so the picture takes the painting's colours.", err=True)
    mask = GreyFile.read(chosen["mask"]).at(image.height, image.width) if chosen["mask"] else None
    if chosen["keep_faces"]:
        faces = find_faces(image)
        if not faces:
            click.echo(f"{photo}: no face found, so nothing is kept.", err=True)
        mask = spare_faces(image, faces)
    styles = tuple(np.asarray(_decode(path)) for path in paintings)
    return Sources(pixels, styles, mask=mask, colors=colors, seed=chosen["seed"])


def _decode(path: Path) -> Image.Image:
    with path.open("rb") as file:
        return decode_photo(file, max_pixels=settings().upload_max_pixels).image


@dataclass(frozen=True)
class _Descent:
    """How to run: what is not part of the recipe."""

    weights: Path | None
    precision: Any
    start_style: str | None
    resume: bool


@dataclass(frozen=True)
class _Files:
    """What a run writes, and the folder beside the picture that holds an unfinished one."""

    output: Path
    kind: str
    film: Path | None
    losses: Path | None
    pictures: Path | None

    @property
    def folder(self) -> Path:
        return self.output.with_name(f"{self.output.name}.partial")

    @property
    def checkpoint(self) -> Path:
        return self.folder / "checkpoint.npz"

    @property
    def start(self) -> Path:
        return self.folder / "start.png"

    def keep(self, step: Step, epoch: int) -> None:
        """Write what belongs to a step: a picture of the film, a picture of the epoch."""
        every = max(1, step.steps // FRAMES)
        if self.film and (step.step % every == 0 or step.step == step.steps):
            self._save(self.folder / "film" / f"{step.step:06}.png", step.picture())
        if self.pictures and step.step % epoch == 0:
            self._save(self.pictures / f"{self.output.stem}_{step.step:05}.{self.kind}", step.picture())

    def _save(self, path: Path, picture: Pixels) -> None:
        write_whole(path, ENCODERS[path.suffix.removeprefix(".")](Image.fromarray(picture)))

    def finish(self, outcome: Outcome) -> None:
        """Write the picture, its film and its losses, and remove what an unfinished run needs."""
        from app.engine.optimization.run import write_losses
        from app.video.timelapse import write_timelapse

        if self.losses:
            write_whole(self.losses, write_losses(outcome.history))
        if self.film:
            last = self.folder / "film" / "last.png"
            self._save(last, outcome.picture)
            write_timelapse(self.film, sorted(last.parent.glob("*.png")))
        write_whole(self.output, ENCODERS[self.kind](Image.fromarray(outcome.picture)))
        shutil.rmtree(self.folder)


def _paint(recipe: OptimizationRecipe, sources: Sources, files: _Files, descent: _Descent) -> None:
    from app.engine.optimization.run import optimize as run
    from app.engine.stylizer import configure_tensorflow

    configure_tensorflow()
    weights = loss_weights(descent.weights, recipe.network, recipe.layers)
    if descent.resume and not files.checkpoint.is_file():
        raise BadInput(f"{files.output}: there is nothing to resume. Run the command without --resume.")
    if not descent.resume and files.folder.is_dir():
        shutil.rmtree(files.folder)
    files.folder.mkdir(parents=True, exist_ok=True)
    done = 0
    with Progress() as progress:

        def report(step: Step) -> None:
            nonlocal done
            done = step.step
            progress.show(step.step / step.steps, f"step {step.step}  loss {step.losses['total']:.4g}")
            files.keep(step, recipe.epoch)

        try:
            if recipe.start == "feed-forward":
                progress.show(0.0, "feed-forward start")
                sources = replace(sources, start=_start(recipe, sources, files.start, weights, descent))
            outcome = run(
                recipe,
                sources,
                weights=weights,
                precision=descent.precision,
                checkpoint=files.checkpoint,
                resume=descent.resume,
                report=report,
            )
        except KeyboardInterrupt:
            raise Interrupted(f"Interrupted after step {done}. Add --resume to go on from there.") from None
        except InvalidOption as error:
            if weights == "imagenet" and "could not fetch" in str(error):
                raise BadInput(f"{error} --network vgg16 needs neither.") from error
            raise
    files.finish(outcome)
    click.echo(f"{files.output}: {recipe.name}, loss {outcome.losses['total']:.4g}", err=True)


def _start(
    recipe: OptimizationRecipe, sources: Sources, kept: Path, weights: str | Path, descent: _Descent
) -> Pixels:
    """The feed-forward picture to start from; a resumed run has it already."""
    from app.engine.cascade import resize
    from app.engine.optimization.run import working_size
    from app.engine.optimization.starting import nearest_style

    if descent.resume and kept.is_file():
        return np.asarray(_decode(kept))
    stylizer: Stylizer = load_stylizer()
    slug = descent.start_style or nearest_style(
        recipe,
        sources.photo,
        sources.paintings,
        [style.slug for style in catalogue().styles],
        stylizer.stylize,
        weights,
    )
    small = resize(sources.photo, *working_size(sources.photo, recipe.size))
    picture = stylizer.stylize(small, slug)
    write_whole(kept, ENCODERS["png"](Image.fromarray(picture)))
    return picture
