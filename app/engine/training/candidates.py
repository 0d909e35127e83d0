"""Networks to compare. Each has its own catalogue: two networks may use one slug."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from app.engine.catalogue import Catalogue, StyleFacts
from app.engine.networks.checkpoints import load_checkpoint, read_tensorflow1_checkpoint, save_checkpoint
from app.engine.typing import Pixels

if TYPE_CHECKING:
    from app.engine.stylizer import Stylizer

# The name of the candidate that holds all published checkpoints.
PUBLISHED = "published"
# Styles that have another slug here: from the published name to ours.
PUBLISHED_NAMES = {"scream": "the_scream", "wreck": "the_shipwreck_of_the_minotaur"}


@dataclass(frozen=True)
class Candidate:
    """A network with its own catalogue, and the slug there of each style."""

    name: str
    stylizer: Stylizer
    slugs: Mapping[str, str]

    def paint(self, style: str, photo: Pixels) -> Pixels:
        return self.stylizer.stylize(photo, self.slugs[style], exact=True)


def published_networks(published: Path, folder: Path) -> Candidate | None:
    """The published checkpoints as one candidate, converted into ``folder``."""
    checkpoints: dict[str, Path] = {}
    for path in sorted(published.glob("*.ckpt*")):
        name = path.name.partition(".ckpt")[0]
        if name in checkpoints:
            continue  # a second file of the same checkpoint
        checkpoints[name] = folder / f"{name}.npz"
        save_checkpoint(checkpoints[name], read_tensorflow1_checkpoint(path, name))
    if not checkpoints:
        return None
    styles = {PUBLISHED_NAMES.get(name, name): name for name in checkpoints}
    return make_candidate(PUBLISHED, folder / PUBLISHED, checkpoints, styles)


def whole_network(name: str, path: Path, folder: Path) -> Candidate:
    """All styles of a checkpoint, in a catalogue of its own in ``folder``."""
    slugs = {slug: slug for slug in load_checkpoint(path).styles}
    return make_candidate(name, folder, dict.fromkeys(slugs, path), slugs)


def make_candidate(name: str, folder: Path, files: Mapping[str, Path], slugs: Mapping[str, str]) -> Candidate:
    """A network in its own catalogue; ``files`` has the checkpoint of each style."""
    from app.engine.stylizer import Stylizer

    own = Catalogue([folder])
    for slug, path in files.items():
        own.add(StyleFacts(slug, slug), str(path))
    return Candidate(name, Stylizer(own), slugs)
