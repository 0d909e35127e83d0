"""The pages of pictures and the wall, checked by what a person sees."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page, Route, StorageState, ViewportSize, expect

from testing.customer import COFFEE, check_widths, download, sign_up, upload, wait_for_picture
from testing.easel import distance
from testing.live import LiveSite

TILE = COFFEE.parent / "thumbnails" / "coffee.webp"
BEST = "the_scream"


@dataclass(frozen=True)
class Member:
    """Somebody with an account, a photo and a picture of it."""

    cookies: StorageState
    photo: str
    picture: str

    @property
    def order(self) -> str:
        """Order a picture with strength 0, which is the photo itself."""
        return f"/orders/new?photos={self.photo}&style=wave&strength=0"


@pytest.fixture(scope="module")
def member(browser: Browser, site: LiveSite) -> Member:
    with browser.new_context(base_url=site.url) as context:
        page = context.new_page()
        sign_up(page)
        upload(page, COFFEE)
        photo = re.findall(r"photos=([0-9a-f-]{36})", page.url)[0]
        page.goto(f"{page.url}&style=wave")
        page.locator("[data-pay]").click()
        wait_for_picture(page)
        return Member(context.storage_state(), photo, page.url)


@pytest.fixture
def context(browser: Browser, site: LiveSite, request: pytest.FixtureRequest) -> Iterator[BrowserContext]:
    """A context of the member or a visitor, without service workers."""
    member: Member | None = request.getfixturevalue("member") if "member" in request.fixturenames else None
    screen: ViewportSize = {"width": 1280, "height": 900}
    cookies = member.cookies if member else None
    with browser.new_context(
        base_url=site.url, storage_state=cookies, viewport=screen, service_workers="block"
    ) as context:
        yield context


# --- crops --------------------------------------------------------------------------------------


def crop_fields(page: Page) -> dict[str, float]:
    """The crop's fields in percent: left, top, width."""
    return {
        side: float(page.locator(f"[data-side={side}]").input_value()) for side in ("left", "top", "width")
    }


