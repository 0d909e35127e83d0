"""Uses the studio's easel as a person does, and reads its pixels."""

from __future__ import annotations

import base64
import io

import numpy as np
import numpy.typing as npt
from PIL import Image
from playwright.sync_api import Page, expect

Seen = npt.NDArray[np.int64]

# The form holds the choice; the easel holds the request that its picture answers.
AT_REST = """(drafts) => {
    const controls = ["style", "second_style", "mix", "strength", "keep_colors", "brush", "protect_faces"];
    const names = [...controls, "mask", "style_mask"];
    const form = new FormData(document.querySelector("[data-paint]"));
    if (!form.get("second_style")) form.delete("mix");
    const said = (fields) => names.map((name) => fields.get(name) || "").join();
    const query = document.querySelector("[data-easel]").dataset.shown?.split("?")[1];
    if (!query || (query.includes("draft") && !drafts)) return false;
    return said(new URLSearchParams(query)) === said(form);
}"""
# The picture's own pixels, whatever its size on the screen.
PIXELS = """async (image) => {
    await image.decode();
    const own = new Image();
    own.src = image.currentSrc;
    await own.decode();
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [own.naturalWidth, own.naturalHeight];
    canvas.getContext("2d").drawImage(own, 0, 0);
    return canvas.toDataURL("image/png").split(",")[1];
}"""


def rest(page: Page) -> None:
    """Wait until the easel shows the picture of the last request, not a draft."""
    page.wait_for_function(AT_REST, arg=False, timeout=90_000)


def follow(page: Page) -> None:
    """Wait until the easel shows the picture, or a draft, of the last request."""
    page.wait_for_function(AT_REST, arg=True, timeout=90_000)


def seen(page: Page) -> Seen:
    """The pixels on the easel once they are at rest, [height, width, 3]."""
    rest(page)
    return shown(page)


def shown(page: Page) -> Seen:
    """The pixels on the easel now."""
    data = page.locator("[data-picture]").evaluate(PIXELS)
    with Image.open(io.BytesIO(base64.b64decode(data))) as image:
        return np.asarray(image.convert("RGB")).astype(np.int64)


def distance(one: Seen, other: Seen) -> float:
    """The mean difference of two pictures over pixels and channels, 0 to 255."""
    return float(np.abs(one - other).mean())


def put(page: Page, **controls: int | float) -> None:
    """Set sliders by their names."""
    for name, value in controls.items():
        page.locator(f"input[name={name}]").fill(f"{value:g}")


def take_brush(page: Page, name: str) -> None:
    """Begin to paint a mask by hand."""
    page.get_by_role("button", name=name).click()
    page.locator("[data-canvas]").scroll_into_view_if_needed()
    expect(page.locator("[data-tools]")).to_be_visible()


def across(page: Page) -> tuple[tuple[float, float], tuple[float, float]]:
    """The ends of a line across the easel's middle, on the screen, once it is still."""
    page.locator("[data-canvas]").hover(trial=True)
    box = page.locator("[data-canvas]").bounding_box()
    assert box is not None
    middle = box["y"] + box["height"] / 2
    return (box["x"] + 0.1 * box["width"], middle), (box["x"] + 0.9 * box["width"], middle)


def share_of_second(picture: Seen, first: Seen, second: Seen) -> npt.NDArray[np.float64]:
    """The place between two pictures by row, in the middle fifth: 0 first, 1 second."""
    width = picture.shape[1]
    columns = np.s_[:, 2 * width // 5 : 3 * width // 5]
    way = (second - first)[columns]
    gone: npt.NDArray[np.float64] = ((picture - first)[columns] * way).sum((1, 2)) / (way**2).sum((1, 2))
    return gone
