"""Starts a real site: gunicorn in its own process, as ``make run`` does."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from app.config import PROJECT_ROOT
from testing.waiting import wait_until


class LiveSite:
    """Starts, kills and restarts one site on one instance folder and port."""

    def __init__(self, instance_dir: Path, **environment: str) -> None:
        self.instance_dir = instance_dir
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._environment = os.environ | {
            "INSTANCE_DIR": str(instance_dir),
            "HOST": "127.0.0.1",
            "PORT": str(self.port),
            "RATELIMIT_ENABLED": "false",
            **environment,
        }
        self._process: subprocess.Popen[bytes] | None = None
        self.log = instance_dir / "site.log"

    def migrate(self) -> None:
        self._run("-m", "flask", "db", "upgrade")

    def start(self) -> None:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "gunicorn", "wsgi:app"],
                cwd=PROJECT_ROOT,
                env=self._environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        wait_until(self._answers, "the site answers")

    def kill(self) -> None:
        """Kill every process of the site at once, as a power cut would."""
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def stop(self) -> None:
        """Ask it to end, as an operator does."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            self._process.wait(60)

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.log.read_text()
        try:
            with urlopen(f"{self.url}/readyz") as answer:
                return bool(answer.status == 200)
        except (URLError, ConnectionError):
            return False

    def _run(self, *command: str) -> None:
        subprocess.run(
            [sys.executable, *command],
            cwd=PROJECT_ROOT,
            env=self._environment,
            check=True,
            capture_output=True,
        )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
