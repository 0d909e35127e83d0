"""The engine's front door: ``Stylizer`` turns photos into pictures."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Literal, TypeVar

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
# oneDNN keeps a compiled primitive for each shape, and pictures have many shapes.
os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "128")

import numpy as np
import tensorflow as tf

from app.engine.cascade import Paint, paint_coarse_to_fine, plan, resize
from app.engine.catalogue import Catalogue
from app.engine.color import combine
from app.engine.errors import InvalidOption, OutOfMemory
from app.engine.loading import LoadedNetwork, Networks
from app.engine.memory import available_memory, release_unused_memory
from app.engine.network import Pass, Report, StyleRows, is_out_of_memory
from app.engine.networks.checkpoints import load_row
from app.engine.options import (
    Mixture,
    StyleMap,
    Upsampling,
    check_brush,
    check_masks,
    check_picture,
    check_strength,
    check_upsampling,
)
from app.engine.processor import computes_bfloat16
from app.engine.scheduling import FairQueue
from app.engine.typing import Floats, Pixels
from app.engine.upsampling import paint_guided

log = logging.getLogger(__name__)

# The memory for the activations of one picture, in bytes: max(ACTIVATIONS, ACTIVATIONS_PER_PIXEL * pixels).
# Below full size, the house network's largest layer has 16 bytes per pixel; the rest is for the margins.
ACTIVATIONS, ACTIVATIONS_PER_PIXEL = 800_000_000, 16.5
# But no more than this share of the available memory.
MEMORY_SHARE = 0.25
# How many pictures of one shape a GPU paints at once; one picture keeps a processor busy.
GPU_BATCH = 8

T = TypeVar("T")
Precision = Literal["auto", "float32", "bfloat16"]
Device = Literal["auto", "cpu", "gpu"]


class Stylizer:
    """Paints pictures with the networks of a catalogue.

    Safe to call from several threads. One pass runs at a time, because each uses every core. Large pictures
    are painted in strips, and others take their turn between two strips. A GPU paints waiting pictures of one
    shape and network together, each in its own style.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        *,
        precision: Precision = "auto",
        device: Device = "auto",
        memory_limit: int | None = None,
        batch_limit: int | None = None,
    ) -> None:
        """Prepare; nothing is loaded before the first picture.

        Args:
            catalogue: where the styles come from.
            precision: of the convolutions; "auto" is bfloat16 where the processor multiplies it.
            device: "auto" is a GPU if TensorFlow sees one.
            memory_limit: bytes of activations of one picture in memory; the rest goes to temporary files,
                with 0 all of it. The default suits the machine.
            batch_limit: how many waiting pictures of one shape to paint at once. The default is 1 on a
                processor and more on a GPU.

        Raises:
            InvalidOption: a GPU is asked for and there is none.
        """
        configure_tensorflow()
        self._catalogue = catalogue
        self._precision = precision
        self._device = _device_name(device)
        self._memory_limit = memory_limit
        self._batch_limit = batch_limit or (1 if self._device == CPU else GPU_BATCH)
        self._networks = Networks(catalogue, batch_limit=self._batch_limit)
        self._queue = FairQueue()

    def stylize(
        self,
        pixels: Pixels,
        style: str | Mixture,
        *,
        strength: float = 1.0,
        mask: Pixels | None = None,
        style_map: StyleMap | None = None,
        keep_colors: bool = False,
        brush: float = 1.0,
        exact: bool = False,
        upsampling: Upsampling = "cascade",
        on_progress: Report | None = None,
    ) -> Pixels:
        """Paint a photo.

        Args:
            pixels: uint8 [height, width, 3], RGB.
            style: a slug of the catalogue, or a mixture of styles of one network ("wave:0.7,udnie:0.3").
            strength: 0 (the photo itself) to 1 (the full style) and on to 1.5, mixed in linear light.
            mask: uint8 [height, width], the share of the strength at each pixel, 0..255.
            style_map: a second style of the same network and where it applies.
            keep_colors: take only the luma from the painted picture.
            brush: the brush size, 0.25 to 4; 1 is the network's own.
            exact: the network's own pixels: one pass in float32, without brush size and border margins.
            upsampling: how to enlarge: "cascade" paints again, "guided" follows the photo's edges, cheaper.
            on_progress: called between strips with the share done, 0 to 1; may raise to stop.

        Returns:
            uint8 of exactly the shape of ``pixels``.

        Raises:
            InvalidPicture: ``pixels`` is no picture.
            InvalidOption: another argument is out of range, or styles belong to different networks.
            UnknownStyle: the catalogue has no such style.
            InvalidCheckpoint: the style's checkpoint cannot be used.
            OutOfMemory: memory and temporary files had no room, not even for strips.
        """
        photo = check_picture(pixels)
        height, width = photo.shape[:2]
        check_strength(strength)
        check_brush(brush)
        check_upsampling(upsampling, exact)
        check_masks(mask, style_map, height, width)
        mixture = style if isinstance(style, Mixture) else Mixture.parse(style)
        report = on_progress or (lambda share: None)
        report(0.0)
        paint = self._prepare(mixture, style_map, exact, pixels=height * width)
        if strength == 0.0 or (mask is not None and not mask.any()):
            report(1.0)
            return photo.copy()  # no painted pixel would be visible
        sizes = [(height, width)] if exact else plan(height, width, brush)
        guided = partial(paint_guided, turn=self._queue.turn)
        enlarge = paint_coarse_to_fine if upsampling == "cascade" else guided
        painted = enlarge(photo, sizes, paint, lambda share: report(0.97 * share))
        result = combine(photo, painted, strength=strength, mask=mask, keep_colors=keep_colors)
        release_unused_memory()
        report(1.0)
        return result

    def count_traces(self) -> int:
        """The number of traces so far; it does not grow with sizes or styles."""
        return sum(network.count_traces() for network in self._networks.loaded())

    def _prepare(self, mixture: Mixture, style_map: StyleMap | None, exact: bool, pixels: int) -> Paint:
        """A function that paints any size in one pass; loads the network.

        ``pixels``: the number of pixels of the finished picture.
        """
        slugs = mixture.slugs + (style_map.style.slugs if style_map else ())
        for slug in slugs:
            self._catalogue.get(slug)  # report an unknown style before loading anything
        network = self._with_room(
            partial(self._network, slugs[0], exact), self._device, f"the network of {slugs[0]}"
        )
        rows = self._row(network, slugs[0], mixture)
        if style_map is not None:
            rows = np.stack([rows, self._row(network, slugs[0], style_map.style)])

        def paint(here: Pixels, report: Report) -> Pixels:
            where = None if style_map is None else resize(style_map.where, *here.shape[:2])
            budget = activations(pixels) if self._memory_limit is None else self._memory_limit
            wanted = Pass(here, StyleRows(rows, where), exact, budget, self._queue, report, pixels)

            def on(device: str) -> Pixels:
                same = device == network.device
                return (network if same else self._network(slugs[0], exact, device)).paint(wanted)

            with _out_of_memory_raised():
                return self._with_room(on, network.device, f"a picture of {here.shape}")

        return paint

    def _row(self, network: LoadedNetwork, first: str, mixture: Mixture) -> Floats:
        """The mixture of the styles' rows, shape [style_size].

        ``network`` paints the style ``first``.

        Raises:
            InvalidOption: one of them belongs to another network.
        """
        checkpoint = network.checkpoint
        total = np.zeros(checkpoint.config.style_size, np.float32)
        for slug, weight in mixture.parts:
            style = self._catalogue.get(slug)
            if style.checkpoint != self._catalogue.get(first).checkpoint:
                raise InvalidOption(f"{slug} and {first} belong to different networks and cannot be mixed.")
            row = checkpoint.row(slug) if style.row is None else load_row(style.row, checkpoint)
            total += row * np.float32(weight)
        return total

    def _with_room(self, work: Callable[[str], T], device: str, what: str) -> T:
        """The result of ``work`` on a device, or on the CPU if a GPU has no room."""
        try:
            return work(device)
        except tf.errors.OpError as error:
            if device == CPU or not is_out_of_memory(error):
                raise
            log.warning("The GPU's memory does not suffice for %s: painting on the processor", what)
            return work(CPU)

    def _network(self, slug: str, exact: bool, device: str) -> LoadedNetwork:
        return self._networks.get(slug, self._resolve_precision(exact, device), device)

    def _resolve_precision(self, exact: bool, device: str) -> str:
        if self._precision != "auto":
            return self._precision
        return "bfloat16" if not exact and (device != CPU or computes_bfloat16()) else "float32"


