"""The catalogue: styles that ship in ``models/``, and imported styles.

Loads without TensorFlow.

A catalogue folder holds ``catalogue.json``, the files it names and a ``previews`` folder with a WebP per
style. The JSON is a list whose entries are

- a network of the folder and its styles: ``{"checkpoint": FILE, "styles": [FACTS, ...]}``;
- or a style added to a network of any folder: ``{"network": FILE, "row": FILE, "styles": [FACTS]}``.
"""

from __future__ import annotations

import difflib
import fcntl
import json
import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from app.engine.errors import CatalogueError, UnknownStyle
from app.files import write_whole

SLUG = re.compile(r"[a-z0-9]+(?:_[a-z0-9]+)*")
FILE_NAME = "catalogue.json"


@dataclass(frozen=True)
class StyleFacts:
    """The facts of the painting behind a style; an import may lack the ``year``.

    ``public_domain`` is true only if the work is free in the US and also where copyright lasts for the
    artist's life and 70 years. ``rights`` says why it is free, or where and until when it is protected.
    """

    slug: str
    title: str
    artist: str = ""
    year: int | None = None
    movement: str = ""
    rights: str = ""
    public_domain: bool = False


@dataclass(frozen=True)
class Style(StyleFacts):
    """A style on offer, the network that paints it, and a picture painted by it.

    ``row`` is the file with its scales and shifts; None if the checkpoint holds them.
    """

    checkpoint: Path = Path()
    row: Path | None = None
    preview: Path = Path()
    imported: bool = False

    @property
    def files(self) -> tuple[Path, ...]:
        """The files that decide what the style looks like."""
        return (self.checkpoint,) if self.row is None else (self.checkpoint, self.row)


