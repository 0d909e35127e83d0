"""Films: what the damping of flicker does to strokes that stand still and to things that move, and memory.

The films are made here, so that it is known what moves: a photo as the background, a round piece of another
photo that crosses it, and the noise of a camera's sensor (a standard deviation of 2 levels) on every frame.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from app.config import PROJECT_ROOT
from app.engine.catalogue import Catalogue
from app.engine.typing import Floats, Pixels
from app.video import DAMPING
from app.video.damping import FlickerDamper
from app.video.writer import KINDS, SegmentWriter, Shape

SIZE = (640, 360)
FRAMES = 40
STYLES = ("starry_night", "wave", "rain_princess")
PAN = (1.7, 0.6)
NOISE = 2.0
# The first frames, in which the damped strokes still settle, are left out of what is said of sharpness.
SETTLED = 5


def sample(name: str, width: int, height: int) -> Floats:
    with Image.open(PROJECT_ROOT / "static" / "samples" / f"{name}.jpg") as photo:
        resized = photo.convert("RGB").resize((width, height), Image.Resampling.LANCZOS)
    return np.asarray(resized, np.float32)


def film(frames: int, size: tuple[int, int], pan: tuple[float, float]) -> Iterator[tuple[Pixels, Floats]]:
    """Frames, each with the share (0 to 1) that the moving thing has of every pixel."""
    width, height = size
    chance = np.random.default_rng(1)
    background = sample("coffee", width * 3 // 2, height * 3 // 2)
    side = width // 5
    thing = sample("astronaut", side, side)
    y, x = np.mgrid[:side, :side] - side / 2
    disc = np.clip(side / 2 - 2 - np.hypot(x, y), 0, 1).astype(np.float32)
    for number in range(frames):
        there = np.array([[1, 0, -20 - pan[0] * number], [0, 1, -20 - pan[1] * number]], np.float32)
        frame = cv2.warpAffine(background, there, size, flags=cv2.INTER_CUBIC)
        across = 0.03 * width + (0.94 * width - side) * (number / 40 % 1)
        down = height / 2 - side / 2 + height / 6 * np.sin(number / 6)
        place = np.array([[1, 0, across], [0, 1, down]], np.float32)
        share = np.asarray(cv2.warpAffine(disc, place, size), np.float32)
        frame = frame + share[..., None] * (cv2.warpAffine(thing, place, size) - frame)
        frame = frame + chance.normal(0, NOISE, frame.shape)
        yield np.clip(frame + 0.5, 0, 255).astype(np.uint8), share


def write_film(path: Path, frames: int, size: tuple[int, int]) -> None:
    shape = Shape(*size, pixel_aspect=Fraction(1), time_base=Fraction(1, 25), rate=Fraction(25))
    with SegmentWriter(path, KINDS[".mp4"], shape) as writer:
        for number, (frame, _) in enumerate(film(frames, size, (0, 0))):
            writer.write(frame, number, 1)


@dataclass
class Clip:
    """A film as arrays [frames, height, width, ...]: the moving thing's share, the paintings, and damped."""

    moving: Floats
    painted: Pixels
    damped: Pixels

    def still(self, pixels: Pixels) -> float:
        """The mean difference from frame to frame where nothing ever moves."""
        # The network sees some way around every pixel, so the surroundings of what moves change as well.
        wide = np.ones((25, 25), np.uint8)
        where = cv2.dilate((self.moving.max(axis=0) > 0).astype(np.uint8), wide) == 0
        return float(np.mean([difference(*pair, where) for pair in zip(pixels[1:], pixels, strict=False)]))

    def panned(self, pixels: Pixels) -> float:
        """The mean difference from frame to frame of the background, followed as it moves."""
        back = np.array([[1, 0, -PAN[0]], [0, 1, -PAN[1]]], np.float32)
        differences = []
        for number in range(1, len(pixels)):
            followed = cv2.warpAffine(pixels[number - 1], back, SIZE, flags=cv2.INTER_CUBIC)
            where = (self.moving[number] == 0) & (self.moving[number - 1] == 0)
            where[:, -4:] = where[-4:] = False
            differences.append(difference(np.asarray(followed, np.uint8), pixels[number], where))
        return float(np.mean(differences))

    def sharpness(self, inside: bool) -> float:
        """How much of the fine contrast damping leaves, inside or outside of what moves; 1 is all of it."""
        contrasts = []
        for pixels in (self.painted, self.damped):
            edges = [
                np.abs(cv2.Laplacian(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), cv2.CV_32F))[
                    share == (1 if inside else 0)
                ].mean()
                for frame, share in zip(pixels[SETTLED:], self.moving[SETTLED:], strict=True)
            ]
            contrasts.append(np.mean(edges))
        return float(contrasts[1] / contrasts[0])

    def ghost(self) -> float:
        """The mean difference that damping makes where the moving thing has just been."""
        differences = []
        for number in range(1, len(self.moving)):
            uncovered = (self.moving[number - 1] == 1) & (self.moving[number] == 0)
            if uncovered.any():
                differences.append(difference(self.damped[number], self.painted[number], uncovered))
        return float(np.mean(differences))


