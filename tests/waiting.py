"""Waiting for something that another thread or process will do."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from app.accounts.after_answer import THREAD_NAME

# A process of the site takes up to a quarter of it to start beside other tests.
SECONDS = 60.0


def wait_until(happened: Callable[[], object], what: str) -> None:
    """Poll until ``happened()`` is true; fail with ``what`` was awaited when it takes too long."""
    deadline = time.monotonic() + SECONDS
    while not happened():
        assert time.monotonic() < deadline, f"waited {SECONDS:.0f} s in vain until {what}"
        time.sleep(0.02)


def finish_mails() -> None:
    """Wait until everything is mailed that is mailed after an answer."""
    for thread in threading.enumerate():
        if thread.name == THREAD_NAME:
            thread.join()