def activations(pixels: int) -> int:
    """Bytes of activations that a pass may hold in memory now.

    ``pixels``: the number of pixels of the finished picture.
    """
    wanted = max(ACTIVATIONS, ACTIVATIONS_PER_PIXEL * pixels)
    return int(min(wanted, available_memory() * MEMORY_SHARE))


@contextmanager
def _out_of_memory_raised() -> Iterator[None]:
    """Turn errors about memory or disk space into OutOfMemory."""
    try:
        yield
    except (MemoryError, OSError, tf.errors.OpError) as error:
        if not is_out_of_memory(error):
            raise
        raise OutOfMemory(
            "There is not enough free memory or disk space for a picture of this size. Use a smaller one."
        ) from error


CPU = "/CPU:0"


def _device_name(device: Device) -> str:
    gpus = tf.config.list_logical_devices("GPU") if device != "cpu" else []
    if device == "gpu" and not gpus:
        raise InvalidOption("TensorFlow sees no GPU on this machine.")
    return "/GPU:0" if gpus else CPU


_configured = False


def configure_tensorflow() -> None:
    """Run one operation at a time on all cores; take GPU memory only as needed.

    TensorFlow reads the number of threads from TF_NUM_INTRAOP_THREADS, if that is set.
    """
    global _configured  # noqa: PLW0603 - TensorFlow's own configuration is as global, and settable once
    if _configured:
        return
    _configured = True
    tf.config.threading.set_inter_op_parallelism_threads(1)
    # Without this a GPU rounds float32 factors to the ten bits of TF32.
    tf.config.experimental.enable_tensor_float_32_execution(False)
    for gpu in tf.config.list_physical_devices("GPU"):
        tf.config.experimental.set_memory_growth(gpu, True)
