"""A gunicorn worker whose threads wait for nobody: slow clients cost a socket and a little memory.

gunicorn's own worker reads a request in the thread that answers it, so a few slow clients hold all threads.
Here the main loop collects the head, and the body of an ordinary form, before a thread begins.
The thread reads the body of an upload, which has to come at a least speed.
"""

from __future__ import annotations

import re
import selectors
import socket
import struct
import time
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import Any

from gunicorn.http.unreader import SocketUnreader
from gunicorn.workers.gthread import TConn, ThreadWorker

# How long a client may take for the head and the body of a form, in seconds.
COLLECT_SECONDS = 10.0
# How much of one request is collected: the largest form (app.request_bodies), and its head.
BODY_MAX_BYTES = 1_000_000
HEAD_MAX_BYTES = 64 * 1024
# How much is collected for all requests together; beyond that the oldest is dropped.
TOTAL_MAX_BYTES = 64 * 1024 * 1024
# What a larger body has to keep up with: so many bytes a second, after some seconds to begin.
UPLOAD_GRACE_SECONDS = 15.0
UPLOAD_BYTES_PER_SECOND = 20_000
# How long a client may take no byte of the answer, and how long a closed connection waits for its end.
SEND_SECONDS = 30
LINGER_SECONDS = 2.0

HEAD_END = b"\r\n\r\n"
CONTENT_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d{1,12})[ \t]*\r\n", re.IGNORECASE)
EXPECT = re.compile(rb"\r\nexpect:[ \t]*100-continue[ \t]*\r\n", re.IGNORECASE)


class TimedUnreader(SocketUnreader):  # type: ignore[misc]  # gunicorn ships no types
    """Reads from a socket, and gives up on a client that falls behind the least speed."""

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(sock)
        self.restart()

    def restart(self) -> None:
        """Begin to measure anew, for the next request."""
        self._began, self._taken = time.monotonic(), 0

    def chunk(self, size_hint: int | None = None) -> bytes:
        allowed = UPLOAD_GRACE_SECONDS + self._taken / UPLOAD_BYTES_PER_SECOND
        remaining = self._began + allowed - time.monotonic()
        if remaining <= 0:
            raise TimeoutError("the body comes too slowly")
        self.sock.settimeout(min(remaining, UPLOAD_GRACE_SECONDS))
        try:
            data: bytes = super().chunk(size_hint)
        finally:
            self.sock.settimeout(None)
        self._taken += len(data)
        return data


class Collected:
    """What has come of a request so far."""

    def __init__(self) -> None:
        self.data = bytearray()
        self._wanted: int | None = None

    @property
    def is_whole(self) -> bool:
        """Whether a thread can begin: all has come, or the rest is an upload that the thread reads."""
        if self._wanted is None:
            end = self.data.find(HEAD_END)
            if end < 0:
                return len(self.data) > HEAD_MAX_BYTES  # the parser refuses it
            length = CONTENT_LENGTH.search(self.data, 0, end + 2)
            body = int(length[1]) if length else 0
            self._wanted = end + len(HEAD_END) + (body if body <= BODY_MAX_BYTES else 0)
        return len(self.data) >= self._wanted

    @property
    def waits_for_us(self) -> bool:
        """Whether the head has come, and the client asks before it sends the body."""
        return HEAD_END in self.data and not self.is_whole and bool(EXPECT.search(self.data))


