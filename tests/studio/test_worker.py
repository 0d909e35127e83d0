"""The worker with the real network on a real photo, and what it does when things go wrong."""

from __future__ import annotations

import io
import os
import time
import uuid
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flask import Flask
from huey.consumer import Consumer
from PIL import Image
from sqlalchemy import update
from structlog.testing import capture_logs

from app.accounts.models import User
from app.billing import ledger
from app.config import PROJECT_ROOT
from app.db import transaction, utc_now
from app.engine.errors import OutOfMemory
from app.imaging.errors import UnreadablePhoto
from app.imaging.prints import FULL, PrintSize
from app.storage.base import StorageError
from app.storage.local import LocalStorage
from app.studio.domain import orders
from app.studio.domain.controls import Controls
from app.studio.domain.masks import keep_mask
from app.studio.domain.models import Photo, PictureOrder, Render, RenderStatus
from app.studio.domain.orders import Wish
from app.studio.domain.photos import keep_photo
from app.studio.domain.pictures import delete_everything_of
from app.studio.painting import leases, worker
from app.studio.painting.failures import failure_in_words
from app.studio.painting.guests import SAMPLES
from app.studio.painting.queue import RenderQueue
from app.studio.painting.worker import (
    ORPHAN_AGE,
    EmbeddedWorker,
    LeaseLost,
    _fail,
    discard_masks,
    discard_orphans,
    process_render,
    sweep,
)
from app.wiring import render_queue, storage
from tests.conftest import create_user
from tests.waiting import wait_until

SAMPLE = PROJECT_ROOT / "static" / "samples" / "coffee.jpg"


def sample_jpeg(width: int = 160, height: int = 120) -> bytes:
    data = io.BytesIO()
    with Image.open(SAMPLE) as photo:
        photo.convert("RGB").resize((width, height)).save(data, "JPEG", quality=90)
    return data.getvalue()


@pytest.fixture
def user(app: Flask) -> User:
    return create_user(app, "ada@example.com", credits=2)


def order_picture(
    app: Flask, user: User, data: bytes | None = None, size: PrintSize = FULL, **choices: object
) -> uuid.UUID:
    """Upload a photo and ask for a picture of it, as the views do."""
    controls = Controls.from_json({"style": "wave"} | choices)
    with app.app_context():
        photo = keep_photo(storage(), user.id, "coffee.jpg", data or sample_jpeg(), max_pixels=10**7)
        photo_id = photo.id
        with transaction() as session:
            session.add(photo)
        with transaction() as session:
            order = orders.place_order(
                session,
                user_id=user.id,
                wallet_id=user.wallet_id,
                wishes=[Wish(photo_id, controls, size)],
                credits_each=1,
                max_pictures=10,
                form_token=uuid.uuid4().hex,
                site_address="http://localhost/",
            )
            return order.renders[0].id


def read(app: Flask, user: User, render_id: uuid.UUID) -> tuple[Render, int]:
    """The render's row as it is now, and its owner's balance."""
    with app.app_context(), transaction() as session:
        render = session.get_one(Render, render_id)
        balance = ledger.balance(session, user.wallet_id)
        session.expunge(render)
    return render, balance


def die_at_work(app: Flask, render_id: uuid.UUID, *, times: int) -> None:
    """Workers take the render in hand and are not heard of again, until the sweep finds it."""
    for _ in range(times):
        with app.app_context(), transaction() as session:
            assert leases.claim(session, render_id, timedelta(seconds=20))
            session.execute(update(Render).values(lease_expires_at=utc_now() - timedelta(seconds=1)))
        sweep(app)


def test_a_photo_becomes_a_picture_of_the_same_size(app: Flask, user: User) -> None:
    render_id = order_picture(app, user)
    process_render(app, render_id)
    render, balance = read(app, user, render_id)
    assert (render.status, render.progress, balance) == (RenderStatus.DONE, 1.0, 1)
    with app.app_context(), storage().open(render.result_key("picture.png")) as file:
        picture = np.asarray(Image.open(file))
    photo = np.asarray(Image.open(io.BytesIO(sample_jpeg())))
    assert picture.shape == photo.shape
    # The wave is blue and ochre: far from the brown of coffee, and not one flat colour either.
    assert np.abs(picture.astype(int) - photo).mean() > 20
    assert picture.std() > 20


def test_no_strength_gives_the_photo_itself(app: Flask, user: User) -> None:
    render_id = order_picture(app, user, strength=0.0)
    process_render(app, render_id)
    render, _ = read(app, user, render_id)
    with app.app_context(), storage().open(render.result_key("picture.png")) as file:
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
    """The last attempt finishes; then the disk refuses to give up what an earlier one left."""
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
        assert storage().holds(render.result_key("picture.png"))


def test_failing_a_picture_that_was_finished_meanwhile_takes_nothing_away(app: Flask, user: User) -> None:
    render_id = order_picture(app, user)
    process_render(app, render_id)
    render, _ = read(app, user, render_id)
    with app.app_context():
        _fail(render, "Too late.")
        assert storage().holds(render.result_key("picture.png"))
    assert read(app, user, render_id)[0].status is RenderStatus.DONE


