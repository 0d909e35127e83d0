"""Whatever a decoding process does, the site decodes the next photo."""

from __future__ import annotations

import errno
import io
import json
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from PIL import Image

from app.imaging.errors import DamagedPhoto, ImageError, TooManyPixels, UnreadablePhoto
from app.imaging.isolation import pool
from app.imaging.isolation.limits import Budget
from app.imaging.isolation.pool import Decoders, DecodingProcess
from testing.hostile import encoded, flat

# The budget grows with the pixels allowed, so quick tests allow few.
PIXELS = 1_000_000


@pytest.fixture(scope="module")
def rogue() -> Iterator[Decoders]:
    yield from closing(Decoders(processes=1, module="tests.imaging.rogue"))


@pytest.fixture(scope="module")
def liar() -> Iterator[Decoders]:
    yield from closing(Decoders(processes=1, module="tests.imaging.liar"))


@pytest.fixture
def decoders() -> Iterator[Decoders]:
    yield from closing(Decoders(processes=2))


def closing(decoders: Decoders) -> Iterator[Decoders]:
    yield decoders
    decoders.close()


def told(decoders: Decoders, words: str) -> str:
    """The report of a rogue process."""
    image = decoders.decode(io.BytesIO(words.encode()), PIXELS).image
    return image.tobytes().decode().rstrip()


def only_process(decoders: Decoders) -> DecodingProcess:
    (process,) = decoders._all
    return process


@pytest.mark.parametrize("trouble", ["crash", "end", "take_memory", "take_shared_memory", "take_processor"])
def test_what_goes_wrong_in_the_process_is_one_sentence(rogue: Decoders, trouble: str) -> None:
    with pytest.raises(UnreadablePhoto, match="could not be read"):
        told(rogue, trouble)
    assert told(rogue, "fine") == "fine"


@pytest.mark.parametrize("trouble", ["hang", "hang_for_good"])
def test_a_process_that_hangs_is_ended(
    rogue: Decoders, trouble: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert told(rogue, "fine") == "fine"
    monkeypatch.setattr(pool, "budget_for", lambda *_: Budget(10**9, 1.0, 0.5))
    with pytest.raises(UnreadablePhoto) as caught:
        told(rogue, trouble)
    assert "out of time" in str(caught.value.__cause__)
    monkeypatch.undo()
    assert told(rogue, "fine") == "fine"


@pytest.mark.soak
def test_a_process_that_waits_too_long_ends_itself(rogue: Decoders) -> None:
    """The site may be gone, but the process does not outlive its budget."""
    told(rogue, "fine")
    process = only_process(rogue)
    started = time.monotonic()
    with pytest.raises(UnreadablePhoto):
        told(rogue, "hang")
    assert process._process.returncode in (-signal.SIGALRM, -signal.SIGKILL)
    assert time.monotonic() - started < 30


def test_a_process_killed_in_the_middle_is_one_sentence(rogue: Decoders) -> None:
    told(rogue, "fine")
    threading.Timer(0.2, os.kill, (only_process(rogue).pid, signal.SIGKILL)).start()
    with pytest.raises(UnreadablePhoto):
        told(rogue, "hang")
    assert told(rogue, "fine") == "fine"


def test_a_process_killed_between_two_photos_goes_unnoticed(rogue: Decoders) -> None:
    told(rogue, "fine")
    os.kill(only_process(rogue).pid, signal.SIGKILL)
    only_process(rogue)._process.wait()
    assert told(rogue, "fine") == "fine"


@pytest.mark.parametrize(
    "attempt", ["open_socket", "open_file", "write_file", "start_program", "fork", "kill_parent"]
)
def test_the_process_can_do_nothing_but_compute(rogue: Decoders, attempt: str) -> None:
    told(rogue, "fine")
    if not only_process(rogue).bound:
        pytest.skip("this system allows no filter of system calls")
    assert told(rogue, attempt) == f"refused: {errno.EPERM}"


def test_the_environment_of_the_site_stays_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "a secret")
    rogue = Decoders(processes=1, module="tests.imaging.rogue")
    environment = json.loads(told(rogue, "environment"))
    rogue.close()
    assert environment.keys() - {"LC_CTYPE"} == pool.ENVIRONMENT.keys()
    assert "a secret" not in environment.values()


