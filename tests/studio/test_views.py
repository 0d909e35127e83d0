"""Every route of the studio: success, wrong owner, nobody, bad input."""

from __future__ import annotations

import errno
import io
import re
import threading
import time
import uuid
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient
from PIL import Image, ImageChops, ImageStat
from structlog.testing import capture_logs
from urllib3 import encode_multipart_formdata

from app.accounts.models import User
from app.billing import ledger
from app.config import Settings
from app.db import transaction
from app.request_bodies import FORM_MAX_BYTES
from app.storage.base import StorageError
from app.storage.local import LocalStorage
from app.studio.domain import photos
from app.studio.domain.controls import Controls
from app.studio.domain.models import Photo, Render, RenderStatus
from app.studio.domain.slots import upload_slot
from app.studio.painting.worker import process_render
from app.wiring import render_queue
from tests.conftest import PASSWORD, create_user, log_in, make_settings, running_app
from tests.studio.test_worker import sample_jpeg
from tests.together import run_together

JSON = {"Accept": "application/json"}


def upload(client: FlaskClient, *files: tuple[bytes, str], **options: object):  # type: ignore[no-untyped-def]
    body, content_type = encode_multipart_formdata([("photos", (name, data)) for data, name in files])
    return client.post("/photos", data=body, content_type=content_type, **options)  # type: ignore[arg-type]


def uploaded(client: FlaskClient) -> str:
    return str(upload(client, (sample_jpeg(), "My coffee.jpeg"), headers=JSON).json["photos"][0]["id"])


def paint(client: FlaskClient, *photos: str, **fields: object):  # type: ignore[no-untyped-def]
    form = {"token": str(uuid.uuid4()), "photos": list(photos), "style": "wave", "strength": "100"}
    return client.post("/orders", data=form | fields)


def painted(app: Flask, client: FlaskClient) -> str:
    """The id of a finished picture."""
    location = paint(client, uploaded(client)).location
    picture_id = location.rsplit("/", 1)[1]
    process_render(app, uuid.UUID(picture_id))
    return str(picture_id)


def balance(app: Flask, user: User) -> int:
    with app.app_context(), transaction() as session:
        return ledger.balance(session, user.wallet_id)


# --- upload -------------------------------------------------------------------------------------


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


def test_who_comes_third_waits_for_a_slot() -> None:
    most, now = 0, 0
    counting = threading.Lock()

    def decode(visitor: int) -> None:
        nonlocal most, now
        with upload_slot(visitor):
            with counting:
                now += 1
                most = max(most, now)
            time.sleep(0.02)
            with counting:
                now -= 1

    run_together([lambda number=number: decode(number) for number in range(8)])
    assert most == 2


@pytest.mark.parametrize(
    "trouble", [MemoryError(), OSError(errno.EIO, "disk"), StorageError("could not keep photos/x")]
)
def test_what_breaks_here_is_not_said_to_be_the_photos_fault(
    ada: FlaskClient, monkeypatch: pytest.MonkeyPatch, trouble: Exception
) -> None:
    keep = photos.keep_photo

    def fails_once(*arguments: Any, **options: Any) -> Photo:
        if arguments[2] == "b.jpg":
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


# --- photos -------------------------------------------------------------------------------------


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


# --- painting -----------------------------------------------------------------------------------


def test_painting_one_photo_leads_to_its_picture(app: Flask, ada: FlaskClient, user: User) -> None:
    answer = paint(ada, uploaded(ada), strength="70", keep_colors="y")
    assert answer.status_code == 303
    with app.app_context(), transaction() as session:
        render = session.query(Render).one()
        assert render.status is RenderStatus.QUEUED
        assert render.controls == Controls(style="wave", strength=0.7, keep_colors=True)
        assert answer.location == f"/pictures/{render.id}"
        assert render_queue().asked_for() == [render.id]
    assert balance(app, user) == 2


def test_a_double_click_paints_once(app: Flask, ada: FlaskClient, user: User) -> None:
    photo, token = uploaded(ada), str(uuid.uuid4())
    first = paint(ada, photo, token=token)
    second = paint(ada, photo, token=token)
    assert first.location == second.location
    assert balance(app, user) == 2


@pytest.mark.parametrize(
    "fields",
    [
        {"style": "no_such_style"},
        {"style": ""},
        {"photos": []},
        {"photos": ["not-a-uuid"]},
        {"strength": "101"},
        {"strength": "lots"},
        {"style": ["wave", "no_such_style"]},
        {"second_style": "no_such_style"},
        {"mix": "101"},
        {"brush": "5"},
        {"brush": "nan"},
        {"mask": "me.png"},
        {"size": "a0"},
        {"turn": "askew"},
        {"token": "x"},
    ],
)
def test_bad_choices_are_refused_with_a_sentence(
    app: Flask, ada: FlaskClient, user: User, fields: dict[str, object]
) -> None:
    answer = paint(ada, uploaded(ada), **fields)
    assert answer.status_code == 400
    assert balance(app, user) == 3


