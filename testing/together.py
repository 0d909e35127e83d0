"""Runs actions in several threads at the same moment."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence


def at_once(actions: Sequence[Callable[[], object]]) -> list[object]:
    """Run the actions in threads at once; return what each returned or raised."""
    barrier = threading.Barrier(len(actions))
    outcomes: list[object] = [None] * len(actions)

    def run(place: int, action: Callable[[], object]) -> None:
        barrier.wait()
        try:
            outcomes[place] = action()
        except Exception as error:
            outcomes[place] = error

    threads = [threading.Thread(target=run, args=item) for item in enumerate(actions)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


def run_together(actions: Sequence[Callable[[], object]]) -> None:
    """Run the actions at once; fail if any of them raises."""
    assert [outcome for outcome in at_once(actions) if isinstance(outcome, Exception)] == []
