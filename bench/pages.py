"""What pages weigh and how soon they show: bytes on the wire, largest contentful paint, layout shift.

Everything is loaded for the first time, on this machine, by a processor slowed down four times.
Each figure has a limit, and the benchmark fails where one is missed. What a gallery weighs is its owner's.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass

from playwright.sync_api import Browser, CDPSession, Page

from bench.live import open_site
from testing.exhibit import STOPS, Exhibit, Stop, furnish, open_context

SHOWN = ("landing", "studio-sample", "pictures")
# Pages whose weight is limited.
LIGHT = ("landing", "studio-sample")
SCREENS = {"1280, 1x": (1280, 1.0), "390, 2x": (390, 2.0)}
RUNS = 5
SLOWER = 4

# Layout shifts count by bursts: less than a second apart, five seconds in all; the worst one is the figure.
WATCH = """
    window.watched = { paint: 0, burst: 0, shift: 0, first: 0, last: 0 };
    new PerformanceObserver((list) => {
        for (const entry of list.getEntries()) watched.paint = entry.startTime;
    }).observe({ type: "largest-contentful-paint", buffered: true });
    new PerformanceObserver((list) => {
        for (const { value, hadRecentInput, startTime } of list.getEntries()) {
            if (hadRecentInput) continue;
            const goes_on = startTime - watched.last < 1000 && startTime - watched.first < 5000;
            if (!goes_on) watched.first = startTime;
            watched.burst = goes_on ? watched.burst + value : value;
            watched.last = startTime;
            watched.shift = Math.max(watched.shift, watched.burst);
        }
    }).observe({ type: "layout-shift", buffered: true });
"""


@dataclass(frozen=True)
class Visit:
    """One first visit: bytes received, seconds to the largest contentful paint, cumulative layout shift."""

    received: float
    paint: float
    shift: float


LIMITS = Visit(received=600_000, paint=1.5, shift=0.05)


class LimitMissed(Exception):
    """A page is heavier, slower or less steady than it may be."""


def main() -> None:
    with open_site(FREE_CREDITS="12") as (browser, site):
        exhibit = furnish(browser, site)
        print(f"Pages: first visits, median of {RUNS}; the processor slowed down {SLOWER} times")
        print(f"  {'page':<16} {'screen':<10} {'kB':>10} {'LCP, s':>15} {'CLS':>15}")
        print(f"  {'at most':<27} {LIMITS.received / 1000:10.0f} {LIMITS.paint:15.2f} {LIMITS.shift:15.3f}")
        shown = [stop for stop in STOPS if stop.name in SHOWN]
        kept = [keeps_limits(browser, exhibit, stop, screen) for stop in shown for screen in SCREENS]
    if not all(kept):
        raise LimitMissed(f"{kept.count(False)} of {len(kept)} pages miss a limit.")


def keeps_limits(browser: Browser, exhibit: Exhibit, stop: Stop, screen: str) -> bool:
    """Visit a page several times on one kind of screen, and print its figures beside what is allowed."""
    width, scale = SCREENS[screen]
    visits = [visit(browser, exhibit, stop, width, scale) for _ in range(RUNS)]
    usual = Visit(
        statistics.median(one.received for one in visits),
        statistics.median(one.paint for one in visits),
        statistics.median(one.shift for one in visits),
    )
    kept = judged(usual)
    if stop.name not in LIGHT:
        kept = (True, *kept[1:])
    figures = (f"{usual.received / 1000:.0f}", f"{usual.paint:.2f}", f"{usual.shift:.3f}")
    said = " ".join(
        f"{figure:>10} {'pass' if good else 'FAIL'}" for figure, good in zip(figures, kept, strict=True)
    )
    print(f"  {stop.name:<16} {screen:<10} {said}", flush=True)
    return all(kept)


def judged(figures: Visit) -> tuple[bool, bool, bool]:
    """Which of the figures keep their limits: bytes, seconds, shift."""
    return (
        figures.received <= LIMITS.received,
        figures.paint <= LIMITS.paint,
        figures.shift <= LIMITS.shift,
    )


def visit(browser: Browser, exhibit: Exhibit, stop: Stop, width: int, scale: float) -> Visit:
    """Come with an empty cache, wait until all is still, look at the page down to its end."""
    context = open_context(browser, exhibit, stop, width, "light", scale=scale)
    page = context.new_page()
    page.add_init_script(WATCH)
    wire = context.new_cdp_session(page)
    received = count_bytes(wire)
    wire.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
    stop.go(page, exhibit)
    page.wait_for_load_state("networkidle")
    paint: float = page.evaluate("watched.paint / 1000")
    scroll_through(page)
    page.wait_for_load_state("networkidle")
    shift: float = page.evaluate("watched.shift")
    context.close()
    return Visit(sum(received), paint, shift)


def count_bytes(wire: CDPSession) -> list[float]:
    """A list that grows by the bytes of every answer, headers and compression included."""
    received: list[float] = []
    wire.on("Network.loadingFinished", lambda event: received.append(event["encodedDataLength"]))
    wire.send("Network.enable")
    return received


def scroll_through(page: Page) -> None:
    """Down to the end, window by window, so that pictures further down are loaded too."""
    page.evaluate(
        """async () => {
            for (let top = 0; top < document.body.scrollHeight; top += innerHeight) {
                scrollTo(0, top);
                await new Promise((resolve) => setTimeout(resolve, 100));
            }
            const images = [...document.images].filter((image) => image.checkVisibility());
            await Promise.all(images.map((image) => image.decode().catch(() => undefined)));
        }"""
    )


if __name__ == "__main__":
    main()
