"""Pictures, not figures: a style that was added to a network later, beside styles of its training.

``python -m bench.added ADDED TRAINED ...`` paints the site's sample photos in these styles and writes
docs/networks/added.webp. ``flask networks add-style`` adds one.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import numpy as np
from PIL import Image

from app import create_app
from app.commands.evaluation_page import make_sheet
from app.config import PROJECT_ROOT
from app.engine.catalogue import title_of
from app.wiring import catalogue
from bench.photos import SAMPLES, open_sample

HEIGHT = 280


def main(slugs: Sequence[str]) -> None:
    from app.engine.stylizer import Stylizer

    photos = [np.asarray(open_sample(name)) for name in SAMPLES]
    with create_app().app_context():
        stylizer = Stylizer(catalogue())
    rows = {
        title_of(slug): [Image.fromarray(stylizer.stylize(photo, slug)) for photo in photos] for slug in slugs
    }
    sheet = make_sheet(f"{title_of(slugs[0])}, added later, beside styles of the training", rows, HEIGHT)
    (PROJECT_ROOT / "docs" / "networks" / "added.webp").write_bytes(sheet)


if __name__ == "__main__":
    main(sys.argv[1:])