class PatientWorker(ThreadWorker):  # type: ignore[misc]
    """Collects requests in the main loop, and answers them in threads."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._collected: dict[TConn, Collected] = {}
        self._total = 0

    # --- collecting a request -----------------------------------------------------------------

    def accept(self, listener: socket.socket) -> None:
        try:
            client, address = listener.accept()
        except OSError:
            return  # gone already, or another process was faster
        self.nr_conns += 1
        client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", SEND_SECONDS, 0))
        self._collect(TConn(self.cfg, client, address, listener.getsockname()))

    def on_client_socket_readable(self, conn: TConn, client: socket.socket) -> None:
        """Begin the next request of a connection that was kept."""
        self.poller.unregister(client)
        self.keepalived_conns.remove(conn)
        self._collect(conn)

    def _collect(self, conn: TConn) -> None:
        self._collected[conn] = Collected()
        self._watch(conn, COLLECT_SECONDS, partial(self._read, conn))

    def _read(self, conn: TConn, client: socket.socket) -> None:
        came = _receive(client)
        if came is None:
            return
        collected = self._collected[conn]
        collected.data += came
        self._total += len(came)
        if came and not collected.is_whole:
            if collected.waits_for_us:
                client.send(b"HTTP/1.1 100 Continue\r\n\r\n")
            self._drop_oldest_beyond_total()
            return
        self._unwatch(conn)
        if not came:
            self._drop(conn)
            return
        self._begin(conn)

    def _begin(self, conn: TConn) -> None:
        """Hand what was collected to a thread."""
        data = bytes(self._collected[conn].data)
        self._forget(conn)
        conn.init()
        if not isinstance(conn.parser.unreader, TimedUnreader):
            conn.parser.unreader = TimedUnreader(conn.sock)
        conn.parser.unreader.unread(data)
        conn.data_ready = True
        self.enqueue_req(conn)

    def _drop_oldest_beyond_total(self) -> None:
        while self._total > TOTAL_MAX_BYTES:
            oldest = next(iter(self._collected))
            self._unwatch(oldest)
            self._drop(oldest)

    # --- answering ----------------------------------------------------------------------------

    def handle(self, conn: TConn) -> object:
        conn.parser.unreader.restart()
        return super().handle(conn)

    def _keepalive_after(self, conn: TConn, keepalive: bool) -> bool:
        """Keep no connection whose client may still be sending a large body: nobody waits for the rest."""
        headers = dict(conn.parser.mesg.headers)
        is_collected = int(headers.get("CONTENT-LENGTH", 0)) <= BODY_MAX_BYTES
        keepalive = keepalive and is_collected and "TRANSFER-ENCODING" not in headers
        return bool(super()._keepalive_after(conn, keepalive))

    def finish_request(self, conn: TConn, answered: Future[object]) -> None:
        if answered.cancelled() or answered.exception() is not None or answered.result():
            super().finish_request(conn, answered)
            return
        # gunicorn waits up to two seconds in the main loop for the client to close its side.
        try:
            conn.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self._drop(conn)
            return
        self._watch(conn, LINGER_SECONDS, partial(self._discard, conn))

    def _discard(self, conn: TConn, client: socket.socket) -> None:
        if _receive(client) == b"":
            self._unwatch(conn)
            self._drop(conn)

    # --- watching a socket for some time ------------------------------------------------------

    def _watch(self, conn: TConn, seconds: float, callback: Callable[[socket.socket], None]) -> None:
        conn.sock.setblocking(False)
        conn.timeout = time.monotonic() + seconds
        self.pending_conns.append(conn)
        self.poller.register(conn.sock, selectors.EVENT_READ, callback)

    def _unwatch(self, conn: TConn) -> None:
        self.poller.unregister(conn.sock)
        self.pending_conns.remove(conn)

    def murder_pending(self) -> None:
        """Drop the connections whose time is over."""
        now = time.monotonic()
        for conn in [conn for conn in self.pending_conns if conn.timeout <= now]:
            self._unwatch(conn)
            self._drop(conn)

    def _cap_keepalive(self, deadline: float) -> None:
        """When the worker stops, wait no longer for requests that have not come."""
        super()._cap_keepalive(deadline)
        for conn in self.pending_conns:
            conn.timeout = min(conn.timeout, deadline)

    def _drop(self, conn: TConn) -> None:
        self._forget(conn)
        self.nr_conns -= 1
        conn.close()

    def _forget(self, conn: TConn) -> None:
        collected = self._collected.pop(conn, None)
        if collected is not None:
            self._total -= len(collected.data)


def _receive(client: socket.socket) -> bytes | None:
    """What has come; nothing (b"") at the end, None if there is nothing yet."""
    try:
        return client.recv(64 * 1024)
    except BlockingIOError:
        return None
    except OSError:
        return b""
