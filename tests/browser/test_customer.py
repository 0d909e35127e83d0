"""A customer's visit: sign up, pay, upload, choose, watch, compare, download."""

from __future__ import annotations

import re
import sqlite3
import time
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from testing.customer import (
    CHELSEA,
    COFFEE,
    check_widths,
    choose_style,
    credits_shown,
    download,
    join,
    pay_by_card,
    sign_up,
    upload,
    wait_for_picture,
)
from testing.live import LiveSite


def test_from_the_first_visit_to_the_downloaded_picture(page: Page, tmp_path: Path, outbox: Path) -> None:
    page.goto("/")
    expect(page.get_by_role("banner").get_by_role("link", name="Sign up")).to_be_visible()
    page.get_by_role("link", name="Paint my photo").first.click()
    upload(page, COFFEE)
    choose_style(page, "The Starry Night")
    page.get_by_role("link", name="Sign up and paint it").click()
    join(page, f"grace-{time.time_ns()}@example.com")
    page.wait_for_url("**/studio?*")
    studio = page.url

    # The page says where the mail lies; its link confirms the address.
    notice = page.locator(".flashes").inner_text()
    mail = next(mail for mail in outbox.glob("*.eml") if mail.name in notice)
    page.goto(re.search(r"http://\S+/confirm/\S+", mail.read_text())[0])  # type: ignore[index]
    expect(page.locator(".flashes")).to_contain_text("confirmed")
    assert credits_shown(page) == 3

    # Buy: Stripe's sandbox, its test card.
    page.goto("/credits")
    page.get_by_role("main").get_by_role("button", name=re.compile("Sketchbook|Buy|€4.90")).first.click()
    pay_by_card(page, "4242 4242 4242 4242")
    expect(page.locator("a.pill")).to_have_text("13")

    # The photo and the style chosen before signing up are still there.
    page.goto(studio)
    page.get_by_role("button", name="Paint 1 picture · 1 credit").click()
    wait_for_picture(page)
    assert credits_shown(page) == 13 - 1

    photo = np.asarray(Image.open(COFFEE).convert("RGB")).astype(int)
    png = download(page, "PNG", tmp_path).astype(int)
    jpeg = download(page, "Download JPEG", tmp_path).astype(int)
    assert (tmp_path / "coffee - The Starry Night.png").exists()
    assert (tmp_path / "coffee - The Starry Night.jpg").exists()
    assert png.shape == jpeg.shape == photo.shape
    # Painted: far from the photo, its red gone blue; and the JPEG shows the same picture as the PNG.
    assert np.abs(png - photo).mean() > 20
    assert photo[..., 2].mean() < photo[..., 0].mean()
    assert png[..., 2].mean() > png[..., 0].mean()
    assert np.abs(png - jpeg).mean() < 3


def test_a_declined_card_can_be_replaced_by_a_good_one(page: Page) -> None:
    sign_up(page)
    page.goto("/credits")
    page.get_by_role("main").get_by_role("button", name=re.compile("Sketchbook|Buy|€4.90")).first.click()
    pay_by_card(page, "4000 0000 0000 0002")
    expect(page.get_by_role("main")).to_contain_text(re.compile("declined", re.IGNORECASE))
    pay_by_card(page, "4242 4242 4242 4242")
    expect(page.locator("a.pill")).to_have_text("13")


def test_several_photos_in_one_order_are_shown_one_after_the_other(page: Page) -> None:
    """A painted card stays as it is while the others are painted."""
    sign_up(page)
    upload(page, COFFEE, CHELSEA)
    choose_style(page, "La Muse")
    page.get_by_role("button", name="Paint 2 pictures · 2 credits").click()
    page.wait_for_url("**/orders/*")
    painted = page.locator("li[id^=painted-]")
    expect(painted.first).to_be_visible(timeout=60_000)
    link = painted.first.get_by_role("link")
    link.focus()
    link.evaluate("link => { link.looked_at = true; }")
    expect(page.get_by_text("All done.")).to_be_visible(timeout=60_000)
    expect(link).to_be_focused()
    assert link.evaluate("link => link.looked_at")
    expect(page.locator(".picture-card .picture-reveal")).to_have_count(2)
    assert credits_shown(page) == 1


def test_a_picture_is_paid_once_hidden_from_strangers_and_shared_at_once(
    page: Page, browser: Browser, site: LiveSite
) -> None:
    email = sign_up(page)
    upload(page, COFFEE)
    choose_style(page, "Udnie")
    page.locator("[data-pay]").dblclick()
    page.wait_for_url("**/pictures/*")
    with browser.new_context(base_url=site.url) as others:
        stranger = others.new_page()
        stranger.goto(page.url)
        expect(stranger).to_have_url(re.compile("/log-in"))
        sign_up(stranger)
        answer = stranger.goto(page.url)
        assert answer is not None
        assert answer.status == 404

    wait_for_picture(page)
    page.get_by_role("button", name="Create a link").click()
    expect(page.get_by_label("The link to this picture")).to_be_visible()

    page.goto("/pictures")
    expect(page.locator(".picture-card")).to_have_count(1)
    with sqlite3.connect(site.instance_dir / "site.db") as connection:
        entries = connection.execute(
            "SELECT amount FROM ledger_entries JOIN users USING (wallet_id) WHERE email = ? ORDER BY 1",
            (email,),
        ).fetchall()
    connection.close()
    assert entries == [(-1,), (3,)]