def test_the_result_of_a_deleted_picture_is_thrown_away(
    app: Flask, user: User, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its owner closes the account while the last strokes are made."""
    render_id = order_picture(app, user)
    store = worker._store
    stored: list[str] = []

    def store_and_lose(render: Render, picture: Image.Image) -> None:
        store(render, picture)
        stored.extend(path.name for path in pictures_kept(tmp_path))
        with transaction() as session:
            delete_everything_of(session, user.id)

    monkeypatch.setattr(worker, "_store", store_and_lose)
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
    """A picture fails, and another loses its lease: both go their way though nothing can be removed."""

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

    monkeypatch.setattr(worker, "_paint_and_store", lose)
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
        patched.setattr(worker, step, find_no_room)
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
    send = RenderQueue._send

    def note(self: RenderQueue, render: str, pause: float) -> None:
        asked.append(pause)
        send(self, render, pause)

    def fail(*_: object) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(RenderQueue, "_send", note)
    monkeypatch.setattr(worker, "_paint_and_store", fail)
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
    with app.app_context():
        return int(render_queue()._huey.scheduled_count())


def test_the_sweep_returns_the_credit_of_a_render_that_keeps_killing_its_worker(
    app: Flask, user: User
) -> None:
    render_id = order_picture(app, user)
    die_at_work(app, render_id, times=3)
    render, balance = read(app, user, render_id)
    assert (render.status, render.attempt, balance) == (RenderStatus.FAILED, 3, 2)
    sweep(app)
    assert read(app, user, render_id)[1] == 2


def test_the_sweep_finds_renders_whose_message_was_lost(app: Flask, user: User) -> None:
    lost = order_picture(app, user)
    with app.app_context():
        assert render_queue().asked_for() == []
        for _ in range(2):
            sweep(app)
            assert render_queue().asked_for() == [lost]


def test_a_lost_message_is_found_while_others_wait(app: Flask, user: User) -> None:
    """On a busy site the queue is never empty."""
    lost, waiting = (order_picture(app, user) for _ in range(2))
    with app.app_context():
        render_queue().submit(waiting)
        for _ in range(2):
            sweep(app)
            assert sorted(render_queue().asked_for()) == sorted([lost, waiting])


def test_the_sweep_survives_a_message_that_nobody_here_signed(app: Flask, user: User) -> None:
    render_id = order_picture(app, user)
    with app.app_context():
        render_queue()._huey.storage.enqueue(b"nonsense")
        sweep(app)
        assert render_queue().asked_for() == [render_id]


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


def test_files_whose_row_never_came_are_removed_once_they_are_old(
    app: Flask, user: User, tmp_path: Path
) -> None:
    render_id = order_picture(app, user)
    process_render(app, render_id)
    orphans = [f"photos/{uuid.uuid4()}", f"renders/{uuid.uuid4()}"]
    with app.app_context():
        for prefix in orphans:
            storage().save(f"{prefix}/original", b"cut short")
    folders = [path for path in (tmp_path / "storage").glob("*/*") if path.is_dir()]
    assert len(folders) == 4
    discard_orphans(app)
    assert all(path.is_dir() for path in folders), "a young file may still get its row"
    for path in folders:
        os.utime(path, (time.time() - 2 * ORPHAN_AGE.total_seconds(),) * 2)
    discard_orphans(app)
    left = {path.parent.name + "/" + path.name for path in folders if path.is_dir()}
    render, _ = read(app, user, render_id)
    assert left == {f"photos/{render.photo_id}", f"renders/{render_id}"}


def test_previews_of_the_photos_that_ship_stay(app: Flask, tmp_path: Path) -> None:
    """They have no row, and everybody's next visit would paint them again. Old masks on them go."""
    photo = SAMPLES["coffee"].subject.photo
    mask = photo.mask_key(uuid.uuid4())
    with app.app_context():
        for key in (f"{photo.storage_prefix}/previews/wave.webp", mask):
            storage().save(key, b"x")
    folder = tmp_path / "storage" / photo.storage_prefix
    for path in (folder, *folder.rglob("*")):
        os.utime(path, (time.time() - 2 * ORPHAN_AGE.total_seconds(),) * 2)
    discard_orphans(app)
    assert len([path for path in folder.rglob("*") if path.is_file()]) == 2
    discard_masks(app)
    assert [path.name for path in folder.rglob("*") if path.is_file()] == ["wave.webp"]


def test_old_masks_that_no_picture_is_painted_with_are_removed(app: Flask, user: User) -> None:
    buffer = io.BytesIO()
    Image.new("L", (16, 12), 128).save(buffer, "PNG")
    render_id = order_picture(app, user)
    photo = Photo(id=read(app, user, render_id)[0].photo_id)
    with app.app_context():
        strokes = [keep_mask(storage(), photo, buffer.getvalue()) for _ in range(4)]
        painted_with = {"mask": strokes[0], "style_mask": strokes[1]}
        with transaction() as session:
            render = session.get_one(Render, render_id)
            render.controls = render.controls.model_copy(update=painted_with)
        old = [app.extensions["storage"]._path(photo.mask_key(mask)) for mask in strokes[:3]]
        unfinished = old[0].with_name(".part-abc")
        unfinished.touch()
        for path in (*old, unfinished):
            os.utime(path, (time.time() - 2 * ORPHAN_AGE.total_seconds(),) * 2)
    discard_masks(app)
    with app.app_context():
        left = [storage().holds(photo.mask_key(mask)) for mask in strokes]
        assert left == [True, True, False, True], "named as a mask, as a style mask, by nothing, and young"
        assert storage().holds(photo.original_key)