def drag(page: Page, across: float, down: float) -> None:
    """Drag the selection by its middle, by shares of the photo."""
    page.locator("cropper-selection").hover(trial=True)
    photo = page.locator("[data-framed] [data-crop-frame]").bounding_box()
    selection = page.locator("cropper-selection").bounding_box()
    assert photo is not None
    assert selection is not None
    x, y = selection["x"] + selection["width"] / 2, selection["y"] + selection["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + across * photo["width"], y + down * photo["height"], steps=20)
    page.mouse.up()


def test_the_picture_shows_the_part_that_was_chosen(page: Page, member: Member, tmp_path: Path) -> None:
    page.goto(f"{member.order}&size=square")
    selection = page.locator("cropper-selection")
    expect(selection).to_be_visible()
    # A square of a photo of 600 x 400: at first as large as it can be, in the middle.
    for _ in range(4):
        selection.press("Shift+Minus")
    assert crop_fields(page) == pytest.approx({"left": 26.67, "top": 15, "width": 46.67}, abs=0.02)
    drag(page, -0.1, 0.05)
    assert crop_fields(page) == pytest.approx({"left": 16.67, "top": 20, "width": 46.67}, abs=0.1)
    drag(page, -0.6, 0)
    selection.press("ArrowRight")
    chosen = crop_fields(page)
    # To the photo's edge and one step back.
    assert chosen == pytest.approx({"left": 1, "top": 20, "width": 46.67}, abs=0.1)

    page.get_by_role("button", name="Paint for 1 credit").click()
    wait_for_picture(page)
    picture = download(page, "PNG", tmp_path).astype(np.int64)
    with Image.open(COFFEE) as photo:
        side = chosen["width"] / 100 * photo.width
        left, top = chosen["left"] / 100 * photo.width, chosen["top"] / 100 * photo.height
        wanted, elsewhere = (
            np.asarray(photo.convert("RGB").resize((1080, 1080), box=(x, top, x + side, top + side)))
            for x in (left, photo.width - side)
        )
    assert picture.shape == (1080, 1080, 3)
    assert distance(picture, wanted) < 5
    assert distance(picture, elsewhere) > 20


# --- one picture --------------------------------------------------------------------------------


def test_the_viewer_fills_the_screen_until_escape(page: Page, member: Member) -> None:
    page.goto(member.picture)
    opener = page.get_by_role("link", name="Full screen")
    opener.press("Enter")
    viewer = page.get_by_role("dialog", name="coffee in the style of")
    picture = viewer.locator("img")
    expect(picture).to_be_in_viewport(ratio=1)
    assert picture.evaluate("one => one.decode().then(() => one.naturalWidth)") == 600
    fills = "one => one.width === innerWidth && one.height === innerHeight"
    assert picture.evaluate(fills)
    pixels = viewer.get_by_role("button", name="coffee in the style of")
    pixels.press("Enter")
    expect(pixels).to_have_attribute("aria-pressed", "true")
    assert picture.evaluate("one => one.width") == 600
    pixels.press("Enter")
    assert picture.evaluate(fills)
    page.keyboard.press("Escape")
    expect(viewer).to_have_count(0)
    expect(opener).to_be_focused()
    page.wait_for_function("document.fullscreenElement === null")


def test_a_withdrawn_link_leads_strangers_nowhere(page: Page, member: Member, browser: Browser) -> None:
    page.goto(member.picture)
    page.get_by_role("button", name="Create a link").click()
    link = page.get_by_label("The link to this picture").input_value()
    with browser.new_context() as strangers:
        stranger = strangers.new_page()
        stranger.goto(link)
        expect(stranger.get_by_role("heading", name="The Great Wave")).to_be_visible()
        expect(stranger.get_by_role("link", name="Paint my own photo")).to_have_attribute("href", "/studio")
        page.get_by_role("button", name="Remove link").click()
        expect(page.get_by_role("button", name="Create a link")).to_be_visible()
        answer = stranger.reload()
        assert answer is not None
        assert answer.status == 404
        expect(stranger.get_by_role("heading", name="Not found")).to_be_visible()
        assert strangers.request.get(f"{link}/picture.jpg").status == 404


def test_no_page_of_an_account_is_wider_than_the_screen(page: Page, member: Member) -> None:
    check_widths(
        page,
        f"/studio?photos={member.photo}&style=wave",
        member.order,
        f"{member.order}&size=a4",
        "/pictures",
        member.picture,
    )


# --- the wall -----------------------------------------------------------------------------------


def tiles(page: Page, attribute: str) -> list[str]:
    """The labels of the visible tiles, in order."""
    return [str(tile.get_attribute(attribute)) for tile in page.locator("[data-tile]:visible").all()]


def hang_at_once(route: Route) -> None:
    """Answer every tile without painting; one style suits the photo best."""
    suits = "0.9" if f"/{BEST}.webp" in route.request.url else "0.5"
    route.fulfill(path=TILE, headers={"X-Suits": suits})


def test_the_wall_is_searched_filtered_and_sorted(page: Page) -> None:
    page.route(re.compile(r"/previews/samples/coffee/(?!large|photo)\w+\.webp"), hang_at_once)
    page.goto("/studio?sample=coffee")
    expect(page.locator("[data-wall]")).to_have_attribute("data-state", "complete")
    names = tiles(page, "id")
    assert names[0] == f"style-{BEST}"
    found, search = page.locator("[data-found]"), page.get_by_label("Search styles by title")
    expect(found).to_have_text(f"{len(names)} of {len(names)} styles")

    page.get_by_label("Sort by", exact=True).select_option("title")
    titles = [title.removeprefix("The ") for title in tiles(page, "data-title")]
    assert titles == sorted(titles, key=str.casefold)
    page.get_by_label("Sort by", exact=True).select_option("year")
    years = [int(year or 10_000) for year in tiles(page, "data-year")]
    assert all(one <= other for one, other in pairwise(years))
    assert len(set(years)) > 5

    movement = page.locator("#style-wave").get_attribute("data-movement")
    page.get_by_label("Movement", exact=True).select_option(movement)
    assert set(tiles(page, "data-movement")) == {movement}
    search.fill("HOKUSAI wave")
    assert tiles(page, "id") == ["style-wave"]
    expect(found).to_have_text(f"1 of {len(names)} styles")
    # The address holds the whole choice.
    expect(page).to_have_url(re.compile("q=HOKUSAI"))
    page.reload()
    assert tiles(page, "id") == ["style-wave"]
    expect(search).to_have_value("HOKUSAI wave")

    search.fill("velvet")
    expect(page.get_by_text("No style matches. Try another word.")).to_be_visible()
    page.get_by_role("link", name="Show all styles").click()
    expect(search).to_be_focused()
    assert sorted(tiles(page, "id")) == sorted(names)
