"""Builds the loss network, VGG-16 or VGG-19.

Simonyan and Zisserman 2015, "Very Deep Convolutional Networks for Large-Scale Image Recognition", with the
weights of the Visual Geometry Group, Oxford. Feed-forward pictures are painted without it.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import keras
import numpy as np

from app.engine.errors import InvalidOption
from app.engine.training.frozen import FrozenConvolution, can_be_frozen
from app.engine.training.recipe import LossNetworkName

_BUILDERS = {"vgg16": keras.applications.VGG16, "vgg19": keras.applications.VGG19}
# The weights expect blue, green and red, 0..255, minus this mean of ImageNet's pictures.
_MEAN = (103.939, 116.779, 123.68)

Pooling = Literal["max", "average"]


def build_loss_network(
    name: LossNetworkName,
    layers: Sequence[str],
    weights: str | Path | None = "imagenet",
    *,
    precision: Literal["float32", "bfloat16"] = "float32",
    pooling: Pooling = "max",
) -> keras.Model:
    """Build the frozen network up to the deepest of ``layers``.

    Args:
        name: "vgg16" or "vgg19".
        layers: "relu3_3", "conv3_3" and "block3_conv3" all name the third convolution of block 3 after its
            ReLU.
        weights: "imagenet" (fetched by Keras), a .weights.h5 file of the network without its top, an .npz
            file as scripts/pack_vgg16.py makes it, or None for chance weights.
        precision: what the convolutions compute in.
        pooling: what joins 2x2 activations between blocks. The weights were trained with "max".

    Returns:
        A model from pixels float32 [batch, height, width, 3], RGB in 0..255, to the list of activations in
        the order of ``layers``, each [batch, height / 2^(block - 1), width / 2^(block - 1), channels].

    Raises:
        InvalidOption: there is no such network, layer or file; the file belongs to another network; or the
            weights cannot be fetched.
    """
    if name not in _BUILDERS:
        raise InvalidOption(f"There is no loss network called {name}: choose vgg16 or vgg19.")
    if not layers:
        raise InvalidOption("The loss network needs at least one layer to look at.")
    with _policy(precision):
        network = _load(name, weights)
        known = {layer.name for layer in network.layers}
        wanted = [keras_layer(layer) for layer in layers]
        for layer, keras_name in zip(layers, wanted, strict=True):
            if keras_name not in known:
                raise InvalidOption(f"{_source(name, weights)} has no layer called {layer}.")
        pixels = keras.Input((None, None, 3), name="rgb", dtype="float32")
        x = pixels[..., ::-1] - keras.ops.convert_to_tensor(_MEAN, "float32")
        activations: dict[str, keras.KerasTensor] = {}
        for layer in network.layers[1:]:
            x = _frozen(layer, precision, pooling)(x)
            activations[layer.name] = x
            if all(keras_name in activations for keras_name in wanted):
                break
        model = keras.Model(pixels, [activations[keras_name] for keras_name in wanted], name=name)
    model.trainable = False
    return model


def keras_layer(layer: str) -> str:
    """Keras's name of a layer: "block3_conv1" for "relu3_1" and "conv3_1"."""
    match = re.fullmatch(r"(?:relu|conv)(\d)_(\d)", layer)
    return f"block{match[1]}_conv{match[2]}" if match else layer


def _frozen(layer: keras.layers.Layer, precision: str, pooling: Pooling) -> keras.layers.Layer:
    """A layer of Keras's network, or the one of ours that takes its place."""
    if can_be_frozen(layer, precision):
        return FrozenConvolution(layer, name=layer.name)
    if pooling == "average" and isinstance(layer, keras.layers.MaxPooling2D):
        return keras.layers.AveragePooling2D(layer.pool_size, layer.strides, name=layer.name)
    return layer


def _source(name: str, weights: str | Path | None) -> str:
    """What a complaint about a missing layer names: the file if it holds a part of the network."""
    return Path(weights).name if weights and Path(weights).suffix == ".npz" else name


def _load(name: LossNetworkName, weights: str | Path | None) -> keras.Model:
    build = _BUILDERS[name]
    if weights is None:
        return build(include_top=False, weights=None)
    if weights == "imagenet":
        return _fetch(name)
    if not Path(weights).is_file():
        raise InvalidOption(f"There is no file of weights at {weights}.")
    try:
        if Path(weights).suffix == ".npz":
            return _load_archive(build(include_top=False, weights=None), Path(weights))
        return build(include_top=False, weights=str(weights))
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise InvalidOption(f"{Path(weights).name} does not hold the weights of {name}.") from error


def _load_archive(network: keras.Model, path: Path) -> keras.Model:
    """Give a network the weights of an .npz file, and cut it off after the deepest layer of the file."""
    with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
        names = list(dict.fromkeys(key.partition("/")[0] for key in archive.files))
        for name in names:
            weights = (archive[f"{name}/kernel"], archive[f"{name}/bias"])
            network.get_layer(name).set_weights([array.astype(np.float32) for array in weights])
    convolutions = [layer for layer in network.layers if isinstance(layer, keras.layers.Conv2D)]
    if names != [layer.name for layer in convolutions[: len(names)]]:
        raise ValueError("a convolution is missing")
    return keras.Model(network.inputs, convolutions[len(names) - 1].output)


def _fetch(name: LossNetworkName) -> keras.Model:
    """The network with Keras's published weights, which Keras fetches once and keeps."""
    try:
        return _BUILDERS[name](include_top=False, weights="imagenet")
    except Exception as error:  # Keras raises a plain Exception when it cannot fetch them
        raise InvalidOption(
            f"Keras could not fetch the ImageNet weights of {name} ({error}). Connect to the internet, or "
            "name a file of them that you have."
        ) from error


@contextmanager
def _policy(precision: str) -> Iterator[None]:
    """Set the precision for a block: Keras's applications read it from a global."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
