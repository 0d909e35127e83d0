"""HDR to SDR, by one rule for photos and films (ITU-R BT.2100 in, sRGB out).

Diffuse white, 203 cd/m² (ITU-R BT.2408), becomes a little less than white. What is brighter fills the rest.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

Light = npt.NDArray[np.float32]
Pixels = npt.NDArray[np.uint8]

# Numbers of ITU-T H.273 for the transfer functions of HDR.
PQ, HLG = 16, 18
HDR = (PQ, HLG)
DIFFUSE_WHITE = 203.0
HLG_PEAK, HLG_GAMMA = 1000.0, 1.2
# Below this share of white nothing changes.
KNEE = 0.8
# What a pixel's red, green and blue give to its luminance (ITU-R BT.2020).
LUMINANCE = np.array([0.2627, 0.6780, 0.0593], np.float32)
# sRGB levels are looked up by the root of light, which needs fewer steps in the dark.
STEPS = 8192
STRIP_PIXELS = 250_000


def to_sdr(pixels: npt.NDArray[Any], transfer: int, matrix: npt.NDArray[np.float64]) -> Pixels:
    """Bring an HDR picture to SDR.

    Args:
        pixels: uint8 or uint16 [height, width, 3], coded by ``transfer`` in full range.
        transfer: ``PQ`` or ``HLG``.
        matrix: brings linear light from the picture's primaries to those of sRGB.
    """
    result = np.empty(pixels.shape, np.uint8)
    light = _light(transfer, int(np.iinfo(pixels.dtype).max))
    display = _hlg_on_display if transfer == HLG else _as_it_is
    turned = matrix.T.astype(np.float32)
    for rows in _strips(pixels):
        linear = np.maximum(display(light[pixels[rows]]) @ turned, 0.0)
        result[rows] = _levels()[(np.sqrt(_compressed(linear)) * (STEPS - 1) + 0.5).astype(np.uint16)]
    return result


def _strips(pixels: npt.NDArray[Any]) -> Iterator[slice]:
    rows = max(1, STRIP_PIXELS // pixels.shape[1])
    return (slice(top, top + rows) for top in range(0, len(pixels), rows))


@cache
def _light(transfer: int, highest: int) -> Light:
    """The light of each level; 1 is diffuse white for PQ, and the peak for HLG (BT.2100, tables 4 and 5)."""
    signal = np.arange(highest + 1) / highest
    if transfer == PQ:
        root = signal ** (32 / 2523)
        ratio = np.maximum(root - 3424 / 4096, 0) / (2413 / 128 - 2392 / 128 * root)
        return (10_000 / DIFFUSE_WHITE * ratio ** (16384 / 2610)).astype(np.float32)
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    scene: Light = np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - c) / a) + b) / 12).astype(
        np.float32
    )
    return scene


def _as_it_is(light: Light) -> Light:
    return light


def _hlg_on_display(scene: Light) -> Light:
    """What a display of 1000 cd/m² shows of a scene, relative to diffuse white (BT.2100, table 5)."""
    luminance = np.maximum(scene @ LUMINANCE, 1e-6)
    light: Light = scene * (HLG_PEAK / DIFFUSE_WHITE * luminance ** (HLG_GAMMA - 1))[..., None]
    return light


def _compressed(light: Light) -> Light:
    """Light of 0 to 1. A pixel's brightest channel is compressed, and the others with it to keep the hue."""
    brightest = light.max(axis=-1, keepdims=True)
    above = (np.maximum(brightest, KNEE) - KNEE) / (1 - KNEE)
    shoulder = KNEE + (1 - KNEE) * above / (1 + above)
    scale = np.where(brightest > KNEE, shoulder / np.maximum(brightest, KNEE), 1)
    compressed: Light = light * scale
    return compressed


@cache
def _levels() -> Pixels:
    """The sRGB level of each step of the root of light (IEC 61966-2-1)."""
    light = (np.arange(STEPS) / (STEPS - 1)) ** 2
    coded = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    levels: Pixels = np.rint(255 * coded).astype(np.uint8)
    return levels
