"""What a house network is to reach beside the published ones, and how near it comes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from app.engine.training.evaluation import Blended, CurvePoint, Score, at_content, curves, mean_scores

PUBLISHED = "published"
# A border that is painted like the rest.
BORDER = (0.9, 1.1)

GOALS = f"""\
On the styles that *published* paints too, a network is to be nearer to the painting than they are at the
same distance from the photo, with a border painted like the rest ({BORDER[0]} to {BORDER[1]}) and less of a
checkerboard.

- *Content*, *style* and *checkerboard* are ratios to *published* at full strength; less is nearer, or
  cleaner.
- *Style at equal content* is the ratio of style distances where both are equally far from the photo.
  Whichever picture is farther is blended with its photo (in linear light, as the strength on the site does)
  until it is as near as the other; *blended* says which, and how strongly it is still painted. Where the
  curves below do not reach that far, their nearest point counts if its content is within a tenth."""

CURVES = """\
The means over all photos at falling strength, content / style. A picture that is blended with its photo comes
nearer to the photo and farther from the painting; of two networks that one paints better whose style distance
is less at the same content distance."""


@dataclass(frozen=True)
class Equal:
    """A ratio of style distances at equal content, and which picture was blended for it, how strongly."""

    ratio: float
    blended: str


@dataclass(frozen=True)
class Reached:
    """A network's figures in a style, as ratios to the published one's, and its border as it is."""

    content: float
    style: float
    equal: Equal | None
    border: float
    checkerboard: float


def goals(scores: Sequence[Score], blended: Sequence[Blended]) -> list[str]:
    """The section's paragraphs: what is wanted, a summary, and a table of every style."""
    reached = reach(scores, blended)
    rows = [
        [
            style,
            network,
            f"{figures.content:.2f}",
            f"{figures.style:.2f}",
            f"{figures.equal.ratio:.2f}" if figures.equal else "out of reach",
            figures.equal.blended if figures.equal else "",
            f"{figures.border:.2f}",
            f"{figures.checkerboard:.3f}",
        ]
        for (style, network), figures in reached.items()
    ]
    headings = ["Style", "Network", "Content", "Style", "Style at equal content", "Blended"]
    return [GOALS, _summary(reached), markdown([*headings, "Border", "Checkerboard"], rows, 2)]


def reach(scores: Sequence[Score], blended: Sequence[Blended]) -> dict[tuple[str, str], Reached]:
    """By style and network, for the styles that the published networks paint too."""
    means = mean_scores(scores, "style", "network")
    points = curves(blended)
    reached = {}
    for (style, network), curve in points.items():
        theirs = means.get((style, PUBLISHED))
        if network == PUBLISHED or theirs is None:
            continue
        ours = means[style, network]
        reached[style, network] = Reached(
            content=ours["content"] / theirs["content"],
            style=ours["style_distance"] / theirs["style_distance"],
            equal=at_equal_content(curve, points[style, PUBLISHED]),
            border=ours["border_excess"],
            checkerboard=ours["checkerboard"] / theirs["checkerboard"],
        )
    return reached


def at_equal_content(ours: Sequence[CurvePoint], theirs: Sequence[CurvePoint]) -> Equal | None:
    """Our style distance over theirs where the farther one is blended until it is as near as the other."""
    ours_nearer = ours[0].content <= theirs[0].content
    near, far = (ours, theirs) if ours_nearer else (theirs, ours)
    met = at_content(far, near[0].content)
    if met is None:
        return None
    ratio = near[0].style_distance / met.style_distance
    if ours_nearer:
        return Equal(ratio, f"{PUBLISHED}, {met.strength:.2f}")
    return Equal(1 / ratio, f"this one, {met.strength:.2f}")


def _summary(reached: Mapping[tuple[str, str], Reached]) -> str:
    """A row per network: the means over its styles, and in how many a goal is reached."""
    rows = []
    for network in dict.fromkeys(network for _, network in reached):
        own = [figures for (_, other), figures in reached.items() if other == network]
        equal = [figures.equal.ratio for figures in own if figures.equal]
        rows.append(
            [
                network,
                f"{np.mean([figures.content for figures in own]):.2f}",
                f"{np.mean([figures.style for figures in own]):.2f}",
                f"{np.mean(equal):.2f}" if equal else "",
                f"{sum(ratio < 1 for ratio in equal)} of {len(own)}",
                f"{sum(BORDER[0] <= figures.border <= BORDER[1] for figures in own)} of {len(own)}",
                f"{np.mean([figures.checkerboard for figures in own]):.3f}",
                f"{sum(figures.checkerboard < 1 for figures in own)} of {len(own)}",
            ]
        )
    headings = ["Mean of the styles", "Content", "Style", "Style at equal content", "nearer in"]
    return markdown([*headings, "Border right in", "Checkerboard", "cleaner in"], rows, 1)


def curve_table(blended: Sequence[Blended]) -> str:
    """A row per style and network, a column per strength."""
    points = sorted(curves(blended).items(), key=lambda item: item[0][0])
    strengths = [point.strength for point in points[0][1]]
    rows = [
        [*group, *(f"{point.content / 1000:.1f}k / {point.style_distance / 1000:.1f}k" for point in curve)]
        for group, curve in points
    ]
    return markdown(["Style", "Network", *(f"at {strength:.1f}" for strength in strengths)], rows, 2)


def markdown(headings: Sequence[str], rows: Iterable[Sequence[str]], names: int) -> str:
    """A table whose first columns are ``names`` and whose others are numbers."""
    line = ["---"] * names + ["---:"] * (len(headings) - names)
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (headings, line, *rows))
