"""The contract of a place where files are kept."""

from __future__ import annotations

from datetime import timedelta
from typing import BinaryIO, Protocol


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
        """The prefixes directly below ``folder`` to which nothing was added for at least ``age``."""
