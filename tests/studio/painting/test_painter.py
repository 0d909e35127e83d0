"""The paid picture matches its preview: the same painting, masks and crop."""

from __future__ import annotations

import io
import uuid

import numpy as np
import numpy.typing as npt
import pytest
from flask import Flask
from PIL import Image, ImageOps

from app.accounts.models import User
from app.config import PROJECT_ROOT
from app.db import transaction
from app.engine.cascade import plan
from app.imaging.prints import Focus, cut, find_size, frame_photo
from app.studio.domain import orders
from app.studio.domain.controls import Controls
from app.studio.domain.files import PhotoFiles
from app.studio.domain.masks import keep_mask, load_masks
from app.studio.domain.models import Photo, Render, RenderStatus
from app.studio.domain.orders import OrderItem
from app.studio.painting.paint_request import PaintRequest
from app.studio.painting.preview_source import PreviewSource
from app.studio.painting.rendering import process_render
from app.wiring import previewer, storage
from testing.studio import add_uploaded_photo, sample_jpeg

Pixels = npt.NDArray[np.int64]
ASTRONAUT = PROJECT_ROOT / "static" / "samples" / "astronaut.jpg"


def keep(
    app: Flask, user: User, width: int = 160, height: int = 120, *, data: bytes | None = None
) -> uuid.UUID:
    """Upload a photo: the given one, or one of the given size."""
    return add_uploaded_photo(app, user, data or sample_jpeg(width, height))


def paint(app: Flask, user: User, item: OrderItem) -> Image.Image:
    """Order a picture, paint it as the worker does, and return the PNG for download."""
    with app.app_context(), transaction() as session:
        order = orders.place_order(
            session,
            user_id=user.id,
            wallet_id=user.wallet_id,
            items=[item],
            credits_each=1,
            max_pictures=1,
            form_token=uuid.uuid4().hex,
            site_address="http://localhost/",
        )
        render_id = order.renders[0].id
    process_render(app, render_id)
    with app.app_context(), transaction() as session:
        render = session.get_one(Render, render_id)
        assert render.status is RenderStatus.DONE, render.failure
        with storage().open(render.files.picture_key) as file:
            return Image.open(io.BytesIO(file.read()))


def half_mask(app: Flask, photo_id: uuid.UUID) -> uuid.UUID:
    """A mask with a hard edge that keeps the left half of the photo."""
    mask = Image.new("L", (160, 120))
    mask.paste(255, (80, 0, 160, 120))
    data = io.BytesIO()
    mask.save(data, "PNG")
    with app.app_context():
        return keep_mask(storage(), PhotoFiles(photo_id), data.getvalue())


def pixels(picture: Image.Image) -> Pixels:
    return np.asarray(picture.convert("RGB")).astype(np.int64)


def photo_pixels(width: int = 160, height: int = 120) -> Pixels:
    return pixels(Image.open(io.BytesIO(sample_jpeg(width, height))))


def preview(app: Flask, photo_id: uuid.UUID, controls: Controls) -> Image.Image:
    """The large preview, without its mark."""
    with app.app_context(), transaction() as session:
        photo = session.get_one(Photo, photo_id)
        masks = load_masks(storage(), photo.files, controls)
        return previewer().large(PreviewSource.of(photo), controls, masks=masks)


@pytest.mark.parametrize(
    "controls",
    [
        Controls(style="wave", strength=0.7, keep_colors=True),
        Controls(style="wave", second_style="udnie", mix=0.4, brush=2.0),
    ],
)
def test_a_small_picture_is_its_preview_pixel_by_pixel(app: Flask, user: User, controls: Controls) -> None:
    photo_id = keep(app, user)
    final = paint(app, user, OrderItem(photo_id, controls))
    assert (pixels(final) == pixels(preview(app, photo_id, controls))).all()


def test_a_large_picture_made_small_is_its_preview(app: Flask, user: User) -> None:
    size = (1280, 960)
    photo_id = keep(app, user, *size)
    controls = Controls(style="starry_night", strength=0.9)
    final = paint(app, user, OrderItem(photo_id, controls))
    shown = preview(app, photo_id, controls)
    assert final.size == size
    assert shown.size == (1024, 768)
    # The strokes are in the same places. Only detail finer than the preview differs.
    coarse = [pixels(picture.resize((256, 192), Image.Resampling.BOX)) for picture in (final, shown)]
    photo = pixels(Image.open(io.BytesIO(sample_jpeg(*size))).resize((256, 192), Image.Resampling.BOX))
    apart, painted = np.abs(coarse[0] - coarse[1]).mean(), np.abs(coarse[0] - photo).mean()
    assert apart < painted / 5


