"""``flask styles``: which styles are on offer, and the pictures that show them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np
from flask.cli import with_appcontext
from PIL import Image

from app.commands.console import (
    OneLineCommand,
    bad_input_is_one_line,
    load_stylizer,
)
from app.config import PROJECT_ROOT
from app.engine.catalogue import Catalogue, StyleFacts, title_of
from app.files import write_whole
from app.imaging import decode_photo, encode_webp
from app.wiring import catalogue

if TYPE_CHECKING:
    from app.engine.stylizer import Stylizer

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


@click.group("styles")
def styles() -> None:
    """List, import and remove styles."""


@styles.command("list", cls=OneLineCommand)
@with_appcontext
@bad_input_is_one_line
def list_styles() -> None:
    """Print one line per style: slug, title, artist, origin, and the painting's rights."""
    offered = catalogue().styles
    width = max((len(style.slug) for style in offered), default=0)
    for style in offered:
        by = ", ".join(str(fact) for fact in (style.artist, style.year, style.movement) if fact)
        origin = "imported" if style.imported else "ships with the site"
        rights = style.rights or "Rights unknown"
        click.echo(f"{style.slug:<{width}}  {style.title}{f' ({by})' if by else ''}  [{origin}]  {rights}")


@styles.command("import", cls=OneLineCommand)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--name", "slug", required=True, help="The slug of the new style: a-z, 0-9 and underscores.")
@click.option("--title", default="", help="The title people see. Default: made from the slug.")
@click.option("--artist", default="")
@with_appcontext
@bad_input_is_one_line
def import_style(file: Path, slug: str, title: str, artist: str) -> None:
    """Add a published fast-style-transfer checkpoint FILE to this site's styles.

    FILE is a V1 checkpoint, or any of the files (or the common prefix) of a V2 one. Those networks are
    licensed for research only. Any other use needs their author's permission.
    """
    offered = catalogue()
    facts = StyleFacts(
        slug=slug,
        title=title or title_of(slug),
        artist=artist,
        rights="Imported checkpoint: research use only",
    )
    offered.check_new(facts)
    from app.engine.networks.checkpoints import read_tensorflow1_checkpoint, save_checkpoint

    checkpoint = read_tensorflow1_checkpoint(file, slug)
    name = f"{slug}.npz"
    save_checkpoint(offered.import_folder / name, checkpoint)
    offered.add(facts, name)
    show_new_style(offered, slug)


@styles.command("remove", cls=OneLineCommand)
@click.argument("slug")
@with_appcontext
@bad_input_is_one_line
def remove_style(slug: str) -> None:
    """Remove an imported style from the site. Pictures already painted in it stay."""
    catalogue().remove(slug)
    click.echo(f"{slug} is removed")


@styles.command("render-previews")
@with_appcontext
@bad_input_is_one_line
def render_previews() -> None:
    """Paint the preview of every style that ships, and the landing page's pictures."""
    stylizer = load_stylizer()
    offered = {style.slug: style for style in catalogue().styles}
    for style in offered.values():
        if not style.imported:
            render_preview(stylizer, style.slug, style.preview)
    for sample, slug in SHOWCASE:
        if slug not in offered:
            continue
        picture = _stylize(stylizer, _sample(sample), slug)
        write_whole(SAMPLES / "showcase" / f"{sample}-{slug}.webp", encode_webp(picture, quality=70))
    for sample in sorted({sample for sample, _ in SHOWCASE}):
        write_whole(SAMPLES / "showcase" / f"{sample}.webp", encode_webp(_sample(sample), quality=80))


def show_new_style(offered: Catalogue, slug: str) -> None:
    """Paint the preview of a style that was just added; if that fails, remove the style again."""
    try:
        render_preview(load_stylizer(), slug, offered.import_folder / "previews" / f"{slug}.webp")
    except BaseException:
        offered.remove(slug)
        raise
    click.echo(f"{slug} is now on offer")


def render_preview(stylizer: Stylizer, slug: str, path: Path) -> None:
    """Paint the small picture that shows a style."""
    picture = _stylize(stylizer, _sample(PREVIEW_SAMPLE), slug)
    path.parent.mkdir(parents=True, exist_ok=True)
    smaller = picture.resize((420, 280), Image.Resampling.LANCZOS)
    write_whole(path, encode_webp(smaller, quality=70))


def _sample(name: str) -> Image.Image:
    """A sample photo, enlarged so that strokes come out fine, cut to 3:2 or square."""
    with (SAMPLES / f"{name}.jpg").open("rb") as file:
        photo = decode_photo(file, max_pixels=10**6).image
    size = (800, 800) if photo.width == photo.height else (900, 600)
    return photo.resize(size, Image.Resampling.LANCZOS)


def _stylize(stylizer: Stylizer, image: Image.Image, style: str, **options: Any) -> Image.Image:
    return Image.fromarray(stylizer.stylize(np.asarray(image), style, **options))