def test_open_files_of_the_site_stay_there(tmp_path: Path) -> None:
    with (tmp_path / "secret").open("w") as file, socket.socket() as connection:
        for descriptor in (file.fileno(), connection.fileno()):
            os.set_inheritable(descriptor, True)
        rogue = Decoders(processes=1, module="tests.imaging.rogue")
        open_files = json.loads(told(rogue, "open_files"))
        rogue.close()
    # The three standard ones, the socket to the site, its own sizes, the file and the room for pixels.
    assert len(open_files) == 7


@pytest.mark.parametrize(
    "lie",
    [
        b"no JSON",
        b"[]",
        b"{}",
        b'{"size": [1000000, 1000000], "media": "image/png"}',
        b'{"size": [70000, 1], "media": "image/png"}',
        b'{"size": [0, 10], "media": "image/png"}',
        b'{"size": [-10, -10], "media": "image/png"}',
        b'{"size": ["10", 10], "media": "image/png"}',
        b'{"size": [10, 10], "media": "text/html"}',
        b'{"error": "SystemExit", "facts": [], "cause": ""}',
        b'{"error": "TooManyPixels", "facts": [1], "cause": ""}',
        b'{"error": "TooManyParts", "facts": ["<script>"], "cause": ""}',
    ],
)
def test_what_cannot_be_is_not_believed(liar: Decoders, lie: bytes) -> None:
    with pytest.raises(UnreadablePhoto):
        liar.decode(io.BytesIO(lie), PIXELS)
    truth = b'{"size": [2, 1], "media": "image/png"}'
    assert liar.decode(io.BytesIO(truth), PIXELS).image.size == (2, 1)


def test_a_process_without_an_answer_is_no_fault_of_the_photo() -> None:
    with pytest.raises(OSError, match="does not start"):
        Decoders(processes=1, module="testing.hostile").decode(io.BytesIO(b"photo"), PIXELS)


def test_errors_keep_their_facts(decoders: Decoders) -> None:
    photo = encoded(flat(300, 200), "PNG")
    with pytest.raises(TooManyPixels, match="300 × 200 pixels"):
        decoders.decode(io.BytesIO(photo), 59_999)
    with pytest.raises(DamagedPhoto) as caught:
        decoders.decode(io.BytesIO(photo[:-60]), PIXELS)
    assert caught.value.__cause__ is not None


def test_pixels_come_back_as_they_are(decoders: Decoders) -> None:
    gradient = Image.linear_gradient("L").convert("RGB").resize((601, 403))
    decoded = decoders.decode(io.BytesIO(encoded(gradient, "PNG")), PIXELS).image
    assert decoded.tobytes() == gradient.tobytes()
    decoded.putpixel((0, 0), (1, 2, 3))  # the picture is the site's own


def test_many_threads_share_few_processes(decoders: Decoders) -> None:
    photos = [encoded(flat(100 + number, 50), "PNG") for number in range(24)]

    def decode(number: int) -> tuple[int, int]:
        if number % 6 == 5:
            with pytest.raises(ImageError):
                decoders.decode(io.BytesIO(b"nothing"), PIXELS)
        return decoders.decode(io.BytesIO(photos[number]), PIXELS).image.size

    with ThreadPoolExecutor(8) as threads:
        sizes = list(threads.map(decode, range(24)))
    assert sizes == [(100 + number, 50) for number in range(24)]
    assert len(decoders._all) <= 2


def test_a_process_is_replaced_after_many_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "FILES_EACH", 2)
    decoders = Decoders(processes=1)
    pids = []
    for _ in range(3):
        decoders.decode(io.BytesIO(encoded(flat(8, 8), "PNG")), PIXELS)
        pids.append(only_process(decoders).pid)
    decoders.close()
    assert pids[0] == pids[1] != pids[2]


def test_the_process_ends_with_the_site() -> None:
    process = DecodingProcess("app.imaging.isolation.child")
    process._channel.close()
    assert process._process.wait(timeout=10) == 0
