"""A pool of processes that decode strangers' files, kept warm for the next file."""

from __future__ import annotations

import atexit
import fcntl
import mmap
import os
import resource
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import LifoQueue
from typing import BinaryIO

import structlog
from PIL import Image

from app.imaging.decode import DecodedPhoto
from app.imaging.errors import NotAPhoto, UnreadablePhoto
from app.imaging.isolation import messages
from app.imaging.isolation.limits import KEPT_BYTES, Budget, budget_for
from app.imaging.isolation.messages import BadMessage, Decoded

log = structlog.get_logger(__name__)

CHILD = "app.imaging.isolation.child"
ROOT = Path(__file__).resolve().parents[3]
# Two people can upload at a time, and the worker or a preview reads an original.
PROCESSES = 3
# A process is replaced after this many files, in case it leaks memory.
FILES_EACH = 500
READY_WITHIN = 60.0
# How often, in seconds, to check the memory of a busy process, and the tolerance beyond its budget, because
# the kernel counts some memory late.
LOOK_EVERY, TOLERATED_BYTES = 0.05, 64_000_000
# Red, green, blue and transparency.
CHANNELS = 4
# Nothing of the site's environment is passed on. One thread of OpenBLAS and two heaps keep the process small;
# huge pages make large blocks cheaper.
ENVIRONMENT = {
    "PATH": os.defpath,
    "OPENBLAS_NUM_THREADS": "1",
    "MALLOC_ARENA_MAX": "2",
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
}


class ProcessEnded(Exception):
    """A decoding process crashed, or was killed for a limit or a bad message."""


