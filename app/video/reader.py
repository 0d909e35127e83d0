"""Films in: upright 8-bit frames with their time stamps, one at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any

import av
import numpy as np
import structlog
from av.container import InputContainer
from av.error import FFmpegError
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, Interpolation
from av.video.stream import VideoStream

from app.engine.typing import Pixels
from app.imaging.colors import hdr_to_srgb
from app.imaging.tone import HDR
from app.video.errors import NoPictures, NotAVideo
from app.video.files import address
from app.video.orientation import Turn

log = structlog.get_logger(__name__)


# Only these containers are opened: playlists, which name other files and addresses, are not among them.
CONTAINERS = (
    "mov,matroska,webm,avi,mpegts,mpeg,mpegvideo,flv,ogg,asf,nut,mxf,gif,dv,ivf,h264,hevc,yuv4mpegpipe"
)
OPTIONS = {"format_whitelist": CONTAINERS, "protocol_whitelist": "file"}

# Numbers of ITU-T H.273: the matrices that films declare.
MATRICES = {1: Colorspace.ITU709, 5: Colorspace.ITU601, 6: Colorspace.ITU601, 9: Colorspace.BT2020}
# Players take a film that declares none for BT.709 from this height on, and for BT.601 below it.
HIGH_DEFINITION = 720
RESAMPLING = Interpolation.BICUBIC | Interpolation.ACCURATE_RND
# A film that ends this many seconds before the end that it declares has lost some of itself.
MISSING = 0.25
MICROSECONDS = 1_000_000


@dataclass(frozen=True)
class Frame:
    """A frame; ``time`` and ``duration`` count in the film's time base, from where its container begins."""

    time: int
    duration: int
    raw: VideoFrame


@dataclass
class Damage:
    """What could not be read: packets, frames that are only partly there, seconds at the end, and sound."""

    packets: int = 0
    frames: int = 0
    seconds: float = 0.0
    sounds: int = 0

    def __bool__(self) -> bool:
        return bool(self.packets or self.frames or self.seconds or self.sounds)

    def __str__(self) -> str:
        parts = (
            (self.packets, f"{self.packets} unreadable pieces"),
            (self.frames, f"{self.frames} damaged frames"),
            (self.seconds, f"{self.seconds:.1f} seconds missing at the end"),
            (self.sounds, f"{self.sounds} missing pieces of sound"),
        )
        return ", ".join(text for amount, text in parts if amount)


