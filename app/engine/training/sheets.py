"""Draws sheets of a network in training: every style on the same photos."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from keras import ops
from PIL import Image, ImageDraw, ImageFont

from app.engine.networks.checkpoints import Checkpoint
from app.engine.networks.transformer import build_transformer, load_kernels
from app.engine.typing import Floats

STYLES_PER_ROW = 2
# In pixels: between pictures, and for the name above them.
GAP, LABEL = 8, 22


def save_sheet(path: Path, checkpoint: Checkpoint, photos: Sequence[Floats]) -> None:
    """Write a JPEG: a row of ``photos``, then each photo in every style.

    A row holds two styles.

    Photos are float32 [side, side, 3], RGB in 0..255, all of one side, a multiple of the network's.
    """
    side = len(photos[0])
    width, height = len(photos) * (side + GAP), LABEL + side + GAP
    rows = 1 + -(-len(checkpoint.styles) // STYLES_PER_ROW)
    sheet = Image.new("RGB", (STYLES_PER_ROW * width, rows * height), "white")
    _draw(sheet, (0, 0), "photos", photos)
    model = build_transformer(checkpoint.config)
    load_kernels(model, checkpoint.config, checkpoint.kernels)
    for index, slug in enumerate(checkpoint.styles, STYLES_PER_ROW):
        style = checkpoint.row(slug)[None]
        painted = [ops.convert_to_numpy(model([photo[None], style], training=False))[0] for photo in photos]
        place = (index % STYLES_PER_ROW * width, index // STYLES_PER_ROW * height)
        _draw(sheet, place, slug, painted)
    sheet.save(path, "JPEG", quality=90)


def _draw(sheet: Image.Image, place: tuple[int, int], name: str, pictures: Sequence[Floats]) -> None:
    """A row of pictures below their name."""
    left, top = place
    ImageDraw.Draw(sheet).text((left, top + 3), name, "black", ImageFont.load_default(14))
    for picture in pictures:
        pixels = np.clip(np.rint(picture), 0, 255).astype(np.uint8)
        sheet.paste(Image.fromarray(pixels), (left, top + LABEL))
        left += len(picture) + GAP
