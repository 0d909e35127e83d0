"""The site as an app on a phone: it can be installed, and says so when there is no connection."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, Page, expect

from testing.browser import CHROMIUM, FLAGS, wait_for_worker
from testing.customer import COFFEE, sign_up, upload
from testing.live import LiveSite


def test_without_a_connection_there_is_a_page_that_says_so(page: Page, context: BrowserContext) -> None:
    page.goto("/")
    wait_for_worker(page)
    context.set_offline(True)
    page.goto("/styles")
    expect(page.get_by_role("heading", name="No connection")).to_be_visible()
    # In the site's own look, which the worker keeps too.
    assert "Fraunces" in page.locator("h1").evaluate("one => getComputedStyle(one).fontFamily")
    assert page.evaluate("document.fonts.ready.then(() => document.fonts.check('30px Fraunces'))")
    assert page.locator("img").evaluate("one => one.decode().then(() => one.naturalWidth)") > 0
    context.set_offline(False)
    page.get_by_role("link", name="Try again").click()
    page.wait_for_url("**/styles")
    expect(page.locator(".style-card").first).to_be_visible()


def test_nothing_of_a_person_is_kept_for_later(page: Page, context: BrowserContext) -> None:
    page.goto("/")
    wait_for_worker(page)
    sign_up(page)
    upload(page, COFFEE)
    for address in ("/pictures", "/credits", "/account"):
        page.goto(address)
    kept = page.evaluate(
        """async () => {
            const caches_ = await Promise.all((await caches.keys()).map((name) => caches.open(name)));
            const requests = (await Promise.all(caches_.map((cache) => cache.keys()))).flat();
            return requests.map((request) => new URL(request.url).pathname);
        }"""
    )
    assert "/offline" in kept
    assert [address for address in kept if not address.startswith("/static/")] == ["/offline"]


def test_the_browser_would_install_it(browser: Browser, site: LiveSite, tmp_path: Path) -> None:
    """A browser with a profile of its own: private windows install nothing."""
    context = browser.browser_type.launch_persistent_context(
        str(tmp_path), executable_path=CHROMIUM, args=FLAGS, base_url=site.url
    )
    try:
        page = context.new_page()
        page.goto("/")
        wait_for_worker(page)
        wire = context.new_cdp_session(page)
        assert wire.send("Page.getInstallabilityErrors") == {"installabilityErrors": []}
        assert wire.send("Page.getAppManifest")["errors"] == []
    finally:
        context.close()
