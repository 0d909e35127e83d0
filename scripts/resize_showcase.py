"""Make the sizes in which the site shows its own pictures: ``python scripts/resize_showcase.py``.

Beside each picture of static/samples/showcase it writes NAME-WIDTH.avif: brush strokes are all texture, of
which AVIF keeps as much as WebP in half the bytes. Browsers without AVIF take the WebP. Of each sample
photo it writes a thumbnail.
"""

from __future__ import annotations

from pathlib import Path

from PIL import Image

SAMPLES = Path(__file__).resolve().parent.parent / "static" / "samples"
# For half a phone's screen, a whole one, and a desk's half, with two pixels to a point.
WIDTHS = (420, 768, 900)
QUALITY = 50
THUMBNAIL_WIDTH = 256


def main() -> None:
    for path in sorted((SAMPLES / "showcase").glob("*.webp")):
        with Image.open(path) as picture:
            for width in WIDTHS:
                shown = narrowed(picture, width)
                shown.save(path.with_name(f"{path.stem}-{width}.avif"), quality=QUALITY, speed=4)
    for path in sorted(SAMPLES.glob("*.jpg")):
        with Image.open(path) as photo:
            narrowed(photo, THUMBNAIL_WIDTH).save(SAMPLES / "thumbnails" / f"{path.stem}.webp", method=6)


def narrowed(picture: Image.Image, width: int) -> Image.Image:
    """The picture, at most so many pixels wide."""
    if picture.width <= width:
        return picture
    return picture.resize((width, round(picture.height * width / picture.width)), Image.Resampling.LANCZOS)


if __name__ == "__main__":
    main()
