"""Previews and visitors' photos: success, strangers, bad input, limits."""

from __future__ import annotations

import io
import os
import re
import threading
import time
import uuid
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs, parse_qsl, urlsplit

import numpy as np
import pytest
from flask import Flask
from flask.testing import FlaskClient
from PIL import Image
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict
from werkzeug.test import TestResponse

from app.accounts.models import User
from app.config import PROJECT_ROOT, Settings
from app.db import begin_write, db, transaction
from app.engine.catalogue import Catalogue, StyleFacts
from app.engine.networks.checkpoints import load_checkpoint, save_checkpoint
from app.storage.base import Storage
from app.studio.domain.errors import TooBusy
from app.studio.domain.files import PhotoFiles
from app.studio.domain.models import Photo, Render
from app.studio.pages import previews as preview_views
from app.studio.pages.forms import PaintForm
from app.studio.painting.previewer import Previewer
from app.studio.painting.sweeper import discard_orphans
from app.wiring import catalogue
from testing.site import PASSWORD, create_user, log_in, make_settings, running_app
from testing.studio import JSON, mask_png, sample_jpeg, upload, uploaded

CATALOGUE = Catalogue([PROJECT_ROOT / "models"])
NOBODYS = uuid.UUID(int=0)


def tried(client: FlaskClient) -> str:
    """A photo that this client has just uploaded."""
    return uploaded(client, name="My cat.jpg")


