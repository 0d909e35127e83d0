"""Waiting for something that another thread or process will do."""

from __future__ import annotations

import time
from collections.abc import Callable


def wait_until(happened: Callable[[], object], what: str, *, seconds: float = 60.0) -> None:
    """Poll until ``happened()`` is true; fail with ``what`` was awaited when it takes too long."""
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, f"waited {seconds:.0f} s in vain until {what}"
        time.sleep(0.02)
