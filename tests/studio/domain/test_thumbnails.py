"""Thumbnails come in two sizes, so browsers load no more than they show."""

from __future__ import annotations

import io
import os
from pathlib import Path

from flask.testing import FlaskClient
from PIL import Image

from app.config import PROJECT_ROOT
from app.studio.domain.thumbnails import small_preview
from testing.studio import JSON, upload

COFFEE = PROJECT_ROOT / "static" / "samples" / "coffee.jpg"


def thumbnail_of_coffee(client: FlaskClient) -> str:
    answer = upload(client, (COFFEE.read_bytes(), "coffee.jpg"), headers=JSON)
    return f"/photos/{answer.json['photos'][0]['id']}/thumbnail.webp"


def size_of(client: FlaskClient, address: str) -> tuple[str | None, tuple[int, int]]:
    answer = client.get(address)
    assert answer.status_code == 200
    with Image.open(io.BytesIO(answer.data)) as image:
        return image.format, image.size


def test_a_photo_has_a_thumbnail_and_a_smaller_one(ada: FlaskClient) -> None:
    address = thumbnail_of_coffee(ada)
    kind, (width, height) = size_of(ada, address)
    small_kind, small = size_of(ada, f"{address}?side=280")
    assert kind == small_kind == "WEBP"
    assert max(width, height) == 480
    assert max(small) == 280
    assert abs(small[0] * height - small[1] * width) < max(width, height)  # the same shape
    assert f"{address}?side=280 280w, {address} 480w" in ada.get("/studio").text


def test_a_small_thumbnail_is_as_private_as_its_photo(ada: FlaskClient, eve: FlaskClient) -> None:
    address = thumbnail_of_coffee(ada) + "?side=280"
    assert "private" in ada.get(address).headers["Cache-Control"]
    assert eve.get(address).status_code == 404


def test_both_sizes_are_kept_and_an_old_photo_without_the_smaller_has_it_too(
    ada: FlaskClient, tmp_path: Path
) -> None:
    address = thumbnail_of_coffee(ada)
    (small,) = tmp_path.glob("storage/photos/*/thumbnail-280.webp")
    kept = ada.get(f"{address}?side=280").data
    assert kept == small.read_bytes()
    small.unlink()
    assert ada.get(f"{address}?side=280").data == kept


def test_a_styles_smaller_preview_is_made_once_and_anew_when_the_file_changes(tmp_path: Path) -> None:
    preview = tmp_path / "preview.webp"
    preview.write_bytes((PROJECT_ROOT / "models" / "previews" / "wave.webp").read_bytes())
    first = small_preview(preview)
    assert small_preview(preview) is first
    preview.write_bytes((PROJECT_ROOT / "models" / "previews" / "udnie.webp").read_bytes())
    os.utime(preview, ns=(0, 1))
    assert small_preview(preview) != first


def test_a_style_has_a_preview_and_a_smaller_one(client: FlaskClient) -> None:
    address = "/styles/starry_night/preview.webp"
    assert size_of(client, address)[1][0] == 420
    assert size_of(client, f"{address}?side=280")[1][0] == 280
    assert f"{address}?side=280 280w, {address} 420w" in client.get("/styles").text
