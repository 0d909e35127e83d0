"""How much memory a pass may use."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.engine import memory

MEGABYTE = 1 << 20
VERSIONS = {
    "1": ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "total_inactive_file"),
    "2": ("memory.max", "memory.current", "inactive_file"),
}


@pytest.mark.parametrize("version", ["1", "2"])
def test_a_containers_cache_gives_way(version: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    limit, usage, cache = VERSIONS[version]
    files = {
        limit: str(100 * MEGABYTE),
        usage: str(90 * MEGABYTE),
        f"{limit.rpartition('memory.')[0]}memory.stat": f"anon 1\n{cache} {60 * MEGABYTE}\n",
    }
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content)
    monkeypatch.setattr(memory, "CONTROL_GROUPS", tmp_path)
    assert memory.available_memory() == 70 * MEGABYTE


def test_no_limit_leaves_what_the_machine_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "memory.max").write_text("max\n")
    (tmp_path / "memory.current").write_text(str(MEGABYTE))
    monkeypatch.setattr(memory, "CONTROL_GROUPS", tmp_path)
    assert memory.available_memory() > 100 * MEGABYTE
