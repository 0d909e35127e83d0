"""Reads what a training leaves behind."""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import json
from pathlib import Path
from typing import Any

from app.engine.training.recipe import Recipe


class Killed(Exception):
    """Raised by a test where a process would have been killed."""


def losses(folder: Path) -> list[dict[str, str]]:
    with (folder / "losses.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def identity(path: object) -> dict[str, str]:
    path = Path(str(path))
    return {"file": path.name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}


def facts_of(network: Path) -> dict[str, Any]:
    """The file beside a network, which has to be JSON without NaN."""
    text = network.with_suffix(".json").read_text()
    facts: dict[str, Any] = json.loads(text, parse_constant=_no_json)
    return facts


def _no_json(name: str) -> None:
    raise AssertionError(f"{name} is no JSON")


def with_schedule(recipe: Recipe, **changes: Any) -> Recipe:
    return dataclasses.replace(recipe, schedule=dataclasses.replace(recipe.schedule, **changes))


def with_loss(recipe: Recipe, **changes: Any) -> Recipe:
    return dataclasses.replace(recipe, loss=dataclasses.replace(recipe.loss, **changes))
