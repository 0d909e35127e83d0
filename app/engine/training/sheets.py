"""A look at a network in training: every style on the same photos, in one picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from keras import ops

from app.engine.checkpoints import Checkpoint
from app.engine.transformer import build_transformer, load_kernels

STYLES_PER_ROW = 2
GAP = 8


def save_sheet(path: Path, checkpoint: Checkpoint, photos: Sequence[npt.NDArray[np.float32]]) -> None:
    """Write a JPEG with a row of ``photos`` and then, two styles a row, each painted in every style.

    Photos are float32 [height, width, 3], RGB in 0..255, and are cut to squares of the least side.
    """
    multiple = checkpoint.config.multiple
    side = min(min(photo.shape[:2]) for photo in photos) // multiple * multiple
    squares = [_square(photo, side) for photo in photos]
    model = build_transformer(checkpoint.config)
    load_kernels(model, checkpoint.config, checkpoint.kernels)
    strips = [_strip(squares)]
    for slug in checkpoint.styles:
        row = checkpoint.row(slug)[None]
        painted = [ops.convert_to_numpy(model([square[None], row], training=False))[0] for square in squares]
        strips.append(_strip(painted))
    while (len(strips) - 1) % STYLES_PER_ROW:
        strips.append(np.full_like(strips[0], 255.0))
    rows: list[Any] = [
        np.concatenate([strips[0]] + [np.full_like(strips[0], 255.0)] * (STYLES_PER_ROW - 1), 1)
    ]
    for first in range(1, len(strips), STYLES_PER_ROW):
        rows.append(np.concatenate(strips[first : first + STYLES_PER_ROW], 1))
    pixels = np.clip(np.rint(np.concatenate(rows)), 0, 255).astype(np.uint8)
    path.write_bytes(tf.io.encode_jpeg(pixels, quality=90).numpy())


def _square(photo: npt.NDArray[np.float32], side: int) -> npt.NDArray[np.float32]:
    top, left = ((length - side) // 2 for length in photo.shape[:2])
    return photo[top : top + side, left : left + side]


def _strip(pictures: Sequence[npt.NDArray[np.float32]]) -> npt.NDArray[np.float32]:
    """Pictures beside each other with a white gap after each and below."""
    framed = [np.pad(picture, ((0, GAP), (0, GAP), (0, 0)), constant_values=255.0) for picture in pictures]
    return np.concatenate(framed, axis=1)
