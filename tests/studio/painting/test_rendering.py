"""Rendering with the real network on a real photo, and its failures."""

from __future__ import annotations

import io
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flask import Flask
from huey.consumer import Consumer
from PIL import Image
from structlog.testing import capture_logs

from app.accounts.models import User
from app.db import transaction
from app.engine.errors import OutOfMemory
from app.errors import DomainError
from app.imaging.errors import UnreadablePhoto
from app.storage.base import StorageError
from app.storage.local import LocalStorage
from app.studio.domain.files import RenderFiles
from app.studio.domain.models import PictureOrder, RenderStatus
from app.studio.domain.pictures import delete_everything_of
from app.studio.painting import leases, rendering
from app.studio.painting.failures import failure_in_words
from app.studio.painting.queue import RenderQueue
from app.studio.painting.rendering import LeaseLost, process_render
from app.studio.painting.sweeper import sweep
from app.wiring import render_queue, storage
from testing.site import create_user
from testing.studio import die_at_work, huey_of, order_picture, read, sample_jpeg
from testing.waiting import wait_until


@pytest.fixture
def user(app: Flask) -> User:
    return create_user(app, "ada@example.com", credits=2)


def test_a_photo_becomes_a_picture_of_the_same_size(app: Flask, user: User) -> None:
    render_id = order_picture(app, user)
    process_render(app, render_id)
    render, balance = read(app, user, render_id)
    assert (render.status, render.progress, balance) == (RenderStatus.DONE, 1.0, 1)
    with app.app_context(), storage().open(render.files.picture_key) as file:
        picture = np.asarray(Image.open(file))
    photo = np.asarray(Image.open(io.BytesIO(sample_jpeg())))
    assert picture.shape == photo.shape
    # The wave is blue and ochre: far from the brown of coffee, and not a flat colour.
    assert np.abs(picture.astype(int) - photo).mean() > 20
    assert picture.std() > 20


def test_no_strength_gives_the_photo_itself(app: Flask, user: User) -> None:
    render_id = order_picture(app, user, strength=0.0)
    process_render(app, render_id)
    render, _ = read(app, user, render_id)
    with app.app_context(), storage().open(render.files.picture_key) as file:
        picture = np.asarray(Image.open(file))
    np.testing.assert_array_equal(picture, np.asarray(Image.open(io.BytesIO(sample_jpeg()))))


def test_a_style_that_is_gone_fails_at_once_and_costs_nothing(app: Flask, user: User) -> None:
    render_id = order_picture(app, user, style="removed_since")
    process_render(app, render_id)
    render, balance = read(app, user, render_id)
    assert (render.status, render.attempt, balance) == (RenderStatus.FAILED, 1, 2)
    with app.test_request_context():
        assert render.failure is not None
        assert failure_in_words(render.failure) == (
            "This style is no longer offered. Choose another in the studio. "
            "Your credit is back on your account."
        )


def test_a_lost_file_is_tried_again_and_then_given_up(app: Flask, user: User) -> None:
    render_id = order_picture(app, user)
    render, _ = read(app, user, render_id)
    with app.app_context():
        storage().delete_prefix(f"photos/{render.photo_id}")
    for attempt in (1, 2):
        process_render(app, render_id)
        render, balance = read(app, user, render_id)
        assert (render.status, render.attempt, balance) == (RenderStatus.QUEUED, attempt, 1)
    process_render(app, render_id)
    render, balance = read(app, user, render_id)
    assert (render.status, render.attempt, balance) == (RenderStatus.FAILED, 3, 2)
    assert render.failure == leases.RENDER_FAILED


