"""Files in a folder of this machine."""

from __future__ import annotations

import errno
import math
import os
import re
import shutil
import time
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO

from app.files import write_new
from app.storage.base import StorageError

_KEY = re.compile(r"[a-z0-9_-][a-z0-9._-]*(/[a-z0-9_-][a-z0-9._-]*)*")

# How often a folder is tried to be removed into which others keep things meanwhile.
TRIES = 50


class LocalStorage:
    """Keeps each key as a file below ``root``; see :class:`app.storage.base.Storage`."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def save(self, key: str, data: bytes) -> None:
        path = self._path(key)
        try:
            write_new(path, data)
        except OSError as error:
            raise StorageError(f"could not keep {key}") from error

    def open(self, key: str) -> BinaryIO:
        try:
            return self._path(key).open("rb")
        except OSError as error:
            raise StorageError(f"could not open {key}") from error

    def holds(self, key: str) -> bool:
        try:
            self._path(key).stat()
        except FileNotFoundError:
            return False
        except OSError as error:
            raise StorageError(f"could not look for {key}") from error
        return True

    def delete_prefix(self, prefix: str) -> None:
        path = self._path(prefix)
        for left in reversed(range(TRIES)):
            try:
                if path.is_dir():
                    shutil.rmtree(path)
                else:
                    path.unlink(missing_ok=True)
                return
            except OSError as error:
                # Somebody else is removing the same, or has just kept something in a folder that was empty.
                if left and error.errno in (errno.ENOENT, errno.ENOTEMPTY, errno.EISDIR):
                    continue
                raise StorageError(f"could not remove {prefix}") from error

    def untouched(self, folder: str, age: timedelta) -> list[str]:
        limit = time.time() - age.total_seconds()
        try:
            with os.scandir(self._path(folder)) as entries:
                return sorted(f"{folder}/{entry.name}" for entry in entries if _changed(entry) < limit)
        except FileNotFoundError:
            return []  # nothing was ever kept there
        except OSError as error:
            raise StorageError(f"could not list {folder}") from error

    def _path(self, key: str) -> Path:
        if not _KEY.fullmatch(key):
            raise StorageError(f"malformed key {key!r}")
        return self._root / key


def _changed(entry: os.DirEntry[str]) -> float:
    """When ``entry`` was last changed, in seconds since the epoch; never, if it has just been removed."""
    try:
        return entry.stat().st_mtime
    except FileNotFoundError:
        return math.inf
