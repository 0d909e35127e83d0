"""Downloads: names, formats, and archives that are made while they are sent."""

from __future__ import annotations

import io
import threading
import uuid
import zipfile
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from flask import Flask
from flask.testing import FlaskClient
from PIL import Image
from structlog.testing import capture_logs
from werkzeug.http import parse_options_header

from app.db import db, transaction
from app.imaging import encode_png
from app.storage.base import StorageError
from app.storage.local import LocalStorage
from app.studio.domain.models import Render
from app.studio.domain.slots import download_slot
from app.studio.pages.downloads import PictureFile, zip_pictures
from app.studio.painting import leases
from app.studio.painting.rendering import process_render
from app.wiring import storage
from testing.studio import paint, painted, uploaded


def opened(data: bytes) -> zipfile.ZipFile:
    archive = zipfile.ZipFile(io.BytesIO(data))
    assert archive.testzip() is None
    return archive


def order_of_two(app: Flask, client: FlaskClient) -> str:
    """The address of an order of two finished pictures."""
    photo = uploaded(client)
    location = str(paint(client, photo, style=["wave", "udnie"], credits="2", size="square").location)
    with app.app_context(), transaction() as session:
        ids = [render.id for render in session.query(Render)]
    for render_id in ids:
        process_render(app, render_id)
    return location


def test_a_whole_order_as_an_archive(app: Flask, ada: FlaskClient) -> None:
    location = order_of_two(app, ada)
    for kind, ending in (("jpeg", "jpg"), ("png", "png")):
        answer = ada.get(f"{location}/download?format={kind}")
        assert answer.mimetype == "application/zip"
        assert "Style-Transfer-Art 20" in answer.headers["Content-Disposition"]
        archive = opened(answer.data)
        assert sorted(archive.namelist()) == [
            f"My coffee - The Great Wave off Kanagawa - Square.{ending}",
            f"My coffee - Udnie (Young American Girl, The Dance) - Square.{ending}",
        ]
        for name in archive.namelist():
            with Image.open(archive.open(name)) as image:
                assert image.format == kind.upper()
                assert image.size == (1080, 1080)
    with app.app_context(), transaction() as session:
        for render in session.query(Render):
            with storage().open(render.files.picture_key) as file:
                kept = file.read()
            assert kept in [archive.read(name) for name in archive.namelist()]


def test_chosen_pictures_as_an_archive(app: Flask, ada: FlaskClient, eve: FlaskClient) -> None:
    first, second = painted(app, ada), painted(app, ada)
    chosen = {"picture": [first, second], "format": "jpeg"}
    archive = opened(ada.get("/pictures/chosen", query_string=chosen).data)
    # Two pictures have the same name, so the second gets a number.
    assert archive.namelist() == [
        "My coffee - The Great Wave off Kanagawa.jpg",
        "My coffee - The Great Wave off Kanagawa (2).jpg",
    ]
    assert eve.get("/pictures/chosen", query_string=chosen).status_code == 404
    assert app.test_client().get("/pictures/chosen", query_string=chosen).status_code == 302
    assert ada.get("/pictures/chosen").status_code == 400
    assert ada.get("/pictures/chosen?picture=x").status_code == 404
    assert ada.get("/pictures/chosen", query_string=chosen | {"format": "exe"}).status_code == 400


def test_what_is_not_painted_yet_is_left_out(app: Flask, ada: FlaskClient) -> None:
    location = paint(ada, uploaded(ada), uploaded(ada), credits="2").location
    answer = ada.get(f"{location}/download")
    assert answer.status_code == 400
    assert "is ready yet" in answer.text
    with app.app_context(), transaction() as session:
        first = next(render.id for render in session.query(Render))
    process_render(app, first)
    assert len(opened(ada.get(f"{location}/download").data).namelist()) == 1


def test_orders_are_downloaded_by_their_owner_alone(app: Flask, ada: FlaskClient, eve: FlaskClient) -> None:
    location = paint(ada, uploaded(ada), uploaded(ada), credits="2").location
    assert eve.get(f"{location}/download").status_code == 404
    assert app.test_client().get(f"{location}/download").status_code == 302


def test_a_print_says_its_resolution(app: Flask, ada: FlaskClient) -> None:
    location = paint(ada, uploaded(ada), size="phone", strength="0").location
    process_render(app, uuid.UUID(location.rsplit("/", 1)[1]))
    for kind in ("jpeg", "png"):
        answer = ada.get(f"{location}/download?format={kind}")
        with Image.open(io.BytesIO(answer.data)) as image:
            assert image.size == (1004, 2008)
            assert image.info["dpi"] == pytest.approx((300, 300), abs=0.01)
        assert "Kanagawa - Phone case." in answer.headers["Content-Disposition"]


# --- JPEGs are made anew ------------------------------------------------------------------------


def finished(app: Flask, client: FlaskClient) -> str:
    """The address of a finished picture of this test."""
    location = str(paint(client, uploaded(client)).location)
    with app.app_context():
        with transaction() as session:
            render = leases.claim(session, uuid.UUID(location.rsplit("/", 1)[1]), timedelta(minutes=1))
            assert render
            assert leases.finish(session, render.id, render.attempt)
            key = render.files.picture_key
        storage().save(key, encode_png(Image.new("RGB", (16, 12))))
    return location


