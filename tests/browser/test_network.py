"""Slow and failing networks, servers that stop, double clicks, and phones."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from threading import Thread

import pytest
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, CDPSession, Page, Route, ViewportSize, expect
from playwright.sync_api import TimeoutError as TooSlow

from app.config import PROJECT_ROOT
from app.studio.pages.studio_page import PHOTOS_SHOWN
from testing.browser import CHROMIUM, FLAGS, hold, wait_for, wait_for_worker
from testing.customer import CHELSEA, COFFEE, choose_style, credits_shown, sign_up, upload, wait_for_picture
from testing.easel import across, distance, follow, put, rest, seen, share_of_second, shown, take_brush
from testing.live import LiveSite
from testing.waiting import wait_until

Rows = list[tuple[object, ...]]
RARELY = 300.0  # milliseconds: browsers allow rewriting an address so often
TILE = PROJECT_ROOT / "static" / "samples" / "thumbnails" / "coffee.webp"


def ask_database(site: LiveSite, question: str, *values: object) -> Rows:
    with closing(sqlite3.connect(site.instance_dir / "site.db")) as connection:
        return connection.execute(question, values).fetchall()


def entries_of(site: LiveSite, email: str) -> list[int]:
    rows = ask_database(
        site, "SELECT amount FROM ledger_entries JOIN users USING (wallet_id) WHERE email = ?", email
    )
    return sorted(int(str(amount)) for (amount,) in rows)


@pytest.fixture
def context(browser: Browser, site: LiveSite) -> Iterator[BrowserContext]:
    """A context without service workers, which would hide the test's routes."""
    screen: ViewportSize = {"width": 1280, "height": 900}
    with browser.new_context(base_url=site.url, viewport=screen, service_workers="block") as context:
        yield context


# --- slow ---------------------------------------------------------------------------------------


def test_a_slow_connection_takes_longer_and_no_more(page: Page) -> None:
    sign_up(page)
    network = {"latency": 250, "downloadThroughput": 80_000, "uploadThroughput": 40_000, "offline": False}
    page.context.new_cdp_session(page).send("Network.emulateNetworkConditions", network)
    upload(page, CHELSEA)
    choose_style(page, "La Muse")
    rest(page)
    page.locator("[data-pay]").click()
    wait_for_picture(page)


def test_files_chosen_before_the_script_comes_are_uploaded(page: Page) -> None:
    sign_up(page)
    held = hold(page, "**/upload.js*")
    page.goto("/studio", wait_until="commit")
    page.set_input_files("#photo-files", COFFEE)
    wait_for(page, lambda: bool(held))
    held[0].continue_()
    # The next page requests its script too, and does not need it.
    page.wait_for_url("**/studio?photos=*", wait_until="commit")
    expect(page.locator(".photo-item")).to_have_count(1)


def test_files_chosen_while_others_are_on_their_way_join_them(page: Page) -> None:
    sign_up(page)
    held = hold(page, "**/photos")
    page.set_input_files("#photo-files", COFFEE)
    wait_for(page, lambda: len(held) == 1)
    page.set_input_files("#photo-files", CHELSEA)
    held[0].continue_()
    wait_for(page, lambda: len(held) == 2)
    held[1].continue_()
    page.wait_for_url("**/studio?photos=*")
    expect(page.locator("input[name=photos]:checked")).to_have_count(2)


def test_ticking_another_photo_does_not_lose_what_is_on_its_way(page: Page) -> None:
    sign_up(page)
    upload(page, COFFEE, CHELSEA)
    page.goto("/studio")
    held = hold(page, "**/photos")
    page.set_input_files("#photo-files", COFFEE)
    wait_for(page, lambda: len(held) == 1)
    photos = page.locator("[type=checkbox][name=photos]")
    photos.first.uncheck(force=True)  # it is on the easel
    photos.nth(1).check(force=True)
    with page.expect_navigation():
        held[0].continue_()
    expect(photos).to_have_count(3)
    expect(page.locator("input[name=photos]:checked")).to_have_count(2)


def paint_a_stroke_that_is_held(page: Page) -> tuple[str, list[Route]]:
    """Paint a stroke in a new account, hold its mask; return email and request."""
    email = sign_up(page)
    upload(page, COFFEE)
    choose_style(page, "La Muse")
    return email, hold_a_stroke(page)


