"""The sandbox's data, in an SQLite file.

It outlives the process and serves several processes.
"""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

JsonObject = dict[str, Any]

SCHEMA = """
CREATE TABLE IF NOT EXISTS objects (
    number INTEGER PRIMARY KEY, id TEXT UNIQUE NOT NULL, type TEXT NOT NULL, parent TEXT, body TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS objects_by_type ON objects (type, parent);
CREATE TABLE IF NOT EXISTS answers (
    idempotency_key TEXT PRIMARY KEY, fingerprint TEXT NOT NULL, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS deliveries (
    event_id TEXT PRIMARY KEY, attempts INTEGER NOT NULL DEFAULT 0, due_at REAL NOT NULL);
CREATE TABLE IF NOT EXISTS notes (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""
MAX_DELIVERY_ATTEMPTS = 16
MAX_DELIVERY_PAUSE_SECONDS = 600.0


class Store:
    """Opens transactions; each holds the write lock, so they run one after the other."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._prepared = False

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        with closing(sqlite3.connect(self._path, timeout=15, isolation_level=None)) as connection:
            self._prepare(connection)
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield Transaction(connection)
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")

    def _prepare(self, connection: sqlite3.Connection) -> None:
        """Set up the file at its first use.

        Two threads must not change its journal mode at once.
        """
        with self._lock:
            if not self._prepared:
                connection.execute("PRAGMA journal_mode = WAL")
                connection.executescript(SCHEMA)
                self._prepared = True


class Transaction:
    """Reads and writes of one transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    # --- objects of the API ---

    def put(self, body: JsonObject, *, parent: str | None = None) -> JsonObject:
        """Add an object, or replace the object with its id."""
        self._connection.execute(
            "INSERT INTO objects (id, type, parent, body) VALUES (?, ?, ?, ?) "
            "ON CONFLICT (id) DO UPDATE SET body = excluded.body",
            (body["id"], body["object"], parent, json.dumps(body)),
        )
        return body

    def get(self, object_id: str, kind: str | None = None) -> JsonObject | None:
        """The object with this id, if it exists and has this kind."""
        row = self._connection.execute("SELECT type, body FROM objects WHERE id = ?", (object_id,)).fetchone()
        if row is None or kind not in (None, row[0]):
            return None
        body: JsonObject = json.loads(row[1])
        return body

    def newest(self, kind: str, *, limit: int = 10, parent: str | None = None) -> list[JsonObject]:
        """Objects of a kind (and a parent, if given), newest first."""
        rows = self._connection.execute(
            "SELECT body FROM objects WHERE type = ? AND (? IS NULL OR parent = ?) "
            "ORDER BY number DESC LIMIT ?",
            (kind, parent, parent, limit),
        )
        return [json.loads(row[0]) for row in rows]

    # --- idempotency ---

    def remembered_answer(self, idempotency_key: str) -> tuple[str, JsonObject] | None:
        """The first request's fingerprint and answer for this key."""
        row = self._connection.execute(
            "SELECT fingerprint, body FROM answers WHERE idempotency_key = ?", (idempotency_key,)
        ).fetchone()
        return None if row is None else (row[0], json.loads(row[1]))

    def remember_answer(self, idempotency_key: str, fingerprint: str, body: JsonObject) -> None:
        self._connection.execute(
            "INSERT INTO answers VALUES (?, ?, ?)", (idempotency_key, fingerprint, json.dumps(body))
        )

    # --- deliveries of events ---

    def add_delivery(self, event_id: str) -> None:
        self._connection.execute(
            "INSERT INTO deliveries (event_id, due_at) VALUES (?, ?)", (event_id, time.time())
        )

    def claim_delivery(self) -> JsonObject | None:
        """The next event that is due; unless marked as delivered, it becomes due again."""
        now = time.time()
        row = self._connection.execute(
            "SELECT event_id, attempts FROM deliveries WHERE due_at <= ? AND attempts < ? "
            "ORDER BY due_at LIMIT 1",
            (now, MAX_DELIVERY_ATTEMPTS),
        ).fetchone()
        if row is None:
            return None
        event_id, attempts = row
        due_at = now + min(2.0**attempts, MAX_DELIVERY_PAUSE_SECONDS)
        self._connection.execute(
            "UPDATE deliveries SET attempts = attempts + 1, due_at = ? WHERE event_id = ?", (due_at, event_id)
        )
        return self.get(event_id)

    def mark_delivered(self, event_id: str) -> None:
        self._connection.execute("DELETE FROM deliveries WHERE event_id = ?", (event_id,))

    # --- notes ---

    def note(self, name: str, value: str) -> None:
        self._connection.execute("INSERT OR REPLACE INTO notes VALUES (?, ?)", (name, value))

    def read_note(self, name: str) -> str | None:
        row = self._connection.execute("SELECT value FROM notes WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row[0])
