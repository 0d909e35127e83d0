"""Reads and writes our checkpoints, and reads published TensorFlow 1 checkpoints.

A checkpoint is a NumPy ``.npz`` archive that carries its own configuration:

- ``config``: the :class:`NetworkConfig` as JSON text;
- ``styles``: the slugs, in the order of the rows;
- ``rows``: float32 [styles, ``config.style_size``], per layer its scales, then its shifts;
- ``kernels/NAME``: float16 or float32 [size, size, inputs, outputs] for each layer.

A style that was added to a network later has its own ``.npz`` archive: ``row``, float32
[``config.style_size``], and ``network``, the fingerprint of the network that the row was fitted to.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from app.engine.errors import InvalidCheckpoint
from app.engine.networks.config import PUBLISHED, NetworkConfig
from app.engine.typing import AnyFloats
from app.files import whole_file

# What reading a damaged archive may raise. RuntimeError: it claims to be encrypted, or compressed in an
# unknown way. zlib.error: data does not decompress. MemoryError: an array claims a shape beyond all memory.
_DAMAGED = (
    OSError,
    ValueError,
    KeyError,
    TypeError,
    EOFError,
    RuntimeError,
    MemoryError,
    zipfile.BadZipFile,
    zlib.error,
)


@dataclass(frozen=True)
class Checkpoint:
    """A network's weights; ``rows[i]`` is the style vector of ``styles[i]``."""

    config: NetworkConfig
    styles: tuple[str, ...]
    rows: AnyFloats
    kernels: Mapping[str, AnyFloats]

    def row(self, slug: str) -> AnyFloats:
        """The style vector of a slug, shape [``config.style_size``].

        Raises:
            InvalidCheckpoint: the network has no such style.
        """
        if slug not in self.styles:
            raise InvalidCheckpoint(f"The network has no style called {slug}.")
        return np.asarray(self.rows[self.styles.index(slug)])

    @cached_property
    def fingerprint(self) -> str:
        """A hash of the kernels, the same for float16 and float32 files."""
        digest = hashlib.sha256()
        for layer in self.config.layers:
            digest.update(np.ascontiguousarray(self.kernels[layer.name], np.float16).tobytes())
        return digest.hexdigest()


def load_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint in our own form.

    Raises:
        InvalidCheckpoint: the file is missing, damaged, of another architecture, or holds NaN or infinity.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            config = _parse_config(str(archive["config"]))
            checkpoint = Checkpoint(
                config,
                tuple(str(slug) for slug in archive["styles"]),
                archive["rows"].astype(np.float32),
                {layer.name: archive[f"kernels/{layer.name}"].astype(np.float32) for layer in config.layers},
            )
    except _DAMAGED as error:
        raise InvalidCheckpoint(
            f"{path.name} is not a checkpoint of this engine, or it is damaged."
        ) from error
    _check(checkpoint, path.name)
    return checkpoint


def save_checkpoint(path: Path, checkpoint: Checkpoint, *, kernel_type: npt.DTypeLike = np.float32) -> None:
    """Write a checkpoint, whole or not at all."""
    arrays: dict[str, npt.NDArray[np.generic]] = {
        "config": np.array(json.dumps(asdict(checkpoint.config), sort_keys=True)),
        "styles": np.array(checkpoint.styles),
        "rows": checkpoint.rows.astype(np.float32),
    }
    for name, kernel in checkpoint.kernels.items():
        arrays[f"kernels/{name}"] = kernel.astype(kernel_type)
    _save(path, arrays)


def save_row(path: Path, network: Checkpoint, row: AnyFloats) -> None:
    """Write the row of a style that was added to ``network``, whole or not at all."""
    _save(path, {"network": np.array(network.fingerprint), "row": row.astype(np.float32)})


