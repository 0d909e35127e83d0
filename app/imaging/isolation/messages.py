"""Messages between the site and a decoding process: one short JSON object each.

Pixels and files travel in shared memory. The site does not trust the answers, and checks them here.
"""

from __future__ import annotations

import json
from typing import NamedTuple

from app.imaging import errors
from app.imaging.encode import LONGEST_SIDE
from app.imaging.errors import ImageError
from app.imaging.formats import MEDIA_TYPES

MESSAGE_BYTES = 4096
CAUSE_LENGTH = 300
# Errors by name, and the words that may occur in their facts, besides numbers.
ERRORS = {
    error.__name__: error
    for error in vars(errors).values()
    if isinstance(error, type) and issubclass(error, ImageError)
}
WORDS = set(MEDIA_TYPES) | {"HEIC", "WebP"}


class BadMessage(Exception):
    """A decoding process sent an impossible message."""


class Decoded(NamedTuple):
    """The size of a picture whose pixels lie in shared memory, and the kind of its file.

    First come the RGB pixels, then its transparency if it has any.
    """

    width: int
    height: int
    media_type: str
    transparent: bool


class Refused(NamedTuple):
    """Why a file was refused, and the decoder's own message for the log."""

    error: ImageError
    cause: str


def ready(*, bound: bool) -> bytes:
    """The process is ready; ``bound`` says whether it gave up the network."""
    return json.dumps({"bound": bound}).encode()


def read_ready(message: bytes) -> bool:
    """Whether the process gave up the network.

    Raises:
        BadMessage: the message says something else.
    """
    return _object(message).get("bound") is True


def decoded(width: int, height: int, media_type: str, *, transparent: bool) -> bytes:
    """A picture is decoded."""
    return json.dumps({"size": [width, height], "media": media_type, "transparent": transparent}).encode()


def refused(error: ImageError) -> bytes:
    """The file is refused."""
    cause = repr(error.__cause__)[:CAUSE_LENGTH] if error.__cause__ else ""
    return json.dumps({"error": type(error).__name__, "facts": error.facts, "cause": cause}).encode()


def read_answer(message: bytes, max_pixels: int) -> Decoded | Refused:
    """Read a process's answer about a file.

    Raises:
        BadMessage: the size exceeds ``max_pixels``, or the message is otherwise impossible.
    """
    answer = _object(message)
    if "error" in answer:
        return _read_refusal(answer)
    match answer:
        case {"size": [int(width), int(height)], "media": str(media)}:
            in_range = 0 < width <= LONGEST_SIDE and 0 < height <= LONGEST_SIDE
            if in_range and width * height <= max_pixels and media in MEDIA_TYPES.values():
                return Decoded(width, height, media, answer.get("transparent") is True)
    raise BadMessage(message[:CAUSE_LENGTH])


def _read_refusal(answer: dict[str, object]) -> Refused:
    name, facts, cause = answer["error"], answer.get("facts"), answer.get("cause")
    if not (isinstance(name, str) and name in ERRORS and isinstance(facts, list) and isinstance(cause, str)):
        raise BadMessage("a refusal")
    if not all(fact in WORDS if isinstance(fact, str) else type(fact) is int for fact in facts):
        raise BadMessage("the facts of a refusal")
    try:
        return Refused(ERRORS[name](*facts), cause[:CAUSE_LENGTH])
    except TypeError as error:
        raise BadMessage("the facts of a refusal") from error


def _object(message: bytes) -> dict[str, object]:
    try:
        value = json.loads(message)
    except ValueError as error:
        raise BadMessage("no JSON") from error
    if not isinstance(value, dict):
        raise BadMessage("no object")
    return value
