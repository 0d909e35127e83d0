"""Nothing is lost when the process is killed in the middle of a render."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from app.accounts.models import User
from app.config import PROJECT_ROOT
from testing.live import LiveSite
from testing.site import create_user, make_settings, running_app
from testing.studio import order_picture, sample_jpeg
from testing.waiting import wait_until

pytestmark = pytest.mark.soak


@pytest.fixture
def site(tmp_path: Path, sqlite_url: str) -> Iterator[LiveSite]:
    site = LiveSite(tmp_path, RENDER_LEASE_SECONDS="3", SWEEP_INTERVAL_SECONDS="1")
    yield site
    site.stop()


def read_render(tmp_path: Path) -> tuple[str, int]:
    with sqlite3.connect(tmp_path / "site.db") as connection:
        row = connection.execute("SELECT status, attempt FROM renders").fetchone()
    connection.close()
    return row[0], row[1]


def credits(tmp_path: Path) -> list[tuple[str, int]]:
    with sqlite3.connect(tmp_path / "site.db") as connection:
        rows = connection.execute("SELECT reason, amount FROM ledger_entries ORDER BY id").fetchall()
    connection.close()
    return rows


def test_a_render_whose_process_is_killed_is_painted_after_the_restart(
    tmp_path: Path, sqlite_url: str, site: LiveSite
) -> None:
    order_one_picture(tmp_path, sqlite_url)
    site.start()
    wait_until(lambda: read_render(tmp_path)[0] == "running", "the render is running")
    site.kill()
    assert read_render(tmp_path) == ("running", 1)
    site.start()
    wait_until(lambda: read_render(tmp_path)[0] == "done", "the picture is painted")
    assert read_render(tmp_path) == ("done", 2)
    assert credits(tmp_path) == [("welcome", 1), ("render", -1)]
    pictures = list((tmp_path / "storage" / "renders").rglob("picture.png"))
    assert len(pictures) == 1


def test_a_render_that_kills_its_process_every_time_gives_the_credit_back(
    tmp_path: Path, sqlite_url: str, site: LiveSite
) -> None:
    order_one_picture(tmp_path, sqlite_url)
    for attempt in (1, 2, 3):
        site.start()
        wait_until(
            lambda attempt=attempt: read_render(tmp_path) == ("running", attempt), f"attempt {attempt} runs"
        )
        site.kill()
    site.start()
    wait_until(lambda: read_render(tmp_path)[0] == "failed", "the render is given up")
    assert credits(tmp_path) == [("welcome", 1), ("render", -1), ("render_returned", 1)]


def test_a_worker_that_is_told_to_stop_finishes_its_picture(tmp_path: Path, sqlite_url: str) -> None:
    """This stops ``flask worker`` as a service manager or container does."""
    order_one_picture(tmp_path, sqlite_url, 800, 600)  # half a minute to finish
    with worker_process(tmp_path, sqlite_url) as worker:
        wait_until(lambda: read_render(tmp_path)[0] == "running", "the render is running")
        worker.terminate()
        assert worker.wait(60) == 0
    assert read_render(tmp_path) == ("done", 1)
    assert credits(tmp_path) == [("welcome", 1), ("render", -1)]


def test_a_worker_that_is_told_twice_drops_its_picture(tmp_path: Path, sqlite_url: str) -> None:
    order_one_picture(tmp_path, sqlite_url)
    with worker_process(tmp_path, sqlite_url) as worker:
        wait_until(lambda: read_render(tmp_path)[0] == "running", "the render is running")
        for _ in range(2):
            worker.terminate()
            time.sleep(0.3)
        worker.wait(20)
    assert read_render(tmp_path) == ("running", 1), "its lease ends, and another paints it"


@contextmanager
def worker_process(tmp_path: Path, sqlite_url: str) -> Iterator[subprocess.Popen[bytes]]:
    """``flask worker`` on the test's database and queue."""
    environment = os.environ | {"INSTANCE_DIR": str(tmp_path), "DATABASE_URL": sqlite_url}
    with (tmp_path / "worker.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "flask", "worker"],
            cwd=PROJECT_ROOT,
            env=environment,
            stdout=log,
            stderr=log,
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def order_one_picture(tmp_path: Path, sqlite_url: str, width: int = 1600, height: int = 1200) -> None:
    for app in running_app(make_settings(tmp_path, database_url=sqlite_url)):
        user: User = create_user(app, "ada@example.com", credits=1)
        # Large enough to leave time to kill the process while it paints.
        order_picture(app, user, sample_jpeg(width, height))
