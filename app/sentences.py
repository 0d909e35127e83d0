"""Marks sentences for the catalogue of translations where nothing of the web framework is known.

They are English there, and are translated where they are shown: see :mod:`app.translation`.
"""

from __future__ import annotations

from typing import NamedTuple


class Plural(NamedTuple):
    """A sentence that depends on a number, which its values name ``num``."""

    one: str
    many: str


def translatable(sentence: str) -> str:
    """Mark a sentence; values stand in it as ``%(name)s``."""
    return sentence


def translatable_plural(one: str, many: str) -> Plural:
    """Mark the two forms of a sentence."""
    return Plural(one, many)


def in_english(sentence: str | Plural, values: dict[str, object]) -> str:
    """The sentence with its values, as it was written."""
    if isinstance(sentence, Plural):
        sentence = sentence.one if values["num"] == 1 else sentence.many
    return sentence % values if values else sentence


class DomainError(Exception):
    """Something a person asked for cannot be done.

    ``str(error)`` tells why and what to do, in English, for logs and the command line;
    :func:`app.errors.in_words` tells it to people.

    Args:
        sentence: marked by :func:`translatable`, in which ``values`` stand as ``%(name)s``.
    """

    status = 400
    retry_after: int | None = None  # seconds

    def __init__(self, sentence: str | Plural = "", **values: object) -> None:
        super().__init__(in_english(sentence, values))
        self.sentence, self.values = sentence, values