def hold_a_stroke(page: Page) -> list[Route]:
    """Paint a stroke on the easel's picture and hold the request with its mask."""
    rest(page)
    take_brush(page, "Painted areas")
    held = hold(page, "**/masks")
    page.locator("[data-canvas]").press("Space")
    wait_for(page, lambda: len(held) == 1)
    return held


def test_what_is_paid_for_has_the_stroke_painted_just_before(page: Page, site: LiveSite) -> None:
    email, held = paint_a_stroke_that_is_held(page)
    pay = page.locator("[data-pay]")
    pay.dblclick()
    expect(pay).to_be_disabled()
    assert entries_of(site, email) == [3]
    held[0].continue_()
    wait_for_picture(page)
    assert [bool(mask) for mask in masks_ordered(site, email)] == [True]
    assert entries_of(site, email) == [-1, 3]


def masks_ordered(site: LiveSite, email: str) -> list[object]:
    question = (
        "SELECT json_extract(controls, '$.mask') FROM renders JOIN users ON users.id = user_id"
        " WHERE email = ?"
    )
    return [mask for (mask,) in ask_database(site, question, email)]


def test_starting_again_outruns_the_stroke_that_is_on_its_way(page: Page) -> None:
    page.goto("/studio?sample=coffee&style=wave")
    rest(page)
    take_brush(page, "Painted areas")
    held = hold(page, "**/masks")
    page.locator("[data-canvas]").press("Space")
    wait_for(page, lambda: bool(held))
    page.get_by_role("button", name="Start again").click()
    with page.expect_response("**/masks"):
        held[0].continue_()
    # The next request is sent and answered, so the stroke has had enough time.
    put(page, strength=99)
    rest(page)
    expect(page.locator("input[name=mask]")).to_have_value("")


def test_an_old_answer_never_takes_the_place_of_a_newer_one(page: Page) -> None:
    page.goto("/studio?sample=coffee&style=udnie")
    newer = seen(page)
    page.goto("/studio?sample=coffee")
    held = hold(page, "**/large.jpg?*style=wave*")
    page.locator("#style-wave").click()
    wait_for(page, lambda: bool(held))
    page.locator("#style-udnie").click()
    assert distance(seen(page), newer) == 0
    held[0].continue_()
    # The next request is sent and answered, so the old answer has had enough time.
    put(page, strength=99)
    rest(page)
    put(page, strength=100)
    assert distance(seen(page), newer) == 0


def enlarged(folder: Path, width: int, height: int) -> Path:
    """A photo of that size."""
    file = folder / "large.png"
    with Image.open(COFFEE) as photo:
        photo.resize((width, height)).save(file)
    return file


def test_a_draft_comes_first_and_the_painting_takes_its_place(page: Page, tmp_path: Path) -> None:
    page.set_viewport_size({"width": 2000, "height": 1400})  # room for more than a draft has pixels
    sign_up(page)
    upload(page, enlarged(tmp_path, 1200, 800))
    choose_style(page, "Udnie")
    rest(page)
    held = hold(page, re.compile(r"/large\.jpg\?(?!.*draft).*style=wave"))
    choose_style(page, "The Great Wave")
    follow(page)
    assert shown(page).shape[1] == 640
    wait_for(page, lambda: len(held) == 1)
    place = place_of_picture(page)
    held[0].continue_()
    rest(page)
    assert shown(page).shape[1] == 1024
    assert place_of_picture(page) == pytest.approx(place, abs=1)
    page.unroute_all()
    # The strength needs no painting, so there is no draft.
    with page.expect_request("**/large.jpg?*strength=50*") as asked:
        put(page, strength=50)
    assert "draft" not in asked.value.url
    rest(page)


def place_of_picture(page: Page) -> dict[str, float]:
    """Place and size of the easel's picture."""
    box = page.locator("[data-picture]").bounding_box()
    assert box is not None
    return {"x": box["x"], "y": box["y"], "width": box["width"], "height": box["height"]}


