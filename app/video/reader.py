"""Reads films: upright 8-bit frames with time stamps, one at a time."""

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
from app.video.decoding import Decoder, has_alpha, on_white
from app.video.errors import NotAVideo, Undecodable
from app.video.files import address
from app.video.orientation import Rotation
from app.video.streams import choose_pictures, others, tag

log = structlog.get_logger(__name__)


# The containers that may be opened. Playlists are excluded, as they name other files and addresses.
CONTAINERS = (
    "mov,matroska,webm,avi,mpegts,mpeg,mpegvideo,m4v,flv,ogg,asf,nut,mxf,gif,dv,ivf,h264,hevc,obu,"
    "yuv4mpegpipe"
)
OPTIONS = {"format_whitelist": CONTAINERS, "protocol_whitelist": "file"}

# Codes of ITU-T H.273: the colour matrices that films declare.
MATRICES = {1: Colorspace.ITU709, 5: Colorspace.ITU601, 6: Colorspace.ITU601, 9: Colorspace.BT2020}
# For a film without a declared matrix, players use BT.709 from this height on and BT.601 below.
HIGH_DEFINITION = 720
RESAMPLING = Interpolation.BICUBIC | Interpolation.ACCURATE_RND
# A film that ends this many seconds before its declared end has lost some frames.
MISSING = 0.25
MICROSECONDS = 1_000_000


@dataclass(frozen=True)
class Frame:
    """A frame; ``time`` and ``duration`` are in the film's time base, from its start."""

    time: int
    duration: int
    raw: VideoFrame


