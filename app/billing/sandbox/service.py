"""The sandbox of one site: its keys, its store, and its threads in this process."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from app.billing.sandbox.api import create_api
from app.billing.sandbox.courier import WEBHOOK_URL_NOTE, Courier
from app.billing.sandbox.store import Store
from app.config import read_or_create_secret


class Sandbox:
    """A sandbox that starts its threads at its first use.

    Threads do not survive a web server's fork.
    """

    def __init__(self, instance_dir: Path) -> None:
        self.api_key = "sk_test_" + read_or_create_secret(instance_dir / "sandbox_key")
        self.webhook_secret = "whsec_" + read_or_create_secret(instance_dir / "sandbox_webhook_secret")
        self.store = Store(instance_dir / "sandbox.db")
        self._lock = threading.Lock()
        self._server: BaseWSGIServer | None = None
        self._courier: Courier | None = None

    def api_address(self) -> str:
        """The API's address; the first call starts the API in a thread of its own.

        So even a site with one thread can call the API while it answers a page.
        """
        with self._lock:
            if self._server is None:
                api = create_api(self.store, self.api_key)
                self._server = make_server("127.0.0.1", 0, api, threaded=True, request_handler=_QuietHandler)
                threading.Thread(target=self._server.serve_forever, name="sandbox-api", daemon=True).start()
        self._running_courier()
        return f"http://127.0.0.1:{self._server.server_port}"

    def deliver_to(self, webhook_url: str) -> None:
        """Deliver events to this address, including events from an earlier run."""
        with self.store.transaction() as transaction:
            if transaction.read_note(WEBHOOK_URL_NOTE) != webhook_url:
                transaction.note(WEBHOOK_URL_NOTE, webhook_url)
        self.announce()

    def announce(self) -> None:
        """Deliver new events at once instead of at the next poll."""
        self._running_courier().wake()

    def close(self) -> None:
        """Stop this process's threads; the store keeps everything."""
        with self._lock:
            if self._server is not None:
                self._server.shutdown()
                self._server.server_close()
                self._server = None
            if self._courier is not None:
                self._courier.stop()
                self._courier = None

    def _running_courier(self) -> Courier:
        with self._lock:
            if self._courier is None:
                self._courier = Courier(self.store, self.webhook_secret)
                self._courier.start()
            return self._courier


class _QuietHandler(WSGIRequestHandler):
    """Writes no access log, because the site's own log shows the same requests."""

    def log_request(self, *args: Any, **kwargs: Any) -> None:
        pass
