"""The contract of a place where files are kept."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import BinaryIO, Protocol

import structlog

log = structlog.get_logger(__name__)


class StorageError(Exception):
    """A file could not be kept, found or removed; ``__cause__`` has the reason."""


class Storage(Protocol):
    """Files under keys such as ``photos/ID/original``, which this application makes, never a client."""

    def save(self, key: str, data: bytes) -> None:
        """Keep ``data`` under ``key``, whole or not at all.

        Raises:
            StorageError: the key is malformed or taken, or the disk refused.
        """

    def open(self, key: str) -> BinaryIO:
        """Return a readable, seekable binary file.

        Raises:
            StorageError: there is no such file.
        """

    def holds(self, key: str) -> bool:
        """Whether there is such a file.

        Raises:
            StorageError: the key is malformed, or the disk does not say.
        """

    def delete_prefix(self, prefix: str) -> None:
        """Remove everything whose key begins with the folders of ``prefix``; nothing there is no error.

        Raises:
            StorageError: the prefix is malformed or the disk refused.
        """

    def untouched(self, folder: str, age: timedelta) -> list[str]:
        """What lies directly below ``folder`` and has been as it is for at least ``age``: keys and prefixes.

        A prefix changes when something directly below it comes or goes, not when that happens deeper down.

        Raises:
            StorageError: the folder is malformed or cannot be listed.
        """


def discard_files(storage: Storage, prefixes: Iterable[str]) -> list[str]:
    """Remove files that nobody wants any more, and return the prefixes of those that are gone.

    Whoever discards files has let go of their rows before: a disk that refuses is no reason to fail, nor
    to leave the others where they are. It is logged.
    """
    gone: list[str] = []
    for prefix in prefixes:
        try:
            storage.delete_prefix(prefix)
        except StorageError:
            log.exception("storage.files_stay", prefix=prefix)
        else:
            gone.append(prefix)
    return gone
