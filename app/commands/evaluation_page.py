"""What ``flask networks evaluate`` writes: a page of tables, contact sheets, and every figure as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields

from PIL import Image, ImageDraw, ImageFont

from app.commands.evaluation_goals import CURVES, curve_table, goals, markdown
from app.engine.training.candidates import PUBLISHED
from app.engine.training.evaluation import Blended, Photo, Score, mean_scores
from app.imaging import encode_webp

# A sheet's colours, sizes in pixels, and how large its file may be.
PAPER, INK, SOFT = "#faf7f2", "#1f1b16", "#61574c"
GAP, MARGIN, LABEL_WIDTH = 6, 20, 190
MOST_BYTES = 480_000

HEADINGS = {
    "content": "Content",
    "style_distance": "Style",
    "total_variation": "Roughness",
    "plain_variation": "Plain",
    "border_excess": "Border",
    "checkerboard": "Checkerboard",
    "color_distance": "Colours",
    "recognized": "Recognised",
}


@dataclass(frozen=True)
class Method:
    """How the figures came about: the command, the longest sides in pixels, and what VGG-16 computed in."""

    command: str
    size: int
    style_size: int
    precision: str


def to_csv(scores: Sequence[Score] | Sequence[Blended]) -> str:
    """Every picture's figures."""
    text = io.StringIO()
    names = [field.name for field in fields(scores[0])]
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    for score in scores:
        writer.writerow(
            {
                key: f"{value:.6g}" if isinstance(value, float) else value
                for key, value in asdict(score).items()
            }
        )
    return text.getvalue()


def page(
    scores: Sequence[Score],
    blended: Sequence[Blended],
    photos: Sequence[Photo],
    sheets: Mapping[str, str],
    method: Method,
) -> str:
    """The page in Markdown; ``sheets`` are titles by file name."""
    networks = list(dict.fromkeys(score.network for score in scores))
    parts = [
        "# How well the networks paint",
        f"Measured by `{method.command}`. Each style paints each of {len(photos)} photos that training "
        f"leaves out. Photos have at most {method.size} pixels a side, paintings {method.style_size}. "
        f"VGG-16 computes in {method.precision}. The figures of each picture are in "
        "[evaluation.csv](evaluation.csv).",
        _EXPLANATION,
    ]
    if blended:
        parts += ["## Goals", *goals(scores, blended)]
    if PUBLISHED in networks and len(networks) > 1:
        parts += ["## Beside the published networks", _PUBLISHED, _beside_published(scores)]
    if blended:
        parts += ["## Style against content", CURVES, curve_table(blended)]
    parts += [f"## {title}\n\n![{title}]({name})" for name, title in sheets.items()]
    for network in networks:
        own = [score for score in scores if score.network == network]
        parts += [f"## Figures of {network}", _table(mean_scores(own, "style"), "Style")]
    parts += [
        "## Figures by kind of photo",
        _table(mean_scores(scores, "network", "kind"), "Network", "Photo"),
    ]
    parts += ["## The photos", _photos(photos)]
    return "\n\n".join(parts) + "\n"


_EXPLANATION = """\
- *Content*: mean squared difference from the photo in VGG-16's relu3_3. *Style*: mean squared
  differences of Gram matrices from the painting's, added up over relu1_2, relu2_2, relu3_3 and relu4_3
  (Johnson, Alahi and Fei-Fei 2016). Lower is nearer. A bold painting is far from its photo on purpose.
- *Roughness*: mean absolute difference of neighbouring pixels in levels of 255, down plus across.
  *Plain*: the same where the photo is plain. Each pixel is weighted by how plain its surroundings are, so
  this measures grain, screens, hatching and strokes on a wall or a sky.
- *Border*: mean gradient in the outer 8 pixels over that of the inside, divided by the same ratio of the
  photo. A border painted like the rest has 1.
- *Checkerboard*: per mille of the picture's variance that repeats exactly every 2 or 4 pixels.
- *Colours*: Fréchet distance of the colours from the painting's, in CIELAB units.
- *Recognised*: per cent of the pictures that are nearer in style to their own painting than to any other
  here. Each layer's distance is divided by the norms of both Gram matrices."""


_PUBLISHED = """\
*published* are the networks that Logan Engstrom published with fast-style-transfer in 2016, free for research
with attribution. *Ratio* is a figure divided by theirs."""


