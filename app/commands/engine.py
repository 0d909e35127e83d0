"""``flask stylize`` and ``flask styles``: the engine on the command line, without web or database."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import click
from flask.cli import with_appcontext
from PIL import Image

from app.config import PROJECT_ROOT
from app.engine.catalogue import StyleFacts
from app.engine.errors import EngineError
from app.errors import DomainError
from app.imaging import decode_photo, encode_jpeg, encode_png, encode_webp
from app.wiring import catalogue, settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.engine.stylizer import Stylizer

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

ENCODERS = {".png": encode_png, ".jpg": encode_jpeg, ".jpeg": encode_jpeg, ".webp": encode_webp}
SAMPLES = PROJECT_ROOT / "static" / "samples"
PREVIEW_SAMPLE = "chelsea"
# The pictures of the landing page: a sample photo and the style that suits it.
SHOWCASE = (
    ("chelsea", "rain_princess"),
    ("chelsea", "starry_night"),
    ("chelsea", "la_muse"),
    ("chelsea", "composition_viii"),
    ("coffee", "starry_night"),
    ("coffee", "la_muse"),
    ("coffee", "rain_princess"),
    ("astronaut", "la_muse"),
    ("astronaut", "starry_night"),
    ("astronaut", "rain_princess"),
)


class BadInput(click.ClickException):
    """One clear line on standard error, and exit code 2."""

    exit_code = 2

    def show(self, file: Any = None) -> None:
        click.echo(f"Error: {self.message}", err=True)


class OneLineCommand(click.Command):
    """A command whose wrong arguments are :class:`BadInput` too, without click's page of usage."""

    def make_context(self, *args: Any, **options: Any) -> click.Context:
        try:
            return super().make_context(*args, **options)
        except click.UsageError as error:
            raise BadInput(error.format_message()) from error


def bad_input_is_one_line(command: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """Turn what is wrong with a photo, a style or a path into :class:`BadInput`."""

    @wraps(command)
    def wrapped(*args: Arguments.args, **options: Arguments.kwargs) -> Result:
        try:
            return command(*args, **options)
        except (EngineError, DomainError) as error:
            raise BadInput(str(error)) from error
        except OSError as error:
            raise BadInput(f"{error.filename}: {error.strerror}" if error.filename else str(error)) from error

    return wrapped


@click.command("stylize", cls=OneLineCommand)
@click.argument("photo", type=click.Path(path_type=Path))
@click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path), help="A .png, .jpg or .webp file."
)
@click.option("--style", required=True, help="A slug of `flask styles list`.")
@click.option(
    "--strength", type=float, default=1.0, show_default=True, help="0 (the photo) to 1 (the full style)."
)
@click.option("--keep-colors", is_flag=True, help="Keep the photo's colours.")
@click.option("--exact", is_flag=True, help="The network's own pixels, with nothing improved around it.")
@with_appcontext
@bad_input_is_one_line
def stylize(photo: Path, output: Path, style: str, strength: float, keep_colors: bool, exact: bool) -> None:
    """Paint PHOTO in a style."""
    encode = ENCODERS.get(output.suffix.lower())
    if encode is None:
        raise BadInput(f"{output}: the picture's name must end in one of {', '.join(ENCODERS)}")
    if not 0.0 <= strength <= 1.0:
        raise BadInput("--strength must lie between 0 and 1")
    if not output.parent.is_dir():
        raise BadInput(f"{output.parent}: there is no such folder")
    if output.is_dir():
        raise BadInput(f"{output}: there is a folder of that name")
    catalogue().get(style)
    with photo.open("rb") as file:
        image = decode_photo(file, max_pixels=settings().upload_max_pixels).image
    painted = _stylize(_stylizer(), image, style, strength=strength, keep_colors=keep_colors, exact=exact)
    _write_whole(output, encode(painted))


@click.group("styles")
def styles() -> None:
    """List the styles on offer, import published checkpoints, remove them."""


@styles.command("list", cls=OneLineCommand)
@with_appcontext
@bad_input_is_one_line
def list_styles() -> None:
    """Print a line per style: slug, title, artist, year, and where it comes from."""
    offered = catalogue().styles
    width = max((len(style.slug) for style in offered), default=0)
    for style in offered:
        by = ", ".join(str(fact) for fact in (style.artist, style.year) if fact)
        origin = "imported" if style.imported else "ships with the site"
        click.echo(f"{style.slug:<{width}}  {style.title}{f' ({by})' if by else ''}  [{origin}]")


