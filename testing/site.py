"""Runs the application in this process, and makes accounts and clients."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from flask_security import hash_password
from jinja2 import FileSystemBytecodeCache
from werkzeug.test import TestResponse

from app import create_app
from app.accounts.models import User
from app.billing import ledger
from app.billing.models import EntryReason, Wallet
from app.config import PROJECT_ROOT, Settings
from app.db import db, transaction

SHARED = PROJECT_ROOT.parent / "shared"
PASSWORD = "correct-horse-battery"
# The same hash function with the least work: tests protect no passwords.
HASHED_QUICKLY = {"argon2__time_cost": 1, "argon2__memory_cost": 8, "argon2__parallelism": 1}
# The applications of a process share their compiled templates.
TEMPLATES_FOLDER = TemporaryDirectory(prefix="templates-")
COMPILED_TEMPLATES = FileSystemBytecodeCache(TEMPLATES_FOLDER.name)
MakeUser = Callable[..., User]


def make_settings(instance_dir: Path, **overrides: object) -> Settings:
    """Settings for a site under ``instance_dir``, without worker and rate limits."""
    defaults: dict[str, object] = {"ratelimit_enabled": False, "embedded_worker": False}
    return Settings(_env_file=None, instance_dir=instance_dir, **(defaults | overrides))  # type: ignore[arg-type]


def running_app(settings: Settings) -> Iterator[Flask]:
    """An application that leaves no connection open behind it."""
    app = create_app(settings)
    app.testing = True
    app.test_client_class = ReadingClient
    app.extensions["security"].pwd_context.update(**HASHED_QUICKLY)
    app.jinja_env.bytecode_cache = COMPILED_TEMPLATES
    yield app
    with app.app_context():
        db.session.remove()
        db.engine.dispose()


class ReadingClient(FlaskClient):
    """A client that reads every answer to its end and closes served files.

    Werkzeug's client leaves the temporary file of a large form open; here it is closed with the answer.
    """

    def open(self, *args: Any, buffered: bool = True, **options: Any) -> TestResponse:
        answer = super().open(*args, buffered=buffered, **options)
        for each in (*answer.history, answer):
            each.request.environ["wsgi.input"].close()
        return answer


def create_user(app: Flask, email: str, password: str = PASSWORD, credits: int = 0) -> User:
    with app.app_context():
        hashed = hash_password(password)
        with transaction() as session:
            wallet = Wallet(id=uuid.uuid4())
            user = User(email=email, password=hashed, fs_uniquifier=uuid.uuid4().hex, wallet=wallet)
            session.add(user)
            session.flush()
            if credits:
                ledger.grant(session, wallet.id, credits, EntryReason.WELCOME, str(wallet.id))
        session.refresh(user)
        session.expunge(user)
        session.rollback()
    return user


def log_in(client: FlaskClient, user: User, password: str = PASSWORD) -> None:
    """Log in by the form, as a person does."""
    answer = client.post("/log-in", data={"email": user.email, "password": password})
    assert answer.status_code == 302, answer.text
