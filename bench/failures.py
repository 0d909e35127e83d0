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

from app.commands.evaluate import find_network, read_picture
from app.commands.evaluation_page import make_sheet
from app.config import PROJECT_ROOT
from app.engine.cascade import resize
from app.engine.catalogue import Catalogue, StyleFacts, ship_network
from app.engine.checkpoints import load_checkpoint
from app.engine.preprocessing import Pixels

SIDE, LARGE, HEIGHT = 480, 1920, 260
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

        astronaut, chelsea, coffee = (_sample(photo) for photo in ("astronaut", "chelsea", "coffee"))
        text = read_picture(Path(skimage.__file__).parent / "data" / "text.png", SIDE, multiple=4)
        large = resize(chelsea, LARGE * chelsea.shape[0] // chelsea.shape[1], LARGE)
        rows = {
            "The swirls of The Starry Night": [paint(photo, "starry_night") for photo in (astronaut, coffee)],
            "The planes of Udnie": [paint(photo, "udnie") for photo in (astronaut, coffee)],
            "Grain in flat areas, enlarged": [_corner(coffee), _corner(paint(coffee, "poppies"))],
            "Plain backgrounds": [paint(photo, "composition_viii") for photo in (astronaut, coffee)],
            "Text": [text, paint(text, "la_muse")],
            "The same photo small and large": [paint(photo, "wave") for photo in (chelsea, large)],
        }
    pictures = {label: [Image.fromarray(picture) for picture in row] for label, row in rows.items()}
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
