"""The studio's controls, checked by the pixels on the screen."""

from __future__ import annotations

import io
import re
import time

import numpy as np
from PIL import Image
from playwright.sync_api import Page, expect

from app.config import PROJECT_ROOT
from app.imaging.faces import SOFT_UNTIL, find_faces
from app.imaging.watermark import watermark
from testing.browser import hold, wait_for
from testing.customer import COFFEE, choose_style, credits_shown, join, sign_up, upload, wait_for_picture
from testing.easel import Seen, across, distance, put, rest, seen, share_of_second, take_brush

ASTRONAUT = PROJECT_ROOT / "static" / "samples" / "astronaut.jpg"


def marked_photo(name: str) -> Seen:
    with Image.open(PROJECT_ROOT / "static" / "samples" / f"{name}.jpg") as photo:
        return np.asarray(watermark(photo.convert("RGB"))).astype(np.int64)


def light_and_chroma(picture: Seen) -> tuple[Seen, Seen]:
    """Y, [height, width], and Cb with Cr, [height, width, 2]."""
    colors = np.asarray(Image.fromarray(picture.astype(np.uint8)).convert("YCbCr")).astype(np.int64)
    return colors[..., 0], colors[..., 1:]


def breadth(picture: Seen) -> float:
    """The stroke size: differences of 16 x 16 patches over those of single pixels."""
    height, width = (side // 16 * 16 for side in picture.shape[:2])
    fine = picture[:height, :width]
    coarse = fine.reshape(height // 16, 16, width // 16, 16, 3).mean((1, 3))
    return float(np.abs(np.diff(coarse, axis=1)).mean() / np.abs(np.diff(fine, axis=1)).mean())


def halfway(one: Seen, other: Seen) -> Seen:
    """The mean of two pictures in linear light (IEC 61966-2-1)."""
    one_light, other_light = (
        np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)
        for levels in (one / 255, other / 255)
    )
    light = (one_light + other_light) / 2
    levels = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    rounded: Seen = np.rint(255 * levels).astype(np.int64)
    return rounded


def test_strength_goes_from_the_photo_to_the_painting(page: Page) -> None:
    page.goto("/studio?sample=coffee&style=starry_night")
    pictures = []
    for strength in (0, 50, 100):
        put(page, strength=strength)
        expect(page.locator("output[for=strength]")).to_have_text(f"{strength}%")
        pictures.append(seen(page))
    none, half, full = (distance(picture, marked_photo("coffee")) for picture in pictures)
    assert none < 5, "the photo under the same mark, but for the compression"
    assert none < half < full
    assert full > 25
    # Half of the light of each, except for compression. Half of the levels would be 10 away.
    assert distance(pictures[1], halfway(pictures[0], pictures[2])) < 6


def test_keeping_colours_keeps_the_chroma_and_paints_the_light(page: Page) -> None:
    page.goto("/studio?sample=coffee&style=starry_night")
    painted = seen(page)
    page.get_by_label("Keep my colours").check()
    kept = seen(page)
    (light, colors), (kept_light, kept_colors), (photo_light, photo_colors) = map(
        light_and_chroma, (painted, kept, marked_photo("coffee"))
    )
    assert distance(colors, photo_colors) > 15
    assert distance(kept_colors, photo_colors) < 5
    assert distance(kept_light, photo_light) > 15
    assert distance(kept_light, light) < 8


def test_the_brush_changes_the_breadth_of_the_strokes(page: Page) -> None:
    page.goto("/studio?sample=coffee&style=udnie")
    natural = seen(page)
    put(page, brush=3)
    expect(page.locator("output[data-brush]")).to_have_text("3 × larger")
    broad = seen(page)
    assert distance(natural, broad) > 8
    assert breadth(broad) > 1.15 * breadth(natural)
    put(page, brush=1)
    assert distance(seen(page), natural) == 0


def test_two_styles_at_the_ends_are_each_alone(page: Page) -> None:
    alone = {}
    for style in ("wave", "udnie"):
        page.goto(f"/studio?sample=coffee&style={style}")
        alone[style] = seen(page)
    page.goto("/studio?sample=coffee&style=wave")
    expect(page.locator("[data-mix]")).to_be_hidden()
    page.get_by_label("Second style", exact=True).select_option("udnie")
    mixed = {}
    for share in (0, 50, 100):
        put(page, mix=share)
        mixed[share] = seen(page)
    assert distance(mixed[0], alone["wave"]) == 0
    assert distance(mixed[100], alone["udnie"]) == 0
    assert min(distance(mixed[50], picture) for picture in alone.values()) > 5


def test_faces_are_spared_and_nothing_else(page: Page) -> None:
    with Image.open(ASTRONAUT) as photo:
        face = find_faces(photo.convert("RGB"))[0]
    page.goto("/studio?sample=astronaut&style=the_scream")
    painted = seen(page)
    page.get_by_label("Protect faces").check()
    spared, photo_seen = seen(page), marked_photo("astronaut")
    height, width = painted.shape[:2]
    x, y = np.meshgrid((np.arange(width) + 0.5) / width, (np.arange(height) + 0.5) / height)
    away = np.hypot((x - face.x) / face.radius_x, (y - face.y) / face.radius_y)
    inside, outside = away < 0.8, away > SOFT_UNTIL + 0.2
    assert distance(spared[inside], photo_seen[inside]) < 0.4 * distance(painted[inside], photo_seen[inside])
    # The encoder's own choices differ a little from picture to picture.
    assert distance(spared[outside], painted[outside]) < 3


def paint_across(page: Page) -> None:
    start, end = across(page)
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move(*end, steps=12)
    page.mouse.up()


def check_band(shares: np.ndarray) -> None:
    """Check for the first picture in the middle, the second around it, and soft edges."""
    middle, brush = len(shares) // 2, round(0.06 * 600)
    assert np.abs(shares[middle - brush // 3 : middle + brush // 3]).max() < 0.1
    beyond = np.r_[shares[: middle - brush - 8], shares[middle + brush + 8 :]]
    assert np.abs(beyond - 1.0).max() < 0.1
    for rise in (shares[middle : middle + brush + 8], shares[middle : middle - brush - 8 : -1]):
        assert ((rise > 0.2) & (rise < 0.8)).sum() >= 4, "a soft edge"
        assert np.diff(rise).min() > -0.1


def test_a_painted_mask_shows_the_photo_with_a_soft_edge(page: Page) -> None:
    page.goto("/studio?sample=coffee&style=starry_night&strength=0")
    photo = seen(page)
    put(page, strength=100)
    painting = seen(page)
    take_brush(page, "Painted areas")
    paint_across(page)
    expect(page).to_have_url(re.compile("[?&]mask="), timeout=30_000)
    masked = seen(page)
    check_band(share_of_second(masked, photo, painting))

    page.get_by_role("button", name="Undo").click()
    expect(page).not_to_have_url(re.compile("[?&]mask="))
    assert distance(seen(page), painting) == 0


def test_an_impatient_second_click_leaves_the_mask_that_is_being_fetched(page: Page) -> None:
    page.goto("/studio?sample=coffee&style=wave")
    rest(page)
    take_brush(page, "Painted areas")
    easel, kept = page.locator("[data-canvas]"), page.locator("input[name=mask]")
    easel.press("Space")
    expect(kept).not_to_have_value("", timeout=30_000)
    rest(page)
    first = kept.input_value()
    page.reload()
    held = hold(page, "**/masks/*.png")
    by_hand = page.get_by_role("button", name="Painted areas")
    by_hand.dblclick()
    wait_for(page, lambda: bool(held))
    expect(page.locator("[data-tools]")).to_be_hidden()
    held[0].continue_()
    expect(page.locator("[data-tools]")).to_be_visible(timeout=30_000)
    for _ in range(4):
        easel.press("Shift+ArrowLeft")
    easel.press("Space")
    expect(kept).not_to_have_value(first, timeout=30_000)
    levels = kept_mask(page)
    height, width = levels.shape
    far = round(4 * 4 * 0.02 * max(height, width))
    assert [levels[height // 2, width // 2 - step] for step in (0, far)] == [0, 0], "both strokes"
    assert len(held) == 1


def test_strokes_too_old_to_be_undone_stay_in_the_picture(page: Page) -> None:
    page.goto("/studio?sample=coffee&style=wave")
    rest(page)
    take_brush(page, "Painted areas")
    sent = hold(page, "**/masks")
    easel, undo = page.locator("[data-canvas]"), page.get_by_role("button", name="Undo")
    easel.press("Space")
    for _ in range(4):
        easel.press("Shift+ArrowLeft")
    for _ in range(20):
        easel.press("Space")
    for _ in range(20):
        undo.click()
    expect(undo).to_be_disabled()
    wait_for(page, lambda: len(sent) == 21 + 20)
    sent[-1].continue_()
    expect(page).to_have_url(re.compile("[?&]mask="), timeout=30_000)
    levels = kept_mask(page)
    height, width = levels.shape
    far = 4 * 4 * 0.02 * max(height, width)
    assert levels[height // 2, width // 2] == 0, "the first stroke, as on the canvas"
    assert levels[height // 2, round(width / 2 - far)] == 255, "those that were undone"


def test_what_is_chosen_goes_along_to_a_sample_a_language_and_an_account(page: Page) -> None:
    page.goto("/studio?sample=coffee")
    choose_style(page, "La Muse")
    put(page, strength=60)

    def chosen() -> None:
        expect(page.locator("input[name=style]:checked")).to_have_value("la_muse")
        expect(page.locator("input[name=strength]")).to_have_value("60")

    page.locator("[data-sample=chelsea]").click()
    page.wait_for_url("**sample=chelsea**")
    chosen()
    page.get_by_role("button", name="Deutsch").click()
    expect(page.locator("html")).to_have_attribute("lang", "de")
    chosen()
    page.get_by_role("button", name="English").click()
    expect(page.locator("html")).to_have_attribute("lang", "en")
    page.get_by_role("banner").get_by_role("link", name="Log in").click()
    page.get_by_role("link", name="No account yet? Sign up").click()
    join(page, f"ada-{time.time_ns()}@example.com")
    page.wait_for_url("**sample=chelsea**")
    chosen()


def kept_mask(page: Page) -> Seen:
    """The mask that the form names, [height, width]."""
    masks = page.locator("[data-easel]").get_attribute("data-masks")
    answer = page.request.get(f"{masks}/{page.locator('input[name=mask]').input_value()}.png")
    with Image.open(io.BytesIO(answer.body())) as image:
        return np.asarray(image.convert("L")).astype(np.int64)


def test_a_painted_mask_shows_the_second_style(page: Page) -> None:
    page.goto("/studio?sample=coffee&style=the_scream")
    second = seen(page)
    page.goto("/studio?sample=coffee&style=wave")
    first = seen(page)
    by_hand = page.get_by_role("button", name="Second style areas")
    expect(by_hand).to_be_disabled()
    page.get_by_label("Second style", exact=True).select_option("the_scream")
    take_brush(page, "Second style areas")
    page.get_by_label("Brush width").fill("30")
    page.locator("[data-canvas]").scroll_into_view_if_needed()
    paint_across(page)
    expect(page).to_have_url(re.compile("[?&]style_mask="), timeout=30_000)
    expect(page.locator("[data-mix]")).to_be_hidden()
    # The two styles blend where they meet, as in one picture.
    mixed, height = seen(page), len(first)
    inside, outside = np.s_[7 * height // 16 : 9 * height // 16], np.s_[: height // 8]
    assert distance(mixed[inside], second[inside]) < 0.75 * distance(mixed[inside], first[inside])
    assert distance(mixed[outside], first[outside]) < 0.5 * distance(mixed[outside], second[outside])


def test_a_picture_opened_again_has_its_controls(page: Page) -> None:
    sign_up(page)
    upload(page, COFFEE)
    page.goto(f"{page.url}&style=wave")
    page.get_by_label("Second style", exact=True).select_option("udnie")
    put(page, mix=30, strength=60, brush=2)
    page.get_by_label("Keep my colours").check()
    page.get_by_label("Protect faces").check()
    take_brush(page, "Painted areas")
    paint_across(page)
    expect(page).to_have_url(re.compile("[?&]mask="), timeout=30_000)
    before = seen(page)
    page.locator("[data-pay]").click()
    wait_for_picture(page)
    assert credits_shown(page) == 2

    page.get_by_role("link", name="Edit in the studio").click()
    expect(page.locator("input[name=style]:checked")).to_have_value("wave")
    expect(page.get_by_label("Second style", exact=True)).to_have_value("udnie")
    for name, value in (("mix", "30"), ("strength", "60"), ("brush", "2")):
        expect(page.locator(f"input[name={name}]")).to_have_value(value)
    expect(page.get_by_label("Keep my colours")).to_be_checked()
    expect(page.get_by_label("Protect faces")).to_be_checked()
    assert distance(seen(page), before) == 0
    # The mask can be changed: undoing the new stroke restores the mask before.
    kept = page.locator("input[name=mask]").input_value()
    take_brush(page, "Painted areas")
    for key in ("Shift+ArrowUp", "Shift+ArrowUp", "Space"):
        page.locator("[data-canvas]").press(key)
    expect(page.locator("input[name=mask]")).not_to_have_value(kept, timeout=30_000)
    rest(page)
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("input[name=mask]")).to_have_value(kept)
    assert distance(seen(page), before) == 0
