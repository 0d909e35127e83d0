"""The wall of styles in the studio: which of them are shown, and in which order."""

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
        title: what the painting is called in the visitor's language.
        suitability: how well it suits the photo, 0 to 1; None while that is not known.
        words: what a search looks in.
        found: whether the search and the filter let it through.
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
    say: Callable[[str], str] = str,
) -> list[Tile]:
    """Every style in the order asked for; those that the search does not find are marked, not left out.

    Args:
        styles: the catalogue's, in its own order, which decides where the other is undecided.
        suitability: how well a style (its slug) suits the photo, None if that is not known.
        query: words that must all occur in title, artist or movement, in any order and without accents.
        movement: the only movement wanted, or nothing.
        order: how to sort.
        say: how the visitor's language calls a painting and a movement; they are found by those names too.
    """
    wanted = plain(query).split()
    wall = []
    for style in styles:
        title = say(style.title)
        words = plain(f"{style.title} {title} {style.artist} {style.movement} {say(style.movement)}")
        found = all(word in words for word in wanted) and movement in ("", style.movement)
        wall.append(Tile(style, title, suitability(style.slug), words, found))
    return sorted(wall, key=_KEYS[order])


# Articles, by which no title is sorted.
_ARTICLE = re.compile(r"^(the|der|die|das) ")
_KEYS: dict[SortOrder, Callable[[Tile], tuple[float, str]]] = {
    SortOrder.BEST: lambda tile: (-(tile.suitability or 0.0), ""),
    SortOrder.TITLE: lambda tile: (0.0, _ARTICLE.sub("", plain(tile.title))),
    SortOrder.YEAR: lambda tile: (tile.style.year or 10_000, ""),
}


def movements(styles: Sequence[Style]) -> list[str]:
    """The movements there are, by name."""
    return sorted({style.movement for style in styles if style.movement})


def plain(text: str) -> str:
    """In lower case and without accents, as people type when they search."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(character for character in decomposed if not unicodedata.combining(character))
