"""Marks sentences for translation in code that does not import the web framework.

Sentences are written in English. :mod:`app.translation` translates them when they are shown.
"""

from __future__ import annotations

from typing import NamedTuple


class Plural(NamedTuple):
    """A sentence with a singular and a plural form; its values include ``num``."""

    one: str
    many: str


def translatable(sentence: str) -> str:
    """Mark a sentence; placeholders are ``%(name)s``."""
    return sentence


def translatable_plural(one: str, many: str) -> Plural:
    """Mark the singular and the plural form of a sentence."""
    return Plural(one, many)


def in_english(sentence: str | Plural, values: dict[str, object]) -> str:
    """The sentence in English, with its values filled in."""
    if isinstance(sentence, Plural):
        sentence = sentence.one if values["num"] == 1 else sentence.many
    return sentence % values if values else sentence


class DomainError(Exception):
    """A request of a person cannot be carried out.

    ``str(error)`` says in English why, and what to do next. Logs and the command line use it.
    :func:`app.errors.in_words` translates it for people.

    Args:
        sentence: marked by :func:`translatable`; ``values`` replace its ``%(name)s``.
    """

    status = 400
    retry_after: int | None = None  # seconds

    def __init__(self, sentence: str | Plural = "", **values: object) -> None:
        super().__init__(in_english(sentence, values))
        self.sentence, self.values = sentence, values
