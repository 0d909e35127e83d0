"""Accessibility: WCAG 2.2 AA by axe-core, keyboard alone, no motion, double size."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from testing.exhibit import STOPS, Exhibit, furnish, open_context
from testing.live import LiveSite

AXE = Path(__file__).parent / "vendor" / "axe-core" / "axe.min.js"
RULES = {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
COLORS = {"type": "rule", "values": ["color-contrast"]}
BLINK = 0.05  # seconds: nobody sees a movement as short as this
MOST_STOPS = 250  # of the Tab key on one page


@pytest.fixture(scope="module")
def exhibit(
    browser: Browser, migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Exhibit]:
    site = LiveSite(tmp_path_factory.mktemp("exhibit"), FREE_CREDITS="12")
    shutil.copy(migrated_sqlite, site.instance_dir)
    site.start()
    try:
        yield furnish(browser, site)
    finally:
        site.stop()


@pytest.fixture(
    scope="module",
    params=[(stop, width) for stop in STOPS for width in (390, 1280)],
    ids=lambda param: f"{param[0].name}-{param[1]}",
)
def everywhere(request: pytest.FixtureRequest, browser: Browser, exhibit: Exhibit) -> Iterator[Page]:
    """Each page on a phone and a desk, with reduced motion."""
    stop, width = request.param
    context = open_context(browser, exhibit, stop, width, "light")
    page = context.new_page()
    page.emulate_media(reduced_motion="reduce")
    stop.go(page, exhibit)
    # The answer to a form can be read before its style sheet has come.
    page.wait_for_load_state()
    yield page
    context.close()


def test_axe_finds_nothing(everywhere: Page) -> None:
    assert violations(everywhere, RULES) == []
    assert everywhere.viewport_size
    if everywhere.viewport_size["width"] == 1280:  # colours are the same at every width, the rest in the dark
        everywhere.emulate_media(color_scheme="dark")
        assert violations(everywhere, COLORS) == []


def violations(page: Page, rules: dict[str, object]) -> list[dict[str, Any]]:
    """The violations that axe-core finds, with their elements."""
    page.evaluate(AXE.read_text())
    found: str = page.evaluate(
        """async (rules) => {
            const { violations } = await axe.run({ runOnly: rules, resultTypes: ["violations"] });
            return JSON.stringify(violations.map(({ id, help, nodes }) => ({
                id,
                help,
                nodes: nodes.map(({ target, failureSummary }) => [target.join(" "), failureSummary]),
            })));
        }""",
        rules,
    )
    return list(json.loads(found))


def test_every_control_can_be_reached_and_seen_by_keyboard(everywhere: Page) -> None:
    missed, unseen = go_by_tab(everywhere)
    assert unseen == []
    assert missed == []


def go_by_tab(page: Page) -> tuple[list[str], list[dict[str, Any]]]:
    """Tab through the page; return unreached controls and stops without visible focus."""
    # The Tab key goes on from the last focus, so begin at the top.
    page.evaluate(
        """() => {
            const top = document.querySelector("dialog:modal") ?? document.body;
            top.tabIndex = -1;
            top.focus();
            scrollTo(0, 0);
        }"""
    )
    page.evaluate(NUMBER_CONTROLS)
    reached, unseen = set(), []
    for _ in range(MOST_STOPS):
        page.keyboard.press("Tab")
        at = page.evaluate(WHERE_FOCUS_IS)
        if at is None or at["number"] in reached:
            break  # out of the page, or once around
        if at["number"] is None:
            continue  # it replaced another element meanwhile
        reached.add(at["number"])
        if not (at["marked"] and at["in_sight"]):
            unseen.append(at)
    return page.evaluate(MISSED, list(reached)), unseen


# The expected stops of the Tab key: one per group of radio buttons, nothing hidden or disabled, nothing
# behind a dialog.
NUMBER_CONTROLS = """() => {
    for (const control of document.querySelectorAll("[data-tab-stop]")) delete control.dataset.tabStop;
    const stops = "a[href], button, input, select, textarea, summary, [tabindex]";
    const skipped = (control) => control.disabled || control.tabIndex < 0 || control.closest("[inert]")
        || !control.checkVisibility({ visibilityProperty: true });
    const groups = new Map();
    const reachable = document.querySelector("dialog:modal") ?? document;
    const controls = [...reachable.querySelectorAll(stops)].filter((control) => {
        if (skipped(control)) return false;
        if (control.type !== "radio") return true;
        const group = [...control.form.elements[control.name]].filter((radio) => !skipped(radio));
        return control === (group.find((radio) => radio.checked) ?? group[0]);
    });
    controls.forEach((control, number) => { control.dataset.tabStop = number; });
}"""

MISSED = """(reached) => [...document.querySelectorAll("[data-tab-stop]")]
    .filter((control) => !reached.includes(Number(control.dataset.tabStop)))
    .map((control) => control.outerHTML.slice(0, 200))"""

# Marked: the control, or the element in its place, has an outline. In sight: a part of it is not covered.
WHERE_FOCUS_IS = """() => {
    const control = document.activeElement;
    if (!control || control === document.body) return null;
    const label = control.closest("label") ?? control.labels?.[0];
    const stand_ins = [control, control.parentElement, control.closest(".drop, before-after"), label,
        ...(label?.querySelectorAll("*") ?? [])].filter(Boolean);
    const marked = stand_ins.some((element) => {
        const { outlineStyle, outlineWidth } = getComputedStyle(element);
        return outlineStyle !== "none" && parseFloat(outlineWidth) >= 2;
    });
    const shown = (element) => {
        const { left, top, width, height } = element.getBoundingClientRect();
        return [0.1, 0.5, 0.9].some((across) => [0.1, 0.5, 0.9].some((down) => {
            const above = document.elementFromPoint(left + across * width, top + down * height);
            return above && (element.contains(above) || above.contains(control) && above !== document.body);
        }));
    };
    const in_sight = [control, label].filter(Boolean).some(shown);
    const number = control.dataset.tabStop ? Number(control.dataset.tabStop) : null;
    return { number, html: control.outerHTML.slice(0, 200), marked, in_sight };
}"""


def test_nothing_moves_for_those_who_ask_for_it(everywhere: Page) -> None:
    moving = everywhere.evaluate(
        """(blink) => {
            const long = (durations) => durations.split(",").some((one) => parseFloat(one) > blink);
            const styled = [...document.querySelectorAll("*")].filter((element) =>
                ["", "::before", "::after"].some((part) => {
                    const style = getComputedStyle(element, part || null);
                    return style.animationName !== "none" && long(style.animationDuration)
                        || style.transitionProperty !== "none" && long(style.transitionDuration)
                        || style.scrollBehavior === "smooth";
                }));
            const running = document.getAnimations().filter((one) => one.playState === "running");
            const moving = [...styled, ...running.map((one) => one.effect.target)];
            return moving.map((one) => one.outerHTML.slice(0, 200));
        }""",
        BLINK,
    )
    assert moving == []


def test_pages_fit_when_zoomed(everywhere: Page) -> None:
    """A window of 1280 pixels is 640 wide at 200 % and 320 at 400 %.

    No bar covers the focused control.
    """
    before = everywhere.viewport_size
    assert before
    width = 640 if before["width"] == 1280 else 320
    try:
        everywhere.set_viewport_size({"width": width, "height": 450})
        wide = everywhere.evaluate(
            """() => document.documentElement.scrollWidth <= innerWidth ? [] :
                [document.documentElement, ...document.querySelectorAll("body *")]
                    .filter((one) => one.scrollWidth > innerWidth)
                    .map((one) => one.outerHTML.slice(0, 150))"""
        )
        assert wide == []
        if width == 640:  # at 320 nothing more sticks than at 640
            assert go_by_tab(everywhere) == ([], [])
    finally:
        everywhere.set_viewport_size(before)
