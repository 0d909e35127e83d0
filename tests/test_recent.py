"""The cache of recent values: eviction, and one maker for simultaneous requests."""

from __future__ import annotations

import threading

import pytest

from app.recent import Recent


class GivenUp(Exception):
    """Making the value has failed."""


def test_what_is_used_least_is_forgotten() -> None:
    made: list[str] = []

    def make(key: str) -> str:
        made.append(key)
        return key.upper()

    recent: Recent[str, str] = Recent(2)
    for key in ("a", "b", "a", "c", "a", "b"):
        assert recent.get(key, lambda key=key: make(key)) == key.upper()  # type: ignore[misc]
    assert made == ["a", "b", "c", "b"]


def test_what_several_want_at_once_is_made_once() -> None:
    made: list[bool] = []
    found: list[str] = []
    begun, go = threading.Event(), threading.Event()

    def make() -> str:
        made.append(True)
        begun.set()
        assert go.wait(60)
        return "painting"

    recent: Recent[str, str] = Recent(2)
    threads = [threading.Thread(target=lambda: found.append(recent.get("a", make))) for _ in range(3)]
    for thread in threads:
        thread.start()
    assert begun.wait(60)
    assert recent.get("b", lambda: "another") == "another", "nobody waits for what they do not want"
    go.set()
    for thread in threads:
        thread.join()
    assert found == ["painting"] * 3
    assert len(made) == 1


def test_who_waits_in_vain_makes_it_themselves() -> None:
    begun, go = threading.Event(), threading.Event()
    found: list[str] = []

    def fail() -> str:
        begun.set()
        assert go.wait(60)
        raise GivenUp

    def first() -> None:
        with pytest.raises(GivenUp):
            recent.get("a", fail)

    recent: Recent[str, str] = Recent(2)
    failing = threading.Thread(target=first)
    failing.start()
    assert begun.wait(60)
    waiting = threading.Thread(target=lambda: found.append(recent.get("a", lambda: "painting")))
    waiting.start()
    waiting.join(0.2)
    assert found == [], "it waits"
    go.set()
    for thread in (failing, waiting):
        thread.join()
    assert found == ["painting"]
