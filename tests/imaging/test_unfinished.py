"""JPEGs without their end marker are whole; cut ones are not."""

from __future__ import annotations

import io
import random

import numpy as np
import pytest
from PIL import Image

from app.imaging import decode_photo
from app.imaging.errors import DamagedPhoto
from app.imaging.unfinished import complete_jpeg

OPTIONS: dict[str, dict[str, object]] = {
    "baseline": {},
    "progressive": {"progressive": True},
    "restarts": {"restart_marker_blocks": 7},
    "full colour": {"subsampling": "4:4:4"},
}


def noise(mode: str = "RGB") -> Image.Image:
    levels = np.random.default_rng(4).integers(0, 255, (75, 101, 3), np.uint8)
    return Image.fromarray(levels).convert(mode)


def jpeg(options: str, mode: str = "RGB") -> bytes:
    buffer = io.BytesIO()
    noise(mode).save(buffer, "JPEG", **OPTIONS[options])  # type: ignore[arg-type]
    return buffer.getvalue()


def pixels(data: bytes) -> bytes:
    return decode_photo(io.BytesIO(data), max_pixels=1_000_000).image.tobytes()


def trailer() -> bytes:
    """Data of a maker, with bytes in it that look like markers."""
    return random.Random(2).randbytes(20_000) + b"SEFH" + bytes(20) + b"SEFT"


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("end", [b"", b"\xff", trailer()], ids=["nothing", "half a marker", "trailer"])
def test_a_jpeg_without_its_end_marker_is_whole(options: str, mode: str, end: bytes) -> None:
    data = jpeg(options, mode)
    assert data.endswith(b"\xff\xd9")
    assert pixels(data[:-2] + end) == pixels(data)


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("lost", [12, 40, 100, 1000, 3000])
def test_a_cut_jpeg_is_refused(options: str, mode: str, lost: int) -> None:
    with pytest.raises(DamagedPhoto):
        pixels(jpeg(options, mode)[: -2 - lost])


def test_a_progressive_jpeg_without_its_last_scan_is_refused() -> None:
    data = jpeg("progressive")
    with pytest.raises(DamagedPhoto):
        pixels(data[: data.rindex(b"\xff\xda")])
    scans = [at for at in range(len(data)) if data[at : at + 2] == b"\xff\xda"]
    with pytest.raises(DamagedPhoto):
        pixels(data[: scans[4]])


def test_a_whole_jpeg_is_decoded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from app.imaging import decode

    asked = []
    monkeypatch.setattr(decode, "complete_jpeg", lambda data: asked.append(data) or complete_jpeg(data))
    decode.decode_here(io.BytesIO(jpeg("baseline")), max_pixels=1_000_000)
    assert not asked
    decode.decode_here(io.BytesIO(jpeg("baseline")[:-2]), max_pixels=1_000_000)
    assert len(asked) == 1