def test_a_page_asks_for_its_painting_once_and_shows_the_photo_meanwhile(page: Page, tmp_path: Path) -> None:
    sign_up(page)
    upload(page, enlarged(tmp_path, 1200, 800))
    held = hold(page, re.compile(r"/large\.jpg\?"))
    page.goto(f"{page.url}&style=wave")
    wait_for(page, lambda: len(held) == 1)
    picture = page.locator("[data-picture]")
    assert "/photo.webp" in picture.evaluate("image => image.decode().then(() => image.currentSrc)")
    expect(picture).to_have_attribute("alt", "large")
    place = place_of_picture(page)
    held[0].continue_()
    wait_for(page, lambda: len(held) == 2)
    held[1].continue_()
    rest(page)
    assert place_of_picture(page) == pytest.approx(place, abs=1)
    # No control moves any more: later requests are not from this page.
    page.locator("#strength").dispatch_event("change")
    page.wait_for_timeout(500)
    assert ["draft" in one.request.url for one in held] == [True, False]


def test_without_scripts_the_page_shows_the_painting(browser: Browser, site: LiveSite) -> None:
    with browser.new_context(base_url=site.url, java_script_enabled=False) as context:
        page = context.new_page()
        with page.expect_response("**/large.jpg*") as answer:
            page.goto("/studio?sample=coffee&style=wave")
        assert answer.value.ok
        expect(page.get_by_alt_text("painted")).to_be_visible()


def test_the_picture_follows_when_the_browser_keeps_the_address_as_it_is(page: Page) -> None:
    """Safari and Firefox refuse for a while after too many changes of the address."""
    page.goto("/studio?sample=coffee&style=wave")
    rest(page)
    page.evaluate(
        """() => {
            window.refuses = true;
            const rewrite = history.replaceState.bind(history);
            history.replaceState = (...given) => {
                if (window.refuses) throw new DOMException("Too often.", "SecurityError");
                rewrite(...given);
            };
        }"""
    )
    put(page, strength=20)
    page.get_by_label("Search styles by title").fill("wave")
    rest(page)
    assert "strength=20" in str(page.locator("[data-easel]").get_attribute("data-shown"))
    page.evaluate("window.refuses = false")
    expect(page).to_have_url(re.compile("strength=20.*q=wave"))


def test_the_address_follows_a_slider_in_few_steps_and_is_there_when_somebody_leaves(page: Page) -> None:
    page.goto("/studio?sample=coffee&style=wave")
    rest(page)
    move = """(slider, [from, to]) => {
        for (slider.value = from; slider.value !== String(to); slider.stepDown()) {
            slider.dispatchEvent(new Event("input", { bubbles: true }));
        }
        slider.dispatchEvent(new Event("input", { bubbles: true }));
    }"""
    page.evaluate(
        """() => {
            window.rewritten = [];
            const rewrite = history.replaceState.bind(history);
            history.replaceState = (...given) => {
                window.rewritten.push(performance.now());
                rewrite(...given);
            };
        }"""
    )
    slider = page.locator("#strength")
    slider.evaluate(move, [100, 61])
    expect(page).to_have_url(re.compile("strength=61"))
    times = page.evaluate("window.rewritten")
    # On a busy machine forty moves of the slider take long enough for more than two requests.
    assert all(later - sooner > RARELY for sooner, later in pairwise(times))
    slider.evaluate(
        f"slider => {{ ({move})(slider, [60, 33]); document.querySelector('.wordmark').click(); }}"
    )
    page.wait_for_url("**/")
    page.go_back()
    expect(slider).to_have_value("33")


# --- no connection ------------------------------------------------------------------------------


def test_a_control_moved_without_connection_is_followed_when_it_is_back(page: Page) -> None:
    page.goto("/studio?sample=coffee&style=wave")
    before = seen(page)
    page.context.set_offline(True)
    put(page, strength=20)
    status = page.locator("[data-status]")
    expect(status).to_have_text("No connection. The preview comes when you are back online.")
    page.context.set_offline(False)
    after = seen(page)
    assert "strength=20" in str(page.locator("[data-easel]").get_attribute("data-shown"))
    assert distance(after, before) > 10
    expect(status).to_be_empty()


def test_an_upload_without_connection_says_so_and_works_when_it_is_back(page: Page) -> None:
    sign_up(page)
    expect(page.locator(".drop [data-scripted]").first).to_be_visible()  # its script has arrived
    page.context.set_offline(True)
    page.set_input_files("#photo-files", COFFEE)
    expect(page.get_by_role("alert")).to_contain_text("The connection was lost. Check it and try again.")
    page.context.set_offline(False)
    upload(page, COFFEE)
    expect(page.locator("input[name=photos]:checked")).to_have_count(1)


