"""Pictures, not figures: what the brush does to a large photo, in cut-outs at 100 per cent.

Written to docs/engine/: per photo and style the photo itself, one pass over the large photo, one pass over a
small copy enlarged, and the cascade with the natural brush and with one twice as broad. Another sheet shows
the cascade with other sizes of the first pass, steps from pass to pass and shares of the painting and of each
pass, and one shows whole pictures, small, by shares of each pass and by the areas whose tones stay.
The photos are the site's samples, enlarged: they are smooth where a photo of that size has detail of its own.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from unittest import mock

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from app.commands.evaluation_page import make_sheet
from app.config import PROJECT_ROOT
from app.engine import cascade
from app.engine.cascade import WORKING_SIZE, resize
from app.engine.catalogue import Catalogue, title_of
from app.engine.typing import Pixels

if TYPE_CHECKING:
    from app.engine.stylizer import Stylizer

LONG_SIDE, CHOICES_LONG_SIDE = 2560, 1920
CUT = (460, 400)
# A sample photo, where to cut (as shares of its sides), and styles.
CASES = (
    ("coffee", (0.40, 0.40), ("la_muse", "starry_night", "wave")),
    ("chelsea", (0.28, 0.25), ("rain_princess", "udnie", "poppies")),
)
# The first pass's long side in pixels, how much larger each pass is than the one before, the painting's share
# in what the next pass is given, and that pass's share in what comes out.
CHOICES = (
    (640, 1.6, 0.75, 0.5),
    (512, 1.6, 0.75, 0.5),
    (960, 1.6, 0.75, 0.5),
    (640, 1.3, 0.75, 0.5),
    (640, 2.6, 0.75, 0.5),
    (640, 1.6, 0.5, 0.5),
    (640, 1.6, 0.9, 0.5),
    (640, 1.6, 0.75, 1.0),
    (640, 1.6, 0.75, 0.35),
)
CHOSEN_BY = (
    ("astronaut", (0.30, 0.12), "starry_night"),
    ("coffee", (0.30, 0.30), "la_muse"),
    ("chelsea", (0.35, 0.30), "wave"),
    ("astronaut", (0.30, 0.12), "composition_vii"),
    ("chelsea", (0.35, 0.30), "the_scream"),
)

# A photo whose large picture is to look like the small one that people choose by, of that long side.
PREVIEW_SIDE, WHOLE_HEIGHT = 1024, 420
PREVIEWED = ("astronaut", ("udnie", "wave", "moulin_de_la_galette", "la_muse"))
# A pass's share, and the side of the areas whose tones stay; with that of the whole picture hardly any do.
PASSES = ((1.0, WORKING_SIZE), (0.5, WORKING_SIZE), (0.5, 16), (0.5, 4))

Row = tuple[tuple[int, int], list[tuple[str, Pixels]]]


def main() -> None:
    from app.engine.stylizer import Stylizer

    stylizer = Stylizer(Catalogue([PROJECT_ROOT / "models"]))
    folder = PROJECT_ROOT / "docs" / "engine"
    folder.mkdir(parents=True, exist_ok=True)
    for sample, place, styles in CASES:
        photo = read_sample(sample, LONG_SIDE)
        height, width = photo.shape[:2]
        corner = (int(place[0] * width), int(place[1] * height))
        rows: list[Row] = []
        for style in styles:
            reduced = resize(photo, *scaled(photo, WORKING_SIZE))
            enlarged = resize(stylizer.stylize(reduced, style, exact=True), height, width)
            pictures = [
                ("photo", photo),
                ("one pass, full size", stylizer.stylize(photo, style, exact=True)),
                (f"one pass at {WORKING_SIZE}, enlarged", enlarged),
                ("brush 1", stylizer.stylize(photo, style)),
                ("brush 2", stylizer.stylize(photo, style, brush=2.0)),
            ]
            rows.append((corner, pictures))
        write_sheet(folder / f"brush-{sample}.webp", rows)
    write_sheet(folder / "brush-choices.webp", [choices(stylizer, *case) for case in CHOSEN_BY])
    (folder / "brush-whole.webp").write_bytes(whole_pictures(stylizer, *PREVIEWED))


def choices(stylizer: Stylizer, sample: str, place: tuple[float, float], style: str) -> Row:
    """The same picture by other sizes, steps and shares of the cascade; the first is the one in use."""
    photo = read_sample(sample, CHOICES_LONG_SIDE)
    corner = (int(place[0] * photo.shape[1]), int(place[1] * photo.shape[0]))
    pictures = []
    for size, factor, painting, each_pass in CHOICES:
        with mock.patch.multiple(
            cascade, WORKING_SIZE=size, FACTOR=factor, PAINTING_SHARE=painting, PASS_SHARE=each_pass
        ):
            label = f"from {size} by {factor}, {painting:.0%}, {each_pass:.0%}"
            pictures.append((label, stylizer.stylize(photo, style)))
    return corner, pictures


def whole_pictures(stylizer: Stylizer, sample: str, styles: tuple[str, ...]) -> bytes:
    """A sheet of the same photo as large as a preview, and large by several kinds of passes."""
    small, large = (read_sample(sample, side) for side in (PREVIEW_SIDE, LONG_SIDE))
    rows = {}
    for style in styles:
        pictures = [stylizer.stylize(small, style)]
        for share, tone in PASSES:
            with mock.patch.multiple(cascade, PASS_SHARE=share, TONE=tone):
                pictures.append(stylizer.stylize(large, style))
        rows[title_of(style)] = [Image.fromarray(picture) for picture in pictures]
    captions = (
        f"{PREVIEW_SIDE} pixels",
        *(f"{LONG_SIDE}, passes by {share:.0%}, tones of {tone}" for share, tone in PASSES),
    )
    return make_sheet("A large picture beside its preview", rows, WHOLE_HEIGHT, captions)


def read_sample(name: str, long_side: int) -> Pixels:
    """A sample photo, enlarged to that long side."""
    with Image.open(PROJECT_ROOT / "static" / "samples" / f"{name}.jpg") as file:
        small = np.asarray(file.convert("RGB"))
    return resize(small, *scaled(small, long_side))


def scaled(pixels: Pixels, long_side: int) -> tuple[int, int]:
    """Height and width with that long side."""
    height, width = pixels.shape[:2]
    scale = long_side / max(height, width)
    return round(height * scale), round(width * scale)


def write_sheet(path: Path, rows: list[Row]) -> None:
    """Cut the same place, at the row's corner, out of every picture of a row; name what each shows."""
    width, height = CUT
    sheet = Image.new("RGB", (len(rows[0][1]) * width, len(rows) * height))
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(20)
    for row, (corner, pictures) in enumerate(rows):
        for column, (label, picture) in enumerate(pictures):
            box = (*corner, corner[0] + width, corner[1] + height)
            at = (column * width, row * height)
            sheet.paste(Image.fromarray(picture).crop(box), at)
            draw.text((at[0] + 12, at[1] + 10), label, font=font, fill="white", stroke_width=2, stroke_fill=0)
    sheet.save(path, quality=80)


if __name__ == "__main__":
    main()
