"""The wall: search by any word, and sorting."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from app.config import PROJECT_ROOT
from app.engine.catalogue import Catalogue, Style
from app.studio.pages.style_wall import SortOrder, arrange_tiles, movements
from app.translation import translated

STYLES = Catalogue([PROJECT_ROOT / "models"]).styles


def found(**options: Any) -> set[str]:
    return {
        tile.style.slug for tile in arrange_tiles(STYLES, suitability=lambda _: None, **options) if tile.found
    }


@pytest.mark.parametrize("query", ["Hokusai wave", "WAVE", "ukiyo great", "  kanagawa  "])
def test_a_style_is_found_by_words_of_all_kinds(query: str) -> None:
    assert "wave" in found(query=query)
    assert len(found(query=query)) < 4


@pytest.mark.parametrize(
    ("query", "slug"),
    [("Der Schrei", "the_scream"), ("scream", "the_scream"), ("sternennacht", "starry_night")],
)
def test_a_painting_is_found_by_its_name_in_both_languages(app: Flask, query: str, slug: str) -> None:
    with app.test_request_context(headers={"Accept-Language": "de"}):
        assert slug in found(query=query, translate=translated)
        wall = arrange_tiles(STYLES, suitability=lambda _: None, order=SortOrder.TITLE, translate=translated)
    titles = [tile.title for tile in wall]
    assert titles.index("Der Schrei") > titles.index("Regenprinzessin"), (
        "sorted by what is read, without articles"
    )
    assert next(tile.title for tile in wall if tile.style.slug == slug) in ("Der Schrei", "Sternennacht")


def test_accents_do_not_matter() -> None:
    style = Style(slug="x", title="Été à Genève", artist="Ferdinand Hodler")
    (tile,) = arrange_tiles([style], suitability=lambda _: None, query="ete geneve")
    assert tile.found


def test_nothing_is_left_out_of_the_wall() -> None:
    wall = arrange_tiles(STYLES, suitability=lambda _: None, query="no such style")
    assert len(wall) == len(STYLES)
    assert not any(tile.found for tile in wall)


def test_movements_and_words_narrow_each_other() -> None:
    assert "Cubism" in movements(STYLES)
    assert movements(STYLES) == sorted(set(movements(STYLES)))
    assert "la_muse" in found(movement="Cubism")
    assert found(movement="Cubism", query="muse") == {"la_muse"}
    assert "wave" not in found(movement="Cubism")
    assert found(movement="Cubism", query="hokusai") == set()


def test_orders() -> None:
    suits = {"udnie": 0.9, "wave": 0.5}
    best = [tile.style.slug for tile in arrange_tiles(STYLES, suitability=suits.get)]
    assert best[:2] == ["udnie", "wave"]
    assert best[2:] == [style.slug for style in STYLES if style.slug not in suits], (
        "the catalogue's own order"
    )
    years = [
        tile.style.year or 10_000
        for tile in arrange_tiles(STYLES, suitability=suits.get, order=SortOrder.YEAR)
    ]
    assert years == sorted(years)
    titles = [
        tile.style.title for tile in arrange_tiles(STYLES, suitability=suits.get, order=SortOrder.TITLE)
    ]
    assert titles.index("The Scream") > titles.index("Poppies")
