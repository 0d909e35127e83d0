"""Chooses the precision of a training's convolutions on this machine."""

from __future__ import annotations

import keras
import tensorflow as tf

from app.engine.processor import computes_bfloat16
from app.engine.training.recipe import Precision


def precision_here(wanted: Precision) -> Precision:
    """The wanted precision, or float32 where bfloat16 is only emulated and slow."""
    return wanted if computes_bfloat16() or has_gpu() else "float32"


def has_gpu() -> bool:
    """Whether Keras's backend computes on a GPU."""
    if keras.backend.backend() == "tensorflow":
        return bool(tf.config.list_physical_devices("GPU"))
    return any(device.startswith("gpu") for device in keras.distribution.list_devices())
