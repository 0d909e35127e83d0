"""A site of its own and a browser, for benchmarks of what a person sees."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from testing.browser import CHROMIUM, FLAGS
from testing.live import LiveSite


@contextmanager
def open_site(**environment: str) -> Iterator[tuple[Browser, LiveSite]]:
    """A fresh site in a temporary folder, and a browser to look at it with; both end with the block."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        site = LiveSite(Path(folder), **environment)
        site.migrate()
        site.start()
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        try:
            yield browser, site
        finally:
            browser.close()
            site.stop()
