"""A loaded network on a device: one pass over a picture, whole or in strips."""

from __future__ import annotations

import errno
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import tensorflow as tf

from app.engine.fast.graph import BatchGraph, Graph
from app.engine.fast.planes import PlaneStore
from app.engine.fast.tiling import Job, TiledPass
from app.engine.memory import release_unused_memory
from app.engine.native import operations as native
from app.engine.networks.checkpoints import Checkpoint
from app.engine.networks.config import NetworkConfig
from app.engine.padding import REACH, PaddedPhoto
from app.engine.scheduling import FairQueue
from app.engine.typing import Floats, Pixels

log = logging.getLogger(__name__)

# The margin by the network's padding, in pixels: mirrored around a photo before a pass, cropped off after it.
# A network sees the border. Padded with zeros it draws bright lines there, about half as wide as the margin.
# Padded by reflection, some styles draw frames or fewer strokes.
BORDER_MARGINS = {"zeros": 32, "reflect": 24}
# Pictures up to this size are painted whole, which is a little faster than strips. Larger ones are painted in
# strips, and others take their turn in between.
WHOLE_PIXELS = 3 << 19
# The first, small passes of a large picture must give turns to others as often as its strips do. So these
# passes are painted whole only up to WHOLE_PIXELS / PART_OF_LARGE.
PART_OF_LARGE = 4
# On a GPU, strips copy activations to the processor's memory and back. So pictures up to this size are tried
# whole first.
WHOLE_PIXELS_GPU = 24 << 20
# The number of tensors of full size that a whole pass holds at a time.
WHOLE_TENSORS = 5
# The most pixels of all pictures of a batch together.
BATCH_PIXELS = 4 * WHOLE_PIXELS

Report = Callable[[float], None]


@dataclass(frozen=True)
class StyleRows:
    """The style of a pass.

    ``rows`` is float32 [style_size], or [2, style_size] with a map.

    ``where`` is uint8 [height, width] like the photo: the second row's share, 0..255.
    """

    rows: Floats
    where: Pixels | None = None


@dataclass(frozen=True)
class Pass:
    """One pass over a picture.

    ``photo``: uint8 [height, width, 3].
    ``exact``: paint without the mirrored margins.
    ``budget``: bytes of activations to hold in the machine's memory; the rest lies in temporary files.
    ``queue``: gives turns on the device.
    ``report``: called between strips with the share done; may raise to stop.
    ``of``: the pixels of the finished picture; this pass may be smaller.
    """

    photo: Pixels
    style: StyleRows
    exact: bool
    budget: int
    queue: FairQueue = field(default_factory=FairQueue)
    report: Report = field(default=lambda share: None)
    of: int = 0


