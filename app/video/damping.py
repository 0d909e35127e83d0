"""Reduces flicker in a film that is painted frame by frame.

A network paints every frame afresh, so invisible sensor noise makes the strokes boil. The remedy is to move
the previous frame's strokes along with the objects they cover.

- Dense optical flow between the two photos (Kroeger, Timofte, Dai and Van Gool 2016, "Fast Optical Flow using
  Dense Inverse Search") gives each pixel's previous place. The previous painting is warped along this flow
  (Ruder, Dosovitskiy and Brox 2016, "Artistic Style Transfer for Videos").
- Where the warped photo agrees with the current photo, the two paintings are mixed. Elsewhere something was
  uncovered or has changed, and the new painting stays alone. The weight is exp(-(d / tolerance)^2) for a
  difference d, as in Lai et al. 2018, "Learning Blind Video Temporal Consistency". If hardly anything agrees,
  the scene has changed, and nothing is carried over.
- Averaging misaligned strokes and repeated resampling blur the painting. So tones and strokes are mixed
  separately: tones are a blur of the picture as wide as a stroke, strokes are the rest. Tones are mixed
  wherever the photos agree. Strokes are mixed less the faster something moves, as motion hides their boiling.
  A Lanczos kernel 8 pixels wide resamples strokes through many frames without much blur.
- Mixing two textures lowers their contrast, so the strokes get the contrast of a single texture back (Heitz
  and Neyret 2018, "High-Performance By-Example Noise using a Histogram-Preserving Blending Operator").

All lengths are shares of the frame's diagonal, because strokes scale with the picture.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from app.engine.typing import Floats, Pixels

# The difference, in levels of 255, at which two blurred photos show different things.
TOLERANCE = 5.0
# Below this mean agreement the scene has changed.
SAME_SCENE = 0.3
# Lengths as shares of the diagonal: the blur that hides sensor noise, the neighbourhood for detecting motion,
# the width of strokes, and the speed per frame at which most strokes are new.
NOISE, NEIGHBOURHOOD, STROKE, SPEED = 0.002, 0.008, 0.0055, 0.012
# The smallest noise blur, in pixels: noise is as coarse as the pixels, also in small frames.
LEAST_BLUR = 1.5
# The largest factor that restores the contrast of mixed strokes.
MOST_CONTRAST = 2.0
# The longer side, in pixels, of the frames for optical flow.
FLOW_SIDE = 960
# Measurement of flicker: a still pixel with more agreement than this is static.
STATIC = 0.9


@dataclass
class Flicker:
    """The mean change between frames, in levels of 255, where the photos do not move."""

    before: float = 0.0
    after: float = 0.0
    pixels: int = 0

    def add(self, before: float, after: float, pixels: int) -> None:
        """Add the mean changes of ``pixels`` more pixels."""
        if pixels:
            self.before += (before - self.before) * pixels / (self.pixels + pixels)
            self.after += (after - self.after) * pixels / (self.pixels + pixels)
            self.pixels += pixels


@dataclass(frozen=True)
class Past:
    """The previous frame: photo, painting, damped painting (unrounded float32)."""

    photo: Pixels
    painted: Pixels
    damped: Floats


class FlickerDamper:
    """Damps one film; frames are uint8 [height, width, 3], in order and of one size."""

    def __init__(self, amount: float, past: Past | None = None, flicker: Flicker | None = None) -> None:
        """Start a film, or continue where another damper stopped.

        Args:
            amount: the largest share of the past in a pixel, 0 to below 1.
            past: the previous frame, if there is one.
            flicker: the measurement so far.
        """
        self.amount = amount
        self.past = past
        self.flicker = flicker or Flicker()
        self._flow: Any = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)

    def damp(self, photo: Pixels, painted: Pixels) -> Pixels:
        """Return ``painted``, the painting of ``photo``, damped with the previous frames."""
        past = self.past
        if past is None:
            damped = painted.astype(np.float32)
        else:
            motion = self._motion(photo, past.photo)
            damped = _mix(painted, past.damped, motion, self.amount)
            self._measure(motion, past, painted, damped)
        self.past = Past(photo, painted, damped)
        return _rounded(damped)

    def _motion(self, photo: Pixels, before: Pixels) -> Motion:
        """The flow from ``photo`` to the frame ``before``, and its weights."""
        height, width = photo.shape[:2]
        scale = min(1.0, FLOW_SIDE / max(height, width))
        size = (max(16, round(width * scale)), max(16, round(height * scale)))
        now, then = _reduce(photo, size), _reduce(before, size)
        flow: Floats = self._flow.calc(_grey(now), _grey(then), None)
        diagonal = float(np.hypot(*size))
        quiet = max(LEAST_BLUR, NOISE * diagonal)
        calm, calm_then = _blur(now, quiet), _blur(then, quiet)
        moved = _difference(calm, _warp(calm_then, flow, cv2.INTER_LINEAR))
        stayed = _difference(calm, calm_then)
        # Noise makes the flow of still objects tremble. A neighbourhood counts as still unless motion
        # explains it clearly better. Strokes there are not resampled at all.
        wide = NEIGHBOURHOOD * diagonal
        still = _blur(stayed, wide) <= _blur(moved, wide) + 0.1 * TOLERANCE
        flow[still] = 0.0
        difference = np.where(still, stayed, moved)
        agreement = np.exp(-np.square(difference / TOLERANCE))
        agreement[_outside(flow)] = 0.0
        if agreement.mean() < SAME_SCENE:
            agreement[:] = 0.0
        speed = np.hypot(flow[..., 0], flow[..., 1]) / diagonal
        slowness = np.exp(-np.square(_blur(speed, quiet) / SPEED))
        flow *= np.array([width / size[0], height / size[1]], np.float32)
        static = (still & (agreement > STATIC)).astype(np.uint8)
        full = (width, height)
        return Motion(
            _enlarge(flow, full),
            _enlarge(agreement, full),
            _enlarge(agreement * slowness, full),
            np.asarray(cv2.resize(static, full, interpolation=cv2.INTER_NEAREST), np.uint8),
        )

    def _measure(self, motion: Motion, past: Past, painted: Pixels, damped: Floats) -> None:
        pixels = cv2.countNonZero(motion.static)
        if pixels:
            before = cv2.mean(cv2.absdiff(painted, past.painted), motion.static)
            after = cv2.mean(cv2.absdiff(_rounded(damped), _rounded(past.damped)), motion.static)
            self.flicker.add(float(np.mean(before[:3])), float(np.mean(after[:3])), pixels)


@dataclass(frozen=True)
class Motion:
    """Motion between two photos, as arrays [height, width].

    The flow (x, y) is in pixels, the weights are 0 to 1.
    """

    flow: Floats
    tones: Floats
    strokes: Floats
    static: Pixels


def _mix(painted: Pixels, before: Floats, motion: Motion, amount: float) -> Floats:
    new = painted.astype(np.float32)
    old = _warp(before, motion.flow, cv2.INTER_LANCZOS4)
    new_tones, old_tones = _tones(new), _tones(old)
    new -= new_tones
    old -= old_tones
    strokes = _between(new, old, amount * motion.strokes)
    strength = np.sqrt((_power(new) + 4.0) / (_power(strokes) + 4.0))
    strokes *= np.clip(strength, 1.0, MOST_CONTRAST)[..., None]
    return strokes + _between(new_tones, old_tones, amount * motion.tones)


def _between(new: Floats, old: Floats, weight: Floats) -> Floats:
    """The mixture ``weight * old + (1 - weight) * new``."""
    return new + weight[..., None] * (old - new)


def _tones(picture: Floats) -> Floats:
    """The picture blurred by the width of a stroke."""
    height, width = picture.shape[:2]
    # A wide blur leaves no fine detail, so a quarter of the size is enough and much faster.
    small = cv2.resize(picture, (max(1, width // 4), max(1, height // 4)), interpolation=cv2.INTER_AREA)
    return _enlarge(_blur(small, STROKE * float(np.hypot(height, width)) / 4), (width, height))


def _power(strokes: Floats) -> Floats:
    """The strength of strokes at each pixel: the mean square over a stroke's width."""
    return _tones(np.square(strokes).mean(axis=2))