def test_an_upload_that_stalls_is_given_up_and_the_next_one_works(page: Page) -> None:
    sign_up(page)
    page.clock.install()
    page.reload()
    expect(page.locator(".drop [data-scripted]").first).to_be_visible()  # its script has arrived
    page.route("**/photos", lambda _: None, times=1)  # nothing more is ever heard of it
    with page.expect_request("**/photos"):
        page.set_input_files("#photo-files", COFFEE)
    page.clock.fast_forward(29_000)
    expect(page.get_by_role("alert")).to_have_count(0)
    page.clock.fast_forward(2_000)
    expect(page.get_by_role("alert")).to_contain_text("The connection was lost. Check it and try again.")
    upload(page, COFFEE)
    expect(page.locator("input[name=photos]:checked")).to_have_count(1)


def test_a_mask_painted_without_connection_is_kept_with_the_next_stroke(page: Page) -> None:
    page.goto("/studio?sample=coffee&style=wave")
    rest(page)
    take_brush(page, "Painted areas")
    page.context.set_offline(True)
    page.locator("[data-canvas]").press("Space")
    expect(page.locator("[data-status]")).to_contain_text("No connection. What you painted is not saved yet.")
    page.context.set_offline(False)
    page.locator("[data-canvas]").press("ArrowRight")
    page.locator("[data-canvas]").press("Space")
    expect(page).to_have_url(re.compile("[?&]mask="), timeout=30_000)
    rest(page)
    expect(page.locator("[data-status]")).to_be_empty()


def test_a_stroke_that_cannot_be_kept_is_not_left_out_but_tried_again(page: Page) -> None:
    _, held = paint_a_stroke_that_is_held(page)
    print_sizes = page.get_by_role("button", name="Print sizes, more styles")
    print_sizes.click()
    expect(print_sizes).to_be_disabled()
    held[0].abort()
    status = page.locator("[data-status]")
    expect(status).to_contain_text("No connection. What you painted is not saved yet.")
    expect(status).to_be_in_viewport()
    expect(print_sizes).to_be_enabled()
    expect(print_sizes).to_be_focused()
    print_sizes.click()
    wait_for(page, lambda: len(held) == 2)
    held[1].continue_()
    page.wait_for_url("**/orders/new")
    expect(page.locator("input[name=mask]")).not_to_have_value("")


def test_signing_up_takes_along_a_stroke_that_is_still_being_sent(page: Page) -> None:
    page.goto("/studio?sample=coffee&style=wave")
    held = hold_a_stroke(page)
    page.get_by_role("link", name="Sign up and paint it").click()
    expect(page).to_have_url(re.compile("/studio"))
    held[0].continue_()
    page.wait_for_url(re.compile(r"/sign-up\?next=.*mask%3D"))


def test_choosing_something_else_calls_back_what_still_waits(page: Page, site: LiveSite) -> None:
    email, held = paint_a_stroke_that_is_held(page)
    pay = page.locator("[data-pay]")
    pay.click()
    expect(pay).to_be_disabled()
    put(page, strength=50)
    expect(pay).to_be_enabled()
    held[0].continue_()
    expect(page).to_have_url(re.compile("[?&]mask="), timeout=30_000)
    rest(page)
    assert entries_of(site, email) == [3]


LOST = "No connection. This page continues when you are back online."
UNWELL = "The site is not responding properly right now."
BREAKAGES: dict[str, Callable[[Route], None]] = {
    LOST: lambda route: route.abort("internetdisconnected"),
    UNWELL: lambda route: route.fulfill(status=502),
}


@pytest.mark.parametrize("sentence", BREAKAGES)
def test_who_watches_an_order_is_told_that_it_does_not_go_on(page: Page, sentence: str) -> None:
    sign_up(page)
    upload(page, COFFEE, CHELSEA)
    choose_style(page, "La Muse")
    page.route("**/orders/*/status", BREAKAGES[sentence])
    page.get_by_role("button", name="Paint 2 pictures").click()
    page.wait_for_url("**/orders/*")
    line = page.locator(".connection")
    expect(line).to_contain_text(sentence)
    page.unroute("**/orders/*/status")
    expect(page.get_by_text("All done.")).to_be_visible(timeout=60_000)
    expect(line).to_be_empty()


