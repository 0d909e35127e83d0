"""The catalogue: shipped styles, imports, and files that change meanwhile."""

from __future__ import annotations

import json
import threading
from dataclasses import asdict
from pathlib import Path

import pytest

from app.commands.shipping import read_facts
from app.engine.catalogue import Catalogue, StyleFacts, ship_network
from app.engine.errors import CatalogueError, UnknownStyle
from testing.networks import MODELS


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    return Catalogue([MODELS, tmp_path / "styles"])


SHIPPED = len(Catalogue([MODELS]).styles)


def test_the_styles_that_ship_are_described(catalogue: Catalogue) -> None:
    styles = catalogue.styles
    assert len(styles) >= 14
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


def test_the_fast_variant_paints_where_that_is_wished(tmp_path: Path) -> None:
    wave = StyleFacts("wave", "Wave")
    ship_network(tmp_path, "slow.npz", [wave])
    ship_network(tmp_path, "only.npz", [StyleFacts("udnie", "Udnie")])
    for name in ("slow.npz", "slow_fast.npz", "only.npz"):
        (tmp_path / name).touch()
    fast = {style.slug: style.checkpoint.name for style in Catalogue([tmp_path], fast=True).styles}
    assert fast == {"wave": "slow_fast.npz", "udnie": "only.npz"}
    assert Catalogue([tmp_path]).get("wave").checkpoint.name == "slow.npz"
    assert Catalogue([MODELS], fast=True).get("wave").checkpoint.name == "house_fast.npz"


def test_an_unknown_style_is_refused_with_a_hint(catalogue: Catalogue) -> None:
    with pytest.raises(UnknownStyle, match="starry_night"):
        catalogue.get("starry_nite")
    with pytest.raises(UnknownStyle, match=r"called qqqq\.$"):
        catalogue.get("qqqq")


def test_an_import_is_seen_by_a_catalogue_that_is_open_already(catalogue: Catalogue, tmp_path: Path) -> None:
    running = Catalogue([MODELS, tmp_path / "styles"])
    assert len(running.styles) == SHIPPED
    catalogue.add(StyleFacts("mine", "Mine", artist="Me"), "mine.npz")
    style = running.get("mine")
    assert (style.title, style.artist, style.imported) == ("Mine", "Me", True)
    assert style.checkpoint == tmp_path / "styles" / "mine.npz"
    assert running.styles[-1] == style
    catalogue.remove("mine")
    with pytest.raises(UnknownStyle):
        running.get("mine")


@pytest.mark.parametrize(
    "slug", ["", "Wave", "a-b", "a__b", "_a", "a_", "../a", "a b", "ä", "a\n", "a" * 65, "a/b", "catalogue"]
)
def test_a_malformed_slug_is_refused(slug: str, catalogue: Catalogue) -> None:
    with pytest.raises(CatalogueError, match="cannot name a style"):
        catalogue.add(StyleFacts(slug, "Title"), "x.npz")
    assert len(catalogue.styles) == SHIPPED


def test_a_slug_is_given_once(catalogue: Catalogue) -> None:
    catalogue.add(StyleFacts("mine", "Mine"), "mine.npz")
    for slug in ("mine", "wave"):
        with pytest.raises(CatalogueError, match="already"):
            catalogue.add(StyleFacts(slug, "Again"), "other.npz")
    assert catalogue.get("mine").title == "Mine"


def test_only_works_in_the_public_domain_are_on_offer_where_that_is_asked(tmp_path: Path) -> None:
    everything = Catalogue([MODELS, tmp_path])
    protected = {style.slug for style in everything.styles if not style.public_domain}
    assert protected >= {"la_muse", "rain_princess"}
    careful = Catalogue([MODELS, tmp_path], public_domain_only=True)
    offered = {style.slug for style in careful.styles}
    assert offered == {style.slug for style in everything.styles} - protected
    with pytest.raises(UnknownStyle):
        careful.get("la_muse")
    with pytest.raises(CatalogueError, match="already a style called la_muse"):
        careful.add(StyleFacts("la_muse", "La Muse", public_domain=True), "x.npz")
    with pytest.raises(CatalogueError, match="public domain"):
        careful.add(StyleFacts("mine", "Mine"), "x.npz")
    everything.add(StyleFacts("mine", "Mine"), "mine.npz")
    everything.add(StyleFacts("old", "Old", public_domain=True), "old.npz")
    assert {style.slug for style in careful.styles} == offered | {"old"}


def test_the_catalogue_says_of_rights_what_the_table_of_paintings_says(catalogue: Catalogue) -> None:
    slugs = [style.slug for style in catalogue.styles]
    for style, facts in zip(catalogue.styles, read_facts(MODELS / "paintings.tsv", slugs), strict=True):
        assert {field: getattr(style, field) for field in asdict(facts)} == asdict(facts)
        assert style.public_domain == style.rights.startswith("Public domain (")


def test_an_added_style_belongs_to_a_network_and_goes_without_it(
    catalogue: Catalogue, tmp_path: Path
) -> None:
    network = catalogue.find_network()
    assert catalogue.find_network(network.stem) == catalogue.find_network(network.name) == network
    with pytest.raises(CatalogueError, match=rf"no network called nothing: choose {network.stem}"):
        catalogue.find_network("nothing")
    catalogue.add_row(StyleFacts("mine", "Mine"), network.name, "mine.npz")
    row = tmp_path / "styles" / "mine.npz"
    row.write_bytes(b"row")
    style = catalogue.get("mine")
    assert style.files == (network, row)
    catalogue.remove("mine")
    assert not row.exists()
    assert network.exists()


def test_a_network_stays_while_styles_added_to_it_do(catalogue: Catalogue, tmp_path: Path) -> None:
    catalogue.add(StyleFacts("first", "First"), "first.npz")
    (tmp_path / "styles" / "first.npz").write_bytes(b"network")
    catalogue.add_row(StyleFacts("second", "Second"), "first.npz", "first+second.npz")
    with pytest.raises(CatalogueError, match="second is painted by the network of first"):
        catalogue.remove("first")
    for slug in ("second", "first"):
        catalogue.remove(slug)
    assert not list((tmp_path / "styles").glob("*.npz"))


def test_a_network_that_ships_comes_first_and_takes_its_styles_over(tmp_path: Path) -> None:
    one, two, three = (StyleFacts(slug, slug.title()) for slug in ("one", "two", "three"))
    assert ship_network(tmp_path, "old.npz", [one, two]) == []
    assert ship_network(tmp_path, "new.npz", [three, one]) == []
    painted = {style.slug: style.checkpoint.name for style in Catalogue([tmp_path]).styles}
    assert list(painted.items()) == [("three", "new.npz"), ("one", "new.npz"), ("two", "old.npz")]
    assert ship_network(tmp_path, "new.npz", [two, three]) == ["old.npz"]
    assert [style.slug for style in Catalogue([tmp_path]).styles] == ["two", "three"]


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