def test_strangers_cannot_paint_a_photo(app: Flask, ada: FlaskClient, eve: FlaskClient) -> None:
    photo = uploaded(ada)
    assert paint(eve, photo).status_code == 404
    assert paint(app.test_client(), photo).status_code == 302


# --- pictures -----------------------------------------------------------------------------------


def test_watching_and_downloading_a_picture(app: Flask, ada: FlaskClient) -> None:
    location = paint(ada, uploaded(ada)).location
    waiting = ada.get(f"{location}/status").text
    assert 'hx-trigger="every 2s"' in waiting, "each answer waits before it asks again"
    assert "Create a link" not in waiting
    for path in ("preview.jpg", "thumbnail.webp", "download"):
        assert ada.get(f"{location}/{path}").status_code == 404
    process_render(app, uuid.UUID(location.rsplit("/", 1)[1]))
    status = ada.get(f"{location}/status")
    assert "hx-get" not in status.text
    assert "download" in status.text
    assert "Create a link" in status.text
    assert status.headers["Cache-Control"] == "private, no-store"
    for kind, ending in (("jpeg", "jpg"), ("png", "png")):
        answer = ada.get(f"{location}/download?format={kind}")
        assert Image.open(io.BytesIO(answer.data)).size == (160, 120)
        assert answer.mimetype == f"image/{kind}"
        disposition = answer.headers["Content-Disposition"]
        assert disposition.startswith("attachment")
        assert f"My coffee - The Great Wave off Kanagawa.{ending}" in disposition
    refused = ada.get(f"{location}/download?format=exe")
    assert (refused.status_code, "Pictures come as JPEG or PNG." in refused.text) == (400, True)


def test_pictures_are_private(app: Flask, ada: FlaskClient, eve: FlaskClient) -> None:
    picture = painted(app, ada)
    nobody = app.test_client()
    for path in ("", "/status", "/preview.jpg", "/thumbnail.webp", "/download"):
        assert ada.get(f"/pictures/{picture}{path}").status_code == 200, path
        assert eve.get(f"/pictures/{picture}{path}").status_code == 404, path
        assert nobody.get(f"/pictures/{picture}{path}").status_code == (404 if path else 302), path
    assert eve.post(f"/pictures/{picture}/delete").status_code == 404
    assert nobody.post(f"/pictures/{picture}/delete").status_code == 404


def test_a_link_to_a_picture_leads_there_by_way_of_the_login(
    app: Flask, ada: FlaskClient, user: User
) -> None:
    """Mails have such links. Whether the picture exists is told to nobody."""
    there, not_there = f"/pictures/{painted(app, ada)}", f"/pictures/{uuid.uuid4()}"
    nobody = app.test_client()
    for address in (there, not_there):
        answer = nobody.get(address)
        assert (answer.status_code, answer.location) == (302, f"/log-in?next={address}")
    login = nobody.get(there).location
    entered = nobody.post(login, data={"email": user.email, "password": PASSWORD})
    assert urlsplit(entered.location).path == there
    assert "My coffee" in nobody.get(entered.location).text


def test_the_gallery_shows_only_ones_own(app: Flask, ada: FlaskClient, eve: FlaskClient) -> None:
    picture = painted(app, ada)
    assert picture in ada.get("/pictures").text
    assert picture not in eve.get("/pictures").text
    assert app.test_client().get("/pictures").status_code == 302


def test_deleting_a_picture_removes_its_files(app: Flask, ada: FlaskClient, tmp_path: Path) -> None:
    picture = painted(app, ada)
    assert (tmp_path / "storage" / "renders" / picture).exists()
    assert ada.post(f"/pictures/{picture}/delete").status_code == 303
    assert ada.get(f"/pictures/{picture}").status_code == 404
    assert not (tmp_path / "storage" / "renders" / picture).exists()


def test_deleting_chosen_pictures_asks_first(
    app: Flask, ada: FlaskClient, eve: FlaskClient, tmp_path: Path
) -> None:
    pictures = [painted(app, ada), painted(app, ada)]
    asked = ada.get("/pictures/delete", query_string={"picture": pictures})
    assert "Delete 2 pictures?" in asked.text
    assert all(ada.get(f"/pictures/{picture}").status_code == 200 for picture in pictures)
    assert eve.get("/pictures/delete", query_string={"picture": pictures}).status_code == 404
    assert eve.post("/pictures/delete", data={"picture": pictures}).status_code == 404
    assert app.test_client().post("/pictures/delete", data={"picture": pictures}).status_code == 302
    assert ada.post("/pictures/delete", data={"picture": []}).status_code == 400
    assert ada.post("/pictures/delete", data={"picture": pictures}).status_code == 303
    assert all(ada.get(f"/pictures/{picture}").status_code == 404 for picture in pictures)
    assert list((tmp_path / "storage" / "renders").iterdir()) == []


