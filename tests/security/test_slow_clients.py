"""Slow clients hold up nobody; checked on a real site with four threads."""

from __future__ import annotations

import http.client
import socket
import time
from collections.abc import Iterator

import pytest

from app.serving import COLLECT_SECONDS, LINGER_SECONDS
from testing.live import LiveSite

THREADS = 4
CLIENTS = 40
# The longest wait for a page, in seconds, while other tests run.
SOON = 3.0

HEAD = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"
FORM = b"POST /log-in HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n"
UPLOAD = b"POST /photos HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=x\r\n"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveSite]:
    folder = tmp_path_factory.mktemp("slow")
    site = LiveSite(folder, WEB_THREADS=str(THREADS), EMBEDDED_WORKER="false")
    site.migrate()
    site.start()
    yield site
    site.stop()


def connect(site: LiveSite, sent: bytes) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", site.port), timeout=COLLECT_SECONDS + 10)
    client.sendall(sent)
    return client


def everything(client: socket.socket) -> bytes:
    """All bytes that the site sends until it closes the connection."""
    with client.makefile("rb") as answer:
        return answer.read()


def seconds_for_a_page(site: LiveSite) -> float:
    began = time.monotonic()
    connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=30)
    connection.request("GET", "/healthz")
    assert connection.getresponse().read() == b'{"status":"ok"}\n'
    connection.close()
    return time.monotonic() - began


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"G",
        HEAD,
        FORM + b"Content-Length: 1000\r\n\r\n",
        FORM + b"Content-Length: 900000\r\n\r\nemail=",
        FORM + b"Content-Length: 900000\r\nExpect: 100-continue\r\n\r\nemail=",
        FORM + b"Content-Length: 30000000\r\n\r\nemail=",
        FORM + b"Transfer-Encoding: chunked\r\n\r\n5\r\nemail",
        UPLOAD + b"Content-Length: 30000000\r\n\r\n--x\r\n",
        HEAD + b"Connection: close\r\n\r\n",  # answered, and never closed by the client
    ],
)
def test_slow_clients_hold_up_nobody(site: LiveSite, sent: bytes) -> None:
    clients = [connect(site, sent) for _ in range(CLIENTS)]
    try:
        assert seconds_for_a_page(site) < SOON
    finally:
        for client in clients:
            client.close()


def test_slow_uploads_of_visitors_hold_up_nobody(site: LiveSite) -> None:
    visitor = http.client.HTTPConnection("127.0.0.1", site.port, timeout=30)
    visitor.request("GET", "/studio")
    page = visitor.getresponse()
    cookie = (page.getheader("Set-Cookie") or "").partition(";")[0].encode()
    token = page.read().split(b'name="csrf_token"')[1].split(b'value="')[1].split(b'"')[0]
    head = (
        UPLOAD + b"Cookie: " + cookie + b"\r\nX-CSRFToken: " + token + b"\r\nContent-Length: 20000000\r\n\r\n"
    )
    clients = [connect(site, head + b"--x\r\n" + bytes(100_000)) for _ in range(3 * THREADS)]
    try:
        for _ in range(3):
            assert seconds_for_a_page(site) < SOON
        refused = [client for client in clients if b" 503 " in _first_line(client)]
        assert len(refused) == len(clients) - THREADS // 4, "one visitor holds a share of the threads"
    finally:
        for client in clients:
            client.close()
        visitor.close()
    time.sleep(0.5)
    with connect(site, head + b"--x\r\n") as again:
        assert _first_line(again) == b"", "the places are free again"


def _first_line(client: socket.socket) -> bytes:
    """What has come of an answer after a moment, if any."""
    client.settimeout(0.5)
    try:
        return client.recv(1000).partition(b"\r\n")[0]
    except OSError:
        return b""


def test_a_client_that_drips_is_cut_off(site: LiveSite) -> None:
    client = connect(site, HEAD)
    began = time.monotonic()
    with pytest.raises(OSError, match=r"reset|Broken pipe"):  # noqa: PT012 - drips until it is cut off
        while time.monotonic() - began < COLLECT_SECONDS + 8:
            client.sendall(b"X-Drip: 1\r\n")
            time.sleep(0.2)
    assert time.monotonic() - began >= COLLECT_SECONDS - 1
    client.close()


def test_a_form_in_small_pieces_arrives_whole(site: LiveSite) -> None:
    body = b"email=ada%40example.com&password=" + b"x" * 5000
    request = FORM + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    client = connect(site, b"")
    for start in range(0, len(request), 600):
        client.sendall(request[start : start + 600])
        time.sleep(0.01)
    answer = everything(client)
    assert b"This form has expired" in answer, "it was read, and has no token"
    client.close()


def test_a_client_that_asks_first_is_told_to_go_on(site: LiveSite) -> None:
    client = connect(site, FORM + b"Content-Length: 5\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n")
    assert client.recv(100).startswith(b"HTTP/1.1 100 Continue")
    client.sendall(b"a=b&c")
    assert b" 400 " in everything(client)
    client.close()


def test_connections_are_kept_and_requests_come_in_a_row(site: LiveSite) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=30)
    for _ in range(3):
        connection.request("GET", "/healthz")
        assert connection.getresponse().read() == b'{"status":"ok"}\n'
        kept = connection.sock
        assert kept is not None
    connection.close()
    client = connect(site, (HEAD + b"\r\n") * 2 + HEAD + b"Connection: close\r\n\r\n")
    assert everything(client).count(b'{"status":"ok"}') == 3
    client.close()


def test_a_closed_connection_does_not_linger(site: LiveSite) -> None:
    client = connect(site, HEAD + b"Connection: close\r\n\r\n")
    answer = everything(client)
    assert answer.endswith(b'{"status":"ok"}\n')
    time.sleep(LINGER_SECONDS + 2)
    with pytest.raises(OSError, match=r"reset|Broken pipe"):  # noqa: PT012 - the first tells, the next fails
        for _ in range(3):
            client.sendall(b"x")
            time.sleep(0.2)
    client.close()
