"""Pictures of every page on a phone, a tablet and a desk, in light and dark, for docs/screenshots."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page

from app.config import PROJECT_ROOT
from bench.live import open_site
from testing.exhibit import STOPS, Exhibit, Stop, furnish, open_context

FOLDER = PROJECT_ROOT / "docs" / "screenshots"
WIDTHS = (390, 768, 1280)
SCHEMES = ("light", "dark")
# Long pages are cut off after so many pixels: what follows is more of the same.
MOST_HEIGHT = 1400
QUALITY = 28
BARS = ".pay-bar, .chosen-bar:visible, .order-sum, dialog.viewer"


def main() -> None:
    with open_site(FREE_CREDITS="12") as (browser, site):
        exhibit = furnish(browser, site)
        FOLDER.mkdir(exist_ok=True)
        for old in FOLDER.glob("*.webp"):
            old.unlink()
        for stop in STOPS:
            for width in WIDTHS:
                take(browser, exhibit, stop, width)
    taken = list(FOLDER.glob("*.webp"))
    megabytes = sum(path.stat().st_size for path in taken) / 1e6
    print(f"{len(taken)} pictures, {megabytes:.1f} MB, in {FOLDER.relative_to(PROJECT_ROOT)}")


def take(browser: Browser, exhibit: Exhibit, stop: Stop, width: int) -> None:
    """Go there once and look in both schemes."""
    context = open_context(browser, exhibit, stop, width, "light")
    page = context.new_page()
    page.emulate_media(reduced_motion="reduce")
    stop.go(page, exhibit)
    load_pictures(page)
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        save(page, FOLDER / f"{stop.name}-{width}-{scheme}.webp")
    context.close()


def load_pictures(page: Page) -> None:
    """Lazy pictures too."""
    page.evaluate(
        """async () => {
            for (const image of document.images) image.loading = "eager";
            const shown = [...document.images].filter((image) => image.checkVisibility());
            await Promise.all(shown.map((image) => image.decode().catch(() => undefined)));
            await document.fonts.ready;
        }"""
    )


def save(page: Page, path: Path) -> None:
    """The page down to a limit, or only the window, as it is scrolled, where something stays at its edge."""
    window = page.viewport_size
    assert window
    if page.locator(BARS).count():
        taken = page.screenshot()
    else:
        height = min(MOST_HEIGHT, page.evaluate("document.documentElement.scrollHeight"))
        taken = page.screenshot(
            full_page=True, clip={"x": 0, "y": 0, "width": window["width"], "height": height}
        )
    with Image.open(io.BytesIO(taken)) as shot:
        shot.convert("RGB").save(path, quality=QUALITY, method=6)


if __name__ == "__main__":
    main()
