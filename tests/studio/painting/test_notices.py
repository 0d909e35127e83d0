"""The mail about a finished long order: once, to its owner, with working links."""

from __future__ import annotations

import email
import re
import uuid
from collections.abc import Iterator
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import cast

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.accounts.models import User
from app.db import transaction, utc_now
from app.studio.domain import orders
from app.studio.domain.models import Render
from app.studio.painting.rendering import process_render
from testing.site import create_user, log_in, make_settings, running_app
from testing.studio import add_photo, paint, submit, uploaded
from testing.together import at_once


@pytest.fixture
def app(tmp_path: Path, sqlite_url: str) -> Iterator[Flask]:
    """A site where every order counts as long."""
    settings = make_settings(
        tmp_path, database_url=sqlite_url, mail_after_seconds=0, site_url="https://art.example.com/"
    )
    for app in running_app(settings):
        app.config["WTF_CSRF_ENABLED"] = False
        yield app


@pytest.fixture
def user(app: Flask) -> User:
    user = create_user(app, "ada@example.com", credits=3)
    with app.app_context(), transaction() as session:
        session.get_one(User, user.id).confirmed_at = utc_now()
    return user


@pytest.fixture
def ada(app: Flask, user: User) -> FlaskClient:
    client = app.test_client()
    client.environ_base["HTTP_HOST"] = "localhost"
    client.environ_base["wsgi.url_scheme"] = "https"
    log_in(client, user)
    return client


def mails(tmp_path: Path) -> list[EmailMessage]:
    kept = sorted((tmp_path / "outbox").glob("*.eml"))
    return [cast(EmailMessage, email.message_from_bytes(path.read_bytes(), policy=default)) for path in kept]


def work(app: Flask) -> None:
    with app.app_context(), transaction() as session:
        ids = [render.id for render in session.query(Render).order_by(Render.created_at)]
    for render_id in ids:
        process_render(app, render_id)


def test_one_mail_for_a_whole_order(app: Flask, ada: FlaskClient, tmp_path: Path) -> None:
    location = paint(ada, uploaded(ada), uploaded(ada), credits="2").location
    with app.app_context(), transaction() as session:
        first, second = (render.id for render in session.query(Render).order_by(Render.created_at))
    process_render(app, first)
    assert mails(tmp_path) == [], "half an order is no news"
    process_render(app, second)
    process_render(app, second)
    (mail,) = mails(tmp_path)
    assert (mail["To"], mail["Subject"]) == ("ada@example.com", "Your pictures are ready")
    body = mail.get_content()
    assert "Your order of 2 pictures is ready." in re.sub(r"\s+", " ", body)
    assert f"https://art.example.com{location}" in body
    assert "https://art.example.com/account" in body


def test_a_single_picture_is_linked_itself(app: Flask, ada: FlaskClient, tmp_path: Path) -> None:
    location = paint(ada, uploaded(ada)).location
    work(app)
    (mail,) = mails(tmp_path)
    body = mail.get_content()
    assert "My coffee in the style of The Great Wave off Kanagawa" in body
    assert f"https://art.example.com{location}" in body


def test_failures_are_told_and_nothing_but_failures_is_not(
    app: Flask, ada: FlaskClient, user: User, tmp_path: Path
) -> None:
    paint(ada, uploaded(ada), uploaded(ada), credits="2")
    with app.app_context(), transaction() as session:
        first = session.query(Render).order_by(Render.created_at).first()
        assert first is not None
        first.controls = first.controls.model_copy(update={"style": "removed_since"})
    work(app)
    (mail,) = mails(tmp_path)
    assert "1 are painted" not in mail.get_content()
    assert "1 of them is painted. 1 could not be painted. Its credits are back on your account." in re.sub(
        r"\s+", " ", mail.get_content()
    )
    paint(ada, uploaded(ada))
    with app.app_context(), transaction() as session:
        last = session.query(Render).order_by(Render.created_at.desc()).first()
        assert last is not None
        last.controls = last.controls.model_copy(update={"style": "removed_since"})
    work(app)
    assert len(mails(tmp_path)) == 1, "a failure is told on the page, where it can be tried again"


def test_who_does_not_want_mail_gets_none(app: Flask, ada: FlaskClient, tmp_path: Path) -> None:
    assert ada.post("/account/mail").status_code == 303
    assert not re.search(r'name="mail_when_done"\s+checked', ada.get("/account").text)
    paint(ada, uploaded(ada))
    work(app)
    assert mails(tmp_path) == []
    assert ada.post("/account/mail", data={"mail_when_done": "on"}).status_code == 303
    assert re.search(r'name="mail_when_done"\s+checked', ada.get("/account").text)
    paint(ada, uploaded(ada))
    work(app)
    assert len(mails(tmp_path)) == 1


def test_nobody_is_written_to_whose_address_is_not_confirmed(
    app: Flask, ada: FlaskClient, user: User, tmp_path: Path
) -> None:
    with app.app_context(), transaction() as session:
        session.get_one(User, user.id).confirmed_at = None
    paint(ada, uploaded(ada))
    work(app)
    assert mails(tmp_path) == []


def test_what_was_quick_is_not_told(app: Flask, ada: FlaskClient, tmp_path: Path) -> None:
    app.extensions["settings"].mail_after_seconds = 3600
    paint(ada, uploaded(ada))
    work(app)
    assert mails(tmp_path) == []


def test_of_many_workers_one_completes_an_order(app_on_both: Flask) -> None:
    user = create_user(app_on_both, "ada@example.com", credits=1)
    with app_on_both.app_context(), transaction() as session:
        render = submit(session, user, [add_photo(session, user)])[0]
        order_id: uuid.UUID = render.order_id
        assert orders.complete_order(session, order_id) is None, "it still waits"
        session.delete(render)

    def complete() -> bool:
        with app_on_both.app_context(), transaction() as session:
            return orders.complete_order(session, order_id) is not None

    assert sorted(at_once([complete] * 6), key=str) == [False] * 5 + [True]