def load_row(path: Path, network: Checkpoint) -> AnyFloats:
    """Read an added style's row for ``network``, shape [``config.style_size``].

    Raises:
        InvalidCheckpoint: the file is missing or damaged, or was fitted to another network.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            fitted_to, row = str(archive["network"]), archive["row"].astype(np.float32)
    except _DAMAGED as error:
        raise InvalidCheckpoint(f"{path.name} is not an added style, or it is damaged.") from error
    if row.shape != (network.config.style_size,) or fitted_to != network.fingerprint:
        raise InvalidCheckpoint(f"{path.name} was fitted to another network: add the style again.")
    if not np.isfinite(row).all():
        raise InvalidCheckpoint(f"{path.name} holds numbers that are not finite.")
    return np.asarray(row)


def _save(path: Path, arrays: Mapping[str, npt.NDArray[np.generic]]) -> None:
    with whole_file(path) as file:
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]  # the stub knows only float arrays


def read_tensorflow1_checkpoint(path: Path, slug: str) -> Checkpoint:
    """Read a published fast-style-transfer checkpoint, with one style called ``slug``.

    Args:
        path: a V1 file, or a V2 checkpoint's prefix, ``.index`` or ``.data-00000-of-00001`` file.
        slug: what to call its style.

    Its variables are called Variable, Variable_1, ... Variable_47 in the order of creation: layer by layer
    the filter, the shift and the scale. Filters of transposed convolutions are [size, size, outputs, inputs].

    Raises:
        InvalidCheckpoint: it is missing, damaged, of another architecture, or holds NaN or infinity.
    """
    import tensorflow as tf

    prefix = _checkpoint_prefix(path)
    try:
        reader = tf.train.load_checkpoint(str(prefix))
        shapes = reader.get_variable_to_shape_map()
        variables = _expected_variables()
        types = reader.get_variable_to_dtype_map()
        fits = all(shapes.get(name) == shape and types[name].is_floating for name, shape in variables.items())
        if not fits:
            raise InvalidCheckpoint(
                f"{path.name} is a checkpoint of another network than fast-style-transfer's."
            )
        tensors = [reader.get_tensor(name) for name in variables]
    except InvalidCheckpoint:
        raise
    except (tf.errors.OpError, ValueError, IndexError, RuntimeError, OSError) as error:
        # The reader raises IndexError for a data file that ends too early.
        raise InvalidCheckpoint(f"{path.name} is not a TensorFlow checkpoint, or it is damaged.") from error
    kernels: dict[str, AnyFloats] = {}
    row: list[AnyFloats] = []
    for index, layer in enumerate(PUBLISHED.layers):
        kernel, shift, scale = tensors[3 * index : 3 * index + 3]
        kernels[layer.name] = kernel.transpose(0, 1, 3, 2) if layer.kind == "doubling" else kernel
        row += [scale, shift]
    checkpoint = Checkpoint(PUBLISHED, (slug,), np.concatenate(row)[None], kernels)
    _check(checkpoint, path.name)
    return checkpoint


def _checkpoint_prefix(path: Path) -> Path:
    name = path.name
    if name.endswith(".index"):
        prefix = path.with_name(name.removesuffix(".index"))
    elif ".data-" in name:
        prefix = path.with_name(name[: name.rindex(".data-")])
    else:
        prefix = path
    if not (prefix.is_file() or prefix.with_name(prefix.name + ".index").is_file()):
        raise InvalidCheckpoint(f"There is no checkpoint at {path}.")
    return prefix


def _expected_variables() -> dict[str, list[int]]:
    shapes: list[list[int]] = []
    for layer in PUBLISHED.layers:
        size, _, inputs, outputs = layer.kernel_shape
        transposed = layer.kind == "doubling"
        shapes.append([size, size, outputs, inputs] if transposed else [size, size, inputs, outputs])
        shapes += [[outputs], [outputs]]
    return {f"Variable_{index}" if index else "Variable": shape for index, shape in enumerate(shapes)}


def _parse_config(text: str) -> NetworkConfig:
    values = json.loads(text)
    known = {field.name for field in fields(NetworkConfig)}
    # Checkpoints that are older than an option do not name it.
    later = {"halvings", "skips", "fine_blocks"}
    if not isinstance(values, dict) or {*values, *later} != known:
        raise ValueError("not the fields of a network configuration")
    config = NetworkConfig(**values)
    config.check()
    return config


def _check(checkpoint: Checkpoint, name: str) -> None:
    for layer in checkpoint.config.layers:
        if checkpoint.kernels[layer.name].shape != layer.kernel_shape:
            raise InvalidCheckpoint(
                f"{name}: the kernel of {layer.name} does not fit the network's architecture."
            )
    if checkpoint.rows.shape != (len(checkpoint.styles), checkpoint.config.style_size):
        raise InvalidCheckpoint(f"{name}: its styles do not fit the network's architecture.")
    for values in (checkpoint.rows, *checkpoint.kernels.values()):
        if not np.isfinite(values).all():
            raise InvalidCheckpoint(f"{name} holds numbers that are not finite.")
