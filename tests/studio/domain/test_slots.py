"""Upload slots: few visitors decode at a time, and the others wait."""

from __future__ import annotations

import threading
import time

from app.studio.domain.slots import upload_slot
from testing.together import run_together


def test_who_comes_third_waits_for_a_slot() -> None:
    most, now = 0, 0
    counting = threading.Lock()

    def decode(visitor: int) -> None:
        nonlocal most, now
        with upload_slot(visitor):
            with counting:
                now += 1
                most = max(most, now)
            time.sleep(0.02)
            with counting:
                now -= 1

    run_together([lambda number=number: decode(number) for number in range(8)])
    assert most == 2
