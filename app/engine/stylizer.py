"""The engine's front door: loads each network once and turns photos into pictures, from any thread."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
# TensorFlow's own CPU allocator never gives memory back: a site would keep what its largest picture needed.
# The system's does, at some cost in time, which huge pages (GLIBC_TUNABLES, see the Makefile) take away.
os.environ.setdefault("TF_ONEDNN_USE_SYSTEM_ALLOCATOR", "1")
# oneDNN keeps a compiled primitive per shape; pictures come in endless shapes.
os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "64")

import numpy as np
import tensorflow as tf

from app.engine.catalogue import Catalogue
from app.engine.checkpoints import Checkpoint, load_checkpoint
from app.engine.color import blend, keep_photo_colors
from app.engine.config import NetworkConfig
from app.engine.errors import InvalidCheckpoint, InvalidPicture
from app.engine.memory import available_memory, release_unused_memory
from app.engine.preprocessing import Pixels, check_picture, pad_by_reflection
from app.engine.transformer import build_transformer, load_kernels

# Pixels mirrored around a photo before a network that pads with zeros, and cropped off after: the bright
# lines that such a network draws along the border reach about half as far inwards.
BORDER_MARGIN = 32
# The least side that every reflection inside the network can be taken from (its 9x9 convolution at full
# size, its 3x3 convolutions at a quarter of it).
LEAST_SIDE = 16
# The peak of one pass, measured (bench/engine.py) as bytes per pixel and base width of the network.
BYTES_PER_PIXEL_AND_WIDTH = 12
# The share of the available memory that one pass may take.
MEMORY_SHARE = 0.5
MEGAPIXEL = 1_000_000

Progress = Callable[[float], None]


class Stylizer:
    """Paints pictures with the networks of a catalogue.

    Safe to call from several threads; on a CPU one inference runs at a time, since each uses every core.
    """

    def __init__(self, catalogue: Catalogue, *, max_pixels: int | None = None) -> None:
        """Prepare; nothing is loaded before the first picture.

        Args:
            catalogue: where the styles come from.
            max_pixels: how many pixels one pass may have; by default as many as fit into memory.
        """
        configure_tensorflow()
        self._catalogue = catalogue
        self._max_pixels = max_pixels
        self._networks: dict[tuple[Path, int], Network] = {}
        self._lock = threading.Lock()

    def stylize(
        self,
        pixels: Pixels,
        style: str,
        *,
        strength: float = 1.0,
        keep_colors: bool = False,
        exact: bool = False,
        on_progress: Progress | None = None,
    ) -> Pixels:
        """Paint a photo in one feed-forward pass.

        Args:
            pixels: uint8 [height, width, 3], RGB.
            style: a slug of the catalogue.
            strength: 0 (the photo itself) to 1 (the full style), mixed in linear light.
            keep_colors: take only the luminance from the painted picture.
            exact: the network's own pixels, with nothing improved around it.
            on_progress: called with the share done, 0 to 1; may raise to stop.

        Returns:
            uint8 of exactly the shape of ``pixels``.

        Raises:
            InvalidPicture: ``pixels`` is no picture, or ``strength`` is out of range.
            UnknownStyle: the catalogue has no such style.
            InvalidCheckpoint: the style's checkpoint cannot be used.
        """
        photo = check_picture(pixels)
        if not 0.0 <= strength <= 1.0:
            raise InvalidPicture("The strength must lie between 0 and 1.")
        report = on_progress or (lambda share: None)
        slug = self._catalogue.get(style).slug
        with self._lock:
            network = self._network(slug)
            report(0.1)
            painted = self._paint(network, photo, slug, exact=exact)
        report(0.9)
        if keep_colors:
            painted = keep_photo_colors(photo, painted)
        result = blend(photo, painted, strength)
        release_unused_memory()
        report(1.0)
        return result

    def _network(self, slug: str) -> Network:
        path = self._catalogue.get(slug).checkpoint
        try:
            key = (path, path.stat().st_mtime_ns)
        except OSError as error:
            raise InvalidCheckpoint(f"The checkpoint of {slug} is missing.") from error
        if key not in self._networks:
            self._networks[key] = Network(load_checkpoint(path))
        return self._networks[key]

    def _paint(self, network: Network, photo: Pixels, slug: str, *, exact: bool) -> Pixels:
        height, width = photo.shape[:2]
        budget = self._max_pixels or network.affordable_pixels()
        if height * width > budget:
            scale = (budget / (height * width)) ** 0.5
            smaller = resize(photo, max(1, int(height * scale)), max(1, int(width * scale)))
            return resize(network.paint(smaller, slug, exact=exact), height, width)
        return network.paint(photo, slug, exact=exact)


@dataclass(frozen=True)
class Network:
    """A loaded network: one traced function for every style and every size."""

    checkpoint: Checkpoint

    def __post_init__(self) -> None:
        object.__setattr__(self, "_function", _trace(self.checkpoint))

    @property
    def config(self) -> NetworkConfig:
        return self.checkpoint.config

    def paint(self, photo: Pixels, slug: str, *, exact: bool) -> Pixels:
        """One pass over the whole photo; the result has its shape."""
        margin = BORDER_MARGIN if self.config.padding == "zeros" and not exact else 0
        least = LEAST_SIDE if self.config.padding == "reflect" else 0
        padded, margins = pad_by_reflection(photo, margin, least)
        function: Any = self._function  # type: ignore[attr-defined]
        painted = function(tf.constant(padded[None]), tf.constant(self.checkpoint.row(slug)[None]))
        return np.ascontiguousarray(margins.crop(painted.numpy()[0]))

    def affordable_pixels(self) -> int:
        """How many pixels fit into one pass with the memory there is now."""
        bytes_per_pixel = BYTES_PER_PIXEL_AND_WIDTH * self.config.base_width
        return max(MEGAPIXEL // 4, int(available_memory() * MEMORY_SHARE / bytes_per_pixel))


def _trace(checkpoint: Checkpoint) -> Any:
    model = build_transformer(checkpoint.config)
    load_kernels(model, checkpoint.config, checkpoint.kernels)
    signature = (
        tf.TensorSpec((1, None, None, 3), tf.uint8),
        tf.TensorSpec((1, checkpoint.config.style_size), tf.float32),
    )

    def paint(pixels: Any, style: Any) -> Any:
        painted = model([tf.cast(pixels, tf.float32), style], training=False)
        return tf.cast(tf.round(painted), tf.uint8)

    return tf.function(paint, input_signature=signature).get_concrete_function()


def resize(pixels: Pixels, height: int, width: int) -> Pixels:
    """Lanczos resampling (3 lobes), antialiased when it makes the picture smaller."""
    resized = tf.image.resize(pixels, (height, width), method="lanczos3", antialias=True)
    return np.asarray(tf.cast(tf.clip_by_value(tf.round(resized), 0.0, 255.0), tf.uint8))


_configured = False


def configure_tensorflow() -> None:
    """Use every core this process may use for one operation at a time, and no more GPU memory than needed."""
    global _configured  # noqa: PLW0603 - TensorFlow's own configuration is as global, and settable once
    if _configured:
        return
    _configured = True
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    tf.config.threading.set_intra_op_parallelism_threads(cores)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    for gpu in tf.config.list_physical_devices("GPU"):
        tf.config.experimental.set_memory_growth(gpu, True)
