"""Pictures, not figures: what the brush does to a large photo, in cut-outs at 100 per cent.

Written to docs/engine/: per photo and style the photo itself, one pass over the large photo, one pass over a
small copy enlarged, and the cascade with the natural brush and with one twice as broad.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from app.config import PROJECT_ROOT
from app.engine.cascade import WORKING_SIZE, resize
from app.engine.catalogue import Catalogue
from app.engine.preprocessing import Pixels

LONG_SIDE = 2560
CUT = (460, 400)
# A sample photo, where to cut (as shares of its sides), and styles.
CASES = (
    ("coffee", (0.40, 0.40), ("la_muse", "starry_night", "wave")),
    ("chelsea", (0.28, 0.25), ("rain_princess", "udnie", "poppies")),
)


def main() -> None:
    from app.engine.stylizer import Stylizer

    stylizer = Stylizer(Catalogue([PROJECT_ROOT / "models"]))
    folder = PROJECT_ROOT / "docs" / "engine"
    folder.mkdir(parents=True, exist_ok=True)
    for sample, place, styles in CASES:
        with Image.open(PROJECT_ROOT / "static" / "samples" / f"{sample}.jpg") as file:
            small = np.asarray(file.convert("RGB"))
        height, width = scaled(small, LONG_SIDE)
        photo = resize(small, height, width)
        corner = (int(place[0] * width), int(place[1] * height))
        rows = []
        for style in styles:
            reduced = resize(photo, *scaled(photo, WORKING_SIZE))
            enlarged = resize(stylizer.stylize(reduced, style, exact=True), height, width)
            rows.append(
                [
                    ("photo", photo),
                    ("one pass, full size", stylizer.stylize(photo, style, exact=True)),
                    (f"one pass at {WORKING_SIZE}, enlarged", enlarged),
                    ("brush 1", stylizer.stylize(photo, style)),
                    ("brush 2", stylizer.stylize(photo, style, brush=2.0)),
                ]
            )
        write_sheet(folder / f"brush-{sample}.webp", rows, corner)


def scaled(pixels: Pixels, long_side: int) -> tuple[int, int]:
    """Height and width with that long side."""
    height, width = pixels.shape[:2]
    scale = long_side / max(height, width)
    return round(height * scale), round(width * scale)


def write_sheet(path: Path, rows: list[list[tuple[str, Pixels]]], corner: tuple[int, int]) -> None:
    """Cut the same place out of every picture, one row per style, and name what each shows."""
    width, height = CUT
    sheet = Image.new("RGB", (len(rows[0]) * width, len(rows) * height))
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(20)
    for row, pictures in enumerate(rows):
        for column, (label, picture) in enumerate(pictures):
            box = (*corner, corner[0] + width, corner[1] + height)
            at = (column * width, row * height)
            sheet.paste(Image.fromarray(picture).crop(box), at)
            draw.text((at[0] + 12, at[1] + 10), label, font=font, fill="white", stroke_width=2, stroke_fill=0)
    sheet.save(path, quality=80)


if __name__ == "__main__":
    main()
