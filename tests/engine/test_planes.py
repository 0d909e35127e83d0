"""Planes in memory and on disk."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

import app.engine.fast.planes as planes_module
from app.engine.fast.planes import Plane, PlaneStore


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
        assert kinds(first, second, third) == ["_InMemory", "_InMemory", "_OnDisk"]
        store.free(first)
        half, other = store.new((10, 10, 2), np.uint8), store.new((10, 10, 1), np.uint8)
        assert kinds(half, other) == ["_InMemory", "_InMemory"], "both where the first was"
        store.free(second)
        assert kinds(store.new((10, 10, 6), np.uint8)) == ["_InMemory"]


def test_planes_move_together_where_free_memory_is_in_pieces() -> None:
    values = np.random.default_rng(4).integers(0, 256, (10, 10, 3)).astype(np.uint8)
    with PlaneStore(1000) as store:
        first, between, last = (store.new(values.shape, np.uint8) for _ in range(3))
        between.write(0, values)
        store.free(first)
        store.free(last)
        wide = store.new((10, 10, 6), np.uint8)
        assert kinds(wide) == ["_InMemory"], "half of it on either side of the plane between"
        wide.write(0, np.zeros(wide.shape, np.uint8))
        assert np.array_equal(between.read(0, 10), values)
        assert kinds(store.new(values.shape, np.uint8)) == ["_OnDisk"]


def test_planes_in_memory_do_not_share_bytes() -> None:
    chance = np.random.default_rng(2)
    with PlaneStore(5000) as store:
        planes: list[tuple[Plane, int]] = []
        for number in range(200):
            if planes and chance.random() < 0.45:
                plane, value = planes.pop(int(chance.integers(len(planes))))
                assert (plane.read(0, plane.rows) == value).all()
                store.free(plane)
            else:
                plane = store.new((int(chance.integers(1, 9)), 10, int(chance.integers(1, 9))), np.uint8)
                plane.write(0, np.full(plane.shape, number, np.uint8))
                planes.append((plane, number))
        assert all((plane.read(0, plane.rows) == value).all() for plane, value in planes)


def test_a_plane_on_disk_comes_in_when_there_is_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planes_module, "STEP", 100)
    values = np.random.default_rng(3).integers(0, 1000, (10, 6, 4)).astype(np.uint16)
    with PlaneStore(500) as store:
        first, second = store.new((10, 10, 4), np.uint8), store.new(values.shape, values.dtype)
        second.write(0, values)
        assert store.bring_in(second) is second, "there is no room yet"
        store.free(first)
        nearer = store.bring_in(second)
        assert kinds(second, nearer) == ["_OnDisk", "_InMemory"]
        assert np.array_equal(nearer.read(0, 10), values)


def test_what_rests_leaves_the_memory_to_others() -> None:
    with PlaneStore(1000) as store:
        resting = store.new((10, 10, 6), np.uint8, resting=True)
        assert kinds(resting, store.new((10, 10, 6), np.uint8)) == ["_OnDisk", "_InMemory"]


@pytest.mark.parametrize("budget", [0, 1450], ids=["on disk", "in memory"])
@pytest.mark.parametrize(
    ("before", "after"), [(10, 5), (5, 11), (8, 8)], ids=["shorter", "longer", "as long"]
)
def test_a_plane_takes_the_place_of_another(budget: int, before: int, after: int) -> None:
    """Rows have 100 bytes.

    Writing starts at the end where no unread row is overwritten.
    """
    with PlaneStore(budget) as store:
        other = store.new((4, 10, 10), np.uint8)
        plane = store.new((before, 10, 10), np.uint8)
        if budget:
            store.free(other)  # only this space is large enough for the longer one
        for row in range(before):
            plane.write(row, np.full((1, 10, 10), row, np.uint8))
        successor = store.succeed(plane, (after, 10, 10), np.uint8)
        assert successor is not None
        assert kinds(successor) == (["_InMemory"] if budget else ["_OnDisk"])
        for row in range(after) if after <= before else reversed(range(after)):
            read = plane.read(row * before // after, row * before // after + 1) + 1
            successor.write(row, read)
        expected = [row * before // after + 1 for row in range(after)]
        assert [int(successor.read(row, row + 1).max()) for row in range(after)] == expected


def test_no_plane_takes_a_place_where_another_lies() -> None:
    with PlaneStore(1500) as store:
        plane, behind = store.new((5, 10, 10), np.uint8), store.new((5, 10, 10), np.uint8)
        assert store.succeed(plane, (6, 10, 10), np.uint8) is None
        assert store.succeed(behind, (11, 10, 10), np.uint8) is None, "more than there is"
        on_disk = store.new((6, 10, 10), np.uint8)
        store.free(behind)
        assert kinds(on_disk) == ["_OnDisk"]
        assert store.succeed(on_disk, (6, 10, 10), np.uint8) is None, "a new one has room in memory"


def test_memory_behind_the_last_plane_is_given_back() -> None:
    with PlaneStore(8 << 20) as store:
        plane, behind = store.new((1, 1024, 1024), np.uint8), store.new((1, 1024, 1024), np.uint8)
        plane.write(0, np.full(plane.shape, 7, np.uint8))
        behind.write(0, np.full(plane.shape, 9, np.uint8))
        store.free(behind)
        store.give_back_unused()
        assert (plane.read(0, 1) == 7).all()
        fresh = store.new(plane.shape, np.uint8)
        assert not fresh.read(0, 1).any(), "pages that the system hands out anew are empty"


def test_files_are_used_again_and_gone_in_the_end() -> None:
    before = open_files()
    with PlaneStore(0) as store:
        store.free(store.new((10, 6, 4), np.uint8))
        values = np.random.default_rng(5).integers(0, 1000, (20, 7, 5)).astype(np.uint16)
        larger, other = store.new(values.shape, values.dtype), store.new((10, 6, 4), np.uint8)
        larger.write(0, values)
        other.write(0, np.zeros(other.shape, np.uint8))
        assert np.array_equal(larger.read(0, 20), values)
        assert len(open_files()) == len(before) + 2
    assert open_files() == before


def kinds(*planes: Plane) -> list[str]:
    return [type(plane).__name__ for plane in planes]


@pytest.mark.skipif(not os.access("/var/tmp", os.W_OK), reason="needs /var/tmp")
def test_files_lie_on_a_disk_unless_another_place_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TMPDIR", raising=False)
    with PlaneStore(0) as store:
        store.new((4, 4, 4), np.uint8)
        assert any(name.startswith("/var/tmp/") for name in open_files())
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with PlaneStore(0) as store:
        store.new((4, 4, 4), np.uint8)
        assert not any(name.startswith("/var/tmp/") for name in open_files())


def open_files() -> list[str]:
    return [str(path.readlink()) for path in Path("/proc/self/fd").iterdir() if path.is_symlink()]
