"""The worker: a consumer of the queue with a sweeper, embedded or a process."""

from __future__ import annotations

import threading

import structlog
from flask import Flask
from huey.consumer import Consumer

from app.engine.catalogue import Catalogue
from app.studio.painting.painter import warm_up
from app.studio.painting.queue import SHUTDOWN_SECONDS
from app.studio.painting.sweeper import Sweeper
from app.wiring import catalogue, render_queue, settings

log = structlog.get_logger(__name__)


class EmbeddedWorker:
    """The worker as threads of the web process: one command runs the whole site."""

    def __init__(self, app: Flask) -> None:
        with app.app_context():
            self._consumer: Consumer = render_queue().consumer(embedded=True)
            self._sweeper = Sweeper(app, settings().sweep_interval_seconds)
            offered = catalogue()
        self._warm_up = threading.Thread(target=_warm_up, args=(offered,), name="warm-up", daemon=True)

    def start(self) -> None:
        self._warm_up.start()
        self._consumer.start()
        self._sweeper.start()

    def stop(self) -> None:
        """Finish the picture that is being painted, then stop."""
        self._sweeper.stop()
        self._consumer.stop(graceful=True)
        # A process that ends while TensorFlow loads would crash.
        self._warm_up.join(SHUTDOWN_SECONDS)


def run_worker(app: Flask) -> None:
    """Work until a signal says stop: the worker as a process of its own."""
    with app.app_context():
        consumer = render_queue().consumer(embedded=False)
        sweeper = Sweeper(app, settings().sweep_interval_seconds)
        _warm_up(catalogue())
    sweeper.start()
    consumer.run()
    sweeper.stop()


def _warm_up(offered: Catalogue) -> None:
    try:
        warm_up(offered)
    except Exception:
        log.exception("warm_up.failed")  # the first render tells what is wrong
