"""Picture pages: gallery, single picture, files, deletion, and who may see them."""

from __future__ import annotations

import io
import re
import uuid
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient
from PIL import Image, ImageChops, ImageStat

from app.accounts.models import User
from app.db import transaction
from app.studio.domain.models import Photo, Render
from app.studio.painting.rendering import process_render
from testing.site import PASSWORD
from testing.studio import balance, paint, painted, uploaded


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
    """Mails have these links. The answer does not tell whether the picture exists."""
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
    """The way leads through the studio and its page without scripts to the same print."""
    photo = uploaded(ada)
    part = {f"left-{photo}": "25", f"top-{photo}": "10", f"width-{photo}": "40"}
    location = paint(ada, photo, size="a4", orientation="portrait", **part).location
    edit = ada.get(f"{location}/edit").location
    assert {"size": "a4", "orientation": "portrait"}.items() <= dict(parse_qsl(urlsplit(edit).query)).items()
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
    assert "orientation" not in query
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