def test_a_picture_that_is_done_stays_whatever_goes_wrong_afterwards(
    app: Flask, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last attempt finishes.

    Then the disk refuses to delete files of an earlier attempt.
    """
    render_id = order_picture(app, user)
    die_at_work(app, render_id, times=2)
    delete = LocalStorage.delete_prefix

    def refuse(self: LocalStorage, prefix: str) -> None:
        if prefix.endswith("/1"):
            raise StorageError(prefix)
        delete(self, prefix)

    monkeypatch.setattr(LocalStorage, "delete_prefix", refuse)
    process_render(app, render_id)
    render, balance = read(app, user, render_id)
    assert (render.status, render.attempt, balance) == (RenderStatus.DONE, 3, 1)
    with app.app_context():
        assert storage().holds(render.files.picture_key)


def test_failing_a_picture_that_was_finished_meanwhile_takes_nothing_away(
    app: Flask, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    render_id = order_picture(app, user)

    def finish_and_fail(*_: object) -> None:
        storage().save(RenderFiles(render_id, 1).picture_key, b"finished")
        with transaction() as session:
            assert leases.finish(session, render_id, 1)
        raise DomainError("Too late.")

    monkeypatch.setattr(rendering, "paint", finish_and_fail)
    process_render(app, render_id)
    render, _ = read(app, user, render_id)
    with app.app_context():
        assert storage().holds(render.files.picture_key)
    assert read(app, user, render_id)[0].status is RenderStatus.DONE


def test_the_result_of_a_deleted_picture_is_thrown_away(
    app: Flask, user: User, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The owner closes the account during the last strokes."""
    render_id = order_picture(app, user)
    keep_thumbnails = rendering.keep_thumbnails
    stored: list[str] = []

    def keep_and_lose(*arguments: Any) -> None:
        keep_thumbnails(*arguments)  # the last of the files
        stored.extend(path.name for path in pictures_kept(tmp_path))
        with transaction() as session:
            delete_everything_of(session, user.id)

    monkeypatch.setattr(rendering, "keep_thumbnails", keep_and_lose)
    with capture_logs() as logs:
        process_render(app, render_id)
    assert (stored, pictures_kept(tmp_path)) == (["picture.png"], [])
    assert events(logs) == ["render.lease_lost"]


def pictures_kept(tmp_path: Path) -> list[Path]:
    return list((tmp_path / "storage").glob("renders/**/picture.png"))


def events(logs: Sequence[Mapping[str, Any]]) -> list[str]:
    return [entry["event"] for entry in logs if entry["log_level"] in ("warning", "error")]


def test_files_that_the_disk_keeps_do_not_stop_anything(
    app: Flask, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One picture fails and one loses its lease.

    Both go on although no file can be removed.
    """

    def refuse(_self: LocalStorage, prefix: str) -> None:
        raise StorageError(prefix)

    failing, losing = (order_picture(app, user, style="removed_since") for _ in range(2))
    monkeypatch.setattr(LocalStorage, "delete_prefix", refuse)
    with capture_logs() as logs:
        process_render(app, failing)
    assert events(logs) == ["render.refused", "storage.files_stay"]
    render, _ = read(app, user, failing)
    assert render.status is RenderStatus.FAILED
    with app.app_context(), transaction() as session:
        assert session.get_one(PictureOrder, render.order_id).completed_at, "its owner is told"

    def lose(*_: object) -> None:
        raise LeaseLost

    monkeypatch.setattr(rendering, "paint", lose)
    with capture_logs() as logs:
        process_render(app, losing)
    assert events(logs) == ["render.lease_lost", "storage.files_stay"]


@pytest.mark.parametrize(
    ("step", "trouble"), [("paint", OutOfMemory("no room")), ("decode_photo", UnreadablePhoto())]
)
def test_a_picture_that_finds_no_memory_is_tried_again(
    app: Flask, user: User, monkeypatch: pytest.MonkeyPatch, step: str, trouble: Exception
) -> None:
    render_id = order_picture(app, user)

    def find_no_room(*_: object, **__: object) -> None:
        raise trouble

    with monkeypatch.context() as patched:
        patched.setattr(rendering, step, find_no_room)
        process_render(app, render_id)
    render, balance = read(app, user, render_id)
    assert (render.status, render.attempt, balance) == (RenderStatus.QUEUED, 1, 1)
    process_render(app, render_id)
    assert read(app, user, render_id)[0].status is RenderStatus.DONE


def test_what_is_tried_again_waits_a_little_and_the_sweep_leaves_it_so(
    app: Flask, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    render_id = order_picture(app, user)
    asked: list[float] = []
    submit = RenderQueue.submit

    def note(self: RenderQueue, *render_ids: uuid.UUID, delay: float = 0.0) -> None:
        asked.extend(delay for _ in render_ids)
        submit(self, *render_ids, delay=delay)

    def fail(*_: object) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(RenderQueue, "submit", note)
    monkeypatch.setattr(rendering, "paint", fail)
    process_render(app, render_id)
    consumer = make_consumer(app)
    consumer.start()
    try:
        wait_until(lambda: scheduled(app) == 1, "the consumer has put the message aside")
        sweep(app)
        assert (asked, read(app, user, render_id)[0].attempt) == ([10.0], 1)
    finally:
        consumer.stop(graceful=True)
    process_render(app, render_id)
    process_render(app, render_id)
    assert asked == [10.0, 60.0]
    assert read(app, user, render_id)[0].status is RenderStatus.FAILED


def make_consumer(app: Flask) -> Consumer:
    with app.app_context():
        return render_queue().consumer(embedded=True)


def scheduled(app: Flask) -> int:
    return int(huey_of(app).scheduled_count())