def _grey(picture: Pixels) -> Pixels:
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.uint8)


def _difference(one: Floats, other: Floats) -> Floats:
    """The largest difference of the three channels."""
    return np.asarray(cv2.absdiff(one, other).max(axis=2), np.float32)


def _blur(picture: npt.NDArray[np.generic], sigma: float) -> Floats:
    return np.asarray(cv2.GaussianBlur(picture.astype(np.float32), (0, 0), max(sigma, 0.3)), np.float32)


def _reduce(picture: Pixels, size: tuple[int, int]) -> Pixels:
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)


def _enlarge(picture: Floats, size: tuple[int, int]) -> Floats:
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_LINEAR), np.float32)


def _warp(picture: Floats, flow: Floats, interpolation: int) -> Floats:
    """``picture`` warped by ``flow``; pixels beyond the border repeat the border."""
    x, y = _sources(flow)
    warped = cv2.remap(picture, x, y, interpolation, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(warped, np.float32)


def _outside(flow: Floats) -> npt.NDArray[np.bool_]:
    """Which pixels come from outside the picture."""
    height, width = flow.shape[:2]
    x, y = _sources(flow)
    return np.asarray((x < -0.5) | (x > width - 0.5) | (y < -0.5) | (y > height - 0.5), np.bool_)


def _sources(flow: Floats) -> tuple[Floats, Floats]:
    height, width = flow.shape[:2]
    rows = np.arange(height, dtype=np.float32)[:, None]
    columns = np.arange(width, dtype=np.float32)[None]
    return columns + flow[..., 0], rows + flow[..., 1]


def _rounded(picture: Floats) -> Pixels:
    return np.asarray(np.clip(picture + 0.5, 0.0, 255.0), np.uint8)
