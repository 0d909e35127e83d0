"""Pictures, not figures: where a network fails, for models/README.md.

``python -m bench.failures NETWORK`` writes docs/networks/failures.webp.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np
import skimage
from PIL import Image

from app.commands.evaluation_inputs import find_network, read_picture
from app.commands.evaluation_page import make_sheet
from app.config import PROJECT_ROOT
from app.engine.cascade import resize
from app.engine.catalogue import Catalogue, StyleFacts, ship_network
from app.engine.networks.checkpoints import load_checkpoint
from app.engine.typing import Pixels

SIDE, LARGE, HEIGHT = 480, 1920, 260
# What is hard: a photo and a style each.
CASES = {
    "A painting that is half sky, half ground": (
        ("astronaut", "ramparts_at_aigues_mortes"),
        ("coffee", "ramparts_at_aigues_mortes"),
    ),
    "Small faces": (("astronaut", "wave"), ("astronaut", "composition_vii"), ("astronaut", "starry_night")),
    "Dark paintings": (("coffee", "mona_lisa"), ("coffee", "moulin_de_la_galette")),
    "Plain backgrounds": (("astronaut", "composition_viii"), ("coffee", "composition_viii")),
    "Text": (("text", "la_muse"), ("text", "udnie")),
    "The same photo small and large": (("chelsea", "wave"), ("large", "wave")),
}
# Of a flat corner, in pixels, and how often each pixel is repeated.
CORNER, ENLARGED = (65, 98), 4


def main(name: str) -> None:
    from app.engine.stylizer import Stylizer

    path = find_network(name).resolve()
    facts = [StyleFacts(slug, slug) for slug in load_checkpoint(path).styles]
    with tempfile.TemporaryDirectory() as folder:
        ship_network(Path(folder), str(path), facts)
        stylizer = Stylizer(Catalogue([Path(folder)]))

        def paint(photo: Pixels, style: str) -> Pixels:
            return stylizer.stylize(photo, style, exact=True)

        photos = {name: _sample(name) for name in ("astronaut", "chelsea", "coffee")}
        photos["text"] = read_picture(Path(skimage.__file__).parent / "data" / "text.png", SIDE, multiple=4)
        chelsea = photos["chelsea"]
        photos["large"] = resize(chelsea, LARGE * chelsea.shape[0] // chelsea.shape[1], LARGE)
        known = {style.slug for style in facts}
        rows = {
            label: [paint(photos[photo], style) for photo, style in cases if style in known]
            for label, cases in CASES.items()
        }
        if "poppies" in known:
            corners = [_corner(photos["coffee"]), _corner(paint(photos["coffee"], "poppies"))]
            rows["Grain in flat areas, enlarged"] = corners
    pictures = {label: [Image.fromarray(picture) for picture in row] for label, row in rows.items() if row}
    sheet = make_sheet(f"Where {path.stem} fails", pictures, HEIGHT)
    (PROJECT_ROOT / "docs" / "networks" / "failures.webp").write_bytes(sheet)


def _sample(name: str) -> Pixels:
    return read_picture(PROJECT_ROOT / "static" / "samples" / f"{name}.jpg", SIDE, multiple=4)


def _corner(picture: Pixels) -> Pixels:
    """The upper left corner, so large that every pixel shows."""
    corner = picture[: CORNER[0], : CORNER[1]]
    return np.asarray(corner.repeat(ENLARGED, axis=0).repeat(ENLARGED, axis=1))


if __name__ == "__main__":
    main(sys.argv[1])
