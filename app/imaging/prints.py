"""Sizes that a picture can be made in, and the part of the photo that such a size shows."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image

from app.sentences import translatable

PRINT_DPI = 300
# The narrowest part of a photo that may be chosen, as a share of its width: less is a slip of the hand.
LEAST_SHARE = 0.05


class Orientation(enum.StrEnum):
    """Portrait, landscape, or the orientation of the photo."""

    AS_PHOTO = "as_photo"
    PORTRAIT = "portrait"
    LANDSCAPE = "landscape"


@dataclass(frozen=True)
class PrintSize:
    """A size on offer; ``width`` and ``height`` are pixels of the upright form, 0 by 0 being the photo's own.

    ``dpi`` is what a file of this size says of itself, None where it is never printed.
    """

    slug: str
    title: str
    width: int = 0
    height: int = 0
    dpi: int | None = None
    rotates: bool = False

    @property
    def keeps_photo(self) -> bool:
        """Whether the picture has the photo's own pixels, all of them."""
        return self.width == 0


def _paper(slug: str, title: str, width_mm: float, height_mm: float, *, rotates: bool = True) -> PrintSize:
    pixels = [round(side / 25.4 * PRINT_DPI) for side in (width_mm, height_mm)]
    return PrintSize(slug, title, pixels[0], pixels[1], PRINT_DPI, rotates)


FULL = PrintSize("full", translatable("Full size"))
SIZES: tuple[PrintSize, ...] = (
    FULL,
    _paper("a4", "A4", 210, 297),
    _paper("30x40", "30 × 40 cm", 300, 400),
    _paper("a3", "A3", 297, 420),
    # Cases differ by a few millimetres: this covers the largest phones, and printers trim it.
    _paper("phone", translatable("Phone case"), 85, 170, rotates=False),
    PrintSize("square", translatable("Square"), 1080, 1080),
)


def known_size(slug: str | None) -> PrintSize | None:
    """The size called ``slug``; None where there is none, or not any more."""
    return next((size for size in SIZES if size.slug == slug), None)


def find_size(slug: str) -> PrintSize:
    """The size called ``slug``.

    Raises:
        KeyError: there is none.
    """
    size = known_size(slug)
    if size is None:
        raise KeyError(slug)
    return size


def dots_per_inch(slug: str) -> int | None:
    """What a file of this size says of itself; None too for a size that is offered no more."""
    size = known_size(slug)
    return size.dpi if size else None


@dataclass(frozen=True)
class Crop:
    """A part of a photo: left, top, width and height as shares of the photo's own, 0 to 1."""

    left: float = 0.0
    top: float = 0.0
    width: float = 1.0
    height: float = 1.0

    def box(self, photo: tuple[int, int]) -> tuple[float, float, float, float]:
        """Left, upper, right and lower edge in pixels of a photo of this size."""
        across, down = photo
        return (
            self.left * across,
            self.top * down,
            min(1.0, self.left + self.width) * across,
            min(1.0, self.top + self.height) * down,
        )

    def to_json(self) -> list[float]:
        """Four plain numbers, for the database."""
        return [self.left, self.top, self.width, self.height]

    @classmethod
    def from_json(cls, values: Sequence[float]) -> Crop:
        """Read what :meth:`to_json` wrote."""
        return cls(*values)


WHOLE = Crop()


@dataclass(frozen=True)
class Focus:
    """What a person wants to see of a photo: the left and upper edge and the width, as shares of the photo.

    The height follows from the print's shape.
    """

    left: float
    top: float
    width: float


@dataclass(frozen=True)
class Frame:
    """A picture to be made: its size in pixels, and the part of the photo that fills it."""

    width: int
    height: int
    crop: Crop

    def enlargement(self, photo: tuple[int, int]) -> float:
        """How many pixels of the picture stand for one of the photo, along a side; 1 or less is sharp."""
        left, _, right, _ = self.crop.box(photo)
        return self.width / (right - left)


def frame_photo(
    photo: tuple[int, int],
    size: PrintSize,
    orientation: Orientation = Orientation.AS_PHOTO,
    focus: Focus | None = None,
) -> Frame:
    """Fit a photo into a print.

    Args:
        photo: the photo's width and height in pixels.
        size: the size of the print.
        orientation: portrait or landscape; a size that does not rotate is portrait.
        focus: what shall be seen of the photo; brought inside it if it lies partly outside. By default the
            largest part in the middle.
    """
    if size.keeps_photo:
        return Frame(*photo, WHOLE)
    if orientation is Orientation.AS_PHOTO and photo[0] > photo[1]:
        orientation = Orientation.LANDSCAPE
    landscape = size.rotates and orientation is Orientation.LANDSCAPE
    width, height = (size.height, size.width) if landscape else (size.width, size.height)
    # The print's shape in shares of this photo: how much height goes with one unit of width.
    shape = (height / width) * (photo[0] / photo[1])
    widest = min(1.0, 1.0 / shape)
    if focus is None:
        return Frame(width, height, Crop((1 - widest) / 2, (1 - widest * shape) / 2, widest, widest * shape))
    across = min(max(focus.width, min(LEAST_SHARE, widest)), widest)
    left = min(max(focus.left, 0.0), 1.0 - across)
    top = min(max(focus.top, 0.0), 1.0 - across * shape)
    return Frame(width, height, Crop(left, top, across, across * shape))


def cut(image: Image.Image, frame: Frame) -> Image.Image:
    """The part of a photo that a frame shows, at the frame's size (Lanczos, 3 lobes)."""
    return image.resize((frame.width, frame.height), Image.Resampling.LANCZOS, box=frame.crop.box(image.size))
