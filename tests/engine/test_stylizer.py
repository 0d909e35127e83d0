"""The stylizer: shapes, strength, colours, threads, traces, errors."""

from __future__ import annotations

import errno
import gc
import os
import shutil
import threading
import weakref
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from app.engine import cascade, network
from app.engine import loading as loading_module
from app.engine import stylizer as stylizer_module
from app.engine.cascade import resize
from app.engine.catalogue import Catalogue, StyleFacts
from app.engine.errors import InvalidCheckpoint, InvalidOption, InvalidPicture, OutOfMemory, UnknownStyle
from app.engine.fast import planes, tiling_plan
from app.engine.networks.checkpoints import load_checkpoint, save_checkpoint, save_row
from app.engine.options import Mixture, StyleMap
from app.engine.padding import REACH
from app.engine.stylizer import Stylizer
from app.engine.typing import Pixels
from testing.networks import MODELS
from testing.site import SHARED
from testing.waiting import wait_until

HOUSE = SHARED / "house_v0"
SIZES = [(1, 1), (1, 5), (2, 3), (4, 4), (7, 300), (7, 3000), (3000, 7), (33, 18), (64, 96)]


@pytest.mark.parametrize("style", ["wave", "udnie"])
@pytest.mark.skipif(not HOUSE.exists(), reason="needs the house network's reference pictures")
def test_the_house_network_paints_its_reference_pictures(style: str, house_v0: Stylizer) -> None:
    def read(name: str) -> Pixels:
        with Image.open(HOUSE / f"reference_{name}.png") as file:
            return np.asarray(file.convert("RGB"))

    painted = house_v0.stylize(read("photo"), style, exact=True)
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
    assert len(set(pictures.values())) == len(slugs)


def test_sizes_and_styles_share_one_trace(photo: Pixels, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "WHOLE_PIXELS", 1000)  # the larger sizes go through strips
    monkeypatch.setattr(tiling_plan, "STRIP_BYTES", 64_000)
    stylizer = Stylizer(Catalogue([MODELS]))
    for height, width in ((16, 16), (24, 32), (64, 96), (80, 64)):
        stylizer.stylize(np.ascontiguousarray(np.resize(photo, (height, width, 3))), "wave")
    traced = stylizer.count_traces()
    for index, (height, width) in enumerate(SIZES):
        picture = np.ascontiguousarray(np.resize(photo, (height, width, 3)))
        stylizer.stylize(picture, ("wave", "udnie", "la_muse")[index % 3])
    (loaded,) = stylizer._networks.loaded()
    assert stylizer.count_traces() == traced
    assert traced <= 2 + len(loaded._tiled.stages)


def test_a_mixture_glides_from_one_style_to_the_other(stylizer: Stylizer, photo: Pixels) -> None:
    wave, udnie = (stylizer.stylize(photo, slug).astype(int) for slug in ("wave", "udnie"))
    nearly = stylizer.stylize(photo, "wave:0.999,udnie:0.001").astype(int)
    half = stylizer.stylize(photo, Mixture.parse("wave,udnie")).astype(int)
    assert np.abs(nearly - wave).mean() < 1
    assert np.abs(half - wave).mean() < np.abs(udnie - wave).mean()
    assert np.abs(half - udnie).mean() < np.abs(udnie - wave).mean()


def test_a_mask_keeps_the_photo_where_it_is_black(stylizer: Stylizer, photo: Pixels) -> None:
    mask = np.zeros(photo.shape[:2], np.uint8)
    mask[:, 48:] = 255
    painted, masked = stylizer.stylize(photo, "wave"), stylizer.stylize(photo, "wave", mask=mask)
    assert np.array_equal(masked[:, :48], photo[:, :48])
    assert np.array_equal(masked[:, 48:], painted[:, 48:])
    half = stylizer.stylize(photo, "wave", mask=np.full_like(mask, 128))
    expected = stylizer.stylize(photo, "wave", strength=128 / 255)
    assert np.abs(half.astype(int) - expected).max() <= 1


