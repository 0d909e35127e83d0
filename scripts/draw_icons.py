"""Draw the site's icons: ``python scripts/draw_icons.py``.

The drawing is the one in static/icons/icon.svg, a brush stroke on a seal, in the same coordinates (32 x 32).
"""

from __future__ import annotations

from pathlib import Path

from PIL import Image, ImageDraw

ICONS = Path(__file__).resolve().parent.parent / "static" / "icons"
SIDE = 32.0
RADIUS = 7.0
STROKE = 3.2
SEAL, BRUSH = "#b3361f", "#faf7f2"
# Two cubic curves, each with four points.
CURVES = (
    ((6.0, 21.0), (10.0, 12.0), (14.0, 12.0), (16.0, 17.0)),
    ((16.0, 17.0), (18.0, 22.0), (22.0, 21.0), (26.0, 11.0)),
)
STEPS = 400
# Phones crop maskable icons to shapes that contain a circle of 80 % of the icon's side.
MASKABLE = 0.86
OVERSAMPLING = 8

Point = tuple[float, float]


def main() -> None:
    for side in (192, 512):
        draw(side, rounded=True).save(ICONS / f"icon-{side}.png", optimize=True)
        draw(side, scale=MASKABLE).save(ICONS / f"icon-maskable-{side}.png", optimize=True)
    draw(180, scale=MASKABLE).save(ICONS / "apple-touch-icon.png", optimize=True)


def draw(side: int, *, rounded: bool = False, scale: float = 1.0) -> Image.Image:
    """The icon, ``side`` pixels wide, as a square or with round corners."""
    fine = side * OVERSAMPLING
    unit = fine / SIDE
    mode, ground = ("RGBA", (0, 0, 0, 0)) if rounded else ("RGB", (0, 0, 0))
    icon = Image.new(mode, (fine, fine), ground)
    pen = ImageDraw.Draw(icon)
    pen.rounded_rectangle((0, 0, fine - 1, fine - 1), RADIUS * unit if rounded else 0, fill=SEAL)
    radius = STROKE / 2 * unit * scale
    for curve in CURVES:
        for step in range(STEPS + 1):
            x, y = ((SIDE / 2 + (value - SIDE / 2) * scale) * unit for value in on_curve(curve, step / STEPS))
            pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=BRUSH)
    return icon.resize((side, side), Image.Resampling.LANCZOS)


def on_curve(points: tuple[Point, Point, Point, Point], along: float) -> Point:
    """The point of a cubic Bézier curve at ``along``, 0 to 1."""
    back = 1 - along
    weights = (back**3, 3 * back**2 * along, 3 * back * along**2, along**3)
    x, y = (
        sum(weight * point[axis] for weight, point in zip(weights, points, strict=True)) for axis in (0, 1)
    )
    return x, y


if __name__ == "__main__":
    main()
