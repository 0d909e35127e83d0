"""The sandbox of one site: its keys, its store, and the threads that play Stripe in this process."""

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
    """Makes nothing but its keys until it is used: threads do not survive the fork of a web server."""

    def __init__(self, instance_dir: Path) -> None:
        self.api_key = "sk_test_" + read_or_create_secret(instance_dir / "sandbox_key")
        self.webhook_secret = "whsec_" + read_or_create_secret(instance_dir / "sandbox_webhook_secret")
        self.store = Store(instance_dir / "sandbox.db")
        self._lock = threading.Lock()
        self._server: BaseWSGIServer | None = None
        self._courier: Courier | None = None

    def api_address(self) -> str:
        """The address of the API, which the first call starts: it answers from a thread of its own.

        So a site with a single thread can ask it while it answers a page itself.
        """
        with self._lock:
            if self._server is None:
                api = create_api(self.store, self.api_key)
                self._server = make_server("127.0.0.1", 0, api, threaded=True, request_handler=_QuietHandler)
                threading.Thread(target=self._server.serve_forever, name="sandbox-api", daemon=True).start()
        self._running_courier()
        return f"http://127.0.0.1:{self._server.server_port}"

    def deliver_to(self, webhook_url: str) -> None:
        """Deliver events there: those to come, and those that are waiting since an earlier run."""
        with self.store.transaction() as transaction:
            if transaction.read_note(WEBHOOK_URL_NOTE) != webhook_url:
                transaction.note(WEBHOOK_URL_NOTE, webhook_url)
        self.announce()

    def announce(self) -> None:
        """Deliver what has just happened without waiting for the next round."""
        self._running_courier().wake()

    def close(self) -> None:
        """Stop the threads of this process; the store keeps everything."""
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
    """Writes no access log: the site's own shows the same requests."""

    def log_request(self, *args: Any, **kwargs: Any) -> None:
        pass
