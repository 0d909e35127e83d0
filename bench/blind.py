"""Pictures to be told by the eye alone: is every style recognised without its name?

``python -m bench.blind NETWORK FOLDER [SEED]`` writes three sheets for a judge who sees nothing else: the
paintings by letters, and two chance photos of the evaluation in every style by numbers, in chance order. The
answers go to key.json beside the folder's sheets: ``{"1": "E", ...}`` and the style of each letter. It needs
the paintings and photos of training, which is why sheets are shown and not kept.
"""

from __future__ import annotations

import json
import random
import string
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from app.commands.evaluation_inputs import find_network, read_listed, read_paintings
from app.commands.training_data import SHARED
from app.engine.networks.checkpoints import load_checkpoint
from app.engine.training.candidates import whole_network
from app.engine.typing import Pixels

SIDE, CELL, COLUMNS = 384, (330, 290), 6
PHOTOS_EACH = 2


def main(name: str, folder: Path, seed: int = 1) -> None:
    path, chance = find_network(name).resolve(), random.Random(seed)
    styles = list(load_checkpoint(path).styles)
    chance.shuffle(styles)
    letters = dict(zip(styles, string.ascii_uppercase, strict=False))
    paintings = read_paintings(SHARED / "paintings", styles, SIDE)
    photos = read_listed(SHARED / "photos", SIDE)
    tasks = [(style, photo) for style in styles for photo in chance.sample(photos, PHOTOS_EACH)]
    chance.shuffle(tasks)
    with tempfile.TemporaryDirectory() as shelf:
        candidate = whole_network(path.stem, path, Path(shelf))
        pictures = [candidate.paint(style, photo.pixels) for style, photo in tasks]
    painted = [(str(number), picture) for number, picture in enumerate(pictures, 1)]
    folder.mkdir(parents=True, exist_ok=True)
    write_sheet(folder / "paintings.png", ((letters[style], paintings[style]) for style in styles))
    write_sheet(folder / "pictures_1.png", painted[: len(styles)])
    write_sheet(folder / "pictures_2.png", painted[len(styles) :])
    answers = {str(number): letters[style] for number, (style, _) in enumerate(tasks, 1)}
    key = {"answers": answers, "styles": {letter: style for style, letter in letters.items()}}
    (folder / "key.json").write_text(json.dumps(key, indent=1))


def write_sheet(path: Path, pictures: Iterable[tuple[str, Pixels]]) -> None:
    """Pictures under their numbers or letters, each scaled into a cell."""
    cells, (width, height), font = list(pictures), CELL, ImageFont.load_default(20)
    sheet = Image.new("RGB", (COLUMNS * width, -(-len(cells) // COLUMNS) * height), "white")
    draw = ImageDraw.Draw(sheet)
    for index, (label, pixels) in enumerate(cells):
        x, y = index % COLUMNS * width, index // COLUMNS * height
        picture = Image.fromarray(pixels)
        picture.thumbnail((width - 10, height - 32))
        draw.text((x, y), label, "black", font)
        sheet.paste(picture, (x, y + 26))
    sheet.save(path)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), *map(int, sys.argv[3:]))
