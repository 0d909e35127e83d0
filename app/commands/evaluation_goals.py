"""What a house network is to reach beside the published ones, and how near it comes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from app.engine.training.candidates import PUBLISHED
from app.engine.training.evaluation import Blended, CurvePoint, Score, at_content, curves, mean_scores

# The most that is wanted of their style distance and of their checkerboard.
STYLE, CHECKERBOARD = 0.25, 0.1
# Content distances that differ by so much of one another count as equal.
NEAR = 0.1
# A border that is painted like the rest.
BORDER = (0.9, 1.1)

GOALS = f"""\
On the styles that *published* paints too, a network has four goals: at most a quarter of their style
distance; at most 1.1 times their content distance; a border painted like the rest ({BORDER[0]} to
{BORDER[1]}); at most a tenth of their checkerboard. Figures that reach a goal are bold.

- *Content*, *style* and *checkerboard* are ratios to *published* at full strength. Lower is nearer, or
  cleaner.
- *Style at their content* is the ratio of style distances that counts. If a network's content distance is
  more than 1.1 times theirs, its picture is blended with the photo until it is not (in linear light, like
  the strength on the site). *Strength* is the share of the painting that remains. A network that stays
  nearer to the photo than they do gets no bonus, though its task is harder."""

CURVES = """\
The means over all photos at falling strength, content / style. Blending a picture with its photo brings it
nearer to the photo and farther from the painting. At equal content distance, the lower style distance is
better."""


@dataclass(frozen=True)
class Near:
    """A ratio of style distances, and how strongly the network's pictures are painted for it."""

    ratio: float
    strength: float


@dataclass(frozen=True)
class Reached:
    """A network's figures in a style, as ratios to the published one's, and its border as it is."""

    content: float
    style: float
    near: Near | None
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
            _marked(figures.near.ratio, ".2f", _style_right(figures)) if figures.near else "out of reach",
            f"{figures.near.strength:.2f}" if figures.near else "",
            _marked(figures.border, ".2f", _border_right(figures)),
            _marked(figures.checkerboard, ".3f", _clean(figures)),
        ]
        for (style, network), figures in reached.items()
    ]
    headings = ["Style", "Network", "Content", "Style", "Style at their content", "Strength"]
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
            near=no_farther(curve, points[style, PUBLISHED]),
            border=ours["border_excess"],
            checkerboard=ours["checkerboard"] / theirs["checkerboard"],
        )
    return reached


def no_farther(ours: Sequence[CurvePoint], theirs: Sequence[CurvePoint]) -> Near | None:
    """Our style distance over theirs, where we go no farther from the photo than they do and a tenth.

    Both curves from full strength down; None where ours does not come that near.
    """
    allowed = (1 + NEAR) * theirs[0].content
    point = ours[0] if ours[0].content <= allowed else at_content(ours, allowed)
    if point is None:
        return None
    return Near(point.style_distance / theirs[0].style_distance, point.strength)


def _style_right(figures: Reached) -> bool:
    return figures.near is not None and figures.near.ratio <= STYLE


def _border_right(figures: Reached) -> bool:
    return BORDER[0] <= figures.border <= BORDER[1]


def _clean(figures: Reached) -> bool:
    return figures.checkerboard <= CHECKERBOARD


def _marked(value: float, form: str, right: bool) -> str:
    return f"**{value:{form}}**" if right else f"{value:{form}}"


def _summary(reached: Mapping[tuple[str, str], Reached]) -> str:
    """A row per network: the means over its styles, and in how many a goal is reached."""
    rows = []
    for network in dict.fromkeys(network for _, network in reached):
        own = [figures for (_, other), figures in reached.items() if other == network]
        near = [figures.near.ratio for figures in own if figures.near]
        rows.append(
            [
                network,
                f"{np.mean([figures.content for figures in own]):.2f}",
                f"{np.mean([figures.style for figures in own]):.2f}",
                f"{np.mean(near):.2f}" if near else "",
                f"{sum(map(_style_right, own))} of {len(own)}",
                f"{sum(map(_border_right, own))} of {len(own)}",
                f"{np.mean([figures.checkerboard for figures in own]):.3f}",
                f"{sum(map(_clean, own))} of {len(own)}",
            ]
        )
    headings = ["Mean of the styles", "Content", "Style", "Style at their content", "reached in"]
    return markdown([*headings, "Border right in", "Checkerboard", "reached in"], rows, 1)


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