def test_a_price_that_was_not_heard_of_is_asked_for_again(page: Page) -> None:
    sign_up(page)
    upload(page, COFFEE)
    page.goto(f"/orders/new?{page.url.partition('?')[2]}&style=wave")
    page.route("**/orders/new", BREAKAGES[LOST])
    page.locator("input[name=style][value=udnie]").check(force=True)
    line, price = page.locator(".connection"), page.locator("#order-price")
    expect(line).to_have_text(LOST)
    page.unroute("**/orders/new")
    expect(price).to_contain_text("Paint for 2 credits", timeout=15_000)
    expect(line).to_be_empty()


def test_a_picture_that_is_gone_meanwhile_is_looked_for_once(page: Page, tmp_path: Path) -> None:
    sign_up(page)
    upload(page, enlarged(tmp_path, 3000, 2000))
    choose_style(page, "La Muse")
    asked: list[str] = []

    def deny(route: Route) -> None:
        asked.append(route.request.url)
        route.fulfill(status=404)

    page.route("**/pictures/*/status", deny)
    page.locator("[data-pay]").click()
    page.wait_for_url("**/pictures/*")
    loads: list[str] = []
    page.on("load", lambda: loads.append(page.url))
    # The page reloads once, repeats its request, and then stops.
    wait_for(page, lambda: len(asked) == 3)
    assert len(loads) <= 1
    assert page.evaluate("performance.getEntriesByType('navigation')[0].type") == "reload"
    page.unroute("**/pictures/*/status")
    wait_for_picture(page)


def test_a_form_sent_without_connection_says_so_and_leads_back(browser: Browser, site: LiveSite) -> None:
    with browser.new_context(base_url=site.url) as context:
        page = context.new_page()
        sign_up(page)
        page.goto("/credits?from=here&there")
        wait_for_worker(page)
        context.set_offline(True)
        page.get_by_role("main").get_by_role("button", name=re.compile("Sketchbook|Buy")).first.click()
        expect(page.get_by_role("heading", name="No connection")).to_be_visible()
        expect(page.get_by_role("main")).to_contain_text("Your last step may not have reached us.")
        context.set_offline(False)
        page.get_by_role("link", name="Go back and check").click()
        page.wait_for_url("**/credits?from=here&there")
        assert credits_shown(page) == 3


@pytest.fixture
def breaking() -> Iterator[str]:
    """A server that breaks off its pictures in the middle."""

    class Breaking(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "image/webp")
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b"RIFF")

    with ThreadingHTTPServer(("127.0.0.1", 0), Breaking) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def test_a_tile_whose_connection_breaks_is_asked_for_again(page: Page, breaking: str) -> None:
    tile = re.compile(r"/previews/samples/coffee/(?!large|photo)\w+\.webp")
    page.route(tile, lambda route: route.fulfill(path=TILE, headers={"X-Suits": "0.5"}))
    page.route("**/wave.webp*", lambda route: route.continue_(url=breaking), times=1)
    page.goto("/studio?sample=coffee")
    expect(page.locator("[data-wall]")).to_have_attribute("data-state", "complete", timeout=30_000)
    expect(page.locator("#style-wave")).to_have_attribute("data-state", "painted")


def test_a_tile_that_never_comes_is_asked_for_again(page: Page) -> None:
    page.add_init_script(
        "const whole = AbortSignal.timeout; AbortSignal.timeout = (m) => whole.call(AbortSignal, m / 60)"
    )
    page.route(
        re.compile(r"/previews/samples/coffee/(?!large|photo)\w+\.webp"),
        lambda route: route.fulfill(path=TILE, headers={"X-Suits": "0.5"}),
    )
    page.route("**/wave.webp*", lambda _: None, times=1)
    page.goto("/studio?sample=coffee")
    expect(page.locator("[data-wall]")).to_have_attribute("data-state", "complete", timeout=30_000)
    expect(page.locator("#style-wave")).to_have_attribute("data-state", "painted")


@pytest.fixture
def fragile(tmp_path: Path) -> Iterator[LiveSite]:
    """A site with a short lease, to notice a kill soon."""
    site = LiveSite(tmp_path, RENDER_LEASE_SECONDS="3", SWEEP_INTERVAL_SECONDS="1")
    site.migrate()
    site.start()
    yield site
    site.stop()


