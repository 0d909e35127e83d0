"""Uploading, viewing and deleting photos: success, strangers, bad input."""

from __future__ import annotations

import errno
import io
import uuid
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from PIL import Image
from structlog.testing import capture_logs

from app.accounts.models import User
from app.config import Settings
from app.db import transaction
from app.request_bodies import FORM_MAX_BYTES
from app.storage.base import StorageError
from app.storage.local import LocalStorage
from app.studio.domain import photos
from app.studio.domain.models import Photo
from app.studio.domain.slots import upload_slot
from testing.site import create_user, log_in, make_settings, running_app
from testing.studio import JSON, paint, sample_jpeg, upload, uploaded


def test_an_uploaded_photo_appears_chosen_in_the_studio(ada: FlaskClient) -> None:
    answer = upload(ada, (sample_jpeg(), "My coffee.jpeg"))
    assert answer.status_code == 303
    page = ada.get(answer.location).text
    assert "My coffee" in page
    assert page.count("checked") >= 1


def test_several_photos_at_once_good_and_bad(ada: FlaskClient) -> None:
    answer = upload(
        ada, (sample_jpeg(), "a.jpg"), (b"hello", "b.jpg"), (sample_jpeg(80, 60), "c.jpg"), headers=JSON
    )
    assert answer.status_code == 201
    assert [photo["name"] for photo in answer.json["photos"]] == ["a", "c"]
    assert [error["name"] for error in answer.json["errors"]] == ["b.jpg"]


@pytest.mark.parametrize(
    ("data", "status"),
    [(b"", 400), (b"hello, I am text", 415), (sample_jpeg()[:2000], 400), (b"\0" * 2_000_001, 413)],
)
def test_what_is_no_photo_gets_a_sentence_and_leaves_nothing(
    tmp_path: Path, sqlite_url: str, data: bytes, status: int
) -> None:
    settings = make_settings(tmp_path, database_url=sqlite_url, upload_max_megabytes=2)
    for app in running_app(settings):
        app.config["WTF_CSRF_ENABLED"] = False
        client = app.test_client()
        log_in(client, create_user(app, "ada@example.com", credits=3))
        answer = upload(client, (data, "x.jpg"), headers=JSON)
        assert answer.status_code == status
        assert answer.json["errors"][0]["sentence"].endswith(".")
        page = upload(client, (data, "x.jpg"))
        assert page.status_code == status
        assert answer.json["errors"][0]["sentence"] in page.text
        with app.app_context(), transaction() as session:
            assert session.query(Photo).count() == 0
        assert [path for path in (tmp_path / "storage").rglob("*") if path.is_file()] == []


def test_a_body_beyond_all_limits_is_refused_with_a_page(ada: FlaskClient, settings: Settings) -> None:
    size = FORM_MAX_BYTES + settings.upload_max_bytes * settings.upload_max_files + 1
    answer = ada.post("/photos", environ_overrides={"CONTENT_LENGTH": str(size)})
    assert answer.status_code == 413
    assert "too large" in answer.text