def test_jpegs_are_made_two_at_a_time(app: Flask, ada: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    location = finished(app, ada)
    monkeypatch.setattr("app.studio.domain.slots.SLOT_WITHIN", 0.05)
    addresses = [f"{location}/full.jpg", f"{location}/download"]
    with download_slot("one"), download_slot("another"):
        assert [ada.get(address).status_code for address in addresses] == [503, 503]
        assert ada.get(f"{location}/download?format=png").status_code == 200, "it is sent as it is"
    assert [ada.get(address).status_code for address in addresses] == [200, 200]


def test_an_archive_that_is_being_sent_waits_for_its_turn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, picture = LocalStorage(tmp_path), PictureFile("renders/a/picture.png", "a", None)
    kept.save(picture.key, encode_png(Image.new("RGB", (8, 8))))
    monkeypatch.setattr("app.studio.domain.slots.SLOT_WITHIN", 0.05)
    sent: list[bytes] = []
    sending = threading.Thread(target=lambda: sent.extend(zip_pictures(kept, [picture], "jpeg", "third")))
    with download_slot("one"), download_slot("another"):
        sending.start()
        sending.join(0.5)
        assert sending.is_alive()
    sending.join()
    archive = opened(b"".join(sent))
    assert archive.namelist() == ["a.jpg"]
    with download_slot("one"), download_slot("another"):
        pass  # both slots are given back


@pytest.mark.parametrize("address", ["full.jpg", "download"])
def test_no_connection_is_held_while_a_jpeg_is_made(
    app: Flask, ada: FlaskClient, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    location, held = finished(app, ada), []

    def encode(*_: object, **__: object) -> bytes:
        held.append(db.session().in_transaction())
        return b"jpeg"

    monkeypatch.setattr("app.studio.pages.downloads.encode_jpeg", encode)
    assert ada.get(f"{location}/{address}").data == b"jpeg"
    assert held == [False]


def test_a_picture_whose_file_is_lost_is_not_there(app: Flask, ada: FlaskClient) -> None:
    location = finished(app, ada)
    with app.app_context():
        storage().delete_prefix("renders")
    for address in ("full.jpg", "download", "download?format=png"):
        with capture_logs() as logs:
            assert ada.get(f"{location}/{address}").status_code == 404, address
        assert [entry["event"] for entry in logs if entry["log_level"] == "error"] == ["file.missing"]


# --- archives -----------------------------------------------------------------------------------


class Watched(LocalStorage):
    """A storage that records which files are open."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.read: list[str] = []

    def open(self, key: str):  # type: ignore[no-untyped-def]
        self.read.append(key)
        return super().open(key)


def test_an_archive_is_made_while_it_is_sent(tmp_path: Path) -> None:
    """Each picture is read only after the pictures before it are sent."""
    kept = Watched(tmp_path)
    noise = np.random.default_rng(1).integers(0, 256, (400, 400, 3), np.uint8)
    data = encode_png(Image.fromarray(noise))
    pictures = [PictureFile(f"renders/{number}/picture.png", f"{number}", None) for number in range(3)]
    for picture in pictures:
        kept.save(picture.key, data)
    blocks = zip_pictures(kept, pictures, "png", "one")
    kept.read.clear()
    sent = b""
    while len(sent) < len(data) // 2:
        sent += next(blocks)
    assert kept.read == ["renders/0/picture.png"]
    assert opened(sent + b"".join(blocks)).namelist() == ["0.png", "1.png", "2.png"]


def test_a_lost_file_is_named_and_the_others_are_sent(tmp_path: Path) -> None:
    kept = LocalStorage(tmp_path)
    kept.save("renders/a/picture.png", encode_png(Image.new("RGB", (8, 8))))
    pictures = [PictureFile(f"renders/{name}/picture.png", name, None) for name in ("a", "b")]
    with pytest.raises(StorageError):
        kept.open(pictures[1].key)
    archive = opened(b"".join(zip_pictures(kept, pictures, "jpeg", "third")))
    assert archive.namelist() == ["a.jpg", "Not included.txt"]
    assert archive.read("Not included.txt").decode().splitlines()[1:] == ["b"]


def test_names_hold_nothing_that_a_system_refuses(app: Flask, ada: FlaskClient) -> None:
    with app.app_context():
        location = paint(ada, uploaded(ada)).location
        with transaction() as session:
            session.query(Render).one().name = 'What? <me> "and": you|*\\/'
            session.flush()
            name = PictureFile.of(session.query(Render).one(), str.title).name
    assert location
    assert name == "What_ _me_ _and_ you_ - Wave"


def test_long_names_with_joiners_reach_the_browser(app: Flask, ada: FlaskClient) -> None:
    location = finished(app, ada)
    with app.app_context(), transaction() as session:
        session.query(Render).one().name = "می\u200cخواهم" + "写" * 92
    answer = ada.get(f"{location}/download?format=png")
    _, options = parse_options_header(answer.headers["Content-Disposition"])
    assert len(options["filename"].encode()) <= 255
    assert options["filename"].startswith("می\u200cخواهم写")
    assert options["filename"].endswith(" - The Great Wave off Kanagawa.png")
