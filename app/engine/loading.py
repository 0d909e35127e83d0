"""The loaded networks of a catalogue, each loaded once."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from pathlib import Path
from typing import NamedTuple

import keras

from app.engine.catalogue import Catalogue
from app.engine.errors import InvalidCheckpoint
from app.engine.network import Network
from app.engine.networks.checkpoints import Checkpoint, load_checkpoint
from app.engine.plain import PlainNetwork

# The fast path on TensorFlow, plain Keras on any other backend.
LoadedNetwork = Network | PlainNetwork


class NetworkKey(NamedTuple):
    """Which network, in which precision, on which device."""

    checkpoint: Path
    changed: int  # when the file was written, in nanoseconds
    precision: str
    device: str


class Networks:
    """Loads networks on demand; safe to share between threads.

    A thread waits for another thread only if both want the same network.
    """

    def __init__(self, catalogue: Catalogue, *, batch_limit: int) -> None:
        self._catalogue = catalogue
        self.batch_limit = batch_limit
        self._networks: dict[NetworkKey, Future[LoadedNetwork]] = {}
        self._lock = threading.Lock()

    def get(self, slug: str, precision: str, device: str) -> LoadedNetwork:
        """The network that paints a style.

        Raises:
            InvalidCheckpoint: its file is missing or cannot be used.
            tf.errors.OpError: the device has no room for it.
        """
        path = self._catalogue.get(slug).checkpoint
        try:
            key = NetworkKey(path, path.stat().st_mtime_ns, precision, device)
        except OSError as error:
            raise InvalidCheckpoint(f"The checkpoint of {slug} is missing.") from error
        with self._lock:
            loading = self._networks.get(key)
            if loading is None:
                self._forget_unused(key)
                mine = self._networks[key] = Future[LoadedNetwork]()
        if loading is not None:
            return loading.result()
        return self._load(key, mine)

    def loaded(self) -> list[LoadedNetwork]:
        """The networks that are ready."""
        with self._lock:
            futures = list(self._networks.values())
        return [future.result() for future in futures if future.done() and not future.exception()]

    def _load(self, key: NetworkKey, promise: Future[LoadedNetwork]) -> LoadedNetwork:
        try:
            network = self.build(load_checkpoint(key.checkpoint), key)
        except BaseException as error:
            with self._lock:
                self._networks.pop(key, None)  # later callers try again
            promise.set_exception(error)
            raise
        promise.set_result(network)
        return network

    def build(self, checkpoint: Checkpoint, key: NetworkKey) -> LoadedNetwork:
        """A new network for this key: the fast one, or plain Keras on another backend."""
        if keras.backend.backend() != "tensorflow":
            return PlainNetwork(checkpoint, precision=key.precision, device=key.device)
        return Network(checkpoint, precision=key.precision, device=key.device, batch_limit=self.batch_limit)

    def _forget_unused(self, new: NetworkKey) -> None:
        """Drop networks with replaced or unused files; passes in progress go on."""
        used = {style.checkpoint for style in self._catalogue.styles}
        for key in list(self._networks):
            replaced = key._replace(changed=new.changed) == new
            if replaced or key.checkpoint not in used:
                del self._networks[key]
