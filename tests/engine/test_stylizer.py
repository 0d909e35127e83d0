"""The stylizer: shapes, strength, colours, threads, one trace, and errors that leave it working."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from app.engine.catalogue import Catalogue
from app.engine.errors import InvalidCheckpoint, InvalidPicture, UnknownStyle
from app.engine.layers import ConditionalInstanceNormalization
from app.engine.preprocessing import Pixels
from app.engine.stylizer import Stylizer, resize
from tests.conftest import SHARED
from tests.engine.conftest import MODELS

HOUSE = SHARED / "house_v0"
SIZES = [(1, 1), (1, 5), (2, 3), (4, 4), (7, 300), (33, 18), (64, 96)]


@pytest.mark.parametrize("style", ["wave", "udnie"])
@pytest.mark.skipif(not HOUSE.exists(), reason="needs the house network's reference pictures")
def test_the_house_network_paints_its_reference_pictures(style: str, stylizer: Stylizer) -> None:
    def read(name: str) -> Pixels:
        with Image.open(HOUSE / f"reference_{name}.png") as file:
            return np.asarray(file.convert("RGB"))

    painted = stylizer.stylize(read("photo"), style, exact=True)
    assert np.abs(painted.astype(int) - read(style)).max() <= 1


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_any_shape_comes_out_as_it_went_in(
    height: int, width: int, stylizer: Stylizer, photo: Pixels
) -> None:
    picture = np.ascontiguousarray(np.resize(photo, (height, width, 3)))
    for exact in (True, False):
        painted = stylizer.stylize(picture, "wave", exact=exact)
        assert (painted.shape, painted.dtype) == (picture.shape, np.uint8)


def test_every_style_paints_a_picture_of_its_own(stylizer: Stylizer, photo: Pixels) -> None:
    slugs = [style.slug for style in Catalogue([MODELS]).styles]
    pictures = {slug: stylizer.stylize(photo, slug).tobytes() for slug in slugs}
    assert len(set(pictures.values())) == len(slugs) == 14


def test_sizes_and_styles_share_one_trace(photo: Pixels, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    original = ConditionalInstanceNormalization.call

    def counted(layer: Any, *args: Any, **options: Any) -> Any:
        calls.append(layer.name)
        return original(layer, *args, **options)

    monkeypatch.setattr(ConditionalInstanceNormalization, "call", counted)
    stylizer = Stylizer(Catalogue([MODELS]))
    stylizer.stylize(photo, "wave")
    traced = len(calls)
    for index, (height, width) in enumerate(SIZES):
        picture = np.ascontiguousarray(np.resize(photo, (height, width, 3)))
        stylizer.stylize(picture, ("wave", "udnie", "la_muse")[index % 3])
    assert traced > 0
    assert len(calls) == traced


def test_several_threads_get_what_one_alone_gets(stylizer: Stylizer, photo: Pixels) -> None:
    styles = ("wave", "udnie", "la_muse", "poppies")
    alone = {style: stylizer.stylize(photo, style) for style in styles}
    fresh = Stylizer(Catalogue([MODELS]))  # loading the network is part of the race
    together: list[tuple[str, Pixels]] = []
    barrier = threading.Barrier(8)

    def work(style: str) -> None:
        barrier.wait()
        together.append((style, fresh.stylize(photo, style)))

    threads = [threading.Thread(target=work, args=(style,)) for style in styles * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(together) == 8
    assert all(np.array_equal(picture, alone[style]) for style, picture in together)


def test_strength_runs_from_the_photo_to_the_painting(stylizer: Stylizer, photo: Pixels) -> None:
    painted = stylizer.stylize(photo, "wave").astype(int)
    assert np.array_equal(stylizer.stylize(photo, "wave", strength=0), photo)
    half = stylizer.stylize(photo, "wave", strength=0.5).astype(int)
    low, high = np.minimum(photo, painted), np.maximum(photo, painted)
    assert ((low <= half) & (half <= high)).all()
    assert np.abs(half - photo).mean() > 5
    assert np.abs(half - painted).mean() > 5


def test_the_photo_is_left_alone(stylizer: Stylizer, photo: Pixels) -> None:
    picture = photo.copy()
    result = stylizer.stylize(picture, "wave", strength=0)
    result[:] = 0
    assert np.array_equal(picture, photo)


def test_progress_is_told_in_order_and_may_stop_the_work(stylizer: Stylizer, photo: Pixels) -> None:
    shares: list[float] = []
    stylizer.stylize(photo, "wave", on_progress=shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0

    def stop(share: float) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        stylizer.stylize(photo, "wave", on_progress=stop)
    assert stylizer.stylize(photo, "wave").shape == photo.shape


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((4, 4, 3), np.float32),
        np.full((4, 4, 3), np.nan),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((4, 4), np.uint8),
        np.zeros((1, 4, 4, 3), np.uint8),
        np.zeros((0, 4, 3), np.uint8),
        np.zeros((4, 0, 3), np.uint8),
        [[[0, 0, 0]]],
        None,
    ],
    ids=["float", "nan", "four channels", "grey", "batch", "no rows", "no columns", "list", "None"],
)
def test_what_is_no_picture_is_refused_and_the_next_one_is_painted(
    pixels: Any, stylizer: Stylizer, photo: Pixels
) -> None:
    with pytest.raises(InvalidPicture):
        stylizer.stylize(pixels, "wave")
    assert stylizer.stylize(photo, "wave").shape == photo.shape


@pytest.mark.parametrize("strength", [-0.01, 1.01, float("nan"), float("inf")])
def test_a_strength_out_of_range_is_refused(strength: float, stylizer: Stylizer, photo: Pixels) -> None:
    with pytest.raises(InvalidPicture, match="strength"):
        stylizer.stylize(photo, "wave", strength=strength)


def test_an_unknown_style_names_the_nearest(stylizer: Stylizer, photo: Pixels) -> None:
    with pytest.raises(UnknownStyle, match="Did you mean wave"):
        stylizer.stylize(photo, "waves")


def test_a_missing_or_damaged_checkpoint_is_told_and_heals_when_replaced(
    tmp_path: Path, photo: Pixels
) -> None:
    shutil.copy(MODELS / "catalogue.json", tmp_path)
    stylizer = Stylizer(Catalogue([tmp_path]))
    with pytest.raises(InvalidCheckpoint, match="missing"):
        stylizer.stylize(photo, "wave")
    (tmp_path / "house_v0.npz").write_bytes(b"damaged")
    with pytest.raises(InvalidCheckpoint, match="damaged"):
        stylizer.stylize(photo, "wave")
    shutil.copy(MODELS / "house_v0.npz", tmp_path)
    assert stylizer.stylize(photo, "wave").shape == photo.shape


def test_a_photo_too_large_for_one_pass_is_painted_smaller_and_enlarged(photo: Pixels) -> None:
    picture = np.tile(photo, (3, 3, 1))[:190, :287]
    stylizer = Stylizer(Catalogue([MODELS]), max_pixels=12_000)
    painted = stylizer.stylize(picture, "wave")
    assert painted.shape == picture.shape
    scale = (12_000 / (190 * 287)) ** 0.5
    smaller = resize(picture, int(190 * scale), int(287 * scale))
    expected = resize(stylizer.stylize(smaller, "wave"), 190, 287)
    assert np.array_equal(painted, expected)


def test_resizing_keeps_what_a_picture_shows(photo: Pixels) -> None:
    larger = resize(photo, 256, 384)
    with Image.fromarray(photo) as image:
        reference = np.asarray(image.resize((384, 256), Image.Resampling.LANCZOS))
    assert np.abs(larger.astype(int) - reference).mean() < 1
    assert np.abs(resize(larger, 64, 96).astype(int) - photo).mean() < 1
