"""Servers that tests need: PostgreSQL, Redis, later others."""

from __future__ import annotations

import os
import shutil
import socket
from pathlib import Path
from typing import NoReturn

import pytest

# Debian keeps the programs of PostgreSQL off the path.
POSTGRES_FOLDERS = "usr/lib/postgresql/*/bin"


def miss(server: str, *, installed: bool) -> NoReturn:
    """Skip a test whose server cannot be used.

    With REQUIRE_SERVERS=true a server that is installed here must be used: then the test fails instead.
    """
    if installed and os.environ.get("REQUIRE_SERVERS") == "true":
        pytest.fail(
            f"{server} is installed here, but the tests cannot use it. Start it, and check its address."
        )
    pytest.skip(f"needs {server}")


def postgres_installed() -> bool:
    """Whether PostgreSQL answers on its usual port, or its program is here."""
    return any(Path("/").glob(f"{POSTGRES_FOLDERS}/postgres")) or _installed("postgres", 5432)


def redis_installed() -> bool:
    """Whether Redis answers on its usual port, or its program is here."""
    return _installed("redis-server", 6379)


def _installed(program: str, port: int) -> bool:
    return shutil.which(program) is not None or _answers(port)


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False
