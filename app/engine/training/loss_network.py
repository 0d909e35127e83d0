"""Builds the loss network, VGG-16 or VGG-19.

Simonyan and Zisserman 2015, "Very Deep Convolutional Networks for Large-Scale Image Recognition", with the
weights that Keras publishes. Its activations say how alike two pictures look. It takes no part in serving.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import keras

from app.engine.errors import InvalidOption
from app.engine.training.frozen import FrozenConvolution, can_be_frozen
from app.engine.training.recipe import LossNetworkName

_BUILDERS = {"vgg16": keras.applications.VGG16, "vgg19": keras.applications.VGG19}
# The weights expect blue, green and red, 0..255, minus this mean of ImageNet's pictures.
_MEAN = (103.939, 116.779, 123.68)


def build_loss_network(
    name: LossNetworkName,
    layers: Sequence[str],
    weights: str | Path | None = "imagenet",
    *,
    precision: Literal["float32", "bfloat16"] = "float32",
) -> keras.Model:
    """Build the frozen network up to the deepest of ``layers``.

    Args:
        name: "vgg16" or "vgg19".
        layers: as the papers write them: "relu3_3" is the third convolution of block 3 after its ReLU.
        weights: "imagenet" (fetched by Keras), a .weights.h5 file of the network without its top, or None for
            chance weights.
        precision: of the convolutions.

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
        wanted = [_keras_name(layer) for layer in layers]
        for layer, keras_name in zip(layers, wanted, strict=True):
            if keras_name not in known:
                raise InvalidOption(f"{name} has no layer called {layer}.")
        pixels = keras.Input((None, None, 3), name="rgb", dtype="float32")
        x = pixels[..., ::-1] - keras.ops.convert_to_tensor(_MEAN, "float32")
        activations: dict[str, keras.KerasTensor] = {}
        for layer in network.layers[1:]:
            x = FrozenConvolution(layer, name=layer.name)(x) if can_be_frozen(layer, precision) else layer(x)
            activations[layer.name] = x
            if all(keras_name in activations for keras_name in wanted):
                break
        model = keras.Model(pixels, [activations[keras_name] for keras_name in wanted], name=name)
    model.trainable = False
    return model


def _keras_name(layer: str) -> str:
    match = re.fullmatch(r"relu(\d)_(\d)", layer)
    return f"block{match[1]}_conv{match[2]}" if match else layer


def _load(name: LossNetworkName, weights: str | Path | None) -> keras.Model:
    build = _BUILDERS[name]
    if weights is None:
        return build(include_top=False, weights=None)
    if weights == "imagenet":
        return _fetch(name)
    if not Path(weights).is_file():
        raise InvalidOption(f"There is no file of weights at {weights}.")
    try:
        return build(include_top=False, weights=str(weights))
    except (OSError, ValueError, KeyError) as error:
        raise InvalidOption(f"{Path(weights).name} does not hold the weights of {name}.") from error


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