def test_a_picture_is_opened_again_with_its_settings(app: Flask, ada: FlaskClient, eve: FlaskClient) -> None:
    photo = uploaded(ada)
    sent = {"strength": "40", "keep_colors": "y", "brush": "2.5", "second_style": "udnie", "mix": "30"}
    location = paint(ada, photo, **sent).location
    answer = ada.get(f"{location}/edit")
    assert answer.status_code == 302
    query = dict(parse_qsl(urlsplit(answer.location).query))
    assert query == {"photos": photo, "style": "wave"} | sent
    page = ada.get(answer.location)
    assert page.status_code == 200
    assert re.search(rf'value="{photo}"\s+checked', page.text)
    assert re.search(r'value="wave"[^>]*checked', page.text)
    assert eve.get(f"{location}/edit").status_code == 404


def test_a_print_is_opened_again_with_its_size_and_part(app: Flask, ada: FlaskClient, user: User) -> None:
    """By way of the studio, and of the page it shows without scripts, to the same print once more."""
    photo = uploaded(ada)
    part = {f"left-{photo}": "25", f"top-{photo}": "10", f"width-{photo}": "40"}
    location = paint(ada, photo, size="a4", turn="upright", **part).location
    edit = ada.get(f"{location}/edit").location
    assert {"size": "a4", "turn": "upright"}.items() <= dict(parse_qsl(urlsplit(edit).query)).items()
    assert "Size: A4" in ada.get(edit).text
    sent = hidden_fields(ada.get(edit).text) | {"photos": photo, "style": "wave"}
    without_scripts = ada.post("/studio", data=sent).location
    sent = hidden_fields(ada.get(without_scripts).text) | {"photos": photo, "style": "wave", "credits": "1"}
    assert ada.post("/orders", data=sent).status_code == 303
    assert balance(app, user) == 1
    with app.app_context(), transaction() as session:
        first, again = session.query(Render).order_by(Render.created_at)
        assert (again.print_size, again.width, again.height) == ("a4", first.width, first.height)
        assert again.crop.to_json() == pytest.approx(first.crop.to_json())
        assert again.crop.to_json()[0] == pytest.approx(0.25)


def test_a_print_that_lies_as_its_photo_does_is_not_turned(app: Flask, ada: FlaskClient) -> None:
    photo = uploaded(ada)
    query = dict(parse_qsl(urlsplit(ada.get(f"{paint(ada, photo, size='a4').location}/edit").location).query))
    assert query["size"] == "a4"
    assert "turn" not in query
    assert "Size:" not in ada.get("/studio", query_string=query | {"size": "a0"}).text


def hidden_fields(page: str) -> dict[str, str]:
    """The hidden fields of the form that paints."""
    form = page.partition('id="paint"')[2].partition("</form>")[0]
    inputs = [dict(re.findall(r'([a-z]+)="([^"]*)"', field)) for field in re.findall("<input[^>]*>", form)]
    return {field["name"]: field.get("value", "") for field in inputs if field["type"] == "hidden"}


def test_without_its_photo_the_settings_still_open(app: Flask, ada: FlaskClient) -> None:
    picture = painted(app, ada)
    with app.app_context(), transaction() as session:
        photo = session.query(Photo).one().id
    ada.post(f"/photos/{photo}/delete")
    answer = ada.get(f"/pictures/{picture}/edit", follow_redirects=True)
    assert "Upload it again" in answer.text


def test_what_lies_before_a_print_is_the_part_it_shows(
    app: Flask, ada: FlaskClient, eve: FlaskClient
) -> None:
    photo = uploaded(ada)
    part = {f"left-{photo}": "50", f"top-{photo}": "0", f"width-{photo}": "50"}
    cropped = paint(ada, photo, size="square", **part).location
    whole = paint(ada, photo).location
    with Image.open(io.BytesIO(ada.get(f"{cropped}/before.jpg").data)) as shown:
        assert shown.size == (80, 80)
        original = Image.open(io.BytesIO(ada.get(f"/photos/{photo}/preview.jpg").data)).convert("RGB")
        difference = ImageChops.difference(shown.convert("RGB"), original.crop((80, 0, 160, 80)))
        assert ImageStat.Stat(difference).mean < [6, 6, 6]
    assert ada.get(f"{whole}/before.jpg").data == ada.get(f"/photos/{photo}/preview.jpg").data
    assert eve.get(f"{cropped}/before.jpg").status_code == 404
    ada.post(f"{cropped}/delete")


def test_every_pixel_can_be_looked_at(app: Flask, ada: FlaskClient, eve: FlaskClient) -> None:
    picture = painted(app, ada)
    answer = ada.get(f"/pictures/{picture}/full.jpg")
    assert Image.open(io.BytesIO(answer.data)).size == (160, 120)
    assert "attachment" not in answer.headers.get("Content-Disposition", "")
    assert eve.get(f"/pictures/{picture}/full.jpg").status_code == 404


def test_a_picture_without_its_photo_still_shows(app: Flask, ada: FlaskClient) -> None:
    picture = painted(app, ada)
    with app.app_context(), transaction() as session:
        photo = session.query(Photo).one().id
    assert ada.post(f"/photos/{photo}/delete").status_code == 303
    assert ada.get(f"/pictures/{picture}").status_code == 200
    assert ada.get(f"/pictures/{picture}/download").status_code == 200


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
