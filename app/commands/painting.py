"""The engine options that ``flask stylize`` and ``flask stylize-video`` share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click
import numpy as np
import numpy.typing as npt
from PIL import Image

from app.commands.console import load_stylizer
from app.engine.color import combine_fine
from app.engine.options import Mixture, StyleMap, Upsampling, check_brush, check_strength, check_upsampling
from app.engine.typing import Pixels
from app.imaging import decode_photo
from app.wiring import catalogue, settings

if TYPE_CHECKING:
    from app.engine.stylizer import Stylizer

FinePixels = npt.NDArray[np.uint16]

_OPTIONS = (
    click.option(
        "--style", required=True, help="A slug of `flask styles list`, or a mixture: wave:0.7,udnie:0.3."
    ),
    click.option(
        "--strength",
        type=float,
        default=1.0,
        show_default=True,
        help="0 (the photo) to 1 (the full style), and on to 1.5.",
    ),
    click.option("--keep-colors", is_flag=True, help="Keep the photo's colours."),
    click.option("--brush", type=float, default=1.0, show_default=True, help="Brush size, 0.25 to 4."),
    click.option(
        "--upsampling",
        type=click.Choice(get_args(Upsampling)),
        default="cascade",
        show_default=True,
        help="How a small painted picture becomes a large one: painted again at each size, or (faster) "
        "enlarged along the photo's edges.",
    ),
    click.option("--exact", is_flag=True, help="The network's exact output, without any improvements."),
    click.option(
        "--mask",
        type=click.Path(path_type=Path),
        help="A grey picture that scales the strength: full where it is white, none where it is black.",
    ),
    click.option(
        "--style-map",
        type=(str, click.Path(path_type=Path)),
        metavar="STYLE FILE",
        help="A second style, and a grey picture that is white where it applies.",
    ),
    click.option(
        "--precision",
        type=click.Choice(["auto", "float32", "bfloat16"]),
        default="auto",
        show_default=True,
        help="The number format the network computes in.",
    ),
    click.option(
        "--device",
        type=click.Choice(["auto", "cpu", "gpu"]),
        default="auto",
        show_default=True,
        help="The device that computes.",
    ),
)


@dataclass(frozen=True)
class Painting:
    """All options of the engine, read and checked before anything is loaded."""

    style: Mixture
    strength: float
    keep_colors: bool
    brush: float
    upsampling: Upsampling
    exact: bool
    mask: GreyFile | None
    style_map: tuple[Mixture, GreyFile] | None
    precision: str
    device: str
    # How pictures of photos are written: with the photo's transparency, and with how many bits a channel.
    keep_alpha: bool = False
    depth: int = 8

    def facts(self) -> dict[str, Any]:
        """The options as given, for people and for JSON."""
        facts: dict[str, Any] = {
            "style": str(self.style),
            "strength": self.strength,
            "keep_colors": self.keep_colors,
            "brush": self.brush,
            "upsampling": self.upsampling,
            "exact": self.exact,
            "precision": self.precision,
            "device": self.device,
        }
        if self.mask:
            facts["mask"] = str(self.mask.path)
        if self.style_map:
            facts["style_map"] = [str(self.style_map[0]), str(self.style_map[1].path)]
        if self.keep_alpha:
            facts["keep_alpha"] = True
        if self.depth != 8:
            facts["depth"] = self.depth
        return facts

    def identity(self) -> dict[str, Any]:
        """What identifies the result: the options, and stamps of the files that they use."""
        slugs = self.style.slugs + (self.style_map[0].slugs if self.style_map else ())
        files = [file for slug in slugs for file in catalogue().get(slug).files]
        files += [grey.path for grey in (self.mask, self.style_map and self.style_map[1]) if grey]
        return self.facts() | {"files": [stamp(file) for file in files]}

    def load(self) -> Painter:
        """Load the engine.

        Raises:
            EngineError: the device is missing.
        """
        return Painter(self, load_stylizer(precision=self.precision, device=self.device))


@dataclass(frozen=True)
class Painter:
    """The loaded engine with its options."""

    painting: Painting
    stylizer: Stylizer

    def paint(self, photo: Pixels, on_progress: Callable[[float], None] | None = None) -> Pixels:
        """Paint uint8 [height, width, 3]; the result has the same shape.

        Raises:
            EngineError: the photo or an option cannot be used.
        """
        asked = self.painting
        height, width = photo.shape[:2]
        mask = asked.mask.at(height, width) if asked.mask else None
        style_map = asked.style_map and StyleMap(asked.style_map[0], asked.style_map[1].at(height, width))
        return self.stylizer.stylize(
            photo,
            asked.style,
            strength=asked.strength,
            mask=mask,
            style_map=style_map,
            keep_colors=asked.keep_colors,
            brush=asked.brush,
            upsampling=asked.upsampling,
            exact=asked.exact,
            on_progress=on_progress,
        )

    def paint_fine(self, photo: Pixels, on_progress: Callable[[float], None] | None = None) -> FinePixels:
        """Paint as :meth:`paint` does, with 16 bits: strength and colours are not rounded to 8.

        Raises:
            EngineError: the photo or an option cannot be used.
        """
        asked = self.painting
        whole = replace(self, painting=replace(asked, strength=1.0, keep_colors=False, mask=None))
        painted = whole.paint(photo, on_progress)
        mask = asked.mask.at(*photo.shape[:2]) if asked.mask else None
        return combine_fine(photo, painted, strength=asked.strength, mask=mask, keep_colors=asked.keep_colors)


@dataclass(frozen=True, eq=False)
class GreyFile:
    """A grey picture of any size; it is scaled to each photo's size."""

    path: Path
    picture: Image.Image

    @classmethod
    def read(cls, path: Path) -> GreyFile:
        """Decode ``path``.

        Raises:
            ImageError, OSError: it cannot be read.
        """
        with path.open("rb") as file:
            return cls(path, decode_photo(file, max_pixels=settings().upload_max_pixels).image.convert("L"))

    def at(self, height: int, width: int) -> Pixels:
        """Its values as uint8 [height, width]."""
        return np.asarray(self.picture.resize((width, height), Image.Resampling.BILINEAR))


def painting_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the painting options; it receives them as one :class:`Painting`."""

    @wraps(command)
    def wrapped(
        *args: Any,
        style: str,
        strength: float,
        keep_colors: bool,
        brush: float,
        upsampling: Upsampling,
        exact: bool,
        mask: Path | None,
        style_map: tuple[str, Path] | None,
        precision: str,
        device: str,
        **others: Any,
    ) -> Any:
        check_upsampling(upsampling, exact)
        painting = Painting(
            _known(style),
            check_strength(strength),
            keep_colors,
            check_brush(brush),
            upsampling,
            exact,
            GreyFile.read(mask) if mask else None,
            (_known(style_map[0]), GreyFile.read(style_map[1])) if style_map else None,
            precision,
            device,
        )
        return command(*args, painting=painting, **others)

    for option in reversed(_OPTIONS):
        wrapped = option(wrapped)
    return wrapped


def stamp(path: Path) -> tuple[str, int, int]:
    """The file's name, size in bytes and time of change in nanoseconds.

    A file that changes gets another stamp.
    """
    status = path.stat()
    return (path.name, status.st_size, status.st_mtime_ns)


def _known(style: str) -> Mixture:
    mixture = Mixture.parse(style)
    for slug in mixture.slugs:
        catalogue().get(slug)
    return mixture
