"""Errors of films, with sentences for people."""

from __future__ import annotations

from pathlib import Path

from app.errors import DomainError


class VideoError(DomainError):
    """The film cannot be read, or the result cannot be written."""


class NotAVideo(VideoError):
    def __init__(self, path: Path) -> None:
        super().__init__(f"{path}: this is not a video we can read. Use MP4, MOV, MKV or WebM")


class NoPictures(VideoError):
    def __init__(self, path: Path) -> None:
        super().__init__(f"{path}: this file has no video, only sound or other data")


class UnknownCoding(NoPictures):
    def __init__(self, path: Path) -> None:
        VideoError.__init__(self, f"{path}: we have no decoder for this video. Convert it to H.264 first")


class Undecodable(NoPictures):
    def __init__(self, path: Path) -> None:
        VideoError.__init__(
            self,
            f"{path}: no frame can be decoded. The video is damaged or copy-protected. Use another copy",
        )