@styles.command("import", cls=OneLineCommand)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--name", "slug", required=True, help="The slug of the new style: a-z, 0-9 and underscores.")
@click.option("--title", default="", help="What people see; by default made from the slug.")
@click.option("--artist", default="")
@with_appcontext
@bad_input_is_one_line
def import_style(file: Path, slug: str, title: str, artist: str) -> None:
    """Add a published fast-style-transfer checkpoint FILE to this site's styles.

    FILE is a V1 checkpoint, or any of the files (or the common prefix) of a V2 one. Those networks are
    licensed for research only: other uses need their author's permission.
    """
    offered = catalogue()
    offered.check_new_slug(slug)
    with _quiet_tensorflow():
        from app.engine.checkpoints import read_tensorflow1_checkpoint, save_checkpoint

        checkpoint = read_tensorflow1_checkpoint(file, slug)
    name = f"{slug}.npz"
    save_checkpoint(offered.import_folder / name, checkpoint)
    facts = StyleFacts(
        slug=slug,
        title=title or slug.replace("_", " ").capitalize(),
        artist=artist,
        rights="Imported checkpoint: research use only",
    )
    offered.add(facts, name)
    try:
        _render_preview(_stylizer(), slug, offered.get(slug).preview)
    except BaseException:
        # A style without a preview is half a style.
        offered.remove(slug).checkpoint.unlink(missing_ok=True)
        raise
    click.echo(f"{slug} is on offer now")


@styles.command("remove", cls=OneLineCommand)
@click.argument("slug")
@with_appcontext
@bad_input_is_one_line
def remove_style(slug: str) -> None:
    """Take an imported style off the site. Pictures already painted in it stay."""
    style = catalogue().remove(slug)
    style.checkpoint.unlink(missing_ok=True)
    style.preview.unlink(missing_ok=True)
    click.echo(f"{slug} is removed")


@styles.command("render-previews")
@with_appcontext
@bad_input_is_one_line
def render_previews() -> None:
    """Paint the preview of every style that ships, and the landing page's pictures."""
    stylizer = _stylizer()
    for style in catalogue().styles:
        if not style.imported:
            _render_preview(stylizer, style.slug, style.preview)
    for sample, slug in SHOWCASE:
        picture = _stylize(stylizer, _sample(sample), slug)
        _write_whole(SAMPLES / "showcase" / f"{sample}-{slug}.webp", encode_webp(picture, quality=70))
        smaller = picture.resize((640, round(640 * picture.height / picture.width)), Image.Resampling.LANCZOS)
        _write_whole(SAMPLES / "showcase" / f"{sample}-{slug}-640.webp", encode_webp(smaller, quality=50))
    for sample in sorted({sample for sample, _ in SHOWCASE}):
        _write_whole(SAMPLES / "showcase" / f"{sample}.webp", encode_webp(_sample(sample), quality=80))


def _render_preview(stylizer: Stylizer, slug: str, path: Path) -> None:
    picture = _stylize(stylizer, _sample(PREVIEW_SAMPLE), slug)
    path.parent.mkdir(parents=True, exist_ok=True)
    smaller = picture.resize((420, 280), Image.Resampling.LANCZOS)
    _write_whole(path, encode_webp(smaller, quality=70))


def _sample(name: str) -> Image.Image:
    """A sample photo, enlarged so that strokes come out fine, cut to 3:2 or square."""
    with (SAMPLES / f"{name}.jpg").open("rb") as file:
        photo = decode_photo(file, max_pixels=10**6).image
    size = (800, 800) if photo.width == photo.height else (900, 600)
    return photo.resize(size, Image.Resampling.LANCZOS)


def _stylizer() -> Stylizer:
    with _quiet_tensorflow():
        from app.engine.stylizer import Stylizer

        return Stylizer(catalogue())


def _stylize(stylizer: Stylizer, image: Image.Image, style: str, **options: Any) -> Image.Image:
    import numpy as np

    with _quiet_tensorflow():
        return Image.fromarray(stylizer.stylize(np.asarray(image), style, **options))


def _write_whole(path: Path, data: bytes) -> None:
    """Write a file so that it is there whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".part-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    finally:
        Path(temporary).unlink(missing_ok=True)


@contextmanager
def _quiet_tensorflow() -> Iterator[None]:
    """Keep TensorFlow's start-up lines, written past Python by its C++ code, off the terminal.

    Python's own errors still show: they are raised, and reported after this ends.
    """
    sys.stderr.flush()
    kept = os.dup(2)
    try:
        with open(os.devnull, "w") as nowhere:  # noqa: PTH123 - the shell's own idiom
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
