"""The packages that the engine's modules load, in a fresh process."""

from __future__ import annotations

import subprocess
import sys

import pytest

from app.config import PROJECT_ROOT


def loaded_by(module: str) -> set[str]:
    """The top-level packages in a fresh interpreter that has imported one module."""
    code = f"import sys, {module}; print('\\n'.join(sys.modules))"
    answer = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT_ROOT, capture_output=True, text=True, check=True
    )
    return {name.partition(".")[0] for name in answer.stdout.splitlines()}


def test_the_engine_knows_nothing_of_web_database_or_payments() -> None:
    packages = loaded_by("app.engine.stylizer")
    assert "tensorflow" in packages
    assert not packages & {"flask", "sqlalchemy", "stripe", "huey", "werkzeug"}


@pytest.mark.parametrize(
    "module",
    [
        "app",
        "app.engine.catalogue",
        "app.engine.fast.tiling_plan",
        "app.engine.networks.topology",
        "app.engine.typing",
        "wsgi",
        "app.commands.styles",
        "app.commands.stylize",
    ],
)
def test_tensorflow_waits_until_a_picture_is_painted(module: str) -> None:
    assert not loaded_by(module) & {"tensorflow", "keras"}