def picture(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(int)


# --- previews -----------------------------------------------------------------------------------


@pytest.mark.parametrize("door", ["/log-in", "/sign-up"])
def test_what_is_chosen_goes_along_before_the_scripts_have_come(door: str, client: FlaskClient) -> None:
    chosen = "/studio?sample=chelsea&style=la_muse"
    links = re.findall(rf'href="{door}([^"]*)" data-sign-up="{door}"', client.get(chosen).text)
    assert links
    for link in links:
        assert parse_qs(urlsplit(link).query) == {"next": [chosen]}


def test_a_sample_in_a_style_for_anybody(client: FlaskClient) -> None:
    answer = client.get("/previews/samples/coffee/wave.webp")
    assert answer.status_code == 200
    assert picture(answer.data).shape == (171, 256, 3)
    assert 0.0 < float(answer.headers["X-Suits"]) < 1.0
    assert answer.headers["Cache-Control"].startswith("private")
    assert answer.headers["Server-Timing"].startswith("preview;dur=")


@pytest.mark.parametrize(
    "path",
    [
        "samples/coffee/nothing.webp",
        "samples/nobody/wave.webp",
        "photos/not-an-id/wave.webp",
        f"photos/{NOBODYS}/wave.webp",
        f"photos/{NOBODYS}/large.jpg?style=wave",
        f"photos/{NOBODYS}/photo.webp",
        f"samples/coffee/masks/{NOBODYS}.png",
        f"samples/coffee/large.jpg?style=wave&mask={NOBODYS}",
    ],
)
def test_what_is_not_there(client: FlaskClient, path: str) -> None:
    assert client.get(f"/previews/{path}").status_code == 404


@pytest.mark.parametrize(
    "query", ["", "style=nothing", "style=wave&strength=200", "style=wave&brush=9", "style=wave&mask=x"]
)
def test_controls_that_cannot_be_used_get_a_sentence(client: FlaskClient, query: str) -> None:
    answer = client.get(f"/previews/samples/coffee/large.jpg?{query}", headers=JSON)
    assert answer.status_code == 400
    assert answer.json["error"].endswith(".")


def test_the_large_preview_follows_the_controls(client: FlaskClient) -> None:
    base = "/previews/samples/coffee/large.jpg?style=starry_night"
    photo = picture(client.get("/previews/samples/coffee/photo.webp").data)
    levels = (0, 50, 100, 150)
    none, half, full, beyond = (picture(client.get(f"{base}&strength={n}").data) for n in levels)
    distances = [np.abs(shown - photo).mean() for shown in (none, half, full, beyond)]
    assert distances[0] < 5, "only the mark and the compression"
    assert distances[0] < distances[1] < distances[2] < distances[3]
    assert picture(client.get(f"{base}&side=300").data).shape == (400, 600, 3), "640 is enough for it"


def test_a_brush_too_fine_to_be_seen_is_the_finest_that_is(client: FlaskClient) -> None:
    """A finer brush would show only in large pictures, which then differ from the preview."""
    page = client.get("/studio?sample=coffee&style=wave&brush=0.25").text
    assert re.search(r'name="brush" min="0.75" [^>]* value="0.75"', page)
    assert "large.jpg?style=wave&amp;strength=100&amp;brush=0.75" in page
    with client.application.test_request_context():
        form = PaintForm(MultiDict({"style": "wave", "brush": "0.25"}), meta={"csrf": False})
        assert form.controls("wave").brush == 0.75


def test_a_newer_question_wins(client: FlaskClient) -> None:
    base = "/previews/samples/coffee/large.jpg?style=wave&tab=t"
    assert client.get(f"{base}&asked=7").status_code == 200
    assert client.get(f"{base}&asked=6").status_code == 409


def test_previews_are_private(app: Flask, ada: FlaskClient, eve: FlaskClient) -> None:
    photo = tried(ada)
    mask = ada.post(f"/previews/photos/{photo}/masks", data={"mask": (io.BytesIO(mask_png()), "m.png")}).json[
        "id"
    ]
    for path in ("wave.webp", "photo.webp", "large.jpg?style=wave", f"masks/{mask}.png"):
        assert ada.get(f"/previews/photos/{photo}/{path}").status_code == 200, path
        assert eve.get(f"/previews/photos/{photo}/{path}").status_code == 404, path
        assert app.test_client().get(f"/previews/photos/{photo}/{path}").status_code == 404, path
    assert eve.post(f"/previews/photos/{photo}/masks").status_code == 404


def test_a_mask_decides_where_it_is_painted(ada: FlaskClient) -> None:
    photo = tried(ada)
    address = f"/previews/photos/{photo}"
    ids = [
        ada.post(f"{address}/masks", data={"mask": (io.BytesIO(mask_png(level)), "m.png")}).json["id"]
        for level in (0, 255)
    ]
    none, full = (picture(ada.get(f"{address}/large.jpg?style=wave&mask={mask}").data) for mask in ids)
    plain = picture(ada.get(f"{address}/large.jpg?style=wave").data)
    original = picture(ada.get(f"{address}/photo.webp").data)
    assert np.abs(full - plain).max() == 0
    assert np.abs(none - original).mean() < 6


def test_a_mask_of_a_photo_deleted_meanwhile_goes_with_it(
    ada: FlaskClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo, plain_keep = tried(ada), preview_views.keep_mask

    def delete_and_keep(storage: Storage, files: PhotoFiles, data: bytes) -> uuid.UUID:
        storage.delete_prefix(files.prefix)
        return plain_keep(storage, files, data)

    monkeypatch.setattr(preview_views, "keep_mask", delete_and_keep)
    sent = {"mask": (io.BytesIO(mask_png()), "m.png")}
    assert ada.post(f"/previews/photos/{photo}/masks", data=sent).status_code == 201
    assert not (tmp_path / "storage" / "photos" / photo).exists()


@pytest.mark.parametrize(("data", "status"), [(b"", 400), (b"text", 415), (b"\0" * 4_000_001, 413)])
def test_what_is_no_mask_gets_a_sentence(client: FlaskClient, data: bytes, status: int) -> None:
    answer = client.post(
        "/previews/samples/coffee/masks", data={"mask": (io.BytesIO(data), "m.png")}, headers=JSON
    )
    assert answer.status_code == status
    assert answer.json["error"].endswith(".")


@pytest.mark.parametrize("path", ["wave.webp", "photo.webp", "large.jpg?style=wave"])
def test_no_connection_is_held_while_a_sample_is_painted(
    ada: FlaskClient, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    held: list[bool] = []

    def paint(*_: object, **__: object) -> Image.Image:
        held.append(db.session().in_transaction())
        raise TooBusy("Painted enough.")

    for step in ("small", "photo", "large"):
        monkeypatch.setattr(Previewer, step, paint)
    assert ada.get(f"/previews/samples/coffee/{path}").status_code == 503
    assert held == [False]


def test_previews_are_limited(tmp_path: Path, sqlite_url: str) -> None:
    settings = make_settings(tmp_path, database_url=sqlite_url, ratelimit_enabled=True)
    for app in running_app(settings):
        client = app.test_client()
        answers = [client.get("/previews/samples/coffee/nothing.webp").status_code for _ in range(901)]
        assert answers[-1] == 429
        assert set(answers[:900]) == {404}
        assert client.get("/studio").status_code == 200, "pages are not counted with them"


# --- visitors -----------------------------------------------------------------------------------


def test_a_visitor_tries_one_photo(app: Flask, client: FlaskClient, tmp_path: Path) -> None:
    first = tried(client)
    page = client.get(f"/studio?photos={first}&style=wave")
    assert page.status_code == 200
    assert "My cat" in page.text
    assert f"/previews/photos/{first}/large.jpg" in page.text
    assert client.get(f"/previews/photos/{first}/wave.webp").status_code == 200
    assert client.get(f"/photos/{first}/thumbnail.webp").status_code == 200
    assert app.test_client().get(f"/previews/photos/{first}/wave.webp").status_code == 404
    with app.app_context(), transaction() as session:
        assert session.query(Photo).count() == 0
    second = tried(client)
    assert not (tmp_path / "storage" / "photos" / first).exists(), "one at a time"
    assert client.post(f"/photos/{second}/delete").status_code == 303
    assert not (tmp_path / "storage" / "photos" / second).exists()
    assert client.get(f"/previews/photos/{second}/wave.webp").status_code == 404


def test_a_visitors_second_file_is_refused(client: FlaskClient) -> None:
    answer = upload(client, (sample_jpeg(), "a.jpg"), (sample_jpeg(), "b.jpg"), headers=JSON)
    assert len(answer.json["photos"]) == 1
    assert "Sign up" in answer.json["errors"][0]["sentence"]


def test_the_tried_photo_moves_into_the_new_account(app: Flask, client: FlaskClient) -> None:
    photo = tried(client)
    mask = client.post(
        f"/previews/photos/{photo}/masks", data={"mask": (io.BytesIO(mask_png()), "m.png")}
    ).json["id"]
    back = f"/studio?photos={photo}&style=udnie&strength=60&mask={mask}"
    answer = client.post(
        "/sign-up", query_string={"next": back}, data={"email": "new@example.com", "password": PASSWORD}
    )
    assert answer.location == back
    moved = client.get(back)
    assert moved.status_code == 303
    page = client.get(moved.location)
    assert photo in page.text
    assert mask in page.text
    assert 'value="60"' in page.text
    with app.app_context(), transaction() as session:
        kept = session.query(Photo).one()
        assert (str(kept.id), kept.name, kept.width) == (photo, "My cat", 160)
    assert client.get(f"/previews/photos/{photo}/udnie.webp").status_code == 200


def test_a_visitors_photo_is_swept_with_its_previews(
    app: Flask, client: FlaskClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo = tried(client)
    client.get(f"/previews/photos/{photo}/wave.webp")
    folder = tmp_path / "storage" / "photos" / photo
    discard_orphans(app)
    assert folder.exists()
    os.utime(folder, (time.time() - 90_000,) * 2)
    discard_orphans(app)
    assert not folder.exists()
    # The photo is gone, and the page only says that there is no photo.
    assert client.get(f"/previews/photos/{photo}/photo.webp").status_code == 404
    page = client.get("/studio", query_string={"photos": photo})
    assert page.status_code == 200
    assert f"/photos/{photo}" not in page.text, "neither a broken thumbnail nor tiles that cannot be painted"
    assert "/previews/samples/" in page.text
    client.post("/sign-up", data={"email": "late@example.com", "password": PASSWORD})
    assert photo not in client.get("/studio").text
    with app.app_context(), transaction() as session:
        assert session.query(Photo).count() == 0


@pytest.mark.parametrize("name", ["endpoint", "_anchor", "_scheme", "_external", "_method"])
def test_an_address_may_hold_any_name(client: FlaskClient, user: User, name: str) -> None:
    """Parameters go back into the address, even with names of Flask's own options."""
    sent = {name: "x", "style": "wave"}
    answer = client.post("/studio", data=sent)
    assert answer.status_code == 303
    address = urlsplit(answer.location)
    assert (address.path, dict(parse_qsl(address.query)), address.fragment) == ("/studio", sent, "easel")
    photo = tried(client)
    log_in(client, user)
    address = urlsplit(client.get("/studio", query_string=sent).location)
    assert (address.path, dict(parse_qsl(address.query))) == ("/studio", {**sent, "photos": photo})


def test_a_photo_that_two_tabs_adopt_at_once_is_adopted_once(app_on_both: Flask, tmp_path: Path) -> None:
    app_on_both.config["WTF_CSRF_ENABLED"] = False
    client, user = app_on_both.test_client(), create_user(app_on_both, "ada@example.com")
    photo = tried(client)
    log_in(client, user)
    answers: list[TestResponse] = []
    with app_on_both.app_context():
        other = Session(db.engine)
        begin_write(other)
        other.add(
            Photo(
                id=uuid.UUID(photo), user_id=user.id, name="", media_type="", width=1, height=1, byte_size=1
            )
        )
        other.flush()
    # It waits for the other tab's transaction: before that ends, the row is invisible; then it exists.
    tab = threading.Thread(target=lambda: answers.append(client.get("/studio")))
    tab.start()
    time.sleep(0.5)
    other.commit()
    other.close()
    tab.join()
    assert [(answer.status_code, answer.location) for answer in answers] == [(303, f"/studio?photos={photo}")]
    with app_on_both.app_context(), transaction() as session:
        assert session.query(Photo).count() == 1


# --- styles of two networks ---------------------------------------------------------------------


@pytest.fixture
def other_network(app: Flask) -> str:
    """An imported style, which has a network of its own."""
    with app.app_context():
        offered = catalogue()
    shipped = load_checkpoint(offered.get("udnie").checkpoint)
    mine = replace(shipped, styles=("mine",), rows=shipped.rows[:1])
    save_checkpoint(offered.import_folder / "mine.npz", mine)
    offered.add(StyleFacts("mine", "Mine"), "mine.npz")
    return "mine"


@pytest.fixture
def sent(other_network: str) -> dict[str, str]:
    return {"style": "wave", "second_style": other_network}


MIXED = "The Great Wave off Kanagawa and Mine cannot be mixed. Choose another second style, or none."


@pytest.mark.parametrize("how", [{}, {"mix": "1"}, {"mix": "0", "style_mask": str(NOBODYS)}])
def test_styles_of_two_networks_cannot_be_mixed(
    app: Flask, ada: FlaskClient, sent: dict[str, str], how: dict[str, str]
) -> None:
    asked = ada.get("/previews/samples/coffee/large.jpg", query_string=sent | how, headers=JSON)
    assert (asked.status_code, asked.json) == (400, {"error": MIXED})
    order = {"token": str(uuid.uuid4()), "photos": tried(ada), "credits": "2"} | sent | how
    answer = ada.post("/orders", data=order | {"style": ["mine", "wave"]})
    assert answer.status_code == 400
    assert MIXED in answer.text
    with app.app_context(), transaction() as session:
        assert session.query(Render).count() == 0


def test_the_studio_leaves_out_a_second_style_that_cannot_be_mixed(
    client: FlaskClient, sent: dict[str, str]
) -> None:
    page = client.get("/studio", query_string=sent | {"sample": "coffee", "strength": "40"}).text
    assert MIXED in page
    assert "large.jpg?style=wave&amp;strength=40&amp;brush=1" in page
    page = client.get("/studio", query_string=sent | {"second_style": "gone", "strength": "40"}).text
    assert "large.jpg?style=wave&amp;strength=40&amp;brush=1" in page
    assert "Not a valid choice" not in page


def test_the_second_style_alone_may_be_of_any_network(ada: FlaskClient, sent: dict[str, str]) -> None:
    order = {"token": str(uuid.uuid4()), "photos": tried(ada)} | sent
    assert ada.post("/orders", data=order | {"mix": "100"}).status_code == 303
    shown = ada.get("/previews/samples/coffee/large.jpg", query_string=sent | {"mix": "100"})
    assert shown.status_code == 200


# --- the page -----------------------------------------------------------------------------------


def test_search_works_by_address_alone(client: FlaskClient) -> None:
    page = client.get("/studio?q=hokusai&movement=Ukiyo-e&sort=title").text
    assert 'id="style-wave"' in page
    assert f"of {len(CATALOGUE.styles)} styles" in page
    wave = page.split('id="style-wave"')[1].split(">")[0]
    muse = page.split('id="style-la_muse"')[1].split(">")[0]
    assert "hidden" not in wave
    assert muse.endswith("hidden")
    assert '<p class="wall-empty" data-none>' in client.get("/studio?q=nothing-like-it").text


@pytest.mark.parametrize(
    ("headers", "side"),
    [({}, ""), ({"Save-Data": "on"}, "&amp;side=640"), ({"ECT": "3g"}, "&amp;side=640"), ({"ECT": "4g"}, "")],
)
def test_where_data_is_dear_the_first_preview_is_smaller(
    client: FlaskClient, headers: dict[str, str], side: str
) -> None:
    page = client.get("/studio?sample=coffee&style=wave", headers=headers).text
    assert f'large.jpg?style=wave&amp;strength=100&amp;brush=1{side}"' in page


@pytest.mark.parametrize(("credits", "said"), [(3, True), (0, False)])
def test_visitors_are_told_what_is_free_if_anything_is(settings: Settings, credits: int, said: bool) -> None:
    for app in running_app(settings.model_copy(update={"free_credits": credits})):
        page = app.test_client().get("/studio").text
        assert "Sign up and paint it" in page
        assert ("full-size pictures are free" in page) == said


def test_best_styles_hang_first_once_they_are_known(client: FlaskClient) -> None:
    suits = {
        slug: float(client.get(f"/previews/samples/coffee/{slug}.webp").headers["X-Suits"])
        for slug in ("wave", "the_scream", "starry_night")
    }
    page = client.get("/studio?sample=coffee").text
    places = {slug: page.index(f'id="style-{slug}"') for slug in suits}
    assert sorted(suits, key=lambda slug: -suits[slug]) == sorted(places, key=lambda slug: places[slug])


def test_without_scripts_a_button_shows_the_preview(client: FlaskClient) -> None:
    answer = client.post(
        "/studio", data={"sample": "coffee", "style": "wave", "strength": "40", "token": "x"}
    )
    assert answer.status_code == 303
    assert "token" not in answer.location
    assert "strength=40" in client.get(answer.location).text


@pytest.mark.parametrize(
    "query",
    [
        "style=nothing",
        "strength=abc&style=wave",
        "sample=x",
        "photos=x",
        "sort=x",
        "style=wave&second_style=The+Wave",
        f"style=wave&second_style=The+Wave&style_mask={NOBODYS}",
        "style=wave&mask=+&style_mask=+",
    ],
)
def test_a_strange_address_still_shows_the_studio(client: FlaskClient, query: str) -> None:
    assert client.get(f"/studio?{query}").status_code == 200


def test_a_mask_may_be_named_in_any_spelling(client: FlaskClient) -> None:
    mask = "01234567-89ab-cdef-0123-456789abcdef"
    for spelling in ("0123456789abcdef-0123456789abcdef", f"urn:uuid:{mask}", f"{{{mask}}}", mask.upper()):
        page = client.get("/studio", query_string={"sample": "coffee", "style": "wave", "mask": spelling})
        assert (page.status_code, f"&amp;mask={mask}" in page.text) == (200, True), spelling
