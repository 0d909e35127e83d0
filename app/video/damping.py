"""Less flicker in a film that is painted frame by frame.

A network paints every frame afresh, so sensor noise that nobody sees in the photo makes the strokes boil.
The remedy: carry the strokes of the frame before along with what they belong to.

- Optical flow between the two photos (dense inverse search: Kroeger, Timofte, Dai and Van Gool 2016, "Fast
  Optical Flow using Dense Inverse Search") says where every pixel was before; the painting of the frame
  before is warped to its place now (Ruder, Dosovitskiy and Brox 2016, "Artistic Style Transfer for Videos").
- Where the warped photo agrees with the photo of now, the two paintings are mixed; where it does not,
  because something was uncovered or has changed, the new painting stands alone. The weight falls with the
  square of the difference, exp(-(d / tolerance)^2), as in Lai et al. 2018, "Learning Blind Video Temporal
  Consistency". When hardly anything agrees the scene has changed, and nothing is carried over.
- Averaging strokes that do not lie on each other, and resampling them again and again, blurs. So tones (what
  is left after a blur as broad as a stroke) and strokes (the rest) are mixed apart: tones wherever the
  photos agree, strokes the less the faster something moves, since motion hides their boiling. What contrast
  the strokes still lose is given back, because a mixture of two textures should be as strong as either
  (Heitz and Neyret 2018, "High-Performance By-Example Noise using a Histogram-Preserving Blending Operator").

All lengths are shares of the frame's diagonal: strokes, too, are as broad as the picture is large.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from app.engine.typing import Floats, Pixels

# Levels (of 255) by which two blurred photos may differ and still be the same thing.
TOLERANCE = 5.0
# The mean agreement below which the scene has changed.
SAME_SCENE = 0.3
# Lengths as shares of the diagonal: the blur that hides sensor noise, the neighbourhood that decides whether
# something moves, the breadth of strokes, and the speed (per frame) at which most of them are new.
NOISE, NEIGHBOURHOOD, STROKE, SPEED = 0.002, 0.008, 0.0055, 0.003
# Noise is as coarse as pixels are, so that small frames need this blur, in pixels.
LEAST_BLUR = 1.5
# By how much at most the contrast of mixed strokes is raised again.
MOST_CONTRAST = 2.0
# Optical flow is computed on frames of at most this many pixels along the longer side.
FLOW_SIDE = 960
# Agreement above which a pixel that does not move counts as static, for the measurement.
STATIC = 0.9


@dataclass
class Flicker:
    """The mean difference from frame to frame, in levels of 255, of what does not move in the photos."""

    before: float = 0.0
    after: float = 0.0
    pixels: int = 0

    def add(self, before: float, after: float, pixels: int) -> None:
        """Count ``pixels`` more with their mean differences."""
        if pixels:
            self.before += (before - self.before) * pixels / (self.pixels + pixels)
            self.after += (after - self.after) * pixels / (self.pixels + pixels)
            self.pixels += pixels


@dataclass(frozen=True)
class Past:
    """The frame before: its photo, its painting, and that painting damped (float32, not yet rounded)."""

    photo: Pixels
    painted: Pixels
    damped: Floats


class FlickerDamper:
    """Damps one film; frames must come in order and in one size, uint8 [height, width, 3]."""

    def __init__(self, amount: float, past: Past | None = None, flicker: Flicker | None = None) -> None:
        """Begin with a film, or go on where another damper was.

        Args:
            amount: the share of the past that a pixel may keep, 0 to below 1.
            past: the frame before, if there was one.
            flicker: what was measured so far.
        """
        self.amount = amount
        self.past = past
        self.flicker = flicker or Flicker()
        self._flow: Any = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)

    def damp(self, photo: Pixels, painted: Pixels) -> Pixels:
        """Return ``painted``, the painting of ``photo``, steadied by the frames before."""
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
        """Where every pixel of ``photo`` was ``before``, and how far to believe it."""
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
        # Noise makes the flow of what stands still tremble. Unless moving explains a neighbourhood better
        # than standing still does, it stands still, and its strokes are not resampled at all.
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
    """What two photos tell of each other, [height, width]: flow (x, y) in pixels and weights from 0 to 1."""

    flow: Floats
    tones: Floats
    strokes: Floats
    static: Pixels


def _mix(painted: Pixels, before: Floats, motion: Motion, amount: float) -> Floats:
    new = painted.astype(np.float32)
    old = _warp(before, motion.flow, cv2.INTER_CUBIC)
    new_tones, old_tones = _tones(new), _tones(old)
    new -= new_tones
    old -= old_tones
    strokes = _between(new, old, amount * motion.strokes)
    strength = np.sqrt((_power(new) + 4.0) / (_power(strokes) + 4.0))
    strokes *= np.clip(strength, 1.0, MOST_CONTRAST)[..., None]
    return strokes + _between(new_tones, old_tones, amount * motion.tones)


def _between(new: Floats, old: Floats, weight: Floats) -> Floats:
    """``old`` with a weight, ``new`` with the rest."""
    return new + weight[..., None] * (old - new)


def _tones(picture: Floats) -> Floats:
    """The picture without its strokes."""
    height, width = picture.shape[:2]
    # A quarter of the size holds all that a blur this broad leaves, for a fraction of the time.
    small = cv2.resize(picture, (max(1, width // 4), max(1, height // 4)), interpolation=cv2.INTER_AREA)
    return _enlarge(_blur(small, STROKE * float(np.hypot(height, width)) / 4), (width, height))


def _power(strokes: Floats) -> Floats:
    """How strong strokes are around every pixel: the mean square over a stroke's breadth."""
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
    """``picture`` as seen through ``flow``; beyond its border, the border."""
    x, y = _sources(flow)
    warped = cv2.remap(picture, x, y, interpolation, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(warped, np.float32)


def _outside(flow: Floats) -> npt.NDArray[np.bool_]:
    """Which pixels come from beyond the border."""
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
