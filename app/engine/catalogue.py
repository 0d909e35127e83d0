"""The styles on offer: those that ship in ``models/`` and those an operator imported. No TensorFlow here.

A catalogue folder holds ``catalogue.json`` (a list of networks, each with its styles), the checkpoint
files it names and a ``previews`` folder with a WebP per style.
"""

from __future__ import annotations

import difflib
import fcntl
import json
import os
import re
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from app.engine.errors import CatalogueError, UnknownStyle

SLUG = re.compile(r"[a-z0-9]+(?:_[a-z0-9]+)*")
FILE_NAME = "catalogue.json"


@dataclass(frozen=True)
class StyleFacts:
    """What is known of the painting behind a style; ``year`` may be None for an import."""

    slug: str
    title: str
    artist: str = ""
    year: int | None = None
    movement: str = ""
    rights: str = ""


@dataclass(frozen=True)
class Style(StyleFacts):
    """A style on offer, the checkpoint that paints it, and a picture painted by it."""

    checkpoint: Path = Path()
    preview: Path = Path()
    imported: bool = False


class Catalogue:
    """The styles of several folders, in order. The last folder is the one that imports go to.

    Files are read again when they change, so that a running site sees what a command imported.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = list(folders)
        self._lock = threading.Lock()
        self._stamps: list[int] | None = None
        self._styles: dict[str, Style] = {}

    @property
    def styles(self) -> list[Style]:
        """Every style, in the order in which they are shown."""
        return list(self._current().values())

    def get(self, slug: str) -> Style:
        """Return a style.

        Raises:
            UnknownStyle: there is none; the message names the nearest ones.
        """
        styles = self._current()
        if slug in styles:
            return styles[slug]
        near = difflib.get_close_matches(slug, styles, n=3)
        hint = f" Did you mean {' or '.join(near)}?" if near else ""
        raise UnknownStyle(f"There is no style called {slug}.{hint}")

    @property
    def import_folder(self) -> Path:
        """Where imported checkpoints and their previews go."""
        return self._folders[-1]

    def check_new_slug(self, slug: str) -> None:
        """Check that an import may take this slug.

        Raises:
            CatalogueError: it is malformed or taken.
        """
        if not SLUG.fullmatch(slug) or len(slug) > 64:
            raise CatalogueError(
                f"{slug!r} cannot name a style: use a-z, 0-9 and single underscores between them."
            )
        if slug in self._current():
            raise CatalogueError(f"There is a style called {slug} already.")

    def add(self, facts: StyleFacts, checkpoint: str) -> None:
        """Add an imported style whose ``checkpoint`` file lies in :attr:`import_folder`.

        Raises:
            CatalogueError: its slug is malformed or taken.
        """
        with self._changing() as networks:
            self.check_new_slug(facts.slug)
            networks.append({"checkpoint": checkpoint, "styles": [asdict(facts)]})

    def remove(self, slug: str) -> Style:
        """Take an imported style out of the catalogue and return it; its files are left to the caller.

        Raises:
            UnknownStyle: there is none.
            CatalogueError: it ships with the project.
        """
        style = self.get(slug)
        if not style.imported:
            raise CatalogueError(f"{slug} ships with the project and cannot be removed.")
        with self._changing() as networks:
            for network in networks:
                network["styles"] = [facts for facts in network["styles"] if facts["slug"] != slug]
            networks[:] = [network for network in networks if network["styles"]]
        return style

    def _current(self) -> dict[str, Style]:
        stamps = [_stamp(folder / FILE_NAME) for folder in self._folders]
        with self._lock:
            if stamps != self._stamps:
                self._styles = {
                    style.slug: style
                    for index, folder in enumerate(self._folders)
                    for style in _read_styles(folder, imported=index > 0)
                }
                self._stamps = stamps
            return self._styles

    @contextmanager
    def _changing(self) -> Iterator[list[dict[str, Any]]]:
        """The networks of the import folder, to be changed in place; one process at a time."""
        self.import_folder.mkdir(parents=True, exist_ok=True)
        with (self.import_folder / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            networks = _read_networks(self.import_folder)
            yield networks
            _write_json(self.import_folder / FILE_NAME, networks)


def _stamp(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return 0


def _read_networks(folder: Path) -> list[dict[str, Any]]:
    try:
        networks: list[dict[str, Any]] = json.loads((folder / FILE_NAME).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return []
    except ValueError as error:
        raise CatalogueError(f"{folder / FILE_NAME} is damaged.") from error
    return networks


def _read_styles(folder: Path, *, imported: bool) -> list[Style]:
    try:
        return [
            Style(
                **facts,
                checkpoint=folder / network["checkpoint"],
                preview=folder / "previews" / f"{facts['slug']}.webp",
                imported=imported,
            )
            for network in _read_networks(folder)
            for facts in network["styles"]
        ]
    except (KeyError, TypeError) as error:
        raise CatalogueError(f"{folder / FILE_NAME} is damaged.") from error


def _write_json(path: Path, value: object) -> None:
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".part-")
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(value, file, indent=2, ensure_ascii=False)
        file.write("\n")
    Path(temporary).chmod(0o644)
    Path(temporary).replace(path)