class DecodingProcess:
    """A process that decodes one file at a time."""

    def __init__(self, module: str) -> None:
        """Start the process and wait until it is ready.

        Raises:
            OSError: the machine cannot start the process.
        """
        self._channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        command = [sys.executable, "-s", "-m", module, str(theirs.fileno())]
        with theirs:
            # In its own process group it does not receive a Ctrl-C from the terminal.
            self._process = subprocess.Popen(  # noqa: S603 - the command is fixed
                command,
                cwd=ROOT,
                env=ENVIRONMENT,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        self._files = 0
        try:
            # No memory limit yet: the process is trusted until it sees a file.
            self.bound = messages.read_ready(self._receive(time.monotonic() + READY_WITHIN, sys.maxsize))
            self._resident = self._resident_bytes()
        except (ProcessEnded, BadMessage, OSError) as error:
            self.close()
            raise OSError("The process that decodes photos does not start.") from error

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def usable(self) -> bool:
        """Whether it can decode another file."""
        if self._process.poll() is not None or self._files >= FILES_EACH:
            return False
        return self._resident_bytes() <= self._resident + KEPT_BYTES

    def decode(self, file: BinaryIO, max_pixels: int) -> DecodedPhoto:
        """Decode a file.

        Raises:
            ImageError: the file is no usable photo.
            ProcessEnded, BadMessage: the process can no longer be used.
        """
        self._files += 1
        with _shared_copy(file) as (source, file_bytes), _shared_room(CHANNELS * max_pixels) as target:
            budget = budget_for(max_pixels, file_bytes)
            try:
                socket.send_fds(self._channel, [str(max_pixels).encode()], [source, target])
            except OSError as error:
                raise ProcessEnded from error
            answer = messages.read_answer(self._wait(budget, file_bytes, max_pixels), max_pixels)
            if isinstance(answer, Decoded):
                return _photo(target, answer)
        cause = ProcessEnded(answer.cause) if answer.cause else None
        if cause and not isinstance(answer.error, NotAPhoto):
            log.info("photo.unreadable", cause=answer.cause)
        raise answer.error from cause

    def close(self) -> None:
        """End the process."""
        self._channel.close()
        self._process.kill()
        self._process.wait()

    def _wait(self, budget: Budget, file_bytes: int, max_pixels: int) -> bytes:
        shared = file_bytes + CHANNELS * max_pixels
        most = self._resident + budget.memory + shared + KEPT_BYTES + TOLERATED_BYTES
        return self._receive(time.monotonic() + budget.clock, most)

    def _receive(self, deadline: float, most_bytes: int) -> bytes:
        """The process's next message.

        Raises:
            ProcessEnded: no message came in time, or the process uses too much memory.
        """
        self._channel.settimeout(LOOK_EVERY)
        while True:
            with suppress(TimeoutError):
                message = self._hear()
                if not message:
                    raise ProcessEnded(f"exit status {self._process.wait()}")
                return message
            if time.monotonic() > deadline:
                raise ProcessEnded("out of time")
            if self._resident_bytes() > most_bytes:
                raise ProcessEnded("out of memory")

    def _hear(self) -> bytes:
        """One message; b"" if the process has ended."""
        try:
            return self._channel.recv(messages.MESSAGE_BYTES)
        except ConnectionError:
            return b""

    def _resident_bytes(self) -> int:
        """The process's memory, including pages shared with other processes."""
        pages = Path(f"/proc/{self._process.pid}/statm").read_text().split()[1]
        return int(pages) * resource.getpagesize()


class Decoders:
    """A few processes, each started at its first use. Threads may share this object."""

    def __init__(self, processes: int = PROCESSES, module: str = CHILD) -> None:
        self._module = module
        # Last in, first out: this starts as few processes as possible.
        self._seats: LifoQueue[DecodingProcess | None] = LifoQueue()
        for _ in range(processes):
            self._seats.put(None)
        self._all: set[DecodingProcess] = set()
        self._lock = threading.Lock()
        self._warned = False

    def decode(self, file: BinaryIO, max_pixels: int) -> DecodedPhoto:
        """Decode a file in one of the processes.

        Raises:
            ImageError: the file is no usable photo.
            OSError: the file cannot be read, or the machine cannot start a process.
        """
        with self._process() as process:
            try:
                return process.decode(file, max_pixels)
            except (ProcessEnded, BadMessage) as error:
                log.warning("photo.decoder_ended", cause=repr(error))
                self._end(process)
                raise UnreadablePhoto from error

    def close(self) -> None:
        """End every process; the next file starts new ones."""
        with self._lock:
            processes = list(self._all)
        for process in processes:
            self._end(process)

    @contextmanager
    def _process(self) -> Iterator[DecodingProcess]:
        process = self._seats.get()
        try:
            if process is not None and not process.usable:
                self._end(process)
                process = None
            if process is None:
                process = self._start()
            yield process
        finally:
            self._seats.put(process if process in self._all else None)

    def _start(self) -> DecodingProcess:
        process = DecodingProcess(self._module)
        with self._lock:
            self._all.add(process)
            if not process.bound and not self._warned:
                log.warning("decoder.network_open", reason="the system allows neither seccomp nor unshare")
                self._warned = True
        return process

    def _end(self, process: DecodingProcess) -> None:
        with self._lock:
            self._all.discard(process)
        process.close()


@contextmanager
def _shared_copy(file: BinaryIO) -> Iterator[tuple[int, int]]:
    """A sealed copy of the file in shared memory, and its length in bytes."""
    descriptor = os.memfd_create("photo", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    with os.fdopen(descriptor, "w+b") as copy:
        file.seek(0)
        shutil.copyfileobj(file, copy, 1 << 20)
        copy.flush()
        copy.seek(0)
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, SEALS | fcntl.F_SEAL_WRITE)
        yield descriptor, os.fstat(descriptor).st_size


@contextmanager
def _shared_room(size: int) -> Iterator[int]:
    """Shared memory of a fixed, sealed size.

    If another process could shrink it, reading beyond its end would kill the site. Only written pages take
    memory.
    """
    descriptor = os.memfd_create("pixels", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        os.ftruncate(descriptor, size)
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, SEALS)
        yield descriptor
    finally:
        os.close(descriptor)


SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL


def _photo(descriptor: int, decoded: Decoded) -> DecodedPhoto:
    """The photo whose pixels lie in shared memory, as a copy that no other process can change."""
    size = (decoded.width, decoded.height)
    plane = decoded.width * decoded.height
    length = (4 if decoded.transparent else 3) * plane
    with mmap.mmap(descriptor, length, access=mmap.ACCESS_READ) as pixels, memoryview(pixels) as view:
        image = Image.frombytes("RGB", size, view[: 3 * plane])
        alpha = Image.frombytes("L", size, view[3 * plane :]) if decoded.transparent else None
    return DecodedPhoto(image, decoded.media_type, alpha)


_decoders = Decoders()
atexit.register(_decoders.close)


def _renew() -> None:
    global _decoders  # noqa: PLW0603 - a forked process must not talk to its parent's decoders
    _decoders = Decoders()


os.register_at_fork(after_in_child=_renew)


def decode_photo(file: BinaryIO, *, max_pixels: int) -> DecodedPhoto:
    """Decode the first picture in a stranger's ``file``, in a separate process.

    Args:
        file: a seekable binary file of any origin.
        max_pixels: the largest allowed width * height, checked in the header before decoding.

    Raises:
        ImageError: the file is no usable photo.
        MemoryError, OSError: this machine cannot read the file now; the file may be good.
    """
    return _decoders.decode(file, max_pixels)
