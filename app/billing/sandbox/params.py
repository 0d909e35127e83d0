"""Stripe's nested form parameters: ``line_items[0][price_data][currency]=eur``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def nest(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Turn flat form fields into dictionaries and lists; all values stay text."""
    root: dict[str, Any] = {}
    for name, value in pairs:
        *path, last = name.replace("]", "").split("[")
        node = root
        for key in path:
            child = node.setdefault(key or str(len(node)), {})
            if not isinstance(child, dict):
                raise ValueError(f"{name} is both a value and a group")
            node = child
        node[last or str(len(node))] = value
    return {key: _with_lists(value) for key, value in root.items()}


def _with_lists(node: Any) -> Any:
    if not isinstance(node, dict):
        return node
    values = {key: _with_lists(value) for key, value in node.items()}
    if values and all(key.isdigit() for key in values):
        return [values[key] for key in sorted(values, key=int)]
    return values