class Network:
    """A checkpoint's network, ready to paint; safe to share between threads."""

    def __init__(self, checkpoint: Checkpoint, *, precision: str, device: str, batch_limit: int = 1) -> None:
        """Args:
        checkpoint: the weights.
        precision: of the convolutions, "float32" or "bfloat16".
        device: as TensorFlow names it, "/CPU:0" or "/GPU:0".
        batch_limit: how many waiting pictures of one shape are painted at once.
        """
        self.checkpoint = checkpoint
        self.device = device
        self._batch_limit = batch_limit
        use_native = device.startswith("/CPU") and native.available()
        with tf.device(device):
            self._graph = Graph(checkpoint.config, checkpoint.kernels, precision, use_native=use_native)
        self._tiled = TiledPass(self._graph)
        self._whole = tf.function(self._graph.whole, reduce_retracing=True, autograph=False)
        if batch_limit > 1:
            with tf.device(device):
                together = BatchGraph(checkpoint.config, checkpoint.kernels, precision, use_native=use_native)
            self._batch = tf.function(together.whole, reduce_retracing=True, autograph=False)

    def paint(self, wanted: Pass) -> Pixels:
        """One pass; the result has the photo's shape."""
        padded = pad(wanted.photo, self.checkpoint.config, exact=wanted.exact)
        with tf.device(self.device):
            if self._suits_whole(padded.height * padded.width, wanted):
                try:
                    return self._paint_whole(padded, wanted.style, wanted.queue)
                except tf.errors.OpError as error:
                    if not is_out_of_memory(error):
                        raise
                    log.warning("The device's memory is too small for the whole picture: painting strips")
            return self._paint_strips(padded, wanted)

    def count_traces(self) -> int:
        """How many times a function was traced so far, including the stages of strips."""
        whole = [self._whole, *([self._batch] if self._batch_limit > 1 else [])]
        functions = [*whole, *self._tiled.stages]
        return sum(function.experimental_get_tracing_count() for function in functions)

    def _suits_whole(self, area: int, wanted: Pass) -> bool:
        """Whether to try ``area`` pixels at once; a GPU raises an error if it is too much."""
        if self.device.startswith("/GPU"):
            return area <= WHOLE_PIXELS_GPU
        tensor = area * self.checkpoint.config.base_width * self._graph.dtype.size
        whole = WHOLE_PIXELS if wanted.of <= WHOLE_PIXELS else WHOLE_PIXELS // PART_OF_LARGE
        return area <= whole and WHOLE_TENSORS * tensor <= wanted.budget

    def _paint_whole(self, padded: PaddedPhoto, style: StyleRows, queue: FairQueue) -> Pixels:
        slab = padded.slab(-REACH, padded.height + REACH)
        if style.where is None:
            limit = min(self._batch_limit, max(1, BATCH_PIXELS // (padded.height * padded.width)))
            painted = queue.share((self, slab.shape), (slab, style.rows), self._paint_together, limit)
        else:
            levels = self._levels(padded, style)
            with queue.turn():
                where = levels and [tf.constant(level[None, ..., None]) for level in levels]
                painted = self._whole(tf.constant(slab), tf.constant(style.rows), where).numpy()[0]
        picture = np.empty(padded.shape, np.uint8)
        padded.crop_into(picture, painted, 0)
        return picture

    def _paint_together(self, requests: Sequence[tuple[Pixels, Floats]]) -> Sequence[Pixels]:
        """One pass for photos of one shape, each with its own style.

        Takes slabs [1, ...] and rows [style_size].
        """
        slabs, rows = zip(*requests, strict=True)
        if len(requests) == 1:
            painted = self._whole(tf.constant(slabs[0]), tf.constant(rows[0]))
        else:
            painted = self._batch(tf.constant(np.concatenate(slabs)), tf.constant(np.stack(rows)))
        pictures: Sequence[Pixels] = painted.numpy()
        return pictures

    def _paint_strips(self, padded: PaddedPhoto, wanted: Pass) -> Pixels:
        rows, levels = tf.constant(wanted.style.rows), self._levels(padded, wanted.style)
        release_unused_memory()  # strips of other sizes leave holes, and planes need the memory
        with PlaneStore(wanted.budget) as store:
            return self._tiled.paint(Job(padded, rows, levels, store, wanted.queue.turn, wanted.report))

    def _levels(self, padded: PaddedPhoto, style: StyleRows) -> list[Pixels] | None:
        """The style map in the size of the padded picture and of each halving."""
        if style.where is None:
            return None
        levels = [padded.pad_map(style.where)]
        for _ in range(self.checkpoint.config.halvings):
            levels.append(_halve(levels[-1]))
        return levels


def pad(photo: Pixels, config: NetworkConfig, *, exact: bool) -> PaddedPhoto:
    """The photo padded for a network; with mirrored margins unless ``exact``."""
    return PaddedPhoto(
        photo,
        margin=0 if exact else BORDER_MARGINS[config.padding],
        multiple=config.multiple,
        least=config.least_side,
        reflect=config.padding == "reflect",
    )


# Parts of TensorFlow's messages when a device has no room for a copy, or for a convolution's working memory.
# Their error codes differ.
_NO_ROOM = ("Dst tensor is not initialized", "No algorithm worked", "out of memory", "RESOURCE_EXHAUSTED")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error means that memory or disk space ran out, also on a device."""
    if isinstance(error, OSError):
        return error.errno == errno.ENOSPC
    if isinstance(error, tf.errors.OpError):
        return isinstance(error, tf.errors.ResourceExhaustedError) or any(
            words in str(error) for words in _NO_ROOM
        )
    return isinstance(error, MemoryError)


def _halve(where: Pixels) -> Pixels:
    """A map at half the size: the mean of each 2x2 pixels, rounded."""
    pairs: Any = where.astype(np.uint16)
    total = pairs[::2, ::2] + pairs[1::2, ::2] + pairs[::2, 1::2] + pairs[1::2, 1::2]
    halved: Pixels = ((total + 2) // 4).astype(np.uint8)
    return halved
