"""The results as JSON, so that sizes can be measured one after another."""

from __future__ import annotations

import json
import os
import platform
import statistics
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from bench.machine import processor

Size = tuple[int, int]


@dataclass
class Result:
    """One engine's result at one size, or why there is none."""

    name: str
    size: Size
    title: str
    network: str
    precision: str
    library: str = ""
    seconds: dict[int, float] = field(default_factory=dict)  # by round
    peak_bytes: int = 0
    picture_size: Size = (0, 0)
    # Mean and largest difference from ``reference``, the same network in float32, in levels of 255.
    difference: tuple[float, int] | None = None
    reference: str = ""
    failure: str = ""

    @property
    def measured(self) -> bool:
        return bool(self.seconds) and not self.failure

    @property
    def median(self) -> float:
        """The median time in seconds."""
        return statistics.median(self.seconds.values())

    @property
    def megapixels(self) -> float:
        return self.size[0] * self.size[1] / 1e6

    @property
    def reduced(self) -> bool:
        """Whether the engine returned a smaller picture than its input."""
        return self.measured and self.picture_size != self.size


def time_ratio(result: Result | None, other: Result | None) -> float | None:
    """The median over rounds of one engine's time / the other's.

    None if one of them has no result or paints a smaller picture.
    """
    if result is None or other is None or not (result.measured and other.measured):
        return None
    if result.reduced or other.reduced:
        return None
    rounds = result.seconds.keys() & other.seconds.keys()
    if not rounds:
        return None
    return statistics.median(result.seconds[turn] / other.seconds[turn] for turn in rounds)


@dataclass
class Report:
    """The results of one machine, and the commands to repeat them."""

    machine: str
    weights: str
    results: list[Result] = field(default_factory=list)
    commands: dict[str, str] = field(default_factory=dict)  # by size

    @property
    def sizes(self) -> list[Size]:
        return sorted({result.size for result in self.results})

    def at(self, size: Size) -> list[Result]:
        return [result for result in self.results if result.size == size]

    def find(self, name: str, size: Size) -> Result | None:
        return next((result for result in self.at(size) if result.name == name), None)

    def libraries(self) -> list[str]:
        """Names and versions of the libraries."""
        return sorted({result.library for result in self.results if result.library})

    def replace(self, size: Size, results: Iterable[Result], command: str) -> None:
        """Replace a size's older results."""
        self.results = [result for result in self.results if result.size != size] + list(results)
        self.commands[size_text(size)] = command

    def save(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")


def load_report(path: Path) -> Report:
    values = json.loads(path.read_text(encoding="utf-8"))
    results = [
        Result(
            **item
            | {
                "size": tuple(item["size"]),
                "picture_size": tuple(item["picture_size"]),
                "seconds": {int(turn): seconds for turn, seconds in item["seconds"].items()},
                "difference": item["difference"] and tuple(item["difference"]),
            }
        )
        for item in values.pop("results")
    ]
    return Report(**values, results=results)


def this_machine() -> str:
    cores = len(os.sched_getaffinity(0))
    system = f"{platform.system()} {platform.machine()}"
    return (
        f"{processor()}, {cores} core{'s' if cores > 1 else ''}, {system}, Python {platform.python_version()}"
    )


def size_text(size: Size) -> str:
    return f"{size[0]}x{size[1]}"