class Catalogue:
    """The styles of several folders, in order. Imports go to the last folder.

    Files are read again when they change, so a running site sees what a command imported.
    ``public_domain_only`` hides styles whose works are, or may be, in copyright. With ``fast``, a fast
    variant (``NAME_fast.npz``) paints the styles of the network beside it.
    """

    def __init__(
        self, folders: Sequence[Path], *, public_domain_only: bool = False, fast: bool = False
    ) -> None:
        self._folders = list(folders)
        self._public_domain_only = public_domain_only
        self._fast = fast
        self._lock = threading.Lock()
        self._stamps: list[int] | None = None
        self._styles: dict[str, Style] = {}

    @property
    def styles(self) -> list[Style]:
        """Every style, in the order in which they are shown."""
        return list(self._offered().values())

    def get(self, slug: str) -> Style:
        """Return a style.

        Raises:
            UnknownStyle: there is none; the message names the nearest ones.
        """
        styles = self._offered()
        if slug in styles:
            return styles[slug]
        near = difflib.get_close_matches(slug, styles, n=3)
        hint = f" Did you mean {' or '.join(near)}?" if near else ""
        raise UnknownStyle(f"There is no style called {slug}.{hint}")

    @property
    def import_folder(self) -> Path:
        """Where imported checkpoints, added styles and their previews go."""
        return self._folders[-1]

    def check_new(self, facts: StyleFacts) -> None:
        """Check that a style may be added.

        Raises:
            CatalogueError: its slug is malformed or taken, or it would not be on offer.
        """
        if not is_name(facts.slug):
            raise CatalogueError(
                f"{facts.slug!r} cannot name a style: use a-z, 0-9 and single underscores between them."
            )
        if facts.slug in self._current():
            raise CatalogueError(f"There is already a style called {facts.slug}. Choose another name.")
        if self._public_domain_only and not facts.public_domain:
            raise CatalogueError(
                f"This site offers only works in the public domain, and {facts.slug} is not marked as one."
            )

    def find_network(self, name: str = "") -> Path:
        """The checkpoint with this file name; without a name, that of the first style.

        Raises:
            CatalogueError: there is none.
        """
        networks = dict.fromkeys(style.checkpoint for style in self._current().values())
        for network in networks:
            if name in ("", network.name, network.stem):
                return network
        known = f": choose {' or '.join(network.stem for network in networks)}." if networks else "."
        raise CatalogueError(f"The site has no network called {name}{known}")

    def add(self, facts: StyleFacts, checkpoint: str) -> None:
        """Add an imported style whose ``checkpoint`` file lies in :attr:`import_folder`.

        Raises:
            CatalogueError: as :meth:`check_new`.
        """
        self._append({"checkpoint": checkpoint}, facts)

    def add_row(self, facts: StyleFacts, network: str, row: str) -> None:
        """Add a style to a network; ``row`` is a file in :attr:`import_folder`.

        Raises:
            CatalogueError: as :meth:`check_new`.
        """
        self._append({"network": network, "row": row}, facts)

    def _append(self, files: dict[str, str], facts: StyleFacts) -> None:
        with self._changing() as networks:
            self.check_new(facts)
            networks.append({**files, "styles": [asdict(facts)]})

    def remove(self, slug: str) -> Style:
        """Remove an imported style, with the files that no other style needs.

        Raises:
            UnknownStyle: there is none.
            CatalogueError: it ships with the project, or others were added to its network.
        """
        style = self._current().get(slug) or self.get(slug)
        if not style.imported:
            raise CatalogueError(f"{slug} ships with the project and cannot be removed.")
        others = [other.slug for other in self._current().values() if other.checkpoint == style.checkpoint]
        added = [other for other in others if other != slug]
        if style.row is None and added:
            raise CatalogueError(f"{added[0]} is painted by the network of {slug}: remove it first.")
        with self._changing() as networks:
            for network in networks:
                network["styles"] = [facts for facts in network["styles"] if facts["slug"] != slug]
            networks[:] = [network for network in networks if network["styles"]]
        weights = style.row or style.checkpoint
        weights.unlink(missing_ok=True)
        weights.with_suffix(".json").unlink(missing_ok=True)  # a description of the training, if there is one
        style.preview.unlink(missing_ok=True)
        return style

    def _offered(self) -> dict[str, Style]:
        styles = self._current()
        if not self._public_domain_only:
            return styles
        return {slug: style for slug, style in styles.items() if style.public_domain}

    def _current(self) -> dict[str, Style]:
        stamps = [_stamp(folder / FILE_NAME) for folder in self._folders]
        with self._lock:
            if stamps != self._stamps:
                self._styles = {
                    style.slug: style
                    for index, folder in enumerate(self._folders)
                    for style in _read_styles(folder, self._folders, imported=index > 0, fast=self._fast)
                }
                self._stamps = stamps
            return self._styles

    @contextmanager
    def _changing(self) -> Iterator[list[dict[str, Any]]]:
        """Lend the import folder's networks for changes in place; one process at a time."""
        self.import_folder.mkdir(parents=True, exist_ok=True)
        with (self.import_folder / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            networks = _read_networks(self.import_folder)
            yield networks
            _write_json(self.import_folder / FILE_NAME, networks)


def title_of(slug: str) -> str:
    """A slug as people write it: ``la_muse`` is "La muse"."""
    return slug.replace("_", " ").capitalize()


def is_name(text: str) -> bool:
    """Whether a style or network may have this name; its files get the same name."""
    return bool(SLUG.fullmatch(text)) and len(text) <= 64 and text != Path(FILE_NAME).stem


def ship_network(folder: Path, checkpoint: str, styles: Sequence[StyleFacts]) -> list[str]:
    """Put a network first in a folder's catalogue, in place of others for its styles.

    Returns:
        The checkpoints that have no styles left.
    """
    slugs = {facts.slug for facts in styles}
    networks = [network for network in _read_networks(folder) if network.get("checkpoint") != checkpoint]
    for network in networks:
        network["styles"] = [facts for facts in network["styles"] if facts["slug"] not in slugs]
    idle = [network["checkpoint"] for network in networks if not network["styles"]]
    entry = {"checkpoint": checkpoint, "styles": [asdict(facts) for facts in styles]}
    _write_json(folder / FILE_NAME, [entry, *(network for network in networks if network["styles"])])
    return idle


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


def _read_styles(folder: Path, folders: Sequence[Path], *, imported: bool, fast: bool) -> list[Style]:
    try:
        return [
            Style(
                **facts,
                checkpoint=_checkpoint(network, folder, folders, fast=fast),
                row=folder / network["row"] if "row" in network else None,
                preview=folder / "previews" / f"{facts['slug']}.webp",
                imported=imported,
            )
            for network in _read_networks(folder)
            for facts in network["styles"]
        ]
    except (KeyError, TypeError) as error:
        raise CatalogueError(f"{folder / FILE_NAME} is damaged.") from error


def _checkpoint(network: dict[str, Any], folder: Path, folders: Sequence[Path], *, fast: bool) -> Path:
    """The checkpoint of an entry; an added style's may lie in any folder."""
    if "network" not in network:
        whole = folder / str(network["checkpoint"])
        variant = whole.with_stem(f"{whole.stem}_fast")
        return variant if fast and variant.is_file() else whole
    places: list[Path] = [place / network["network"] for place in folders]
    return next((place for place in places if place.is_file()), places[0])


def _write_json(path: Path, value: object) -> None:
    write_whole(path, f"{json.dumps(value, indent=2, ensure_ascii=False)}\n".encode())
