"""Waits for what another thread or process does."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from app.accounts.after_answer import THREAD_NAME

# Beside other tests, a process of the site takes up to 15 seconds to start.
SECONDS = 60.0


def wait_until(happened: Callable[[], object], what: str) -> None:
    """Wait until ``happened()`` is true; after too long, fail and name ``what``."""
    deadline = time.monotonic() + SECONDS
    while not happened():
        assert time.monotonic() < deadline, f"waited {SECONDS:.0f} s in vain until {what}"
        time.sleep(0.02)


def finish_mails() -> None:
    """Wait for the mails that are sent after an answer."""
    for thread in threading.enumerate():
        if thread.name == THREAD_NAME:
            thread.join()
