"""A site that offers only styles of works in the public domain."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.accounts.models import User
from app.config import Settings
from app.studio.painting.rendering import process_render
from testing.site import log_in, running_app
from testing.studio import paint, uploaded

PROTECTED = ("la_muse", "La Muse", "rain_princess", "Rain Princess")


@pytest.fixture
def careful_app(settings: Settings) -> Iterator[Flask]:
    """The same site after its operator has changed the setting."""
    yield from running_app(settings.model_copy(update={"styles_public_domain_only": True}))


@pytest.fixture
def careful(careful_app: Flask) -> FlaskClient:
    careful_app.config["WTF_CSRF_ENABLED"] = False
    return careful_app.test_client()


def test_protected_works_are_on_no_page(careful: FlaskClient) -> None:
    for path in ("/", "/styles", "/studio"):
        page = careful.get(path)
        assert page.status_code == 200
        assert "The Starry Night" in page.text
        for protected in PROTECTED:
            assert protected not in page.text, path


def test_protected_works_are_painted_for_nobody(careful: FlaskClient, user: User) -> None:
    assert careful.get("/styles/wave/preview.webp").status_code == 200
    assert careful.get("/styles/la_muse/preview.webp").status_code == 404
    assert careful.get("/previews/samples/coffee/la_muse.webp").status_code == 404
    assert (
        careful.get("/previews/samples/coffee/large.jpg?style=wave&second_style=la_muse").status_code == 400
    )
    log_in(careful, user)
    assert paint(careful, uploaded(careful), style="la_muse").status_code == 400


def test_a_picture_painted_before_still_shows(
    app: Flask, ada: FlaskClient, user: User, careful: FlaskClient
) -> None:
    location = paint(ada, uploaded(ada), style="la_muse").location
    process_render(app, uuid.UUID(location.rsplit("/", 1)[1]))
    log_in(careful, user)
    page = careful.get(location)
    assert page.status_code == 200
    assert "La muse" in page.text
    assert careful.get(f"{location}/download").data == ada.get(f"{location}/download").data
    assert location in careful.get("/pictures").text