def test_masks_lie_with_the_photo_and_are_painted_by(app: Flask, user: User) -> None:
    photo_id = keep(app, user)
    mask = half_mask(app, photo_id)
    whole = pixels(paint(app, user, OrderItem(photo_id, Controls(style="wave"))))
    masked = pixels(paint(app, user, OrderItem(photo_id, Controls(style="wave", mask=mask))))
    assert (masked[:, :75] == photo_pixels()[:, :75]).all()
    assert (masked[:, 85:] == whole[:, 85:]).all()


def test_a_mask_of_the_second_style_is_painted_by(app: Flask, user: User) -> None:
    photo_id = keep(app, user)
    mask = half_mask(app, photo_id)
    both = pixels(
        paint(app, user, OrderItem(photo_id, Controls(style="wave", second_style="udnie", style_mask=mask)))
    )
    first = pixels(preview(app, photo_id, Controls(style="wave")))
    second = pixels(preview(app, photo_id, Controls(style="udnie")))
    for part, near, far in ((np.s_[:, :50], first, second), (np.s_[:, 110:], second, first)):
        assert np.abs(both - near)[part].mean() < np.abs(both - far)[part].mean()


def test_a_print_shows_the_part_that_was_chosen(app: Flask, user: User) -> None:
    """The mask's edge runs through the crop, and the picture is much larger than the photo."""
    photo_id = keep(app, user)
    size, focus = find_size("square"), Focus(left=0.25, top=0.1, width=0.5)
    controls = Controls(style="wave", mask=half_mask(app, photo_id))
    picture = paint(app, user, OrderItem(photo_id, controls, size, focus=focus))
    assert picture.size == (1080, 1080)
    photo = Image.open(io.BytesIO(sample_jpeg()))
    expected = pixels(cut(photo, frame_photo(photo.size, size, focus=focus)))
    left, right = np.s_[:, :500], np.s_[:, 580:]
    assert (pixels(picture)[left] == expected[left]).all()
    assert np.abs(pixels(picture)[right] - expected[right]).mean() > 15


@pytest.fixture
def breadths(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A list that receives the long side of each painting's first pass, in pixels."""
    begun: list[float] = []

    def noting(height: int, width: int, brush: float) -> list[tuple[int, int]]:
        sizes = plan(height, width, brush)
        begun.append(max(sizes[0]))
        return sizes

    monkeypatch.setattr("app.engine.stylizer.plan", noting)
    return begun


@pytest.mark.parametrize(
    ("size", "share", "brush", "begun"),
    [
        # A crop of 480 of 1280 pixels begins at 480 / 1280 of the preview's first size.
        ((1280, 960), 0.375, 1.0, (640, 240)),
        ((960, 1280), 0.5, 1.5, (427, 160)),
        # A small photo's preview has the photo's own size.
        ((400, 300), 0.5, 1.0, (400, 200)),
        # No brush is broader than 4.
        ((1280, 960), 0.1, 1.0, (640, 160)),
    ],
)
def test_strokes_of_a_part_are_as_broad_as_in_the_preview(
    app: Flask,
    user: User,
    breadths: list[float],
    size: tuple[int, int],
    share: float,
    brush: float,
    begun: tuple[int, int],
) -> None:
    photo_id = keep(app, user, *size)
    controls = Controls(style="wave", brush=brush)
    preview(app, photo_id, controls)
    paint(app, user, OrderItem(photo_id, controls, find_size("square"), focus=Focus(0.2, 0.2, share)))
    assert breadths == pytest.approx(begun, abs=1)


@pytest.mark.parametrize("focus", [Focus(0.3, 0.0, 0.3), Focus(0.5, 0.1, 0.4), Focus(0.0, 0.5, 0.4)])
def test_a_part_spares_the_faces_of_its_preview(
    app: Flask, user: User, monkeypatch: pytest.MonkeyPatch, focus: Focus
) -> None:
    """The crops hold the whole face, half of it (where detection finds none), and nothing of it."""

    def inverted(_: object, request: PaintRequest, *__: object) -> Image.Image:
        return ImageOps.invert(request.photo)

    for module in ("painter", "previewer"):
        monkeypatch.setattr(f"app.studio.painting.{module}.paint_fully", inverted)
    photo_id = keep(app, user, data=ASTRONAUT.read_bytes())
    controls, size = Controls(style="wave", protect_faces=True), find_size("square")
    picture = paint(app, user, OrderItem(photo_id, controls, size, focus=focus))
    shown = cut(preview(app, photo_id, controls), frame_photo((512, 512), size, focus=focus))
    apart = np.abs(pixels(picture) - pixels(shown))
    assert apart.mean() < 1
    assert np.quantile(apart, 0.99) < 8
