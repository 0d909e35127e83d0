"""Delivers signed events to the site's webhook until it accepts them."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
import time

import requests
import structlog

from app.billing.sandbox.store import Store

log = structlog.get_logger(__name__)

WEBHOOK_URL_NOTE = "webhook_url"
POLL_SECONDS = 1.0
TIMEOUT_SECONDS = 20


class Courier:
    """A background thread.

    Undelivered events stay in the store when the process ends.
    """

    def __init__(self, store: Store, webhook_secret: str) -> None:
        self._store = store
        self._secret = webhook_secret
        self._wake = threading.Event()
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="sandbox-courier", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End the thread after the current delivery."""
        self._stopped = True
        self._wake.set()
        self._thread.join()

    def wake(self) -> None:
        """Look for new events at once."""
        self._wake.set()

    def _run(self) -> None:
        with requests.Session() as http:
            http.trust_env = False  # the site runs on this machine, so use no proxy
            while not self._stopped:
                try:
                    while not self._stopped and self._deliver_next(http):
                        pass
                except Exception:
                    log.exception("sandbox.courier_failed")
                # Other processes write events too, and failed deliveries become due again: poll.
                self._wake.wait(POLL_SECONDS)
                self._wake.clear()

    def _deliver_next(self, http: requests.Session) -> bool:
        """Try the next due event; return False if there is none, or no webhook yet."""
        with self._store.transaction() as transaction:
            url = transaction.read_note(WEBHOOK_URL_NOTE)
            event = transaction.claim_delivery() if url else None
        if url is None or event is None:
            return False
        body = json.dumps(event, indent=2)
        headers = {"Content-Type": "application/json", "Stripe-Signature": signature(body, self._secret)}
        try:
            answer = http.post(url, data=body.encode(), headers=headers, timeout=TIMEOUT_SECONDS)
            answer.raise_for_status()
        except requests.RequestException as error:
            log.warning("sandbox.delivery_failed", webhook=event["id"], type=event["type"], cause=str(error))
            return True
        with self._store.transaction() as transaction:
            transaction.mark_delivered(event["id"])
        return True


def signature(body: str, secret: str, timestamp: int | None = None) -> str:
    """The Stripe-Signature header, scheme v1: HMAC-SHA256 over ``TIME.BODY``."""
    signed_at = int(time.time()) if timestamp is None else timestamp
    digest = hmac.new(secret.encode(), f"{signed_at}.{body}".encode(), hashlib.sha256).hexdigest()
    return f"t={signed_at},v1={digest}"
