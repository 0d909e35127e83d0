"""Tests without a server are skipped, or fail if it is installed and required."""

from __future__ import annotations

import pytest

from testing.live import free_port
from testing.servers import _answers, miss


@pytest.mark.parametrize(("required", "installed"), [("", True), ("true", False), ("false", True)])
def test_a_test_without_its_server_is_skipped(
    required: str, installed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUIRE_SERVERS", required)
    with pytest.raises(pytest.skip.Exception, match="needs Redis"):
        miss("Redis", installed=installed)


def test_a_server_that_is_installed_can_be_required(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUIRE_SERVERS", "true")
    with pytest.raises(pytest.fail.Exception, match="Redis is installed here"):
        miss("Redis", installed=True)


def test_a_port_without_a_server_does_not_answer() -> None:
    assert not _answers(free_port())
