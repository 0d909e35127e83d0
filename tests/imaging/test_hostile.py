"""Headers refuse bombs cheaply; damaged photos end at most their decoder."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.imaging.errors import (
    DamagedPhoto,
    ImageError,
    LargerThanDeclared,
    TooManyParts,
    TooManyPixels,
    TooManyScans,
    TooMuchMetadata,
    UnreadablePhoto,
)
from app.imaging.isolation.pool import Decoders
from testing import hostile

LIMIT = 60_000_000
# ``make test`` takes one in so many of the damaged photos.
FEW = 9
REFUSALS = {
    "jpeg-scans": TooManyScans,
    "jpeg-scans-small": TooManyScans,
    "jpeg-large-comments": TooMuchMetadata,
    "jpeg-small-comments": TooMuchMetadata,
    "png-large-texts": TooMuchMetadata,
    "png-small-texts": TooMuchMetadata,
    "png-packed-texts": ImageError,
    "png-packed-profile": DamagedPhoto,
    "png-empty-chunks": TooManyParts,
    "tiff-tile": LargerThanDeclared,
    "tiff-tile-huge": LargerThanDeclared,
    "tiff-samples": TooManyParts,
    "tiff-tiny-tiles": TooManyParts,
    "tiff-orientations": TooManyParts,
    "tiff-loop": DamagedPhoto,
    "tiff-chain": TooManyParts,
    "avif-forged": LargerThanDeclared,
    "avif-grid-forged": LargerThanDeclared,
    "avif-grid-repeated": LargerThanDeclared,
    "avif-grid-many": TooManyParts,
    "heic-forged": LargerThanDeclared,
    "gif-canvas": TooManyPixels,
    "gif-cleared": TooManyPixels,
    "gif-comments": TooMuchMetadata,
    "webp-canvas": TooManyPixels,
}


@pytest.fixture(scope="module")
def decoders() -> Iterator[Decoders]:
    decoders = Decoders(processes=1)
    yield decoders
    decoders.close()


def process_id(decoders: Decoders) -> int:
    decoders.decode(io.BytesIO(hostile.samples("PNG")[0]), LIMIT)
    (process,) = decoders._all
    return process.pid


def seconds(pid: int) -> float:
    """The processor time of a process, in seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak_bytes(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


@pytest.mark.parametrize("name", hostile.BOMBS)
def test_a_bomb_is_refused_at_little_cost(decoders: Decoders, name: str) -> None:
    data, expected = hostile.BOMBS[name](), REFUSALS[name]
    pid = process_id(decoders)
    before = seconds(pid)
    with pytest.raises(expected) as caught:
        decoders.decode(io.BytesIO(data), LIMIT)
    assert not isinstance(caught.value, UnreadablePhoto), "the header should tell"
    assert process_id(decoders) == pid, "the decoder lives on"
    assert seconds(pid) - before < 2.0
    assert peak_bytes(pid) < 300_000_000


def test_every_bomb_has_its_refusal() -> None:
    assert REFUSALS.keys() == hostile.BOMBS.keys()


def test_a_gif_of_many_frames_costs_one_frame(decoders: Decoders) -> None:
    pid = process_id(decoders)
    before = seconds(pid)
    assert decoders.decode(io.BytesIO(hostile.gif(1, 1, frames=100_000)), LIMIT).image.size == (1, 1)
    assert seconds(pid) - before < 1.0


def test_a_costly_colour_profile_is_left_out(decoders: Decoders) -> None:
    pid = process_id(decoders)
    before = seconds(pid)
    image = decoders.decode(io.BytesIO(hostile.png_of_costly_profile()), LIMIT).image
    assert seconds(pid) - before < 0.5
    assert image.getpixel((0, 0)) == hostile.flat(1, 1).getpixel((0, 0))


def test_ordinary_large_photos_are_accepted(decoders: Decoders) -> None:
    photo = hostile.flat(9_000, 6_600)
    assert decoders.decode(io.BytesIO(hostile.encoded(photo, "JPEG")), LIMIT).image.size == photo.size
    progressive = hostile.encoded(hostile.flat(6_000, 4_000), "JPEG", progressive=True)
    assert progressive.count(b"\xff\xda") == 10
    assert decoders.decode(io.BytesIO(progressive), LIMIT).image.size == (6_000, 4_000)


def test_a_heic_of_48_megapixels_is_accepted(decoders: Decoders) -> None:
    """In tiles of 512 pixels, as phones write them."""
    data = hostile.grid_file("HEIF", 14, 512, 512)
    assert decoders.decode(io.BytesIO(data), LIMIT).image.size == (7_168, 7_168)


def test_an_honest_grid_is_accepted(decoders: Decoders) -> None:
    assert decoders.decode(io.BytesIO(hostile.avif_grid(4, 128, 128)), LIMIT).image.size == (512, 512)


def check_spoiled(decoders: Decoders, files: list[tuple[str, bytes]]) -> None:
    refused = 0
    for name, data in files:
        try:
            image = decoders.decode(io.BytesIO(data), 4_000_000).image
        except UnreadablePhoto as error:
            pytest.fail(f"{name}: {error.__cause__!r}")
        except ImageError:
            refused += 1
        else:
            assert image.mode == "RGB"
            assert image.info == {}
    assert refused > len(files) // 4


def test_some_spoiled_photos(decoders: Decoders) -> None:
    files = list(hostile.spoiled())[::FEW]
    assert len(files) >= 60
    check_spoiled(decoders, files)


@pytest.mark.soak
def test_all_spoiled_photos(decoders: Decoders) -> None:
    files = list(hostile.spoiled())
    assert len({data for _, data in files}) >= 500
    check_spoiled(decoders, files)


def test_spoiled_photos_are_the_same_each_time() -> None:
    assert list(hostile.spoiled(7, each=1)) == list(hostile.spoiled(7, each=1))
