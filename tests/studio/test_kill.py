"""Nothing is lost when the process is killed in the middle of a render."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.accounts.models import User
from tests.conftest import create_user, make_settings, running_app
from tests.live import LiveSite
from tests.studio.test_worker import order_picture, sample_jpeg
from tests.waiting import wait_until


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


def order_one_picture(tmp_path: Path, sqlite_url: str) -> None:
    for app in running_app(make_settings(tmp_path, database_url=sqlite_url)):
        user: User = create_user(app, "ada@example.com", credits=1)
        # Large enough to take a while, so that there is time to kill the process at work.
        order_picture(app, user, sample_jpeg(2400, 1800))
