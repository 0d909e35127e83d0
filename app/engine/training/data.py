"""Streams photos and paintings for training with ``tf.data``.

Every draw is a function of a seed and a number, without state. So a training that was killed goes on with the
same pictures. That holds for damaged photos too: the next readable photo of the list replaces each.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from app.engine.errors import InvalidPicture
from app.engine.training.pictures import Reader, decode_picture
from app.engine.training.recipe import Stage
from app.engine.typing import Floats, Pixels, Tensor

log = logging.getLogger(__name__)


# The random draws of a stage.
ORDER, CROP, STYLES = range(3)


def leave_gpus_to_backend() -> None:
    """Keep TensorFlow off the GPUs if another Keras backend trains on them.

    TensorFlow only reads the pictures, but would take all of the GPUs' memory. Call this before TensorFlow
    computes anything.
    """
    if keras.backend.backend() != "tensorflow":
        tf.config.set_visible_devices([], "GPU")


def read_picture(path: Path, long_side: int, decode: Reader = decode_picture) -> Floats:
    """Read a picture at ``long_side`` pixels along its longer side.

    Returns float32 [height, width, 3], RGB in 0..255.

    Raises:
        InvalidPicture: the file is missing or no JPEG or PNG.
    """
    pixels = decode(path)
    return _scaled(pixels, long_side / max(pixels.shape[:2]))


def read_square(path: Path, side: int, decode: Reader = decode_picture) -> Floats:
    """Read the middle of a picture whose shorter side is made ``side`` pixels long.

    Returns float32 [side, side, 3], RGB in 0..255.

    Raises:
        InvalidPicture: as :func:`read_picture`.
    """
    pixels = decode(path)
    scaled = _scaled(pixels, side / min(pixels.shape[:2]))
    top, left = ((length - side) // 2 for length in scaled.shape[:2])
    return scaled[top : top + side, left : left + side]


def _scaled(pixels: Pixels, scale: float) -> Floats:
    height, width = (max(1, round(length * scale)) for length in pixels.shape[:2])
    return np.asarray(_resize(pixels, (height, width)))


def read_photos(photos: Sequence[Path], long_side: int, decode: Reader = decode_picture) -> list[Floats]:
    """Those of the photos that are not damaged, each as :func:`read_picture` gives it.

    Raises:
        InvalidPicture: all are.
    """
    pictures = []
    for path in photos:
        try:
            pictures.append(read_picture(path, long_side, decode))
        except InvalidPicture:
            _warn_of_damage(path)
    if not pictures:
        raise InvalidPicture(
            f"None of the {len(photos)} photos tried can be read. Check the folder of photos."
        )
    return pictures


def stream(
    photos: Sequence[Path],
    draws: Sequence[float],
    stage: Stage,
    *,
    seed: int,
    number: int = 0,
    first_step: int,
    decode: Reader = decode_picture,
) -> tf.data.Dataset:
    """The endless batches of a stage, from a step on.

    A photo is cut to a random square between the crop and its short side, reduced to the crop and mirrored
    half of the time. Photos come in a random order, each once before any comes again. The next readable photo
    of the list replaces an unreadable one. ``number`` is the stage's number in the training: each stage draws
    differently.

    ``draws`` says how often each style is drawn, relative to the others.

    Yields photos float32 [stage.photos, crop, crop, 3] and styles int32 [stage.photos, styles_per_photo]. The
    styles of one photo differ if there are enough.
    """

    def read(index: np.int64) -> Pixels:
        return _first_readable(photos, int(index), decode)

    styles = len(draws)

    def draw(index: Tensor) -> tuple[Tensor, Tensor]:
        round_number, position = index // len(photos), index % len(photos)
        order = draw_key(seed, number, ORDER, round_number)
        chosen = tf.random.experimental.index_shuffle(position, order, tf.cast(len(photos) - 1, tf.int64))
        pixels = tf.ensure_shape(tf.numpy_function(read, [chosen], tf.uint8), (None, None, 3))
        photo = _random_crop(pixels, stage.crop, draw_key(seed, number, CROP, index))
        chance = tf.random.stateless_uniform([styles], draw_key(seed, number, STYLES, index))
        # Draws styles in proportion to their rates: of exponential arrival times, the earliest win.
        ranks = tf.argsort(-tf.math.log1p(-chance) / tf.constant(draws, tf.float32))
        return photo, tf.gather(ranks, tf.range(stage.styles_per_photo) % styles)

    first = first_step * stage.photos
    return (
        tf.data.Dataset.range(first, np.iinfo(np.int64).max)
        .map(draw, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
        .batch(stage.photos, drop_remainder=True)
        .prefetch(4)
    )


def draw_key(seed: int, stage: int, purpose: int, index: Tensor | int) -> Tensor:
    """The key of one draw, int64 [2]; unique per seed, stage, purpose and index."""
    key = tf.constant([seed, stage], tf.int64)
    for part in (purpose, index):
        key = tf.random.experimental.stateless_fold_in(key, tf.cast(part, tf.int64))
    return key


def _first_readable(photos: Sequence[Path], first: int, decode: Reader) -> Pixels:
    """The pixels of photo number ``first``, or of the next that can be read, uint8 [height, width, 3]."""
    for index in range(first, first + len(photos)):
        path = photos[index % len(photos)]
        try:
            return decode(path)
        except InvalidPicture:
            _warn_of_damage(path)
    raise InvalidPicture("None of the photos can be read.")


@cache
def _warn_of_damage(path: Path) -> None:
    """Log the name of an unreadable photo, once."""
    log.warning("%s cannot be read, and another photo takes its place.", path)


def _resize(pixels: Tensor, size: tuple[int, int]) -> Tensor:
    resized = tf.image.resize(pixels, size, method="bicubic", antialias=True)
    return tf.clip_by_value(resized, 0.0, 255.0)


def _random_crop(pixels: Tensor, crop: int, key: Tensor) -> Tensor:
    shape = tf.shape(pixels)[:2]
    zoom, down, across, mirror = tf.unstack(tf.random.stateless_uniform([4], key))
    short = tf.cast(tf.reduce_min(shape), tf.float32)
    side = tf.cast(tf.minimum(short, crop + zoom * tf.maximum(0.0, short - crop)), tf.int32)
    top, left = (
        tf.cast(x * tf.cast(shape[i] - side + 1, tf.float32), tf.int32) for i, x in enumerate((down, across))
    )
    square = _resize(pixels[top : top + side, left : left + side], (crop, crop))
    square = tf.cond(mirror < 0.5, lambda: square, lambda: tf.reverse(square, [1]))
    return tf.ensure_shape(square, (crop, crop, 3))
