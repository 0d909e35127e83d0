"""A loaded network in plain Keras, for backends without a fast path here: whole pictures only."""

from __future__ import annotations

import keras
import numpy as np

from app.engine.errors import InvalidOption
from app.engine.network import Pass, pad
from app.engine.networks.checkpoints import Checkpoint
from app.engine.networks.transformer import build_transformer, load_kernels
from app.engine.padding import REACH
from app.engine.typing import Pixels


class PlainNetwork:
    """Does what :class:`app.engine.network.Network` does, on any backend of Keras; safe to share.

    Each new shape is compiled, and memory grows with the picture.
    """

    def __init__(self, checkpoint: Checkpoint, *, precision: str, device: str) -> None:
        """``precision`` is "float32" or "bfloat16"; ``device`` is a name: Keras's backend chooses its own."""
        self.checkpoint = checkpoint
        self.device = device
        policy = "mixed_bfloat16" if precision == "bfloat16" else "float32"
        self._model = build_transformer(checkpoint.config, policy=policy)
        load_kernels(self._model, checkpoint.config, checkpoint.kernels)

    def paint(self, wanted: Pass) -> Pixels:
        """One pass, as :meth:`app.engine.network.Network.paint`, without regard to its memory budget.

        Raises:
            InvalidOption: there is a style map; layers would need two styles at once.
        """
        if wanted.style.where is not None:
            raise InvalidOption(f"A style map needs TensorFlow, and Keras runs on {keras.backend.backend()}.")
        padded = pad(wanted.photo, self.checkpoint.config, exact=wanted.exact)
        slab = padded.slab(0, padded.height)[:, :, REACH:-REACH].astype(np.float32)
        with wanted.queue.turn():
            painted = self._model.predict_on_batch([slab, wanted.style.rows[None]])[0]
        picture = np.empty(padded.shape, np.uint8)
        padded.crop_into(picture, np.rint(painted).astype(np.uint8), 0)
        return picture

    def count_traces(self) -> int:
        """Always 0: backends compile for every shape, and do not report it."""
        return 0
