"""Pictures, not figures: whether a face stays itself, in every style of a network as it ships.

``python -m bench.faces NETWORK`` writes docs/networks/faces.webp: the face of a sample photo, enlarged, six
styles to a row.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from app.commands.evaluation_inputs import find_network
from app.commands.evaluation_page import make_sheet
from app.config import PROJECT_ROOT
from app.engine.cascade import resize
from app.engine.catalogue import title_of
from app.engine.training.candidates import whole_network
from bench.photos import open_sample

SAMPLE, SIDE, HEIGHT, COLUMNS = "astronaut.jpg", 640, 210, 6
# Left, upper, right and lower, as shares of the sample's sides.
FACE = (0.26, 0.0, 0.66, 0.40)


def main(name: str) -> None:
    path = find_network(name).resolve()
    sample = open_sample(SAMPLE)
    sides = (*sample.size, *sample.size)
    left, upper, right, lower = (round(share * side) for share, side in zip(FACE, sides, strict=True))
    face = resize(np.asarray(sample)[upper:lower, left:right], SIDE, SIDE)
    with tempfile.TemporaryDirectory() as folder:
        candidate = whole_network(path.stem, path, Path(folder))
        styles = list(candidate.slugs)
        painted = {style: Image.fromarray(candidate.stylizer.stylize(face, style)) for style in styles}
    groups = [styles[start : start + COLUMNS] for start in range(0, len(styles), COLUMNS)]
    rows = {", ".join(map(title_of, group)): [painted[style] for style in group] for group in groups}
    sheet = make_sheet(f"A face in every style of {path.stem}", rows, HEIGHT)
    (PROJECT_ROOT / "docs" / "networks" / "faces.webp").write_bytes(sheet)


if __name__ == "__main__":
    main(sys.argv[1])
