"""The sweeper: lost renders are found, and files without a row are removed."""

from __future__ import annotations

import io
import os
import time
import uuid
from pathlib import Path

import pytest
from flask import Flask
from PIL import Image

from app.accounts.models import User
from app.db import transaction
from app.studio.domain.files import PhotoFiles
from app.studio.domain.masks import keep_mask
from app.studio.domain.models import Render, RenderStatus
from app.studio.painting.guests import SAMPLES
from app.studio.painting.rendering import process_render
from app.studio.painting.sweeper import ORPHAN_AGE, discard_masks, discard_orphans, sweep
from app.wiring import render_queue, storage
from testing.site import create_user
from testing.studio import die_at_work, huey_of, order_picture, read


@pytest.fixture
def user(app: Flask) -> User:
    return create_user(app, "ada@example.com", credits=2)


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
        assert render_queue().pending() == []
        for _ in range(2):
            sweep(app)
            assert render_queue().pending() == [lost]


def test_a_lost_message_is_found_while_others_wait(app: Flask, user: User) -> None:
    """On a busy site the queue is never empty."""
    lost, waiting = (order_picture(app, user) for _ in range(2))
    with app.app_context():
        render_queue().submit(waiting)
        for _ in range(2):
            sweep(app)
            assert sorted(render_queue().pending()) == sorted([lost, waiting])


def test_the_sweep_survives_a_message_that_nobody_here_signed(app: Flask, user: User) -> None:
    render_id = order_picture(app, user)
    with app.app_context():
        huey_of(app).storage.enqueue(b"nonsense")
        sweep(app)
        assert render_queue().pending() == [render_id]


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
    """They have no row, but everybody uses them. Old masks of samples go."""
    files = SAMPLES["coffee"].source.files
    mask = files.mask_key(uuid.uuid4())
    with app.app_context():
        for key in (files.style_preview_key("wave.webp"), mask):
            storage().save(key, b"x")
    folder = tmp_path / "storage" / files.prefix
    for path in (folder, *folder.rglob("*")):
        os.utime(path, (time.time() - 2 * ORPHAN_AGE.total_seconds(),) * 2)
    discard_orphans(app)
    assert len([path for path in folder.rglob("*") if path.is_file()]) == 2
    discard_masks(app)
    assert [path.name for path in folder.rglob("*") if path.is_file()] == ["wave.webp"]


def test_old_masks_that_no_picture_is_painted_with_are_removed(
    app: Flask, user: User, tmp_path: Path
) -> None:
    buffer = io.BytesIO()
    Image.new("L", (16, 12), 128).save(buffer, "PNG")
    render_id = order_picture(app, user)
    photo_id = read(app, user, render_id)[0].photo_id
    assert photo_id
    files = PhotoFiles(photo_id)
    with app.app_context():
        strokes = [keep_mask(storage(), files, buffer.getvalue()) for _ in range(4)]
        painted_with = {"mask": strokes[0], "style_mask": strokes[1]}
        with transaction() as session:
            render = session.get_one(Render, render_id)
            render.controls = render.controls.model_copy(update=painted_with)
        old = [tmp_path / "storage" / files.mask_key(mask) for mask in strokes[:3]]
        unfinished = old[0].with_name(".part-abc")
        unfinished.touch()
        for path in (*old, unfinished):
            os.utime(path, (time.time() - 2 * ORPHAN_AGE.total_seconds(),) * 2)
    discard_masks(app)
    with app.app_context():
        left = [storage().holds(files.mask_key(mask)) for mask in strokes]
        assert left == [True, True, False, True], "named as a mask, as a style mask, by nothing, and young"
        assert storage().holds(files.original_key)