def difference(one: Pixels, other: Pixels, where: npt.NDArray[np.bool_]) -> float:
    return float(np.abs(one.astype(np.int16) - other)[where].mean())


def measure_flicker() -> None:
    from app.engine.stylizer import Stylizer

    stylizer = Stylizer(Catalogue([PROJECT_ROOT / "models"]))
    print(f"Films: {FRAMES} frames of {SIZE[0]}x{SIZE[1]}, noise of {NOISE:g} levels, damping {DAMPING:g}")
    print(f"{'':14} {'standing camera':^46} {'panning camera':^28}")
    print(
        f"{'style':14} {'flicker':>8} {'damped':>8} {'strokes':>8} {'thing':>8} {'ghost':>8}"
        f" {'flicker':>10} {'damped':>8} {'strokes':>8}"
    )
    seconds = {"painting": 0.0, "damping": 0.0}
    for style in STYLES:
        stood = paint(stylizer.stylize, style, (0, 0), seconds)
        panned = paint(stylizer.stylize, style, PAN, seconds)
        print(
            f"{style:14} {stood.still(stood.painted):8.2f} {stood.still(stood.damped):8.2f}"
            f" {stood.sharpness(inside=False):8.2f} {stood.sharpness(inside=True):8.2f} {stood.ghost():8.2f}"
            f" {panned.panned(panned.painted):10.2f} {panned.panned(panned.damped):8.2f}"
            f" {panned.sharpness(inside=False):8.2f}"
        )
    for what, total in seconds.items():
        print(f"{what}: {1000 * total / (2 * len(STYLES) * FRAMES):.0f} ms per frame")


def paint(
    stylize: Callable[[Pixels, str], Pixels], style: str, pan: tuple[float, float], seconds: dict[str, float]
) -> Clip:
    damper = FlickerDamper(DAMPING)
    moving, paintings, damped = [], [], []
    for photo, share in film(FRAMES, SIZE, pan):
        start = time.perf_counter()
        paintings.append(stylize(photo, style))
        middle = time.perf_counter()
        damped.append(damper.damp(photo, paintings[-1]))
        seconds["painting"] += middle - start
        seconds["damping"] += time.perf_counter() - middle
        moving.append(share)
    return Clip(np.stack(moving), np.stack(paintings), np.stack(damped))


def measure_memory() -> None:
    print("Films: peak memory of `flask stylize-video`, 320x180")
    with tempfile.TemporaryDirectory() as folder:
        for frames in (100, 1000):
            source = Path(folder) / f"{frames}.mp4"
            write_film(source, frames, (320, 180))
            command = [sys.executable, "-m", "flask", "--app", "wsgi", "stylize-video", str(source)]
            command += ["-o", str(Path(folder) / f"{frames}-painted.mp4"), "--style", "wave", "--json"]
            environment = os.environ | {"INSTANCE_DIR": folder}
            with subprocess.Popen(
                command, cwd=PROJECT_ROOT, env=environment, stdout=subprocess.PIPE
            ) as process:
                assert process.stdout is not None
                told = json.loads(process.stdout.read())
                _, status, usage = os.wait4(process.pid, 0)
                process.returncode = os.waitstatus_to_exitcode(status)
            print(
                f"{frames:>6} frames: {usage.ru_maxrss / 1000:6.0f} MB,"
                f" {1000 * told['took'] / frames:.0f} ms per frame in all,"
                f" flicker {told['flicker']['before']:.2f}, damped {told['flicker']['after']:.2f}"
            )


def main() -> None:
    # First, while this process is small: a command's peak counts what it was begun from.
    measure_memory()
    print()
    measure_flicker()


if __name__ == "__main__":
    main()
