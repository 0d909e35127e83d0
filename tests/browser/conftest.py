"""A real browser (Debian's chromium) on a real site."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from testing.browser import CHROMIUM, FLAGS
from testing.live import LiveSite

# For so long a page is looked at again: two cores paint, serve and browse for several tests at once.
expect.set_options(timeout=20_000)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("needs chromium: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def site(migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveSite]:
    site = LiveSite(tmp_path_factory.mktemp("site"))
    shutil.copy(migrated_sqlite, site.instance_dir)
    site.start()
    yield site
    site.stop()


@pytest.fixture
def context(browser: Browser, site: LiveSite) -> Iterator[BrowserContext]:
    context = browser.new_context(base_url=site.url, viewport={"width": 1280, "height": 900})
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext, site: LiveSite) -> Iterator[Page]:
    """A page on which no script may fail, and which may ask nobody but the site."""
    page = context.new_page()
    troubles: list[str] = []
    page.on("pageerror", lambda error: troubles.append(f"script error: {error}"))
    page.on("console", lambda line: troubles.append(line.text) if "Content Security" in line.text else None)
    page.on(
        "request",
        lambda request: (
            None
            if request.url.startswith((site.url, "blob:", "data:"))
            else troubles.append(f"asked {request.url}")
        ),
    )
    yield page
    assert troubles == []


@pytest.fixture
def outbox(site: LiveSite) -> Path:
    return site.instance_dir / "outbox"
