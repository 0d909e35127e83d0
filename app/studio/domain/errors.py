"""What can be wrong with a request to the studio, in words for the person."""

from __future__ import annotations

from app.errors import DomainError
from app.sentences import translatable


class NotFound(DomainError):
    """The photo or picture does not exist, or belongs to somebody else: the answer is the same."""

    status = 404

    def __init__(self) -> None:
        super().__init__(translatable("There is nothing here. The picture may have been deleted."))


class NothingChosen(DomainError):
    pass


class TooBusy(DomainError):
    """Others ask for more at the moment than this machine can do; asking again in a moment helps."""

    status = 503


class TooManyPictures(DomainError):
    """An order beyond what one order may hold."""

    def __init__(self, wanted: int, allowed: int) -> None:
        super().__init__(
            translatable("That makes %(wanted)d pictures, and one order can hold %(allowed)d. Choose fewer."),
            wanted=wanted,
            allowed=allowed,
        )


class StyleGone(DomainError):
    """A picture was ordered in a style that has been removed since."""

    def __init__(self) -> None:
        super().__init__(translatable("This style is no longer offered. Choose another in the studio."))


class PhotoUnreadable(DomainError):
    """A photo that was read when it came can be read no more."""

    def __init__(self) -> None:
        super().__init__(translatable("This photo can no longer be read. Upload it again in the studio."))


class BeingPainted(DomainError):
    """Something that is in use by a running render cannot be deleted yet."""

    status = 409
