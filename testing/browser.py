"""Starts Debian's chromium, and holds back the requests of its pages."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable

from playwright.sync_api import Page, Route

from testing.waiting import wait_until

CHROMIUM = shutil.which("chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def hold(page: Page, address: str | re.Pattern[str]) -> list[Route]:
    """The page's requests to an address. Each waits until the test continues it."""
    held: list[Route] = []

    def keep(route: Route) -> None:
        held.append(route)

    page.route(address, keep)
    return held


def wait_for(page: Page, happened: Callable[[], bool]) -> None:
    """Wait until a route has been asked for; the page goes on meanwhile."""

    def look() -> bool:
        page.wait_for_timeout(20)
        return happened()

    wait_until(look, "the page asks")


def wait_for_worker(page: Page) -> None:
    page.evaluate("navigator.serviceWorker.ready.then(() => null)")
