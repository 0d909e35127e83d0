"""Runs a measurement in a separate process.

TensorFlow can be configured only once per process, and a process's peak memory never falls.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from app.config import PROJECT_ROOT

# TensorFlow imports JAX if it finds it: 125 MB that exist only in the tests' environment.
_RUN = """
import runpy, sys
sys.modules["jax"] = None
del sys.argv[0]
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
"""


def measured_alone(module: str, *arguments: str) -> dict[str, Any]:
    """Run ``python -m MODULE ARGUMENTS`` without JAX; return its last line's JSON.

    Raises:
        subprocess.CalledProcessError: the command failed.
    """
    command = [sys.executable, "-c", _RUN, module, *arguments]
    answer = subprocess.run(command, cwd=PROJECT_ROOT, capture_output=True, text=True, check=True)
    figures: dict[str, Any] = json.loads(answer.stdout.splitlines()[-1])
    return figures
