"""What can be wrong with an upload, in words for the person who sent it."""

from __future__ import annotations

from app.errors import DomainError


class ImageError(DomainError):
    """The file cannot be used as a photo."""


class EmptyFile(ImageError):
    def __init__(self) -> None:
        super().__init__("This file is empty. Choose the photo again.")


class FileTooLarge(ImageError):
    status = 413

    def __init__(self, max_megabytes: int) -> None:
        super().__init__(f"This file is too large: at most {max_megabytes} MB are possible.")


class TooManyPixels(ImageError):
    status = 413

    def __init__(self, width: int, height: int, max_pixels: int) -> None:
        super().__init__(
            f"This photo has {width} × {height} pixels, which is more than the "
            f"{max_pixels / 1_000_000:g} megapixels that are possible. Make it smaller and try again."
        )


class NotAPhoto(ImageError):
    status = 415

    def __init__(self) -> None:
        super().__init__("This is not a photo we can read. Use JPEG, PNG, WebP, AVIF, HEIC, TIFF or GIF.")


class DamagedPhoto(ImageError):
    def __init__(self) -> None:
        super().__init__("This photo is damaged or incomplete. Try to upload it again from the original.")
