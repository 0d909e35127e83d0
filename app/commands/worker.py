"""``flask worker``: paints the orders of the site in a process of its own."""

from __future__ import annotations

import click
from flask import current_app
from flask.cli import with_appcontext


@click.command("worker")
@with_appcontext
def worker() -> None:
    """Paint the pictures in the queue, in a separate process (set EMBEDDED_WORKER=false for the site)."""
    from app.studio.painting.worker import run_worker

    run_worker(current_app._get_current_object())  # type: ignore[attr-defined]
