"""The chart of results: a bar for each engine and size, for time and for memory.

It is hand-written SVG: one file suits light and dark pages and needs no library.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from html import escape

from bench.peers.results import Report, Result, Size
from bench.peers.table import SHORT, duration

NETWORKS = {
    "published": "Published network",
    "house": "House network",
    "house_fast": "Its fast variant",
    "own": "Its own network",
}

WIDTH = 1080
MARGIN = 32
LABEL = 250  # room for the engines' names
ROW = 25
BAR = 13
GROUP = 38  # room for a network's name above its rows
VALUE = 74  # room for the figure beside the longest bar

STYLE = """
  .paper { fill: #faf7f2 } .rule { stroke: #ddd3c5 } .ink { fill: #1f1b16 } .soft { fill: #61574c }
  .peer { fill: #a99d8e } .ours { fill: #b3361f } .half { fill-opacity: .62 }
  .hollow { fill: none; stroke: #a99d8e; stroke-width: 1.5; stroke-dasharray: 3 2 } .bad { fill: #a1221c }
  text { font-family: "Instrument Sans", "Helvetica Neue", Arial, system-ui, sans-serif; font-size: 13px }
  .title { font-family: Fraunces, Georgia, serif; font-size: 25px; font-weight: 600 }
  .panel { font-family: Fraunces, Georgia, serif; font-size: 18px; font-weight: 600 }
  .group { font-size: 12px; letter-spacing: .06em; text-transform: uppercase }
  .value { font-size: 12px; font-variant-numeric: tabular-nums } .strong { font-weight: 700 }
  @media (prefers-color-scheme: dark) {
    .paper { fill: #171411 } .rule { stroke: #413930 } .ink { fill: #f2ebe1 } .soft { fill: #b9ad9e }
    .peer { fill: #8d8172 } .ours { fill: #ff9478 } .hollow { stroke: #8d8172 } .bad { fill: #ff9d94 }
  }
"""


@dataclass(frozen=True)
class Measure:
    """One panel: the quantity of its bars."""

    title: str
    value: Callable[[Result], float]
    text: Callable[[Result], str]


MEASURES = (
    Measure("Time", lambda result: result.median, lambda result: duration(result.median)),
    Measure(
        "Peak memory",
        lambda result: result.peak_bytes,
        lambda result: f"{result.peak_bytes / 1e9:.2f} GB",
    ),
)


def chart(report: Report) -> str:
    """The chart as SVG text."""
    parts = [
        _text(MARGIN, 50, "The same photos through every engine", "title ink"),
        _text(MARGIN, 74, f"Shorter is better. {report.machine}", "soft"),
        *_legend(98),
    ]
    y = 130.0
    for measure in MEASURES:
        panel, y = _panel(report, measure, y)
        parts += panel
    height = round(y + 8)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
        f'aria-labelledby="title">\n<title id="title">Time and peak memory of each engine by size, on '
        f"{escape(report.machine)}</title>\n<style>{STYLE}</style>\n"
        f'<rect class="paper" width="{WIDTH}" height="{height}" rx="14"/>\n' + "\n".join(parts) + "\n</svg>\n"
    )


def _panel(report: Report, measure: Measure, top: float) -> tuple[list[str], float]:
    """A panel's elements, and the top of the next panel."""
    sizes = report.sizes
    step = (WIDTH - 2 * MARGIN - LABEL) / len(sizes)
    parts = [
        f'<path class="rule" d="M{MARGIN} {top}H{WIDTH - MARGIN}"/>',
        _text(MARGIN, top + 30, measure.title, "panel ink"),
    ]
    lefts = [MARGIN + LABEL + column * step for column in range(len(sizes))]
    parts += [
        _text(left, top + 30, f"{size[0]} × {size[1]}", "soft strong")
        for left, size in zip(lefts, sizes, strict=True)
    ]
    longest = [max((measure.value(r) for r in report.at(size) if r.measured), default=1.0) for size in sizes]
    y = top + 34
    for network, names in _groups(report).items():
        y += GROUP
        parts.append(_text(MARGIN, y - 11, NETWORKS[network], "group soft"))
        for name in names:
            shown = next(result for result in report.results if result.name == name)
            weight = "ink strong" if _ours(shown) else "ink"
            parts.append(_text(MARGIN, y + 11, shown.title, weight))
            parts.append(_text(MARGIN + LABEL - 20, y + 11, shown.precision, "soft value", anchor="end"))
            for left, size, most in zip(lefts, sizes, longest, strict=True):
                parts += _bar(report, name, size, measure, left, y, (step - VALUE) / most)
            y += ROW
    return parts, y + 26


def _bar(
    report: Report, name: str, size: Size, measure: Measure, left: float, y: float, scale: float
) -> list[str]:
    result = report.find(name, size)
    if result is None:
        return []
    if not result.measured:
        reason = result.failure if len(result.failure) <= SHORT else "failed"
        return [_text(left, y + 11, reason, "value bad")]
    length = max(2.0, measure.value(result) * scale)
    kind = "ours" if _ours(result) else "peer"
    kind += " half" if result.precision == "bfloat16" else ""
    kind = "hollow" if result.reduced else kind
    return [
        f'<rect class="{kind}" x="{left:.1f}" y="{y:.1f}" width="{length:.1f}" height="{BAR}" rx="3"/>',
        _text(
            left + length + 7,
            y + 11,
            measure.text(result),
            "value " + ("ink strong" if _ours(result) else "soft"),
        ),
    ]


def _legend(y: float) -> list[str]:
    entries = (
        ("ours", "this engine"),
        ("peer", "others"),
        ("peer half", "faint: bfloat16"),
        ("hollow", "paints a smaller picture than it was given"),
    )
    parts, x = [], float(MARGIN)
    for kind, label in entries:
        parts.append(f'<rect class="{kind}" x="{x:.0f}" y="{y - 10:.0f}" width="22" height="11" rx="3"/>')
        parts.append(_text(x + 30, y, label, "value soft"))
        x += 54 + 5.9 * len(label)
    return parts


def _groups(report: Report) -> dict[str, list[str]]:
    """The engines' names by network, in the order of measurement."""
    groups: dict[str, list[str]] = {}
    for result in report.results:
        names = groups.setdefault(result.network, [])
        if result.name not in names:
            names.append(result.name)
    return groups


def _ours(result: Result) -> bool:
    return result.name.startswith("ours/")


def _text(x: float, y: float, text: str, kind: str, *, anchor: str = "start") -> str:
    end = "" if anchor == "start" else f' text-anchor="{anchor}"'
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}"{end}>{escape(text)}</text>'