class Film:
    """A film that is open for reading; a context manager.

    Attributes:
        width, height: of the frames as they are shown, in pixels.
        time_base: seconds per unit of a frame's time.
        pixel_aspect: the width of a shown pixel by its height.
        rate: frames per second on average, if the file tells.
        seconds: how long it is, if the file tells.
        damage: what could not be read so far.
        end: when the last frame that was read ends, in units of the time base.
    """

    def __init__(self, path: Path) -> None:
        """Open ``path`` and decode its first frame.

        Raises:
            OSError: there is no such file, or it cannot be opened.
            NotAVideo: it is something else, or its beginning is lost.
            NoPictures: it holds sound only, or not one frame that can be decoded.
        """
        self.path = path
        self.damage = Damage()
        self.end = 0
        self._container = open_container(path)
        try:
            self._stream = _find_pictures(self._container, path)
            self.rate = self._stream.average_rate
            self.seconds = _declared_seconds(self._container, self._stream)
            self.time_base = self._stream.time_base or Fraction(1, MICROSECONDS)
            self._origin = round(Fraction(self._container.start_time or 0, MICROSECONDS) / self.time_base)
            self._frames = self._decode()
            first = next(self._frames, None)
            if first is None:
                raise NoPictures(path)
        except BaseException:
            self._container.close()
            raise
        self._frames = chain((first,), self._frames)
        self._coded = (first.raw.width, first.raw.height)
        self._turn = _turn_of(first.raw)
        self.width, self.height = self._turn.size(*self._coded)
        aspect = self._stream.sample_aspect_ratio or Fraction(1)
        self.pixel_aspect = 1 / aspect if self._turn.swapped else aspect

    def __enter__(self) -> Film:
        return self

    def __exit__(self, *exception: object) -> None:
        self._container.close()

    def frames(self) -> Iterator[Frame]:
        """Every frame that can be read, once, in order; times increase strictly."""
        return self._frames

    def pixels(self, frame: Frame) -> Pixels:
        """A frame as it is shown, uint8 [height, width, 3], RGB of sRGB; HDR is brought to SDR."""
        raw = frame.raw
        matrix = MATRICES.get(int(raw.colorspace))
        if matrix is None:
            matrix = Colorspace.ITU709 if min(self._coded) >= HIGH_DEFINITION else Colorspace.ITU601
        hdr = int(raw.color_trc) in HDR
        rgb = raw.reformat(
            *self._coded,
            format="rgb48le" if hdr else "rgb24",
            src_colorspace=matrix,
            src_color_range=raw.color_range or ColorRange.MPEG,
            interpolation=RESAMPLING,
        ).to_ndarray()
        pixels = hdr_to_srgb(rgb, int(raw.color_primaries), int(raw.color_trc)) if hdr else rgb
        return self._turn.apply(np.asarray(pixels, np.uint8))

    def _decode(self) -> Iterator[Frame]:
        last = -1
        usual = round(1 / (self.rate * self.time_base)) if self.rate else 1
        for raw in self._raw_frames():
            time = last + 1 if raw.pts is None else max(raw.pts - self._origin, last + 1)
            duration = raw.duration or usual
            self.damage.frames += raw.is_corrupt
            yield Frame(time, duration, raw)
            last, self.end = time, time + duration
        if self.seconds is not None:
            missing = self.seconds - float(self.end * self.time_base)
            self.damage.seconds = missing if missing > MISSING else 0.0

    def _raw_frames(self) -> Iterator[VideoFrame]:
        for packet in readable(self._container.demux(self._stream), self.damage):
            try:
                yield from packet.decode()
            except FFmpegError as error:
                log.info("video.unreadable_packet", cause=repr(error))
                self.damage.packets += 1


def open_container(path: Path) -> InputContainer:
    """Open a film for reading.

    Raises:
        OSError: there is no such file, or it cannot be opened.
        NotAVideo: it is something else.
    """
    with path.open("rb"):
        pass  # the system's own words, where it is the system that refuses
    try:
        return av.open(address(path), "r", container_options=OPTIONS, metadata_errors="replace")
    except FFmpegError as error:
        raise NotAVideo(path) from error


def readable(packets: Iterator[Any], damage: Damage) -> Iterator[Any]:
    """The packets up to where the file cannot be read any further."""
    try:
        yield from packets
    except FFmpegError as error:
        log.info("video.unreadable", cause=repr(error))
        damage.packets += 1


def _find_pictures(container: InputContainer, path: Path) -> VideoStream:
    covers = av.stream.Disposition.attached_pic
    for stream in container.streams.video:
        if not stream.disposition & covers:
            stream.thread_type = "AUTO"
            return stream
    raise NoPictures(path)


def _turn_of(raw: VideoFrame) -> Turn:
    side_data: Any = raw.side_data  # declared as a mapping, yet what it yields are its values
    for data in side_data:
        if data.type.name == "DISPLAYMATRIX":
            return Turn.of(bytes(data))
    return Turn()


def _declared_seconds(container: InputContainer, stream: VideoStream) -> float | None:
    """How long the pictures last by the file's own word; a container's may be that of a longer sound."""
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    told = stream.metadata.get("DURATION")  # Matroska: 00:01:02.345000000
    if told:
        with suppress(ValueError):  # anybody may write anything into it
            hours, minutes, seconds = told.split(":")
            return int(hours) * 3600 + int(minutes) * 60 + float(seconds)
    if container.duration is not None and not container.streams.audio:
        return container.duration / MICROSECONDS
    return None
