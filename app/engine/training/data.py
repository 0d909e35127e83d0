"""Photos and paintings for training, streamed with ``tf.data``: every draw follows from a seed and a number.

Nothing here remembers anything, so a training that was killed continues with the very pictures it would
have seen. That holds for damaged photos too: each is replaced by the next of the list that can be read.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from app.engine.errors import InvalidPicture
from app.engine.training.recipe import Stage

log = logging.getLogger(__name__)

SUFFIXES = {".jpg", ".jpeg", ".png"}
Pixels = npt.NDArray[np.float32]


def leave_gpus_to_backend() -> None:
    """Keep TensorFlow, which reads the pictures, off the GPUs where another backend of Keras trains on them.

    It would take all their memory. Has to come before anything that TensorFlow computes.
    """
    if keras.backend.backend() != "tensorflow":
        tf.config.set_visible_devices([], "GPU")


def find_photos(folder: Path, held_out: Sequence[str] = ()) -> list[Path]:
    """Every photo below a folder, in the order of their names, without those held out (by file name).

    Raises:
        InvalidPicture: there are none.
    """
    photos = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    photos = [path for path in photos if path.name not in held_out]
    if not photos:
        raise InvalidPicture(f"There are no photos in {folder}.")
    return photos


def find_paintings(folder: Path) -> dict[str, Path]:
    """The pictures in a folder by their names without the ending, which are the slugs of styles."""
    return {path.stem: path for path in sorted(folder.iterdir()) if path.suffix.lower() in SUFFIXES}


def read_picture(path: Path, long_side: int) -> Pixels:
    """Read a picture at ``long_side`` pixels along its longer side.

    Returns float32 [height, width, 3], RGB in 0..255.

    Raises:
        InvalidPicture: the file is missing or no JPEG or PNG.
    """
    try:
        pixels = _decode(tf.constant(str(path)))
    except tf.errors.OpError as error:
        raise InvalidPicture(f"{path.name} is not a JPEG or PNG picture, or it is damaged.") from error
    height, width = pixels.shape[:2]
    scale = long_side / max(height, width)
    size = (max(1, round(height * scale)), max(1, round(width * scale)))
    return np.asarray(_resize(pixels, size))


def read_photos(photos: Sequence[Path], long_side: int) -> list[Pixels]:
    """Those of the photos that are not damaged, each as :func:`read_picture` gives it.

    Raises:
        InvalidPicture: all are.
    """
    pictures = []
    for path in photos:
        try:
            pictures.append(read_picture(path, long_side))
        except InvalidPicture:
            _warn_of_damage(path)
    if not pictures:
        raise InvalidPicture(f"None of the {len(photos)} photos tried can be read.")
    return pictures


def stream(
    photos: Sequence[Path], styles: int, stage: Stage, *, seed: int, first_step: int
) -> tf.data.Dataset:
    """The endless batches of a stage, from a step on.

    A photo is cut to a random square between the crop and its short side, reduced to the crop and mirrored
    half of the time. Photos come in a random order, each once before any comes again; in the place of one
    that cannot be read comes the next of the list that can.

    Yields photos float32 [stage.photos, crop, crop, 3] and styles int32 [stage.photos, styles_per_photo],
    which are different for one photo as far as there are enough.
    """

    def read(place: np.int64) -> npt.NDArray[np.uint8]:
        return _first_readable(photos, int(place))

    def draw(number: Any) -> tuple[Any, Any]:
        turn, place = number // len(photos), number % len(photos)
        key = tf.stack([tf.constant(seed, tf.int64), number])
        shuffle = tf.stack([tf.constant(seed, tf.int64), turn])
        chosen = tf.random.experimental.index_shuffle(place, shuffle, tf.cast(len(photos) - 1, tf.int64))
        pixels = tf.ensure_shape(tf.numpy_function(read, [chosen], tf.uint8), (None, None, 3))
        photo = _random_crop(pixels, stage.crop, key)
        ranks = tf.argsort(tf.random.stateless_uniform([styles], key))
        return photo, tf.gather(ranks, tf.range(stage.styles_per_photo) % styles)

    first = first_step * stage.photos
    return (
        tf.data.Dataset.range(first, np.iinfo(np.int64).max)
        .map(draw, num_parallel_calls=2, deterministic=True)
        .batch(stage.photos, drop_remainder=True)
        .prefetch(4)
    )


def _first_readable(photos: Sequence[Path], first: int) -> npt.NDArray[np.uint8]:
    """The pixels of photo number ``first``, or of the next that can be read, uint8 [height, width, 3]."""
    for place in range(first, first + len(photos)):
        path = photos[place % len(photos)]
        try:
            return np.asarray(_decode(tf.constant(str(path))))
        except tf.errors.OpError:
            _warn_of_damage(path)
    raise InvalidPicture("None of the photos can be read.")


@cache
def _warn_of_damage(path: Path) -> None:
    """Name a photo that cannot be read, once however often it is met."""
    log.warning("%s cannot be read, and another photo takes its place.", path)


def _decode(path: Any) -> Any:
    return tf.io.decode_image(tf.io.read_file(path), channels=3, expand_animations=False)


def _resize(pixels: Any, size: Any) -> Any:
    resized = tf.image.resize(pixels, size, method="bicubic", antialias=True)
    return tf.clip_by_value(resized, 0.0, 255.0)


def _random_crop(pixels: Any, crop: int, key: Any) -> Any:
    shape = tf.shape(pixels)[:2]
    zoom, down, across, mirror = tf.unstack(tf.random.stateless_uniform([4], tf.add(key, [1, 0])))
    short = tf.cast(tf.reduce_min(shape), tf.float32)
    side = tf.cast(tf.minimum(short, crop + zoom * tf.maximum(0.0, short - crop)), tf.int32)
    top, left = (
        tf.cast(x * tf.cast(shape[i] - side + 1, tf.float32), tf.int32) for i, x in enumerate((down, across))
    )
    square = _resize(pixels[top : top + side, left : left + side], (crop, crop))
    square = tf.cond(mirror < 0.5, lambda: square, lambda: tf.reverse(square, [1]))
    return tf.ensure_shape(square, (crop, crop, 3))
