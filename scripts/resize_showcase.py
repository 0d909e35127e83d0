"""Resize the site's own pictures: ``python scripts/resize_showcase.py``.

For each picture in static/samples/showcase it writes NAME-WIDTH.avif. Brush strokes are all texture, and AVIF
keeps it as well as WebP in half the bytes. Browsers without AVIF use the WebP. It also writes a thumbnail of
each sample photo.
"""

from __future__ import annotations

from pathlib import Path

from PIL import Image

SAMPLES = Path(__file__).resolve().parent.parent / "static" / "samples"
# Widths for half a phone's screen, a whole phone's screen and half a desktop's, at two pixels per point.
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
    """The picture, at most ``width`` pixels wide."""
    if picture.width <= width:
        return picture
    return picture.resize((width, round(picture.height * width / picture.width)), Image.Resampling.LANCZOS)


if __name__ == "__main__":
    main()
