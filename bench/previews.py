"""Previews: what the server computes for each, and how long a person waits for the wall and for a control."""

from __future__ import annotations

import re
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, Response, expect

from app.config import PROJECT_ROOT
from bench.live import open_site
from testing.customer import sign_up
from testing.easel import follow, put, rest

SIZE = (1024, 768)
WALLS = 3
# A finger that moves a slider, and controls that need another painting.
STRENGTHS = range(5, 100, 10)
BRUSHES = (2, 0.75, 3, 1.5, 0.9, 2.5, 1.25, 1.75)
PAINTINGS = ("udnie", "wave", "starry_night", "poppies", "the_scream", "spring", "lion")


def main() -> None:
    with open_site() as (browser, site):
        page = browser.new_context(base_url=site.url, viewport={"width": 1280, "height": 900}).new_page()
        sign_up(page)
        show_wall(page)  # every network is loaded and traced once for this size
        measure_walls(page, site.instance_dir)
        measure_controls(page)


def show_wall(page: Page) -> None:
    expect(page.locator("[data-wall]")).to_have_attribute("data-state", "complete", timeout=120_000)


def measure_walls(page: Page, folder: Path) -> None:
    """Photos that the site has not seen: from opening the studio to the last painted tile."""
    computed: list[float] = []

    def note(answer: Response) -> None:
        timing = re.search(r"dur=([\d.]+)", answer.headers.get("server-timing", ""))
        if timing and "large" not in answer.url:
            computed.append(float(timing[1]))

    waits = []
    for number in range(WALLS + 1):
        photo = folder / f"photo-{number}.jpg"
        with Image.open(PROJECT_ROOT / "static" / "samples" / "coffee.jpg") as sample:
            sample.convert("RGB").resize(SIZE).rotate(number).save(photo, quality=92)
        if number == 1:  # the first wall of this shape only warms up
            page.on("response", note)
        page.goto("/studio?sample=astronaut")
        page.set_input_files("#photo-files", photo)
        page.wait_for_url("**/studio?photos=*", wait_until="commit")
        start = time.perf_counter()
        show_wall(page)
        waits.append(time.perf_counter() - start)
    page.remove_listener("response", note)
    tiles = page.locator("[data-tile]").count()
    print(f"Previews: a wall of {tiles} styles, {WALLS} photos of {SIZE[0]}x{SIZE[1]}")
    print(
        f"  server time of one preview: median {statistics.median(computed):.0f} ms, "
        f"longest {max(computed):.0f} ms (turns of three at a time included)"
    )
    print("  from the page to its last painted tile: " + "  ".join(f"{wait:.2f} s" for wait in waits[1:]))


def measure_controls(page: Page) -> None:
    """From moving a control to the picture that follows it, at 1024 pixels."""
    page.goto(f"{page.url}&style=la_muse")
    rest(page)
    quick = [wait_for(page, strength=strength) for strength in STRENGTHS]
    print(
        f"  a control that needs no other painting: median {statistics.median(quick) * 1000:.0f} ms, ", end=""
    )
    print(f"longest {max(quick) * 1000:.0f} ms")
    tell("another brush", [repaint(page, partial(put, page, brush=brush)) for brush in BRUSHES])
    tiles = [page.locator(f"#style-{painting}") for painting in PAINTINGS]
    tell("another style", [repaint(page, tile.click) for tile in tiles])


def tell(change: str, waits: list[tuple[float, float]]) -> None:
    for stage, seconds in zip(("its draft", "its painting"), zip(*waits, strict=True), strict=True):
        median, longest = statistics.median(seconds) * 1000, max(seconds) * 1000
        print(f"  {change}, {stage}: median {median:.0f} ms, longest {longest:.0f} ms")


def repaint(page: Page, change: Callable[[], object]) -> tuple[float, float]:
    """Seconds from a change to the first picture that shows it, and to the one that stays."""
    start = time.perf_counter()
    change()
    follow(page)
    drafted = time.perf_counter() - start
    rest(page)
    return drafted, time.perf_counter() - start


def wait_for(page: Page, **control: float) -> float:
    start = time.perf_counter()
    put(page, **control)
    rest(page)
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
