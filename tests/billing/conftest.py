"""A sandbox of one's own, a site that really listens, and the shape of Stripe's objects."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import stripe
from flask import Flask
from werkzeug.serving import WSGIRequestHandler, make_server

from app.billing.gateway import Gateway
from app.billing.sandbox.service import Sandbox


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    sandbox = Sandbox(tmp_path / "stripe")
    yield sandbox
    sandbox.close()


@pytest.fixture
def gateway(sandbox: Sandbox) -> Gateway:
    return Gateway(sandbox.api_key, sandbox.webhook_secret, sandbox.api_address)


@pytest.fixture
def stripe_client(sandbox: Sandbox) -> stripe.StripeClient:
    """The official SDK, talking to the sandbox over HTTP."""
    return stripe.StripeClient(
        sandbox.api_key, base_addresses={"api": sandbox.api_address()}, max_network_retries=0
    )


class _Quiet(WSGIRequestHandler):
    def log_request(self, *args: object, **kwargs: object) -> None:
        pass


@pytest.fixture
def site(app: Flask) -> Iterator[str]:
    """The address of the application, served over HTTP so that webhooks reach it."""
    app.config["WTF_CSRF_ENABLED"] = False
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_Quiet)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    app.extensions["sandbox"].close()
    server.shutdown()
    thread.join()
    server.server_close()
