"""The styles on offer: the ones that ship, imports, and files that change under a running site."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from app.engine.catalogue import Catalogue, StyleFacts
from app.engine.errors import CatalogueError, UnknownStyle
from tests.engine.conftest import MODELS


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    return Catalogue([MODELS, tmp_path / "styles"])


def test_the_fourteen_styles_are_described(catalogue: Catalogue) -> None:
    styles = catalogue.styles
    assert len({style.slug for style in styles}) == 14
    named = {"la_muse", "rain_princess", "the_scream", "the_shipwreck_of_the_minotaur", "udnie", "wave"}
    assert named <= {style.slug for style in styles}
    for style in styles:
        assert style.title
        assert style.artist
        assert style.year
        assert style.movement
        assert style.rights
        assert style.checkpoint.is_file()
        assert style.preview.is_file()
        assert not style.imported


def test_an_unknown_style_is_refused_with_a_hint(catalogue: Catalogue) -> None:
    with pytest.raises(UnknownStyle, match="starry_night"):
        catalogue.get("starry_nite")
    with pytest.raises(UnknownStyle, match=r"called qqqq\.$"):
        catalogue.get("qqqq")


def test_an_import_is_seen_by_a_catalogue_that_is_open_already(catalogue: Catalogue, tmp_path: Path) -> None:
    running = Catalogue([MODELS, tmp_path / "styles"])
    assert len(running.styles) == 14
    catalogue.add(StyleFacts("mine", "Mine", artist="Me"), "mine.npz")
    style = running.get("mine")
    assert (style.title, style.artist, style.imported) == ("Mine", "Me", True)
    assert style.checkpoint == tmp_path / "styles" / "mine.npz"
    assert running.styles[-1] == style
    catalogue.remove("mine")
    with pytest.raises(UnknownStyle):
        running.get("mine")


@pytest.mark.parametrize(
    "slug", ["", "Wave", "a-b", "a__b", "_a", "a_", "../a", "a b", "ä", "a\n", "a" * 65, "a/b"]
)
def test_a_malformed_slug_is_refused(slug: str, catalogue: Catalogue) -> None:
    with pytest.raises(CatalogueError, match="cannot name a style"):
        catalogue.add(StyleFacts(slug, "Title"), "x.npz")
    assert len(catalogue.styles) == 14


def test_a_slug_is_given_once(catalogue: Catalogue) -> None:
    catalogue.add(StyleFacts("mine", "Mine"), "mine.npz")
    for slug in ("mine", "wave"):
        with pytest.raises(CatalogueError, match="already"):
            catalogue.add(StyleFacts(slug, "Again"), "other.npz")
    assert catalogue.get("mine").title == "Mine"


def test_what_ships_cannot_be_removed(catalogue: Catalogue) -> None:
    with pytest.raises(CatalogueError, match="ships"):
        catalogue.remove("wave")
    with pytest.raises(UnknownStyle):
        catalogue.remove("nothing")


def test_simultaneous_imports_are_all_kept(catalogue: Catalogue, tmp_path: Path) -> None:
    def add(number: int) -> None:
        own = Catalogue([MODELS, tmp_path / "styles"])
        own.add(StyleFacts(f"style_{number}", f"Style {number}"), f"{number}.npz")

    threads = [threading.Thread(target=add, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    slugs = {style.slug for style in catalogue.styles if style.imported}
    assert slugs == {f"style_{number}" for number in range(12)}
    assert not list((tmp_path / "styles").glob(".part-*"))


def test_a_damaged_catalogue_is_told(catalogue: Catalogue, tmp_path: Path) -> None:
    (tmp_path / "styles").mkdir()
    for text in ("{", json.dumps({"not": "a list"}), json.dumps([{"checkpoint": "x"}])):
        (tmp_path / "styles" / "catalogue.json").write_text(text)
        with pytest.raises(CatalogueError, match="damaged"):
            _ = Catalogue([MODELS, tmp_path / "styles"]).styles