def test_photos_are_decoded_two_at_a_time(ada: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.studio.domain.slots.SLOT_WITHIN", 0.05)
    with upload_slot("one"), upload_slot("another"):
        answer = upload(ada, (sample_jpeg(), "a.jpg"), headers=JSON)
        assert answer.status_code == 503
        sentence = "The site is very busy right now. Try again in a moment."
        assert answer.json["errors"] == [{"name": "a.jpg", "sentence": sentence}]
        page = upload(ada, (sample_jpeg(), "a.jpg"))
        assert (page.status_code, sentence in page.text) == (503, True)
        mask = ada.post(
            "/previews/samples/coffee/masks", data={"mask": (io.BytesIO(b"x"), "m")}, headers=JSON
        )
        assert (mask.status_code, mask.json) == (503, {"error": sentence})
        assert mask.headers["Retry-After"] == "1"
    with upload_slot("one"):
        assert uploaded(ada)


@pytest.mark.parametrize(
    "trouble", [MemoryError(), OSError(errno.EIO, "disk"), StorageError("could not keep photos/x")]
)
def test_what_breaks_here_is_not_said_to_be_the_photos_fault(
    ada: FlaskClient, monkeypatch: pytest.MonkeyPatch, trouble: Exception
) -> None:
    keep = photos.keep_photo

    def fails_once(*arguments: Any, **options: Any) -> photos.UploadedPhoto:
        if arguments[1] == "b.jpg":
            raise trouble
        return keep(*arguments, **options)

    monkeypatch.setattr("app.studio.domain.photos.keep_photo", fails_once)
    files = ((sample_jpeg(), "a.jpg"), (sample_jpeg(), "b.jpg"))
    answer = upload(ada, *files, headers=JSON)
    assert (answer.status_code, len(answer.json["photos"])) == (201, 1)
    assert answer.json["errors"][0]["name"] == "b.jpg"
    assert "Something went wrong on our side" in answer.json["errors"][0]["sentence"]
    alone = upload(ada, files[1])
    assert (alone.status_code, "b.jpg: Something went wrong on our side" in alone.text) == (500, True)


def test_nothing_chosen_is_said(ada: FlaskClient) -> None:
    assert upload(ada).status_code == 400


def test_the_owner_sees_a_photo_and_nobody_else_does(app: Flask, ada: FlaskClient, eve: FlaskClient) -> None:
    photo = uploaded(ada)
    for path in (f"/photos/{photo}/thumbnail.webp", f"/photos/{photo}/preview.jpg"):
        mine = ada.get(path)
        assert mine.status_code == 200
        assert mine.headers["Cache-Control"].startswith("private")
        assert Image.open(io.BytesIO(mine.data)).width > 0
        assert eve.get(path).status_code == 404
        assert app.test_client().get(path).status_code == 404


def test_the_original_is_served_nowhere(app: Flask, ada: FlaskClient) -> None:
    rules = [rule.rule for rule in app.url_map.iter_rules() if "photo_id" in rule.arguments]
    assert sorted(rules) == [
        "/photos/<uuid:photo_id>/delete",
        "/photos/<uuid:photo_id>/preview.jpg",
        "/photos/<uuid:photo_id>/thumbnail.webp",
    ]


def test_deleting_a_photo(app: Flask, ada: FlaskClient, eve: FlaskClient, tmp_path: Path) -> None:
    photo = uploaded(ada)
    assert eve.post(f"/photos/{photo}/delete").status_code == 404
    assert app.test_client().post(f"/photos/{photo}/delete").status_code == 404
    assert ada.post(f"/photos/{photo}/delete").status_code == 303
    assert ada.get(f"/photos/{photo}/preview.jpg").status_code == 404
    assert not (tmp_path / "storage" / "photos" / photo).exists()


def test_a_photo_is_deleted_though_the_disk_keeps_its_files(
    app: Flask, ada: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo = uploaded(ada)

    def refuse(_self: LocalStorage, prefix: str) -> None:
        raise StorageError(prefix)

    monkeypatch.setattr(LocalStorage, "delete_prefix", refuse)
    with capture_logs() as logs:
        assert ada.post(f"/photos/{photo}/delete").status_code == 303
    assert [entry["prefix"] for entry in logs if entry["event"] == "storage.files_stay"] == [
        f"photos/{photo}"
    ]
    with app.app_context(), transaction() as session:
        assert session.query(Photo).count() == 0


def test_deleting_a_photo_leads_back_to_what_is_chosen(ada: FlaskClient) -> None:
    kept, *photos = (uploaded(ada) for _ in range(4))
    chosen = f"/studio?photos={kept}&style=wave"
    places = (chosen, "//elsewhere.example", chosen.replace(kept, photos[2]))
    for photo, place, back in zip(photos, places, (chosen, "/studio", "/studio"), strict=True):
        assert ada.post(f"/photos/{photo}/delete", data={"next": place}).location == back


def test_without_scripts_deleting_a_photo_asks_first(app: Flask, ada: FlaskClient, eve: FlaskClient) -> None:
    photo = uploaded(ada)
    assert '<noscript><input type="hidden" name="ask" value="y"></noscript>' in ada.get("/studio").text
    asked = ada.post(f"/photos/{photo}/delete", data={"ask": "y"})
    assert asked.status_code == 200
    assert "Delete this photo?" in asked.text
    assert 'name="ask"' not in asked.text
    assert eve.post(f"/photos/{photo}/delete", data={"ask": "y"}).status_code == 404
    assert ada.get(f"/photos/{photo}/preview.jpg").status_code == 200
    assert ada.post(f"/photos/{photo}/delete").status_code == 303
    assert ada.get(f"/photos/{photo}/preview.jpg").status_code == 404


def test_style_previews_are_public(client: FlaskClient) -> None:
    answer = client.get("/styles/wave/preview.webp")
    assert Image.open(io.BytesIO(answer.data)).width > 0
    assert client.get("/styles/nothing/preview.webp").status_code == 404


def test_forms_need_their_token(app: Flask, user: User) -> None:
    """Without the CSRF token a form from another site does nothing."""
    client = app.test_client()
    app.config["WTF_CSRF_ENABLED"] = False
    log_in(client, user)
    app.config["WTF_CSRF_ENABLED"] = True
    assert upload(client, (sample_jpeg(), "a.jpg")).status_code == 400
    assert paint(client, str(uuid.uuid4())).status_code == 400