def test_what_is_no_photo_gets_a_sentence(page: Page, tmp_path: Path) -> None:
    sign_up(page)
    fake = tmp_path / "holiday.jpg"
    fake.write_text("This is no photo.")
    page.set_input_files("#photo-files", fake)
    expect(page.get_by_role("alert")).to_contain_text("This is not a photo we can read")


def test_the_slider_moves_by_keyboard(page: Page) -> None:
    page.goto("/")
    slider = page.get_by_role("slider", name="How much of the photo is shown").first
    before = page.locator("before-after .before").first
    half = before.evaluate("figure => getComputedStyle(figure).clipPath")
    slider.focus()
    for _ in range(10):
        page.keyboard.press("ArrowRight")
    assert before.evaluate("figure => getComputedStyle(figure).clipPath") != half
    assert slider.input_value() == "60"


def test_the_way_works_by_keyboard_alone(page: Page) -> None:
    page.goto("/log-in")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_label("Email")).to_be_focused()


def test_the_language_is_chosen_at_the_foot_of_the_page(page: Page) -> None:
    page.goto("/styles?after=1")
    page.get_by_role("button", name="Deutsch").click()
    expect(page.locator("html")).to_have_attribute("lang", "de")
    expect(page).to_have_url(re.compile("/styles.after=1$"))
    page.goto("/")
    page.get_by_role("button", name="English").click()
    expect(page.locator("html")).to_have_attribute("lang", "en")


# The tiles whose picture is wholly in sight, and the places of easel, controls and price.
IN_SIGHT = """() => {
    const box = (selector) => document.querySelector(selector).getBoundingClientRect();
    const [wall, bar, easel] = [box("[data-tiles]"), box(".pay-bar"), box("[data-picture]")];
    const top = wall.left > easel.right ? wall.top : Math.max(wall.top, box("[data-easel]").bottom);
    const bottom = Math.min(bar.top, innerHeight);
    const tiles = [...document.querySelectorAll(".tile-frame")].map((tile) => tile.getBoundingClientRect());
    const seen = tiles.filter((tile) => tile.top >= top && tile.bottom <= bottom);
    return { tiles: seen.length, easel: easel.bottom, brush: box("#brush").bottom, bar: bar.height, bottom };
}"""


def test_easel_styles_and_main_controls_are_seen_at_once(page: Page) -> None:
    sign_up(page)
    upload(page, COFFEE)
    choose_style(page, "La Muse")
    page.evaluate("scrollTo(0, 0)")
    sight = page.evaluate(IN_SIGHT)
    assert sight["tiles"] >= 9
    assert sight["easel"] < sight["brush"] < sight["bottom"]
    # The easel stays in sight along the styles and the controls.
    for last in ("[data-tile]:last-child", "[data-paint-mask=mask]"):
        page.locator(last).scroll_into_view_if_needed()
        expect(page.locator("[data-picture]")).to_be_in_viewport(ratio=1)


def test_a_phone_has_room_for_easel_and_styles(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    sign_up(page)
    upload(page, COFFEE)
    sight = page.evaluate(IN_SIGHT)
    assert sight["tiles"] >= 3
    assert sight["bar"] <= 110
    page.locator("[data-tile]").nth(10).scroll_into_view_if_needed()
    expect(page.locator("[data-picture]")).to_be_in_viewport(ratio=1)
    assert page.evaluate(IN_SIGHT)["tiles"] >= 6
    expect(page.get_by_role("button", name="Print sizes, more styles")).to_be_visible()


def test_how_many_styles_are_found_is_seen_where_some_are_not(page: Page) -> None:
    page.goto("/studio?sample=coffee")
    found = page.locator("[data-found]")
    shown = "one => one.getBoundingClientRect().width > 1"
    expect(found).to_have_role("status")
    assert not found.evaluate(shown)
    page.get_by_label("Search styles by title").fill("gogh")
    expect(found).to_have_text(re.compile(r"^\d of \d+ styles$"))
    assert found.evaluate(shown)


def test_no_page_is_wider_than_the_screen(page: Page) -> None:
    paths = ("/", "/styles", "/log-in", "/sign-up", "/privacy", "/nothing-here", "/studio?sample=coffee")
    check_widths(page, *paths, widths=(360, 390, 768, 1280, 2560))


def test_the_whole_way_without_scripts(browser: Browser, site: LiveSite, tmp_path: Path) -> None:
    context = browser.new_context(base_url=site.url, java_script_enabled=False)
    try:
        page = context.new_page()
        sign_up(page)
        page.set_input_files("#photo-files", COFFEE)
        page.get_by_role("main").get_by_role("button", name="Upload").click()
        choose_style(page, "Composition VIII")
        page.get_by_role("button", name="Paint").click()
        link = page.get_by_role("link", name="Download JPEG")
        expect(link).to_be_visible(timeout=60_000)
        assert download(page, "Download JPEG", tmp_path).shape == (400, 600, 3)
    finally:
        context.close()
