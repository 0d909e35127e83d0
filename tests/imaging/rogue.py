"""A decoding process that misbehaves as its file says, under the real limits.

``python -m tests.imaging.rogue SOCKET``. A file for this process holds the name of a function below.
"""

from __future__ import annotations

import ctypes
import json
import mmap
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from PIL import Image

from app.imaging.decode import DecodedPhoto
from app.imaging.errors import DamagedPhoto
from app.imaging.isolation import child

KEPT: list[bytes] = []


def fine() -> str:
    return "fine"


def crash() -> None:
    ctypes.string_at(0)


def end() -> None:
    os._exit(3)


def take_memory() -> None:
    while True:
        KEPT.append(b"x" * 10_000_000)


def take_shared_memory() -> None:
    """Take memory that the kernel does not count as the process's data."""
    while True:
        block = mmap.mmap(-1, 50_000_000)
        block.write(b"x" * 50_000_000)
        KEPT.append(block)  # type: ignore[arg-type]


def take_processor() -> None:
    while True:
        pass


def hang() -> None:
    time.sleep(1_000)


def hang_for_good() -> None:
    """A dishonest process stops its own timers."""
    signal.setitimer(signal.ITIMER_REAL, 0)
    hang()


def open_socket() -> str:
    return _refused(lambda: socket.socket(socket.AF_INET))


def open_file() -> str:
    return _refused(lambda: Path("/etc/hostname").read_text())


def write_file() -> str:
    return _refused(lambda: Path("/tmp/written-by-a-decoder").write_text("x"))


def start_program() -> str:
    return _refused(lambda: subprocess.run(["/bin/true"], check=False))


def fork() -> str:
    return _refused(os.fork)


def kill_parent() -> str:
    return _refused(lambda: os.kill(os.getppid(), 0))


def environment() -> str:
    return json.dumps(dict(os.environ))


def open_files() -> str:
    """The numbers of open files, found by trying: the process may not list them."""
    return json.dumps([number for number in range(256) if _is_open(number)])


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


def _refused(attempt: Callable[[], object]) -> str:
    try:
        attempt()
    except OSError as error:
        return f"refused: {error.errno}"
    return "allowed"


ACTIONS: dict[bytes, Callable[[], str | None]] = {
    action.__name__.encode(): action
    for action in (
        fine,
        crash,
        end,
        take_memory,
        take_shared_memory,
        take_processor,
        hang,
        hang_for_good,
        open_socket,
        open_file,
        write_file,
        start_program,
        fork,
        kill_parent,
        environment,
        open_files,
    )
}


def act(file: BinaryIO, max_pixels: int, on_size: Callable[[int], None]) -> DecodedPhoto:
    """Do what the file says; return a picture whose pixels are the report in UTF-8."""
    words = file.read()
    on_size(max_pixels)
    if words not in ACTIONS:
        raise DamagedPhoto
    told = (ACTIONS[words]() or "").encode()
    width = -(-len(told) // 3)
    return DecodedPhoto(Image.frombytes("RGB", (width, 1), told.ljust(3 * width)), "image/png")


def lie() -> None:
    """Answer each file with its own content as the message."""
    channel = socket.socket(fileno=int(sys.argv[1]))
    channel.send(b'{"bound": true}')
    while True:
        message, descriptors, _, _ = socket.recv_fds(channel, 4096, 2)
        if not message:
            return
        with os.fdopen(descriptors[0], "rb") as file:
            os.close(descriptors[1])
            channel.send(file.read())


if __name__ == "__main__":
    child.serve(act)
