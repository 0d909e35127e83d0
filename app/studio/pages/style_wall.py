"""The wall of styles: a tile for each style, sorted and filtered."""

from __future__ import annotations

import enum
import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from app.engine.catalogue import Style
from app.sentences import translatable


class SortOrder(enum.StrEnum):
    """How the styles are sorted."""

    BEST = "best"
    TITLE = "title"
    YEAR = "year"


ORDER_TITLES = {
    SortOrder.BEST: translatable("Suits this photo best"),
    SortOrder.TITLE: translatable("By title"),
    SortOrder.YEAR: translatable("Oldest painting first"),
}


@dataclass(frozen=True)
class Tile:
    """A style on the wall.

    Attributes:
        style: from the catalogue.
        title: the painting's title in the visitor's language.
        suitability: how well the style suits the photo, 0 to 1; None while unknown.
        words: the text that a search looks in.
        found: whether it matches search and filter.
    """

    style: Style
    title: str
    suitability: float | None
    words: str
    found: bool


def arrange_tiles(
    styles: Sequence[Style],
    *,
    suitability: Callable[[str], float | None],
    query: str = "",
    movement: str = "",
    order: SortOrder = SortOrder.BEST,
    translate: Callable[[str], str] = str,
) -> list[Tile]:
    """A tile for every style, in the order asked for; ``found`` marks matches.

    Args:
        styles: the catalogue's styles; their order decides ties.
        suitability: how well a style (its slug) suits the photo, None if unknown.
        query: words that title, artist or movement must all contain, in any order, without accents.
        movement: the only movement wanted, or "".
        order: how to sort.
        translate: translates a title or a movement. A search finds translations too.
    """
    wanted = plain(query).split()
    tiles = []
    for style in styles:
        title = translate(style.title)
        words = plain(f"{style.title} {title} {style.artist} {style.movement} {translate(style.movement)}")
        found = all(word in words for word in wanted) and movement in ("", style.movement)
        tiles.append(Tile(style, title, suitability(style.slug), words, found))
    return sorted(tiles, key=_KEYS[order])


# Articles, which sorting by title ignores.
_ARTICLE = re.compile(r"^(the|der|die|das) ")
_KEYS: dict[SortOrder, Callable[[Tile], tuple[float, str]]] = {
    SortOrder.BEST: lambda tile: (-(tile.suitability or 0.0), ""),
    SortOrder.TITLE: lambda tile: (0.0, _ARTICLE.sub("", plain(tile.title))),
    SortOrder.YEAR: lambda tile: (tile.style.year or 10_000, ""),
}


def movements(styles: Sequence[Style]) -> list[str]:
    """All movements, sorted by name."""
    return sorted({style.movement for style in styles if style.movement})


def plain(text: str) -> str:
    """The text in lower case and without accents, as people type a search."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(character for character in decomposed if not unicodedata.combining(character))
