"""Pictures, not figures: how broad strokes are at 1024 pixels, beside the published networks.

``python -m bench.strokes NETWORK`` writes docs/networks/strokes.webp: cut-outs at 100 per cent of the photo,
of what the published network of the style paints, of the network's one pass, and of what people get, which
is painted from coarse to fine. It needs the published checkpoints. The photos are enlarged samples.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from app.commands.evaluation_inputs import find_network
from app.commands.training_data import SHARED
from app.config import PROJECT_ROOT
from app.engine.catalogue import title_of
from app.engine.training.candidates import make_candidate, published_networks
from bench.brush import Row, read_sample, write_sheet

LONG_SIDE = 1024
# A style, a sample photo, and where to cut (as shares of its sides).
CASES = (
    ("the_scream", "astronaut", (0.16, 0.02)),
    ("la_muse", "chelsea", (0.30, 0.12)),
    ("udnie", "astronaut", (0.16, 0.02)),
    ("wave", "coffee", (0.38, 0.28)),
    ("rain_princess", "chelsea", (0.30, 0.12)),
    ("the_shipwreck_of_the_minotaur", "coffee", (0.38, 0.28)),
)


def main(name: str) -> None:
    path = find_network(name).resolve()
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        published = published_networks(SHARED / "checkpoints", Path(folder))
        if published is None:
            raise SystemExit(f"There are no published checkpoints in {SHARED / 'checkpoints'}.")
        slugs = {style: style for style, _, _ in CASES}
        ours = make_candidate(path.stem, Path(folder) / "ours", dict.fromkeys(slugs, path), slugs)
        for style, sample, place in CASES:
            photo = read_sample(sample, LONG_SIDE)
            pictures = [
                (title_of(style), photo),
                ("published", published.paint(style, photo)),
                (f"{path.stem}, one pass", ours.paint(style, photo)),
                (f"{path.stem}, as it ships", ours.stylizer.stylize(photo, style)),
            ]
            rows.append(((int(place[0] * photo.shape[1]), int(place[1] * photo.shape[0])), pictures))
    write_sheet(PROJECT_ROOT / "docs" / "networks" / "strokes.webp", rows)


if __name__ == "__main__":
    main(sys.argv[1])
