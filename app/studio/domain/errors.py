"""Errors of the studio, each with a sentence for the person."""

from __future__ import annotations

from app.errors import DomainError
from app.sentences import translatable


class NotFound(DomainError):
    """It does not exist, or belongs to somebody else; both get the same answer."""

    status = 404

    def __init__(self) -> None:
        super().__init__(translatable("There is nothing here. The picture may have been deleted."))


class NothingChosen(DomainError):
    """A request that names no photo, style or picture."""


class TooBusy(DomainError):
    """The machine has too many requests at the moment; asking again soon helps."""

    status = 503


class TooManyPictures(DomainError):
    """An order has more pictures than one order may have."""

    def __init__(self, wanted: int, allowed: int) -> None:
        super().__init__(
            translatable("That makes %(wanted)d pictures, and one order can hold %(allowed)d. Choose fewer."),
            wanted=wanted,
            allowed=allowed,
        )


class StyleGone(DomainError):
    """The style of an ordered picture has been removed since."""

    def __init__(self) -> None:
        super().__init__(translatable("This style is no longer offered. Choose another in the studio."))


class PhotoUnreadable(DomainError):
    """A photo that could be read at its upload cannot be read any more."""

    def __init__(self) -> None:
        super().__init__(translatable("This photo can no longer be read. Upload it again in the studio."))


class BeingPainted(DomainError):
    """A running render still needs what somebody wants to delete."""

    status = 409
