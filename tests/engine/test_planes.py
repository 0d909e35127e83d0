"""Activations kept in memory and on disk."""

from __future__ import annotations

import numpy as np
import pytest

from app.engine.planes import PlaneStore


@pytest.mark.parametrize("budget", [0, 1 << 20], ids=["on disk", "in memory"])
@pytest.mark.parametrize("dtype", [np.float32, np.uint16])
def test_rows_come_back_as_they_were_written(budget: int, dtype: type) -> None:
    values = np.random.default_rng(1).integers(0, 1000, (10, 6, 4)).astype(dtype)
    with PlaneStore(budget) as store:
        plane = store.new(values.shape, dtype)
        plane.write(4, values[4:])
        plane.write(0, values[:4])
        assert np.array_equal(plane.read(3, 8), values[3:8])
        plane.write(3, values[:1])
        assert np.array_equal(plane.read(3, 4), values[:1])


def test_memory_is_taken_up_to_the_budget_and_used_again() -> None:
    with PlaneStore(1000) as store:
        first, second = store.new((10, 10, 4), np.uint8), store.new((10, 10, 5), np.uint8)
        third = store.new((10, 10, 2), np.uint8)
        assert [type(plane).__name__ for plane in (first, second, third)] == ["_InMemory"] * 2 + ["_OnDisk"]
        memory = second.memory  # type: ignore[attr-defined]
        store.free(second)
        again = store.new((10, 10, 5), np.uint8)
        assert again.memory is memory  # type: ignore[attr-defined]
        store.free(again)
        store.free(first)
        larger = store.new((10, 10, 10), np.uint8)
        assert type(larger).__name__ == "_InMemory"
