"""What can be wrong with an upload, in words for the person who sent it."""

from __future__ import annotations

from app.errors import DomainError
from app.sentences import translatable


class ImageError(DomainError):
    """The file cannot be used as a photo."""


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
    """Pictures have their photo's size, and files of them end at some length."""

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


class DamagedPhoto(ImageError):
    def __init__(self) -> None:
        super().__init__(translatable("This photo is damaged or incomplete. Upload the original again."))
