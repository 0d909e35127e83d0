"""Pictures: what painting a margin around the photo, and cropping it away, does to the border.

``python -m bench border`` paints a sample photo with and without, writes docs/engine/border.webp and prints
a table for docs/ENGINE.md: the border excess of evaluation, and how strong the strongest straight line along
the border is.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from app.commands.evaluation_goals import markdown
from app.commands.evaluation_inputs import read_picture
from app.commands.evaluation_page import make_sheet
from app.config import PROJECT_ROOT
from app.engine.catalogue import Catalogue, title_of
from app.engine.typing import Pixels

PHOTO = PROJECT_ROOT / "static" / "samples" / "coffee.jpg"
SIDE, HEIGHT = 480, 230
STYLES = ("la_muse", "ramparts_at_aigues_mortes", "benzaiten_shrine", "ejiri_in_suruga")
# How far from the border a line still counts as lying along it, in pixels.
NEAR = 16


def strongest_line(picture: Pixels) -> float:
    """The largest mean step between neighbouring rows, or columns, near the border, in levels of 255.

    ``picture``: uint8 [height, width, 3]. Strokes go both ways and cancel out over a whole row, a line along
    the border does not.
    """
    levels = picture.astype(np.float64).mean(axis=2)
    steps = [np.abs(np.diff(levels.mean(axis=axis))) for axis in (0, 1)]
    return max(float(step[part].max()) for step in steps for part in (np.s_[:NEAR], np.s_[-NEAR:]))


def main() -> None:
    from app.engine.stylizer import Stylizer
    from app.engine.training.losses import border_excess

    stylizer = Stylizer(Catalogue([PROJECT_ROOT / "models"]))
    photo = read_picture(PHOTO, SIDE)
    rows, figures = {}, []
    for style in STYLES:
        pair = [stylizer.stylize(photo, style, exact=exact) for exact in (True, False)]
        rows[title_of(style)] = [Image.fromarray(picture) for picture in pair]
        excess = [float(border_excess(picture[None], photo[None])[0]) for picture in pair]
        lines = [strongest_line(picture) for picture in pair]
        figures.append(
            [title_of(style), *(f"{value:.2f}" for value in excess), *(f"{value:.1f}" for value in lines)]
        )
    captions = ("Without a margin", "With one that is cropped away")
    sheet = make_sheet("The border of small pictures", rows, HEIGHT, captions)
    (PROJECT_ROOT / "docs" / "engine" / "border.webp").write_bytes(sheet)
    header = ["Style", "Border excess, without", "with a margin", "Strongest line, without", "with a margin"]
    print(markdown(header, figures, 1))
