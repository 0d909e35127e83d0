"""The interface of a file storage."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import BinaryIO, Protocol

import structlog

log = structlog.get_logger(__name__)


class StorageError(Exception):
    """A file could not be stored, found or removed; ``__cause__`` has the reason."""


class Storage(Protocol):
    """Files by keys such as ``photos/ID/original``; clients never choose keys."""

    def save(self, key: str, data: bytes) -> None:
        """Store ``data`` under ``key``, atomically.

        Raises:
            StorageError: the key is malformed or taken, or the disk failed.
        """

    def open(self, key: str) -> BinaryIO:
        """Return a readable, seekable binary file.

        Raises:
            StorageError: there is no such file.
        """

    def holds(self, key: str) -> bool:
        """Whether the file exists.

        Raises:
            StorageError: the key is malformed, or the disk failed.
        """

    def delete_prefix(self, prefix: str) -> None:
        """Remove every file below the folders of ``prefix``; none is no error.

        Raises:
            StorageError: the prefix is malformed, or the disk failed.
        """

    def untouched(self, folder: str, age: timedelta) -> list[str]:
        """Keys and prefixes directly below ``folder``, unchanged for at least ``age``.

        A prefix counts as changed if something directly below it was added or removed, not deeper down.

        Raises:
            StorageError: the folder is malformed or cannot be listed.
        """


def discard_files(storage: Storage, prefixes: Iterable[str]) -> list[str]:
    """Remove files that are no longer needed; return the prefixes that are gone.

    The caller has already deleted the database rows. So a disk error does not fail the call and does not stop
    the other removals; it is logged.
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
