"""Fixtures for all tests: applications on migrated databases, people with credits."""

from __future__ import annotations

import getpass
import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from flask import Flask
from flask.testing import FlaskClient
from flask_migrate import upgrade
from sqlalchemy.orm import Session

from app import create_app
from app.accounts.models import User
from app.config import Settings
from app.db import db
from testing.servers import miss, postgres_installed
from testing.site import PASSWORD, MakeUser, create_user, make_settings, running_app

# The developer's own settings must not leak into tests.
for name in Settings.model_fields:
    os.environ.pop(name.upper(), None)


_networks: dict[object, Any] = {}


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite file that the migrations have built, to be copied for every test."""
    folder = tmp_path_factory.mktemp("migrated")
    app = create_app(make_settings(folder))
    with app.app_context():
        upgrade()
        db.engine.dispose()
    return folder / "site.db"


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[psycopg.Connection]:
    """A PostgreSQL server for test databases: TEST_POSTGRES_URL, or the local one."""
    default = f"postgresql://{getpass.getuser()}@127.0.0.1:5432/postgres"
    try:
        connection = psycopg.connect(
            os.environ.get("TEST_POSTGRES_URL", default), autocommit=True, connect_timeout=3
        )
    except psycopg.OperationalError:
        miss("PostgreSQL (TEST_POSTGRES_URL)", installed=postgres_installed())
    with connection:
        yield connection


@pytest.fixture(scope="session")
def migrated_postgres(
    postgres_server: psycopg.Connection, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The name of a migrated database, the template of every test's own database."""
    name = f"art_template_{uuid.uuid4().hex[:12]}"
    postgres_server.execute(f'CREATE DATABASE "{name}"')
    url = postgres_url(postgres_server, name)
    app = create_app(make_settings(tmp_path_factory.mktemp("postgres"), database_url=url))
    with app.app_context():
        upgrade()
        db.engine.dispose()
    yield name
    postgres_server.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def postgres_url(server: psycopg.Connection, database: str) -> str:
    info = server.info
    secret = f":{info.password}" if info.password else ""
    return f"postgresql://{info.user}{secret}@{info.host}:{info.port}/{database}"


@pytest.fixture
def sqlite_url(migrated_sqlite: Path, tmp_path: Path) -> str:
    return f"sqlite:///{shutil.copy(migrated_sqlite, tmp_path / 'site.db')}"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """A migrated database for one test: once SQLite, once PostgreSQL."""
    if request.param == "sqlite":
        yield request.getfixturevalue("sqlite_url")
        return
    template = request.getfixturevalue("migrated_postgres")
    server: psycopg.Connection = request.getfixturevalue("postgres_server")
    name = f"art_test_{uuid.uuid4().hex[:12]}"
    server.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    yield postgres_url(server, name)
    server.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def settings(tmp_path: Path, sqlite_url: str) -> Settings:
    return make_settings(tmp_path, database_url=sqlite_url)


@pytest.fixture
def app(settings: Settings) -> Iterator[Flask]:
    yield from running_app(settings)


@pytest.fixture
def app_on_both(tmp_path: Path, database_url: str) -> Iterator[Flask]:
    """The application once on SQLite and once on PostgreSQL, for tests of locks."""
    yield from running_app(make_settings(tmp_path, database_url=database_url))


@pytest.fixture
def networks_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a process's applications share loaded networks: tracing takes seconds."""
    from app.engine.loading import Networks

    build = Networks.build

    def build_once(self: Networks, checkpoint: Any, key: Any) -> Any:
        wanted = (key, self.batch_limit)
        if wanted not in _networks:
            _networks[wanted] = build(self, checkpoint, key)
        return _networks[wanted]

    monkeypatch.setattr(Networks, "build", build_once)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    app.config["WTF_CSRF_ENABLED"] = False
    return app.test_client()


@pytest.fixture
def session(app: Flask) -> Iterator[Session]:
    with app.app_context():
        yield db.session()


@pytest.fixture
def make_user(app: Flask) -> MakeUser:
    """Make people: ``make_user("ada@example.com", credits=5)``.

    Rows are detached; their ids are loaded.
    """

    def make(email: str = "ada@example.com", *, password: str = PASSWORD, credits: int = 0) -> User:
        return create_user(app, email, password, credits)

    return make
