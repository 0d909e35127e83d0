"""Errors of uploads, with sentences for people."""

from __future__ import annotations

from typing import Self

from app.sentences import DomainError, translatable


class ImageError(DomainError):
    """The file cannot be used as a photo.

    Attributes:
        facts: the error's arguments; with them another process can rebuild the error.
    """

    facts: tuple[object, ...]

    def __new__(cls, *facts: object) -> Self:
        error = super().__new__(cls, *facts)
        error.facts = facts
        return error


class EmptyFile(ImageError):
    def __init__(self) -> None:
        super().__init__(translatable("This file is empty. Choose the photo again."))


class FileTooLarge(ImageError):
    status = 413

    def __init__(self, max_megabytes: int) -> None:
        super().__init__(
            translatable("This file is too large. Choose one of at most %(megabytes)s MB."),
            megabytes=max_megabytes,
        )


class TooManyPixels(ImageError):
    status = 413

    def __init__(self, width: int, height: int, max_pixels: int) -> None:
        super().__init__(
            translatable(
                "This photo has %(width)d × %(height)d pixels. "
                "The limit is %(megapixels)s megapixels. Make it smaller and try again."
            ),
            width=width,
            height=height,
            megapixels=f"{max_pixels / 1_000_000:g}",
        )


class SideTooLong(ImageError):
    """The photo is longer than a picture file can be; a picture has its photo's size."""

    status = 413

    def __init__(self, width: int, height: int, longest: int) -> None:
        super().__init__(
            translatable(
                "This photo has %(width)d × %(height)d pixels. No side can be longer than %(longest)d. "
                "Crop it or make it smaller, and try again."
            ),
            width=width,
            height=height,
            longest=longest,
        )


class NotAPhoto(ImageError):
    status = 415

    def __init__(self) -> None:
        super().__init__(
            translatable("This is not a photo we can read. Use JPEG, PNG, WebP, AVIF, HEIC, TIFF or GIF.")
        )


class RawPhoto(ImageError):
    """The data of a camera's sensor, from which a raw converter makes a photo."""

    status = 415

    def __init__(self) -> None:
        super().__init__(
            translatable(
                "This is a raw photo from a camera. "
                "Export it as JPEG, HEIC or TIFF in your photo program and choose that file."
            )
        )


class UnknownTiff(ImageError):
    """A TIFF whose numbers could mean anything: guessing would give wrong colours."""

    status = 415

    def __init__(self) -> None:
        super().__init__(
            translatable(
                "This TIFF stores its pixels in a way we cannot read. "
                "Save the picture again as JPEG or PNG and upload it."
            )
        )


class DamagedPhoto(ImageError):
    def __init__(self) -> None:
        super().__init__(translatable("This photo is damaged or incomplete. Upload the original again."))


class UnreadablePhoto(ImageError):
    """The decoder crashed, or took too much memory or time."""

    def __init__(self) -> None:
        super().__init__(translatable("This photo could not be read. Save it again as JPEG and upload it."))


class TooManyScans(ImageError):
    """A progressive JPEG with more scans than any camera or program writes."""

    def __init__(self, most: int) -> None:
        super().__init__(
            translatable(
                "This JPEG draws its picture more than %(most)d times over. "
                "Save it again as an ordinary JPEG and upload it."
            ),
            most=most,
        )


class TooMuchMetadata(ImageError):
    """Too much data beside the picture, such as comments and texts."""

    def __init__(self, kind: str) -> None:
        super().__init__(
            translatable(
                "This %(kind)s file carries too much data beside its picture, such as comments. "
                "Save it again without metadata and upload it."
            ),
            kind=kind,
        )


class TooManyParts(ImageError):
    """A file with more pages, blocks or tiles than photos have."""

    def __init__(self, kind: str) -> None:
        super().__init__(
            translatable(
                "This %(kind)s file consists of too many parts. Save the picture again as JPEG and upload it."
            ),
            kind=kind,
        )


class LargerThanDeclared(ImageError):
    """The header declares a smaller picture than the file contains."""

    def __init__(self, kind: str) -> None:
        super().__init__(
            translatable(
                "This %(kind)s file holds a larger picture than it declares. "
                "Save the picture again as JPEG and upload it."
            ),
            kind=kind,
        )
