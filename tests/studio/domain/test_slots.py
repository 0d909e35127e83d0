"""Decoding slots: few decode at a time, and the others wait."""

from __future__ import annotations

import threading
import time

from app.studio.domain.slots import decoding_slot
from tests.together import at_once


def test_who_comes_third_waits_for_a_turn() -> None:
    most, now = 0, 0
    counting = threading.Lock()

    def decode() -> None:
        nonlocal most, now
        with decoding_slot():
            with counting:
                now += 1
                most = max(most, now)
            time.sleep(0.02)
            with counting:
                now -= 1

    at_once([decode] * 8)
    assert most == 2