@pytest.mark.soak
def test_the_picture_still_comes_when_the_server_is_killed_at_work(
    browser: Browser, fragile: LiveSite, tmp_path: Path
) -> None:
    large = tmp_path / "large.jpg"
    with Image.open(COFFEE) as photo:
        photo.resize((2400, 1600)).save(large)
    with browser.new_context(base_url=fragile.url) as context:
        page = context.new_page()
        email = sign_up(page)
        upload(page, large)
        choose_style(page, "La Muse")
        page.locator("[data-pay]").click()
        page.wait_for_url("**/pictures/*")
        wait_until(
            lambda: ask_database(fragile, "SELECT status FROM renders") == [("running",)], "it is painted"
        )
        fragile.kill()
        fragile.start()
        expect(page.locator("#picture[data-state=done]")).to_be_visible(timeout=120_000)
        assert ask_database(fragile, "SELECT status, attempt FROM renders") == [("done", 2)]
        assert entries_of(fragile, email) == [-1, 3]


# --- impatient hands ----------------------------------------------------------------------------


OLDER_PHOTOS = """
    INSERT INTO photos (id, user_id, name, media_type, width, height, byte_size, created_at)
    WITH RECURSIVE counted (number) AS (SELECT 1 UNION ALL SELECT number + 1 FROM counted WHERE number < ?)
    SELECT lower(hex(randomblob(16))), users.id, 'older', 'image/jpeg', 40, 30, 9,
        '2026-01-01 00:00:00.000000'
    FROM counted, users WHERE email = ?
"""


def test_leafing_through_the_photos_keeps_what_is_chosen(page: Page, site: LiveSite) -> None:
    email = sign_up(page)
    upload(page, COFFEE, CHELSEA)
    with closing(sqlite3.connect(site.instance_dir / "site.db")) as connection, connection:
        connection.execute(OLDER_PHOTOS, (PHOTOS_SHOWN, email))
    page.goto("/studio")
    photos, ticked = page.locator("[type=checkbox][name=photos]"), page.locator("[name=photos]:checked")
    photos.first.check(force=True)
    page.wait_for_url("**photos=**")
    photos.nth(1).check(force=True)
    choose_style(page, "La Muse")
    page.get_by_role("link", name="Older photos").click()
    page.wait_for_url("**older=**")
    expect(ticked).to_have_count(2)
    expect(page.locator("#style-la_muse")).to_be_checked()
    ticked.nth(1).uncheck(force=True)
    page.get_by_role("link", name="Newest photos").click()
    page.wait_for_url(lambda address: "older=" not in address)
    expect(ticked).to_have_count(1)


def test_ticking_a_photo_leaves_eyes_and_keyboard_where_they_are(page: Page) -> None:
    page.set_viewport_size({"width": 1000, "height": 500})
    sign_up(page)
    upload(page, COFFEE, CHELSEA)
    page.goto(f"{page.url}&style=wave")
    on_easel = re.findall("/photos/([^/]+)/", str(page.locator("[data-easel]").get_attribute("data-large")))[
        0
    ]
    box = page.locator(f"[type=checkbox][name=photos][value='{on_easel}']")
    box.focus()
    page.evaluate("scrollTo({ top: 150, behavior: 'instant' })")
    with page.expect_navigation():
        box.press("Space")
    expect(box).not_to_be_checked()
    expect(box).to_be_focused()
    assert page.evaluate("scrollY") == pytest.approx(150, abs=1)
    # It holds for that page alone.
    page.goto("/studio")
    expect(page.locator(".tile[data-state]").first).to_be_visible()
    assert page.evaluate("scrollY") == 0


def test_photos_dropped_beside_the_box_are_taken(page: Page) -> None:
    sign_up(page)
    expect(page.locator(".drop [data-scripted]").first).to_be_visible()  # its script has arrived
    heading = page.get_by_role("heading", name="Studio", exact=True).bounding_box()
    assert heading is not None
    devtools = page.context.new_cdp_session(page)
    carried = {"items": [], "files": [str(COFFEE)], "dragOperationsMask": 1}
    at = {"x": heading["x"] + 5, "y": heading["y"] + 5, "data": carried}
    for kind in ("dragEnter", "dragOver"):
        devtools.send("Input.dispatchDragEvent", {"type": kind} | at)
    expect(page.locator("body")).to_have_class(re.compile("awaits-photos"))
    devtools.send("Input.dispatchDragEvent", {"type": "drop"} | at)
    page.wait_for_url("**/studio?photos=*")
    expect(page.locator("body")).not_to_have_class(re.compile("awaits-photos"))
    expect(page.locator("input[name=photos]:checked")).to_have_count(1)


