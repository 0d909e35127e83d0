"""Failures of pictures, in words that people can act on, in any language."""

from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.accounts.models import User
from app.engine.errors import EngineError, InvalidCheckpoint, InvalidOption, UnknownStyle
from app.errors import DomainError
from app.imaging.errors import DamagedPhoto, NotAPhoto
from app.studio.domain.masks import MaskGone
from app.studio.domain.models import FAILURE_LENGTH, RenderStatus
from app.studio.painting.failures import CREDIT_BACK, failure_in_words, kept_failure
from app.studio.painting.leases import RENDER_FAILED
from app.studio.painting.rendering import process_render
from app.wiring import storage
from testing.studio import order_picture, read

UNREADABLE = "This photo can no longer be read. Upload it again in the studio."


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (
            UnknownStyle("There is no style called wace. Did you mean wave?"),
            "This style is no longer offered. Choose another in the studio.",
        ),
        (
            InvalidOption("wave and mine belong to different networks and cannot be mixed."),
            "These settings cannot be used. Open the photo in the studio and choose again.",
        ),
        (NotAPhoto(), UNREADABLE),
        (DamagedPhoto(), UNREADABLE),
        (MaskGone(), str(MaskGone())),
    ],
)
def test_a_failure_says_what_to_do(app: Flask, error: DomainError | EngineError, told: str) -> None:
    with app.test_request_context():
        assert failure_in_words(kept_failure(error)) == f"{told} {CREDIT_BACK}"


@pytest.mark.parametrize(
    "error", [InvalidCheckpoint("house.npz is damaged."), DomainError("x" * FAILURE_LENGTH)]
)
def test_what_nobody_can_mend_or_is_too_long_is_told_in_general(
    app: Flask, error: DomainError | EngineError
) -> None:
    with app.test_request_context():
        assert failure_in_words(kept_failure(error)) == RENDER_FAILED


def test_a_kept_photo_that_cannot_be_read_is_not_told_as_an_upload(
    app: Flask, ada: FlaskClient, user: User
) -> None:
    render_id = order_picture(app, user)
    render, _ = read(app, user, render_id)
    original = f"photos/{render.photo_id}/original"
    with app.app_context():
        storage().delete_prefix(original)
        storage().save(original, b"no photo any more")
    process_render(app, render_id)
    render, balance = read(app, user, render_id)
    assert (render.status, balance) == (RenderStatus.FAILED, 3)
    page = ada.get(f"/pictures/{render_id}").text
    assert f"{UNREADABLE} {CREDIT_BACK}" in page
    assert "JPEG" not in page
