"""Runs commands as typed, in this process or in a new one."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from flask import Flask
from PIL import Image

from app.config import PROJECT_ROOT
from app.engine.catalogue import Catalogue
from app.engine.stylizer import Stylizer

SAMPLES = PROJECT_ROOT / "static" / "samples"
Run = Callable[..., Result]
Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture(scope="session")
def stylizer() -> Stylizer:
    return Stylizer(Catalogue([PROJECT_ROOT / "models"]))


@pytest.fixture(autouse=True)
def painting_at_once(networks_shared: None) -> None:
    """Commands in the tests' process share loaded networks."""


@pytest.fixture
def flask(app: Flask) -> Callable[..., Result]:
    """Run a command in this process: ``flask("stylize", photo, "-o", picture)``."""

    def run(*arguments: object, stdin: bytes | None = None) -> Result:
        return app.test_cli_runner().invoke(args=[str(argument) for argument in arguments], input=stdin)

    return run


@pytest.fixture
def start(tmp_path: Path) -> Callable[..., subprocess.Popen[str]]:
    """Start a command in a process of its own, which can be interrupted."""

    def run(*arguments: object) -> subprocess.Popen[str]:
        environment = os.environ | {"INSTANCE_DIR": str(tmp_path / "instance")}
        return subprocess.Popen(
            # A shell's background process ignores SIGINT, and its children inherit that.
            [
                "env",
                "--default-signal=INT",
                sys.executable,
                "-m",
                "flask",
                "--app",
                "wsgi",
                *map(str, arguments),
            ],
            cwd=PROJECT_ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return run


def make_photo(path: Path, name: str = "chelsea", size: tuple[int, int] = (96, 64), **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with Image.open(SAMPLES / f"{name}.jpg") as sample:
        sample.convert("RGB").resize(size).save(path, **options)
    return path
