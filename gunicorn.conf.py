"""Gunicorn's settings.

HOST, PORT, WEB_CONCURRENCY and WEB_THREADS override the defaults.
"""

import os

bind = f"{os.environ.get('HOST', '127.0.0.1')}:{os.environ.get('PORT', '8000')}"
workers = int(os.environ.get("WEB_CONCURRENCY", "1"))
# Most threads only wait: for slots of previews, uploads and downloads, and for slow uploads.
threads = int(os.environ.get("WEB_THREADS", "48"))
worker_class = "app.serving.PatientWorker"
# TensorFlow does not survive a fork, so nothing is loaded before it.
preload_app = False
# Seconds: enough to finish the current picture.
graceful_timeout = 40
timeout = 120
# Nothing uses gunicorn's control socket.
control_socket_disable = True

_embedded_workers = {}


def on_starting(server):
    """Refuse to start with missing or wrong settings."""
    from app.config import load_settings

    load_settings()


def when_ready(server):
    """Print the address of the site once it listens."""
    host, port = bind.rsplit(":", 1)
    shown = "127.0.0.1" if host in ("0.0.0.0", "") else host
    print(f"\n  Style-Transfer-Art is ready: http://{shown}:{port}\n", flush=True)


def post_worker_init(worker):
    """Start painting in this process after the fork, unless workers run separately."""
    from app.studio.painting.worker import EmbeddedWorker

    if sandbox := worker.wsgi.extensions.get("sandbox"):
        sandbox.announce()  # deliver events from an earlier run now, before any payment
    if worker.wsgi.extensions["settings"].embedded_worker:
        embedded = EmbeddedWorker(worker.wsgi)
        embedded.start()
        _embedded_workers[worker.pid] = embedded


def worker_exit(server, worker):
    """Finish the current picture before the process ends."""
    embedded = _embedded_workers.pop(worker.pid, None)
    if embedded:
        embedded.stop()
