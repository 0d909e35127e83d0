"""The worker as threads of the web process."""

from __future__ import annotations

import pytest
from flask import Flask

from app.accounts.models import User
from app.studio.domain.models import RenderStatus
from app.studio.painting.worker import EmbeddedWorker
from testing.site import create_user
from testing.studio import order_picture, read
from testing.waiting import wait_until


@pytest.fixture
def user(app: Flask) -> User:
    return create_user(app, "ada@example.com", credits=2)


def test_the_embedded_worker_paints_what_is_queued(app: Flask, user: User) -> None:
    render_id = order_picture(app, user)
    embedded = EmbeddedWorker(app)
    embedded.start()
    try:
        wait_until(
            lambda: read(app, user, render_id)[0].status is RenderStatus.DONE, "the picture is painted"
        )
    finally:
        embedded.stop()
