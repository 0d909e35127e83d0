"""Measuring in a process of one's own: TensorFlow is configured once, and a peak of memory never falls."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from app.config import PROJECT_ROOT

# TensorFlow imports JAX where it finds it: 125 MB that only the tests' environment has.
_RUN = """
import runpy, sys
sys.modules["jax"] = None
del sys.argv[0]
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
"""


def measured_alone(module: str, *arguments: str) -> dict[str, Any]:
    """The figures that ``python -m MODULE ARGUMENTS`` prints, as JSON in its last line, with what is served.

    Raises:
        subprocess.CalledProcessError: it failed.
    """
    command = [sys.executable, "-c", _RUN, module, *arguments]
    answer = subprocess.run(command, cwd=PROJECT_ROOT, capture_output=True, text=True, check=True)
    figures: dict[str, Any] = json.loads(answer.stdout.splitlines()[-1])
    return figures
