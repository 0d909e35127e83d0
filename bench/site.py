"""What a person waits for: from pressing the button to the picture, and for each page."""

from __future__ import annotations

import re
import statistics
import time

from PIL import Image
from playwright.sync_api import Page

from app.config import PROJECT_ROOT
from bench.live import open_site
from testing.customer import choose_style, sign_up, upload

STYLES = (
    "The Great Wave off Kanagawa",
    "The Starry Night",
    "La Muse",
    "The Scream",
    "Udnie",
    "Poppies",
    "Summertime",
)
PAGES = ("/", "/styles", "/privacy", "/log-in", "/sign-up", "/studio", "/pictures", "/credits", "/account")
LOADS = 20


def main() -> None:
    with open_site(FREE_CREDITS="50") as (browser, site):
        photo = site.instance_dir / "photo.jpg"
        with Image.open(PROJECT_ROOT / "static" / "samples" / "coffee.jpg") as sample:
            sample.convert("RGB").resize((1024, 768)).save(photo, quality=92)
        page = browser.new_context(base_url=site.url, viewport={"width": 1280, "height": 900}).new_page()
        sign_up(page)
        upload(page, photo)
        studio = page.url
        time.sleep(12)  # the site warms up after its start
        waits = [wait_for(page, studio, style) for style in STYLES]
        print("Site: from pressing the button to the finished picture in the browser, 1024x768")
        print("  " + "  ".join(f"{seconds:.2f}" for seconds in waits))
        print(f"  median {statistics.median(waits):.2f} s, longest {max(waits):.2f} s\n")
        measure_pages(page)


def wait_for(page: Page, studio: str, style: str) -> float:
    """Seconds until every pixel of the picture is there."""
    page.goto(studio)
    choose_style(page, style)
    button = page.locator("[data-pay]:not([disabled])")
    button.wait_for()
    start = time.perf_counter()
    button.click()
    page.wait_for_function(
        """() => {
            const images = [...document.querySelectorAll("#picture[data-state=done] img")];
            return images.length && images.every((image) => image.complete && image.naturalWidth);
        }""",
        polling=20,
    )
    return time.perf_counter() - start


def measure_pages(page: Page) -> None:
    """The time per page as a client on the same machine sees it, logged in."""
    print(f"Site: server time per page, median of {LOADS}")
    for path in PAGES:
        seconds = []
        for _ in range(LOADS):
            start = time.perf_counter()
            answer = page.request.get(path)
            seconds.append(time.perf_counter() - start)
            assert re.match(r"2\d\d", str(answer.status)), path
        print(f"  {path:<12} {statistics.median(seconds) * 1000:6.1f} ms")


if __name__ == "__main__":
    main()