@dataclass
class Damage:
    """What could not be read: packets, damaged frames, seconds at the end, and sound."""

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
    """A film open for reading; a context manager.

    Attributes:
        width, height: the shown size in pixels.
        time_base: seconds per unit of a frame's time.
        pixel_aspect: width / height of a shown pixel.
        rate: frames per second on average, if declared.
        seconds: its length, if declared.
        transparent: whether the frames have an alpha channel.
        index: of the painted video among the film's streams.
        others: the streams that are neither this video nor a sound, in words.
        damage: what could not be read so far.
        end: when the last frame read so far ends, in units of the time base.
    """

    def __init__(self, path: Path) -> None:
        """Open ``path`` and decode its first frame.

        Raises:
            OSError: there is no such file, or it cannot be opened.
            NotAVideo: the file is no film, or its beginning is lost.
            NoPictures: the file has only sound, or no frame that can be decoded.
        """
        self.path = path
        self.damage = Damage()
        self.end = 0
        self._container = open_container(path)
        try:
            self._stream = choose_pictures(self._container, path)
            self._decoder = Decoder(self._stream)
            self.index = self._stream.index
            self.others = others(self._container, self._stream)
            self.rate = self._stream.average_rate
            self.seconds = _declared_seconds(self._container, self._stream)
            self.time_base = self._stream.time_base or Fraction(1, MICROSECONDS)
            self._origin: int | None = None
            if self._container.start_time is not None:
                self._origin = round(Fraction(self._container.start_time, MICROSECONDS) / self.time_base)
            self._frames = self._decode()
            first = next(self._frames, None)
            if first is None:
                raise Undecodable(path)
        except BaseException:
            self._container.close()
            raise
        self._frames = chain((first,), self._frames)
        self._coded = (first.raw.width, first.raw.height)
        self._rotation = _rotation_of(first.raw)
        self.transparent = has_alpha(first.raw)
        self.width, self.height = self._rotation.size(*self._coded)
        aspect = self._stream.sample_aspect_ratio or Fraction(1)
        self.pixel_aspect = 1 / aspect if self._rotation.swapped else aspect

    def __enter__(self) -> Film:
        return self

    def __exit__(self, *exception: object) -> None:
        self._container.close()

    def frames(self) -> Iterator[Frame]:
        """Yield every readable frame once, in order; times increase strictly."""
        return self._frames

    def pixels(self, frame: Frame) -> Pixels:
        """A frame as shown: uint8 [height, width, 3], sRGB; HDR becomes SDR.

        Transparent areas are white, as in photos.
        """
        if has_alpha(frame.raw):
            return self._rotation.apply(on_white(self._converted(frame.raw, "rgba")))
        return self._rotation.apply(self._converted(frame.raw, "rgb24"))

    def alpha(self, frame: Frame) -> Pixels:
        """The alpha channel of a transparent film's frame: uint8 [height, width, 1]."""
        return self._rotation.apply(self._converted(frame.raw, "rgba")[..., 3:])

    def _converted(self, raw: VideoFrame, layout: str) -> Pixels:
        """A frame as coded, before rotation, in 8-bit sRGB, with alpha if ``layout`` has it."""
        matrix = MATRICES.get(int(raw.colorspace))
        if matrix is None:
            matrix = Colorspace.ITU709 if min(self._coded) >= HIGH_DEFINITION else Colorspace.ITU601
        hdr = int(raw.color_trc) in HDR
        converted = raw.reformat(
            *self._coded,
            format={"rgb24": "rgb48le", "rgba": "rgba64le"}[layout] if hdr else layout,
            src_colorspace=matrix,
            src_color_range=raw.color_range or ColorRange.MPEG,
            interpolation=RESAMPLING,
        ).to_ndarray()
        if not hdr:
            return np.asarray(converted, np.uint8)
        deep = np.asarray(converted, np.uint16)
        color = np.ascontiguousarray(deep[..., :3])
        rgb = hdr_to_srgb(color, int(raw.color_primaries), int(raw.color_trc))
        return np.concatenate([rgb, (deep[..., 3:] >> 8).astype(np.uint8)], axis=2)

    def _decode(self) -> Iterator[Frame]:
        last = -1
        usual = max(1, round(1 / (self.rate * self.time_base))) if self.rate else 1
        for raw in self._raw_frames():
            duration = raw.duration or usual
            # Raw streams tell no times: each frame begins where the one before it ends.
            if self._origin is None:
                self._origin = raw.pts
            time = self.end if raw.pts is None else raw.pts - (self._origin or 0)
            time = max(time, last + 1)
            yield Frame(time, duration, raw)
            last, self.end = time, time + duration
        if self.seconds is not None:
            missing = self.seconds - float(self.end * self.time_base)
            self.damage.seconds = missing if missing > MISSING else 0.0

    def _raw_frames(self) -> Iterator[VideoFrame]:
        for packet in readable(self._container.demux(self._stream), self.damage):
            try:
                for frame in self._decoder.decode(packet):
                    self.damage.frames += frame.is_corrupt
                    yield from self._decoder.whole(frame)
            except FFmpegError as error:
                log.info("video.unreadable_packet", cause=repr(error))
                self.damage.packets += 1
        yield from self._decoder.whole(None)


def open_container(path: Path) -> InputContainer:
    """Open a film for reading.

    Raises:
        OSError: there is no such file, or it cannot be opened.
        NotAVideo: the file is no film.
    """
    with path.open("rb"):
        pass  # the system's error is shown in its own words
    try:
        return av.open(address(path), "r", container_options=OPTIONS, metadata_errors="replace")
    except FFmpegError as error:
        raise NotAVideo(path) from error


def readable(packets: Iterator[Any], damage: Damage) -> Iterator[Any]:
    """Yield packets until the file cannot be read any further."""
    try:
        yield from packets
    except FFmpegError as error:
        log.info("video.unreadable", cause=repr(error))
        damage.packets += 1


def _rotation_of(raw: VideoFrame) -> Rotation:
    side_data: Any = raw.side_data  # typed as a mapping, but iterating yields its values
    for data in side_data:
        if data.type.name == "DISPLAYMATRIX":
            return Rotation.of(bytes(data))
    return Rotation()


def _declared_seconds(container: InputContainer, stream: VideoStream) -> float | None:
    """The declared length of the pictures; a container's length may be its sound's."""
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    told = tag(stream, "duration")  # Matroska: 00:01:02.345000000
    if told:
        with suppress(ValueError):  # the tag may contain any text
            hours, minutes, seconds = told.split(":")
            return int(hours) * 3600 + int(minutes) * 60 + float(seconds)
    if container.duration is not None and not container.streams.audio:
        return container.duration / MICROSECONDS
    return None
