"""The steps of a customer in the browser."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image
from playwright.sync_api import Page, expect

from app.config import PROJECT_ROOT
from testing.site import PASSWORD

COFFEE = PROJECT_ROOT / "static" / "samples" / "coffee.jpg"
CHELSEA = PROJECT_ROOT / "static" / "samples" / "chelsea.jpg"


def sign_up(page: Page, email: str | None = None) -> str:
    email = email or f"ada-{time.time_ns()}@example.com"
    page.goto("/sign-up")
    join(page, email)
    expect(page.get_by_role("heading", name="Studio")).to_be_visible()
    confirm(page)
    return email


def confirm(page: Page) -> None:
    """Open the link in the mail that the page names; it grants the free credits."""
    mail = re.search(r"/\S+\.eml", page.locator(".flashes").inner_text())
    assert mail
    link = re.search(r"http://\S+/confirm/\S+", Path(mail[0]).read_text())
    assert link
    page.goto(link[0])
    expect(page.locator(".flashes")).to_contain_text("free credits are here")


def join(page: Page, email: str) -> None:
    """Fill in the sign-up page."""
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("main").get_by_role("button", name="Sign up").click()


def upload(page: Page, *photos: Path) -> None:
    page.set_input_files("#photo-files", photos)
    page.wait_for_url("**/studio?photos=*")


def choose_style(page: Page, title: str) -> None:
    page.locator("label.tile", has_text=title).click()


def credits_shown(page: Page) -> int:
    return int(page.locator("a.pill").inner_text())


def wait_for_picture(page: Page) -> None:
    expect(page.locator("#picture[data-state=done]")).to_be_visible(timeout=120_000)


def download(page: Page, name: str, folder: Path) -> npt.NDArray[np.uint8]:
    with page.expect_download() as waiting:
        page.get_by_role("link", name=name).click()
    path = folder / waiting.value.suggested_filename
    waiting.value.save_as(path)
    with Image.open(path) as image:
        assert image.getexif() == {}
        return np.asarray(image.convert("RGB"))


def pay_by_card(page: Page, number: str) -> None:
    expect(page.get_by_text("no money moves").first).to_be_visible()
    page.get_by_label("Card number").fill(number)
    page.get_by_label(re.compile("Expiry|MM")).fill("12 / 34")
    page.get_by_label(re.compile("Security code|CVC")).fill("123")
    page.get_by_label(re.compile("Name")).fill("Grace Hopper")
    page.get_by_role("button", name=re.compile("^Pay €")).click()


def check_widths(page: Page, *addresses: str, widths: Sequence[int] = (360, 2560)) -> None:
    """Check that no page is wider than the window.

    Each is loaded at the first width and then resized.
    """
    for address in addresses:
        page.set_viewport_size({"width": widths[0], "height": 900})
        page.goto(address)
        for width in widths:
            page.set_viewport_size({"width": width, "height": 900})
            assert page.evaluate("document.documentElement.scrollWidth") <= width, (address, width)