def test_a_picture_from_the_clipboard_is_taken(page: Page) -> None:
    paste = """async (where, address) => {
        const picture = await (await fetch(address)).blob();
        const clipboardData = new DataTransfer();
        clipboardData.items.add(new File([picture], "image.jpg", { type: "image/jpeg" }));
        where.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true }));
        return document.querySelectorAll(".uploads li").length;
    }"""
    sign_up(page)
    expect(page.locator(".drop [data-scripted]").first).to_be_visible()  # its script has arrived
    sample = "/static/samples/coffee.jpg"
    assert page.locator("[data-search]").evaluate(paste, sample) == 0, "a text field keeps what is pasted"
    page.locator("body").evaluate(paste, sample)
    page.wait_for_url("**/studio?photos=*")
    expect(page.locator("input[name=photos]:checked")).to_have_count(1)


def test_two_tabs_do_not_disturb_each_other(page: Page, context: BrowserContext) -> None:
    other = context.new_page()
    page.goto("/studio?sample=coffee&style=wave")
    other.goto("/studio?sample=coffee&style=udnie")
    wave, udnie = seen(page), seen(other)
    put(page, strength=70)
    put(other, strength=30)
    for tab, style, strength in ((page, "wave", 70), (other, "udnie", 30)):
        rest(tab)
        shown = str(tab.locator("[data-easel]").get_attribute("data-shown"))
        assert f"style={style}" in shown
        assert f"strength={strength}" in shown
    put(page, strength=100)
    put(other, strength=100)
    assert distance(seen(page), wave) == 0
    assert distance(seen(other), udnie) == 0


def test_back_after_an_upload_and_after_an_order(page: Page, site: LiveSite) -> None:
    email = sign_up(page)
    upload(page, COFFEE)
    page.go_back()
    # The page before is the studio too, and the photo is there.
    expect(page.locator(".photo-item")).to_have_count(1)
    page.go_forward()
    expect(page.locator("input[name=photos]:checked")).to_have_count(1)
    choose_style(page, "Udnie")
    put(page, strength=80)
    page.locator("[data-pay]").click()
    wait_for_picture(page)
    page.go_back()
    expect(page.get_by_role("heading", name="Studio")).to_be_visible()
    expect(page.locator("#strength")).to_have_value("80")
    expect(page.locator("input[name=style]:checked")).to_have_value("udnie")
    assert credits_shown(page) == 2, "what is left, not what there was"
    expect(page.locator("[data-pay]")).to_be_enabled()
    rest(page)
    assert entries_of(site, email) == [-1, 3]


@pytest.fixture
def keeping_page(browser: Browser, site: LiveSite) -> Iterator[Page]:
    """A page in a browser with its back/forward cache, which Playwright turns off."""
    never = ["--disable-back-forward-cache"]
    with (
        browser.browser_type.launch(
            executable_path=CHROMIUM, args=FLAGS, ignore_default_args=never
        ) as keeping,
        keeping.new_page(base_url=site.url) as page,
    ):
        yield page


def test_back_after_logging_out_shows_nothing_of_the_account(keeping_page: Page) -> None:
    page = keeping_page
    email = sign_up(page)
    page.goto("/account")
    page.evaluate("window.kept = true")
    page.goto("/styles")
    page.go_back(wait_until="commit")  # what was kept is not loaded
    assert page.evaluate("window.kept"), "this browser keeps pages"
    page.goto("/styles")
    page.get_by_label("Your account").click()
    page.get_by_role("button", name="Log out").click()
    log_in = page.get_by_role("link", name="Log in").first
    expect(log_in).to_be_visible()
    for address in ("/styles", "/log-in?next=/account"):
        page.go_back(wait_until="commit")
        expect(log_in).to_be_visible()
        assert page.url.endswith(address)
        expect(page.get_by_text(email)).to_have_count(0)


def test_double_clicks_buy_once(page: Page, site: LiveSite) -> None:
    email = sign_up(page)
    page.goto("/credits")
    page.get_by_role("main").get_by_role("button", name=re.compile("Sketchbook|Buy")).first.dblclick()
    expect(page.get_by_text("no money moves").first).to_be_visible()
    page.get_by_label("Card number").fill("4242 4242 4242 4242")
    page.get_by_label(re.compile("Expiry|MM")).fill("12 / 34")
    page.get_by_label(re.compile("Security code|CVC")).fill("123")
    page.get_by_label(re.compile("Name")).fill("Grace Hopper")
    page.get_by_role("button", name=re.compile("^Pay €")).dblclick()
    expect(page.locator("a.pill")).to_have_text("13")
    assert entries_of(site, email) == [3, 10]