def test_a_style_map_puts_one_style_beside_another(stylizer: Stylizer) -> None:
    with Image.open(MODELS.parent / "static" / "samples" / "astronaut.jpg") as image:
        photo = np.asarray(image.convert("RGB").resize((320, 320)))
    where = np.zeros(photo.shape[:2], np.uint8)
    everywhere = np.full_like(where, 255)
    udnie = Mixture.parse("udnie")
    first = stylizer.stylize(photo, "wave", style_map=StyleMap(udnie, where), exact=True).astype(int)
    second = stylizer.stylize(photo, "wave", style_map=StyleMap(udnie, everywhere), exact=True).astype(int)
    assert np.abs(first - stylizer.stylize(photo, "wave", exact=True)).max() <= 1
    assert np.abs(second - stylizer.stylize(photo, "udnie", exact=True)).max() <= 1
    where[:, where.shape[1] // 2 :] = 255
    both = stylizer.stylize(photo, "wave", style_map=StyleMap(udnie, where), exact=True)
    assert np.abs(both[:, :120] - first[:, :120]).mean() < np.abs(both[:, :120] - second[:, :120]).mean()
    assert np.abs(both[:, -120:] - second[:, -120:]).mean() < np.abs(both[:, -120:] - first[:, -120:]).mean()


def test_a_large_photo_is_painted_from_coarse_to_fine(
    stylizer: Stylizer, photo: Pixels, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cascade, "WORKING_SIZE", 40)
    broad = stylizer.stylize(photo, "wave")
    single = stylizer.stylize(photo, "wave", brush=0.4)  # starts at 100 pixels: one pass is enough
    margin = network.BORDER_MARGINS["reflect"]
    mirrored = np.pad(photo, ((margin, margin), (margin, margin), (0, 0)), mode="reflect")
    exact = stylizer.stylize(mirrored, "wave", exact=True)[margin:-margin, margin:-margin]
    assert np.abs(single.astype(int) - exact).mean() < 1
    assert np.abs(broad.astype(int) - exact).mean() > 5
    assert broad.shape == photo.shape


def test_a_large_photo_is_painted_small_and_enlarged_along_its_edges(
    stylizer: Stylizer, photo: Pixels, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cascade, "WORKING_SIZE", 40)
    guided = stylizer.stylize(photo, "wave", upsampling="guided")
    small = stylizer.stylize(resize(photo, 27, 40), "wave")
    plain = resize(small, 64, 96).astype(int)
    assert np.abs(guided - plain).mean() < 15
    assert np.abs(guided - plain).mean() < np.abs(stylizer.stylize(photo, "wave") - plain).mean()
    for options in ({"upsampling": "guided", "exact": True}, {"upsampling": "nearest"}):
        with pytest.raises(InvalidOption, match="upsampling"):
            stylizer.stylize(photo, "wave", **options)  # type: ignore[arg-type]


def test_styles_of_different_networks_cannot_be_mixed(tmp_path: Path, photo: Pixels) -> None:
    checkpoint = load_checkpoint(MODELS / "house_v0.npz")
    save_checkpoint(tmp_path / "own.npz", replace(checkpoint, styles=("own",), rows=checkpoint.rows[:1]))
    offered = Catalogue([MODELS, tmp_path / "imported"])
    (tmp_path / "imported").mkdir()
    (tmp_path / "own.npz").rename(tmp_path / "imported" / "own.npz")
    offered.add(StyleFacts("own", "Own"), "own.npz")
    for mixture in ("wave,own", "own,wave"):
        with pytest.raises(InvalidOption, match="different networks"):
            Stylizer(offered).stylize(photo, mixture)


def test_an_added_style_is_painted_alone_mixed_and_mapped(tmp_path: Path, photo: Pixels) -> None:
    offered = Catalogue([MODELS, tmp_path])
    network = offered.get("wave").checkpoint
    checkpoint = load_checkpoint(network)
    save_row(tmp_path / "added.npz", checkpoint, checkpoint.row("udnie"))  # stands for a fitted row
    offered.add_row(StyleFacts("added", "Added"), network.name, "added.npz")
    stylizer = Stylizer(offered)
    assert np.array_equal(stylizer.stylize(photo, "added"), stylizer.stylize(photo, "udnie"))
    for mixture in ("wave:0.7,added:0.3", "added:0.3,wave:0.7"):
        expected = stylizer.stylize(photo, mixture.replace("added", "udnie"))
        assert np.array_equal(stylizer.stylize(photo, mixture), expected)
    where = np.zeros(photo.shape[:2], np.uint8)
    where[:, where.shape[1] // 2 :] = 255
    mapped, expected = (
        stylizer.stylize(photo, "wave", style_map=StyleMap(Mixture.parse(slug), where))
        for slug in ("added", "udnie")
    )
    assert np.array_equal(mapped, expected)


def test_a_row_of_another_network_is_refused(tmp_path: Path, photo: Pixels) -> None:
    offered = Catalogue([MODELS, tmp_path])
    network = offered.get("wave").checkpoint
    checkpoint = load_checkpoint(network)
    name = checkpoint.config.layers[0].name
    other = replace(checkpoint, kernels={**checkpoint.kernels, name: checkpoint.kernels[name] + 1})
    save_row(tmp_path / "added.npz", other, checkpoint.row("udnie"))
    offered.add_row(StyleFacts("added", "Added"), network.name, "added.npz")
    with pytest.raises(InvalidCheckpoint, match="another network"):
        Stylizer(offered).stylize(photo, "added")
    (tmp_path / "added.npz").write_bytes(b"damaged")
    with pytest.raises(InvalidCheckpoint, match="damaged"):
        Stylizer(offered).stylize(photo, "added")


def test_a_gpu_that_is_not_there_is_said() -> None:
    if tf.config.list_physical_devices("GPU"):
        pytest.skip("this machine has a GPU")
    with pytest.raises(InvalidOption, match="GPU"):
        Stylizer(Catalogue([MODELS]), device="gpu")


FULL = (
    tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor"),
    tf.errors.InternalError(None, None, "Dst tensor is not initialized."),
    tf.errors.NotFoundError(None, None, "No algorithm worked! Error messages: ..."),
)


@pytest.mark.parametrize(
    ("too_small_for", "error"),
    [("whole pictures", FULL[0]), *(("strips", error) for error in FULL)],
    ids=["tensor of a whole picture", "tensor", "copy", "convolution"],
)
def test_a_device_without_memory_leaves_it_to_strips_and_then_to_the_processor(
    photo: Pixels, monkeypatch: pytest.MonkeyPatch, too_small_for: str, error: Exception
) -> None:
    """There is no GPU to fill, so calls raise TensorFlow's error for full memory."""
    expected = Stylizer(Catalogue([MODELS]), precision="float32").stylize(photo, "wave")
    passes: list[str] = []

    def limited(kind: str, original: Any) -> Any:
        def run(network: Any, *arguments: Any) -> Any:
            passes.append(f"{kind} on {network.device}")
            if network.device != stylizer_module.CPU and too_small_for in (kind, "strips"):
                raise error
            return original(network, *arguments)

        return run

    monkeypatch.setattr(
        network.Network, "_paint_together", limited("whole pictures", network.Network._paint_together)
    )
    monkeypatch.setattr(network.Network, "_paint_strips", limited("strips", network.Network._paint_strips))
    stylizer = Stylizer(Catalogue([MODELS]), precision="float32")
    stylizer._device = "/GPU:0"  # TensorFlow places it on the processor where there is none
    painted = stylizer.stylize(photo, "wave")
    assert np.abs(painted.astype(int) - expected).max() <= 1
    tried = ["whole pictures on /GPU:0", "strips on /GPU:0", "whole pictures on /CPU:0"]
    assert passes == (tried if too_small_for == "strips" else tried[:2])
    assert np.array_equal(stylizer.stylize(photo, "wave"), painted)  # it still works


def test_a_device_without_memory_for_a_network_leaves_it_to_the_processor(
    photo: Pixels, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = Stylizer(Catalogue([MODELS]), precision="float32").stylize(photo, "wave")
    original, full = network.Graph, [FULL[1]]  # the first graph is the GPU's

    def limited(*arguments: Any, **options: Any) -> Any:
        if full:
            raise full.pop()
        return original(*arguments, **options)

    monkeypatch.setattr(network, "Graph", limited)
    stylizer = Stylizer(Catalogue([MODELS]), precision="float32")
    stylizer._device = "/GPU:0"
    assert np.abs(stylizer.stylize(photo, "wave").astype(int) - expected).max() <= 1
    assert [each.device for each in stylizer._networks.loaded()] == ["/CPU:0"]


def test_too_little_memory_and_disk_is_said_and_the_next_picture_is_painted(
    photo: Pixels, monkeypatch: pytest.MonkeyPatch
) -> None:
    stylizer = Stylizer(Catalogue([MODELS]), memory_limit=0)  # all activations go to temporary files
    with monkeypatch.context() as full:

        def write(*_: Any) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

        full.setattr(os, "pwrite", write)
        with pytest.raises(OutOfMemory, match="not enough free memory"):
            stylizer.stylize(photo, "wave")
    assert stylizer.stylize(photo, "wave").shape == photo.shape


def test_nobody_waits_for_a_network_that_somebody_else_loads(
    photo: Pixels, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    catalogue = Catalogue([tmp_path])
    for slug, file in (("wave", "house.npz"), ("udnie", "house_v0.npz")):
        shutil.copy(MODELS / file, tmp_path)
        catalogue.add(StyleFacts(slug, slug), file)
    loading, go_on = threading.Event(), threading.Event()
    original = loading_module.load_checkpoint

    def slow(path: Path) -> Any:
        if path.stem == "house_v0":
            loading.set()
            assert go_on.wait(60)
        return original(path)

    monkeypatch.setattr(loading_module, "load_checkpoint", slow)
    stylizer = Stylizer(catalogue)
    waiting = [threading.Thread(target=stylizer.stylize, args=(photo, "udnie")) for _ in range(2)]
    for thread in waiting:
        thread.start()
    assert loading.wait(60)
    assert stylizer.stylize(photo, "wave").shape == photo.shape
    go_on.set()
    for thread in waiting:
        thread.join()
    assert len(stylizer._networks.loaded()) == 2


def test_nothing_of_a_pass_over_strips_stays_in_memory(
    photo: Pixels, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Traced functions outlive a pass, and a strip's tensor keeps the memory of all planes."""
    monkeypatch.setattr(network, "WHOLE_PIXELS", 1000)
    memory: list[weakref.ref[Any]] = []
    pages = planes._pages

    def watched(size: int) -> Any:
        memory.append(weakref.ref(given := pages(size)))
        return given

    monkeypatch.setattr(planes, "_pages", watched)
    Stylizer(Catalogue([MODELS])).stylize(photo, "wave")
    gc.collect()
    assert memory
    assert [left for left in memory if left() is not None] == []


def test_a_gpu_paints_whole_what_a_processor_paints_in_strips(
    photo: Pixels, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(network, "WHOLE_PIXELS", 1000)
    stylizer = Stylizer(Catalogue([MODELS]), precision="float32")
    strips = stylizer.stylize(photo, "wave")
    stylizer._device = "/GPU:0"  # TensorFlow places it on the processor where there is none
    monkeypatch.setattr(network.Network, "_paint_strips", None)
    assert np.abs(stylizer.stylize(photo, "wave").astype(int) - strips).max() <= 1


def test_a_preview_comes_in_between_the_tiles_of_a_large_picture(
    photo: Pixels, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(network, "WHOLE_PIXELS", 1000)
    monkeypatch.setattr(tiling_plan, "STRIP_BYTES", 8000)
    stylizer = Stylizer(Catalogue([MODELS]))
    stylizer.stylize(photo, "wave")  # loaded and traced
    preview_done, shares_after = threading.Event(), []

    def paint_preview() -> None:
        stylizer.stylize(photo[:16, :16], "wave")
        preview_done.set()

    preview = threading.Thread(target=paint_preview)

    def on_progress(share: float) -> None:
        if share > 0 and not preview.ident:
            preview.start()
        if preview_done.is_set():
            shares_after.append(share)

    stylizer.stylize(np.tile(photo, (4, 4, 1)), "wave", on_progress=on_progress)
    preview.join()
    assert shares_after
    assert shares_after[0] < 0.9


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


def test_waiting_pictures_of_one_shape_are_painted_at_once(photo: Pixels) -> None:
    asked = [("wave", photo), ("udnie", photo[::-1]), ("wave:0.5,poppies:0.5", photo), ("udnie", photo[:32])]
    single = Stylizer(Catalogue([MODELS]), precision="float32")
    alone = [single.stylize(picture, style) for style, picture in asked]
    together = Stylizer(Catalogue([MODELS]), precision="float32", batch_limit=4)
    together.stylize(photo, "wave")
    (loaded,) = together._networks.loaded()
    calls, original = [], loaded._paint_together

    def counted(requests: Any) -> Any:
        calls.append(len(requests))
        return original(requests)

    loaded._paint_together = counted  # type: ignore[method-assign]
    painted: dict[int, Pixels] = {}

    def paint(number: int) -> None:
        style, picture = asked[number]
        painted[number] = together.stylize(picture, style)

    def stopped(share: float) -> None:
        raise InterruptedError

    threads = [threading.Thread(target=paint, args=(number,)) for number in range(len(asked))]
    with together._queue.turn():
        for thread in threads:
            thread.start()
        with pytest.raises(InterruptedError):
            together.stylize(photo, "wave", on_progress=stopped)
        wait_until(lambda: len(together._queue._waiting) == 5, "all four wait")
    for thread in threads:
        thread.join()
    assert sorted(calls) == [1, 3]
    for number, picture in enumerate(alone):
        assert np.abs(painted[number].astype(int) - picture).max() <= 1


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


def test_a_picture_can_be_stopped_between_two_passes(
    stylizer: Stylizer, photo: Pixels, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[tuple[int, ...]] = []
    original = network.Network._paint_together

    def counted(painter: Any, requests: Any) -> Any:
        sizes.append(requests[0][0].shape)
        return original(painter, requests)

    def stop(share: float) -> None:
        if share > 0:
            raise InterruptedError

    monkeypatch.setattr(network.Network, "_paint_together", counted)
    with pytest.raises(InterruptedError):
        stylizer.stylize(np.resize(photo, (768, 1024, 3)), "wave", on_progress=stop)
    assert len(sizes) == 1


def test_the_small_passes_of_a_large_picture_let_others_in(
    stylizer: Stylizer, photo: Pixels, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A picture of 800x1000 is painted whole.

    As a pass of a larger picture it is painted in strips.
    """
    whole: list[int] = []
    original = network.Network._paint_together

    def counted(painter: Any, requests: Any) -> Any:
        whole.append(requests[0][0].shape[2] - 2 * (REACH + network.BORDER_MARGINS["reflect"]))
        return original(painter, requests)

    monkeypatch.setattr(network.Network, "_paint_together", counted)
    stylizer.stylize(np.resize(photo, (800, 1000, 3)), "wave")
    assert whole == [640, 1000]
    whole.clear()
    stylizer.stylize(np.resize(photo, (1310, 1638, 3)), "wave")
    assert whole == [640]


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((4, 4, 3), np.float32),
        np.full((4, 4, 3), np.nan),
        np.full((4, 4, 3), np.inf, np.float32),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((4, 4), np.uint8),
        np.zeros((1, 4, 4, 3), np.uint8),
        np.zeros((0, 4, 3), np.uint8),
        np.zeros((4, 0, 3), np.uint8),
        [[[0, 0, 0]]],
        None,
    ],
    ids=[
        "float",
        "nan",
        "infinite",
        "four channels",
        "grey",
        "batch",
        "no rows",
        "no columns",
        "list",
        "None",
    ],
)
def test_what_is_no_picture_is_refused_and_the_next_one_is_painted(
    pixels: Any, stylizer: Stylizer, photo: Pixels
) -> None:
    with pytest.raises(InvalidPicture):
        stylizer.stylize(pixels, "wave")
    assert stylizer.stylize(photo, "wave").shape == photo.shape


@pytest.mark.parametrize("strength", [-0.01, 1.51, float("nan"), float("inf")])
def test_a_strength_out_of_range_is_refused(strength: float, stylizer: Stylizer, photo: Pixels) -> None:
    with pytest.raises(InvalidOption, match="strength"):
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
    network = Catalogue([MODELS]).get("wave").checkpoint
    (tmp_path / network.name).write_bytes(b"damaged")
    with pytest.raises(InvalidCheckpoint, match="damaged"):
        stylizer.stylize(photo, "wave")
    shutil.copy(network, tmp_path)
    assert stylizer.stylize(photo, "wave").shape == photo.shape
    os.utime(tmp_path / network.name, (1, 1))  # replaced once more
    assert stylizer.stylize(photo, "wave").shape == photo.shape
    assert len(stylizer._networks.loaded()) == 1  # the replaced network is dropped


def test_resizing_keeps_what_a_picture_shows(photo: Pixels) -> None:
    larger = resize(photo, 256, 384)
    with Image.fromarray(photo) as image:
        reference = np.asarray(image.resize((384, 256), Image.Resampling.LANCZOS))
    assert np.abs(larger.astype(int) - reference).mean() < 1
    assert np.abs(resize(larger, 64, 96).astype(int) - photo).mean() < 1
