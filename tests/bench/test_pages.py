"""The benchmark of pages reports which figures keep their limits."""

from __future__ import annotations

import pytest

from bench.pages import Visit, judged


@pytest.mark.parametrize(
    ("figures", "kept"),
    [
        (Visit(600_000, 1.5, 0.05), (True, True, True)),
        (Visit(600_001, 0.3, 0.0), (False, True, True)),
        (Visit(1, 1.51, 0.0), (True, False, True)),
        (Visit(1, 0.3, 0.051), (True, True, False)),
    ],
)
def test_every_figure_has_its_limit(figures: Visit, kept: tuple[bool, bool, bool]) -> None:
    assert judged(figures) == kept
