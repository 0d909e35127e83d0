"""Pictures, not figures of speed: how the styles are sorted for a photo, for docs/STUDIO.md.

``python -m bench suits`` writes docs/studio/suits.webp and prints what stands below it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from app.commands.evaluation_page import make_sheet
from app.config import PROJECT_ROOT
from app.engine.catalogue import Catalogue
from app.engine.typing import Pixels
from app.studio.painting.small_previews import SMALL_SIDE
from app.studio.painting.suitability import presence, suitability, survival
from bench.photos import open_sample

PHOTOS = ("chelsea.jpg", "coffee.jpg", "astronaut.jpg")
HEIGHT = 150
# Of each photo, the styles at the two ends and in the middle.
SHOWN = 3


@dataclass(frozen=True)
class Judged:
    title: str
    picture: Pixels
    survival: float
    presence: float
    suits: float


def main() -> None:
    rows = {}
    for name in PHOTOS:
        small = open_sample(name)
        small.thumbnail((SMALL_SIDE, SMALL_SIDE))
        photo = np.asarray(small)
        styles = sorted(judge(photo), key=lambda one: one.suits, reverse=True)
        middle = len(styles) // 2
        shown = styles[:SHOWN] + styles[middle : middle + 1] + styles[-SHOWN:]
        rows[Path(name).stem] = [Image.fromarray(photo), *(Image.fromarray(one.picture) for one in shown)]
        print(f"{name}: survival, presence, suits")
        for one in shown:
            print(f"  {one.title:<40} {one.survival:.2f} {one.presence:.2f} {one.suits:.2f}")
    sheet = make_sheet(
        "The photo; the styles that suit it best; one between; those that suit it least", rows, HEIGHT
    )
    path = PROJECT_ROOT / "docs" / "studio" / "suits.webp"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(sheet)


def judge(photo: Pixels) -> list[Judged]:
    """The photo in every style of the catalogue, with what the wall sorts by."""
    from app.engine.stylizer import Stylizer

    catalogue = Catalogue([PROJECT_ROOT / "models"])
    stylizer = Stylizer(catalogue)
    judged = []
    for style in catalogue.styles:
        painted = stylizer.stylize(photo, style.slug)
        judged.append(
            Judged(
                style.title,
                painted,
                survival(photo, painted),
                presence(photo, painted),
                suitability(photo, painted),
            )
        )
    return judged
