"""The streams of a film: which one is painted, and which ones have no place in a painted film."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

from app.video.errors import NoPictures, UnknownCoding

# What stands beside pictures and sounds, by FFmpeg's word for it: one of them, and several.
OTHERS = {
    "data": ("a data track", "data tracks"),
    "subtitle": ("a subtitle track", "subtitle tracks"),
    "attachment": ("an attachment", "attachments"),
    "video": ("another video", "other videos"),
    "cover": ("the cover art", "pictures of cover art"),
    "unknown": ("an unknown track", "unknown tracks"),
}
# QuickTime numbers its languages. FFmpeg knows some of them by another code than that of ISO 639-2/T.
QUICKTIME_LANGUAGES = {
    "bod": "tib",
    "cym": "wel",
    "cze": "ces",
    "deu": "ger",
    "ell": "gre",
    "eus": "baq",
    "fas": "iri",
    "fre": "fra",
    "hrv": "hr ",
    "hye": "arm",
    "isl": "ice",
    "kat": "geo",
    "mkd": "mac",
    "msa": "may",
    "mya": "bur",
    "nld": "dut",
    "rum": "ron",
    "slo": "slk",
    "sqi": "alb",
    "srp": "sr ",
    "swe": "sve",
    "zho": "chi",
}


def choose_pictures(container: InputContainer, path: Path) -> VideoStream:
    """The video to paint: the default one, else the largest.

    QuickTime calls every enabled video a default, so the largest of several defaults is chosen.

    Raises:
        NoPictures: there is no video, or cover art only.
        UnknownCoding: there is no decoder for any of them.
    """
    videos = [stream for stream in container.streams.video if not _is_cover(stream)]
    if not videos:
        raise NoPictures(path)
    readable = [stream for stream in videos if _has_decoder(stream)]
    if not readable:
        raise UnknownCoding(path)
    return max(readable, key=lambda stream: (_is_default(stream), stream.width * stream.height))


def others(container: InputContainer, painted: VideoStream) -> list[str]:
    """What is neither the painted video nor a sound, in words such as "2 data tracks"."""
    kinds = Counter(
        "cover" if _is_cover(stream) else stream.type
        for stream in container.streams
        if stream.index != painted.index and stream.type != "audio"
    )
    return [_count(kind, number) for kind, number in kinds.items()]


def keep_names(source: Any, target: Any, container: str) -> None:
    """Take over a stream's language, its title, and whether it is the default."""
    language = tag(source, "language")
    title = tag(source, "title") or tag(source, "name")  # as Matroska and as QuickTime call it
    if language:
        known = QUICKTIME_LANGUAGES.get(language, language) if container == "mov" else language
        target.metadata["language"] = known
    if title:
        target.metadata["title"] = title
    target.disposition = source.disposition


def tag(stream: Any, name: str) -> str | None:
    """What a stream's metadata says under a name, in whatever case; Matroska writes some in capitals."""
    return next((value for key, value in stream.metadata.items() if key.lower() == name), None)


def _count(kind: str, number: int) -> str:
    one, several = OTHERS.get(kind, OTHERS["unknown"])
    return one if number == 1 else f"{number} {several}"


def _is_cover(stream: Any) -> bool:
    return bool(stream.disposition & Disposition.attached_pic)


def _is_default(stream: VideoStream) -> bool:
    return bool(stream.disposition & Disposition.default)


def _has_decoder(stream: VideoStream) -> bool:
    """Whether FFmpeg can decode it; PyAV then gives the stream a codec context."""
    return getattr(stream, "codec_context", None) is not None
