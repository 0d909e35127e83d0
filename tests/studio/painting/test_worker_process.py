"""The site as on many machines: PostgreSQL, Redis and worker processes."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from redis import Redis
from redis.exceptions import ConnectionError as RedisUnreachable

from app.config import PROJECT_ROOT
from app.studio.domain.models import RenderStatus
from app.wiring import render_queue
from testing.servers import miss, redis_installed
from testing.site import create_user, make_settings, running_app
from testing.studio import order_picture, read
from testing.waiting import wait_until


@pytest.fixture
def redis_url() -> Iterator[str]:
    """An empty Redis database: TEST_REDIS_URL, or the local server's last one."""
    url = os.environ.get("TEST_REDIS_URL", "redis://127.0.0.1:6379/15")
    with Redis.from_url(url) as redis:
        try:
            redis.flushdb()
        except RedisUnreachable:
            miss("Redis (TEST_REDIS_URL)", installed=redis_installed())
        yield url
        redis.flushdb()


@pytest.fixture
def app(tmp_path: Path, database_url: str, redis_url: str) -> Iterator[Flask]:
    yield from running_app(make_settings(tmp_path, database_url=database_url, queue_url=redis_url))


@pytest.fixture
def worker(
    tmp_path: Path, database_url: str, redis_url: str, app: Flask
) -> Iterator[subprocess.Popen[bytes]]:
    environment = {
        "INSTANCE_DIR": str(tmp_path),
        "DATABASE_URL": database_url,
        "QUEUE_URL": redis_url,
        "SECRET_KEY": app.config["SECRET_KEY"],
    }
    with (tmp_path / "worker.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "flask", "worker"],
            cwd=PROJECT_ROOT,
            env=os.environ | environment,
            stdout=log,
            stderr=log,
        )
    yield process
    if process.poll() is None:
        process.kill()
        process.wait()


@pytest.mark.parametrize(
    "database_url", ["postgresql"], indirect=True
)  # test_kill.py has the worker on SQLite
def test_a_worker_process_paints_what_the_site_queues(app: Flask, worker: subprocess.Popen[bytes]) -> None:
    user = create_user(app, "ada@example.com", credits=2)
    first = order_picture(app, user)
    with app.app_context():
        render_queue().submit(first)
        render_queue().submit(first)  # a repeated message paints once
        render_queue().submit(uuid.uuid4())  # a message for a missing row does no harm
    wait_until(lambda: read(app, user, first)[0].status is RenderStatus.DONE, "the worker has painted")
    render, balance = read(app, user, first)
    assert (render.attempt, balance) == (1, 1)
    worker.terminate()
    assert worker.wait(30) == 0