# --- a phone ------------------------------------------------------------------------------------


def drag(page: Page, start: tuple[float, float], end: tuple[float, float], steps: int = 12) -> None:
    """Draw a finger over the screen."""
    devtools = page.context.new_cdp_session(page)
    ways = [(a, b - a) for a, b in zip(start, end, strict=True)]
    for step in range(steps + 1):
        at = dict(zip("xy", (origin + way * step / steps for origin, way in ways), strict=True))
        kind = "touchMove" if step else "touchStart"
        devtools.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [at]})
    devtools.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


def test_two_fingers_paint_nothing(browser: Browser, site: LiveSite) -> None:
    phone: ViewportSize = {"width": 390, "height": 844}
    with browser.new_context(base_url=site.url, viewport=phone, is_mobile=True, has_touch=True) as context:
        page = context.new_page()
        page.goto("/studio?sample=coffee&style=wave")
        rest(page)
        take_brush(page, "Painted areas")
        (left, middle), (right, _) = across(page)
        devtools = context.new_cdp_session(page)
        masks: list[str] = []
        page.on("request", lambda request: masks.append(request.url) if "/masks" in request.url else None)
        touch(devtools, "touchStart", (left, middle))
        touch(devtools, "touchMove", (left + 20, middle))
        undo = page.get_by_role("button", name="Undo")
        expect(undo).to_be_enabled()
        touch(devtools, "touchStart", (left + 20, middle), (right, middle))
        expect(undo).to_be_disabled()
        touch(devtools, "touchMove", (left + 40, middle), (right - 20, middle))
        touch(devtools, "touchEnd", (left + 40, middle))
        touch(devtools, "touchMove", (left + 60, middle))
        touch(devtools, "touchEnd")
        page.wait_for_timeout(300)
        expect(undo).to_be_disabled()
        assert masks == []
        # One finger still paints.
        drag(page, (left, middle), (right, middle))
        expect(page).to_have_url(re.compile("[?&]mask="), timeout=30_000)
        expect(undo).to_be_enabled()


def touch(devtools: CDPSession, kind: str, *points: tuple[float, float]) -> None:
    """Touch the screen with fingers at these places, each with its number."""
    fingers = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(points)]
    devtools.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": fingers})


def tap_until_it_leads_on(page: Page, selector: str) -> None:
    """Tap again until the page leads on.

    Chromium cancels a touch that a busy page answers slowly, and then there is no click.
    """
    here = page.url
    for _ in range(3):
        page.locator(selector).tap()
        with suppress(TooSlow):
            page.wait_for_url(lambda url: url != here, timeout=10_000)
            return
    raise AssertionError(f"{selector} leads nowhere")


def test_the_studio_works_by_touch_on_a_phone(browser: Browser, site: LiveSite) -> None:
    phone: ViewportSize = {"width": 390, "height": 844}
    with browser.new_context(base_url=site.url, viewport=phone, is_mobile=True, has_touch=True) as context:
        page = context.new_page()
        sign_up(page)
        upload(page, COFFEE)
        expect(page.locator("label[for=photo-camera]")).to_be_visible()
        page.locator("#style-starry_night").tap()
        painting = seen(page)

        slider = page.locator("#strength")
        slider.scroll_into_view_if_needed()
        box = slider.bounding_box()
        assert box is not None
        slider.tap(position={"x": 0.02 * box["width"], "y": box["height"] / 2})
        assert int(slider.input_value()) < 10
        put(page, strength=0)
        photo = seen(page)
        put(page, strength=100)

        take_brush(page, "Painted areas")
        drag(page, *across(page))
        expect(page).to_have_url(re.compile("[?&]mask="), timeout=30_000)
        shares = share_of_second(seen(page), photo, painting)
        assert abs(shares[len(shares) // 2]) < 0.1
        assert abs(shares[len(shares) // 8] - 1.0) < 0.1
        tap_until_it_leads_on(page, "[data-pay]")
        wait_for_picture(page)
