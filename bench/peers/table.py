"""The results as a Markdown table, and the page around it."""

from __future__ import annotations

from bench.peers.results import Report, Result, Size, size_text, time_ratio

BASELINE = "onnxruntime/published/float32"
# Comparisons worth a single number: the first engine's time / the second's. House in float32 counts where a
# processor has no bfloat16.
COMPARISONS = (
    ("ours/published/float32", "openvino/published/float32"),
    ("ours/published/float32", "onnxruntime/published/float32"),
    ("ours/published/bfloat16", "openvino/published/bfloat16"),
    ("ours/house/bfloat16", "onnxruntime/published/float32"),
    ("ours/house/auto", "onnxruntime/published/float32"),
    ("ours/house/bfloat16", "lite/own/float32"),
    ("ours/house/auto", "lite/own/float32"),
    ("ours/house/bfloat16", "lite-full/own/float32"),
    ("ours/house_fast/bfloat16", "lite/own/float32"),
    ("ours/house/float32", "onnxruntime/published/float32"),
    ("ours/house/float32", "lite/own/float32"),
    ("ours/house_fast/float32", "lite/own/float32"),
    ("ours/house/float32", "openvino/house/float32"),
    ("ours/house/bfloat16", "openvino/house/bfloat16"),
)
HEADINGS = (
    "Size",
    "Engine",
    "Network",
    "Precision",
    "Time",
    "Fastest",
    "ns per pixel",
    "Ratio",
    "Peak memory",
    "Difference",
)
TEXT_COLUMNS = 4
# A longer reason is printed below the table.
SHORT = 24


def table(report: Report) -> str:
    """A row per size and engine."""
    rows = [HEADINGS, ("---",) * TEXT_COLUMNS + ("---:",) * (len(HEADINGS) - TEXT_COLUMNS)]
    rows += [_row(report, result) for size in report.sizes for result in report.at(size)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in rows
    )


def _row(report: Report, result: Result) -> tuple[str, ...]:
    start = (size_text(result.size), result.title, result.network, result.precision)
    if not result.measured:
        return (
            *start,
            result.failure if len(result.failure) <= SHORT else "failed",
            *[""] * (len(HEADINGS) - TEXT_COLUMNS - 1),
        )
    ratio = time_ratio(result, report.find(BASELINE, result.size))
    reduced = f" for {size_text(result.picture_size)}" if result.reduced else ""
    return (
        *start,
        f"{duration(result.median)}{reduced}",
        duration(min(result.seconds.values())),
        f"{result.median / result.megapixels * 1e3:.0f}",
        "" if ratio is None else f"{ratio:.2f}",
        f"{result.peak_bytes / 1e9:.2f} GB",
        difference_text(result),
    )


def failures(report: Report) -> str:
    """The reasons that do not fit into the table, once each."""
    reasons: dict[str, list[str]] = {}
    for result in report.results:
        if len(result.failure) > SHORT:
            reasons.setdefault(result.failure, []).append(f"{result.name} at {size_text(result.size)}")
    return "".join(f"- {', '.join(names)}: {reason}\n" for reason, names in reasons.items())


def difference_text(result: Result) -> str:
    if result.difference is None:
        return ""
    mean, most = result.difference
    return f"{mean:.3f}, at most {most}"


def duration(seconds: float) -> str:
    """A time with three digits and its unit."""
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    return f"{seconds:.2f} s" if seconds < 9.995 else f"{seconds:.1f} s"


def comparisons(report: Report) -> str:
    """The main ratios: a line per pair, a figure per size."""
    lines = []
    for one, other in COMPARISONS:
        figures = [
            f"{ratio:.2f} at {size_text(size)}"
            for size in report.sizes
            if (ratio := time_ratio(report.find(one, size), report.find(other, size))) is not None
        ]
        if figures:
            lines.append(f"- {one} takes, of the time of {other}: {', '.join(figures)}.")
    return "\n".join(lines)


def page(report: Report, chart: str) -> str:
    """The whole page for docs/benchmarks."""
    return f"""# This engine beside others

![Time and peak memory of each engine, by size of the picture]({chart})

Measured on: {report.machine}. With {", ".join(report.libraries())}. {report.weights}

Each engine runs in a process of its own that has painted this size before. Round by round they paint the
same photo one after another, in an order drawn anew, with as many threads as there are cores, from an
array of bytes to an array of bytes. *Time* is the median over the rounds; *Ratio* the median over the
rounds of its time in terms of the time that ONNX Runtime took with the published network in that same
round; *Peak memory* the most that the process ever held. *Difference* is the mean and the greatest
difference, in levels of 255, from the same network's picture in float32 by {_references(report)}.
Time and memory of a network do not depend on its weights.

{comparisons(report)}

{table(report)}

{failures(report)}
*As it ships* is what a person gets: the precision that the engine chooses, broad strokes on large photos
by painting several times from coarse to fine, no lines along the border. The other rows run the network
once and as it is. OpenVINO is compiled for each size. PyTorch runs eagerly, channels last. styletransfer-
lite runs its own, smaller network; it reduces photos to 1024 pixels on the longer side unless told
otherwise.

Measured by:

{_commands(report)}
"""


def _references(report: Report) -> str:
    """The engines whose pictures are the references."""
    titles = {result.name: result.title for result in report.results}
    names = [result.reference for result in report.results if result.reference]
    return " or ".join(dict.fromkeys(titles.get(name, name) for name in names)) or "nobody"


def _commands(report: Report) -> str:
    by_command: dict[str, list[Size]] = {}
    for size in report.sizes:
        by_command.setdefault(report.commands[size_text(size)], []).append(size)
    return "\n".join(f"- `{command}`" for command in by_command)