def _beside_published(scores: Sequence[Score]) -> str:
    """Every network on the published styles, and its figures in terms of theirs."""
    means = mean_scores(scores, "style", "network")
    rows = []
    for (style, network), figures in means.items():
        theirs = means.get((style, PUBLISHED))
        if theirs:
            row = [style, network]
            for measure in ("content", "style_distance", "checkerboard"):
                row += [_figure(measure, figures), _ratio(figures, theirs, measure)]
            rows.append([*row, _figure("border_excess", figures)])
    rows.sort(key=lambda row: row[0])
    return markdown(
        ["Style", "Network", "Content", "ratio", "Style", "ratio", "Checkerboard", "ratio", "Border"], rows, 2
    )


def _table(means: Mapping[tuple[str, ...], Mapping[str, float]], *keys: str) -> str:
    rows = [
        [*group, *(_figure(measure, figures) for measure in HEADINGS)] for group, figures in means.items()
    ]
    return markdown([*keys, *HEADINGS.values()], rows, len(keys))


def _figure(measure: str, figures: Mapping[str, float]) -> str:
    if measure not in figures:
        return ""
    value = figures[measure]
    match measure:
        case "content" | "style_distance":
            return f"{value / 1000:.1f}k"
        case "checkerboard":
            return f"{value * 1000:.2f}"
        case "border_excess":
            return f"{value:.2f}"
        case "recognized":
            return f"{value * 100:.0f}"
        case _:
            return f"{value:.1f}"


def _ratio(ours: Mapping[str, float], theirs: Mapping[str, float], measure: str) -> str:
    if not theirs.get(measure) or measure not in ours:
        return ""
    return f"{ours[measure] / theirs[measure]:.2f}"


def _photos(photos: Iterable[Photo]) -> str:
    rows = []
    for photo in photos:
        height, width = photo.pixels.shape[:2]
        rows.append([photo.name, photo.kind, photo.rights or "measured only", f"{width}x{height}"])
    return markdown(["Photo", "Kind", "Rights", "Size"], rows, 3)


def make_sheet(
    title: str, rows: Mapping[str, Sequence[Image.Image]], height: int, captions: Sequence[str] = ()
) -> bytes:
    """A contact sheet as WebP of less than 500 kB: labelled rows of pictures, each scaled to ``height``.

    ``captions`` stand above the columns, whose pictures are equally wide in all rows.
    """
    scaled = {
        label: [
            picture.resize((round(picture.width * height / picture.height), height)) for picture in pictures
        ]
        for label, pictures in rows.items()
    }
    width = max(sum(picture.width + GAP for picture in pictures) for pictures in scaled.values())
    top = MARGIN + 44 + (22 if captions else 0)
    size = (2 * MARGIN + LABEL_WIDTH + width - GAP, top + len(rows) * (height + GAP) + MARGIN - GAP)
    sheet = Image.new("RGB", size, PAPER)
    draw = ImageDraw.Draw(sheet)
    draw.text((MARGIN, MARGIN), title, INK, ImageFont.load_default(24))
    x = MARGIN + LABEL_WIDTH
    for caption, picture in zip(captions, next(iter(scaled.values())), strict=False):
        draw.text((x, top - 8), caption, SOFT, ImageFont.load_default(15), anchor="ls")
        x += picture.width + GAP
    for row, (label, pictures) in enumerate(scaled.items()):
        x, y = MARGIN + LABEL_WIDTH, top + row * (height + GAP)
        draw.multiline_text(
            (MARGIN, y + height / 2), _wrap(label), SOFT, ImageFont.load_default(15), anchor="lm", spacing=4
        )
        for picture in pictures:
            sheet.paste(picture, (x, y))
            x += picture.width + GAP
    return _encode_below(sheet, MOST_BYTES)


def _wrap(label: str, length: int = 24) -> str:
    lines = [""]
    for word in label.split():
        if len(lines[-1]) + len(word) >= length:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return "\n".join(lines)


def _encode_below(image: Image.Image, most: int) -> bytes:
    """The best quality that fits; a sheet that never does is made smaller."""
    for quality in range(86, 40, -6):
        data = encode_webp(image, quality)
        if len(data) <= most:
            return data
    return _encode_below(image.resize((image.width * 4 // 5, image.height * 4 // 5)), most)
