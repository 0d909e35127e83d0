"""Writes painted frames into short segments, each complete or absent."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, Interpolation
from av.video.stream import VideoStream

from app.engine.typing import Pixels
from app.video.errors import VideoError
from app.video.files import address

RESAMPLING = Interpolation.BICUBIC | Interpolation.ACCURATE_RND
# ITU-T H.273: BT.709 for primaries, transfer and matrix; and the range that every player expects.
BT709, LIMITED = 1, 1


@dataclass(frozen=True)
class Kind:
    """A file type with its codecs.

    Frames are coded in display order (no B-frames, no hidden frames). So any time stamps work, and separately
    coded segments join without a seam.

    Attributes:
        container: FFmpeg's name of the container.
        pictures: the video codec, with its ``options``.
        sound: the codec for sounds that are not copied.
        copied: the sound codecs that players support in this container; None means all that FFmpeg writes.
        layout: the pixel format of the coded frames.
        segments: the container of the segments.
    """

    container: str
    pictures: str
    sound: str
    copied: frozenset[str] | None
    options: dict[str, str]
    layout: str = "yuv420p"
    segments: str = "mp4"

    @property
    def edits(self) -> bool:
        """Whether the container has edit lists, which cut the beginning of a sound exactly."""
        return self.container in ("mp4", "mov")

    @property
    def transparent(self) -> bool:
        """Whether the frames have an alpha channel."""
        return self.layout.startswith("yuva")


_H264 = {"crf": "18", "preset": "medium", "bf": "0"}
_VP9 = {"crf": "24", "b": "0", "deadline": "good", "cpu-used": "4", "row-mt": "1", "auto-alt-ref": "0"}
_PRORES = {"profile": "4444"}
# QuickTime takes PCM in MOV, but ignores it in MP4. Few players take Opus, FLAC, DTS or MP2 in either.
_MP4_SOUNDS = frozenset({"aac", "mp3", "ac3", "eac3", "alac"})
_PCM = {f"pcm_{sample}{order}" for sample in ("s16", "s24", "s32", "f32", "f64") for order in ("le", "be")}
_MOV_SOUNDS = _MP4_SOUNDS | _PCM | {"pcm_mulaw", "pcm_alaw"}
_WEBM_SOUNDS = frozenset({"opus", "vorbis"})
KINDS = {
    ".mp4": Kind("mp4", "libx264", "aac", _MP4_SOUNDS, _H264),
    ".m4v": Kind("mp4", "libx264", "aac", _MP4_SOUNDS, _H264),
    ".mov": Kind("mov", "libx264", "aac", _MOV_SOUNDS, _H264),
    ".mkv": Kind("matroska", "libx264", "aac", None, _H264),
    ".webm": Kind("webm", "libvpx-vp9", "libopus", _WEBM_SOUNDS, _VP9),
}
# The kinds that keep transparency. Only Matroska's relatives hold the alpha channel of VP9.
TRANSPARENT_KINDS = {
    ".mov": Kind("mov", "prores_ks", "aac", _MOV_SOUNDS, _PRORES, "yuva444p10le", "mov"),
    ".mkv": Kind("matroska", "libvpx-vp9", "aac", None, _VP9, "yuva420p", "matroska"),
    ".webm": Kind("webm", "libvpx-vp9", "libopus", _WEBM_SOUNDS, _VP9, "yuva420p", "matroska"),
}


def kind_of(path: Path, *, transparent: bool = False) -> Kind:
    """The kind of file for a film's name, with an alpha channel if ``transparent``.

    Raises:
        VideoError: the project cannot write files with this suffix.
    """
    if path.suffix.lower() not in KINDS:
        raise VideoError(f"{path}: the film's name must end in one of {', '.join(KINDS)}")
    kind = (TRANSPARENT_KINDS if transparent else KINDS).get(path.suffix.lower())
    if kind is None:
        endings = ", ".join(TRANSPARENT_KINDS)
        raise VideoError(f"{path}: this kind of file has no transparency. Use one of {endings}")
    return kind


@dataclass(frozen=True)
class Shape:
    """The properties that all frames of a film share."""

    width: int
    height: int
    pixel_aspect: Fraction
    time_base: Fraction
    rate: Fraction | None

    @property
    def coded(self) -> tuple[int, int]:
        """The coded width and height.

        Both are even, because colour has half the size (4:2:0).
        """
        return self.width + self.width % 2, self.height + self.height % 2


class SegmentWriter:
    """Encodes frames into a file whose times start at 0; a context manager."""

    def __init__(self, path: Path, kind: Kind, shape: Shape) -> None:
        self._path = path
        self._shape = shape
        self._start: int | None = None
        self._durations: dict[int, int] = {}
        self._layout = kind.layout
        self._container = av.open(address(path), "w", format=kind.segments)
        stream = self._container.add_stream(kind.pictures, options=dict(kind.options))
        assert isinstance(stream, VideoStream)
        self._stream = stream
        self._stream.width, self._stream.height = shape.coded
        self._stream.pix_fmt = kind.layout
        self._stream.time_base = shape.time_base
        context = self._stream.codec_context
        context.time_base = shape.time_base
        context.framerate = shape.rate or Fraction(25)
        context.sample_aspect_ratio = shape.pixel_aspect
        context.color_primaries = context.color_trc = context.colorspace = BT709
        context.color_range = LIMITED

    def __enter__(self) -> SegmentWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, *exception: object) -> None:
        try:
            if kind is None:
                self._mux(None)
        finally:
            self._container.close()
        if kind is not None:
            self._path.unlink(missing_ok=True)

    def write(self, pixels: Pixels, time: int, duration: int) -> None:
        """Add a frame; times are in the film's time base.

        ``pixels`` are uint8 [height, width, 3], RGB, or [height, width, 4], RGBA, for a transparent kind.
        """
        if self._start is None:
            self._start = time
        width, height = self._shape.coded
        padded = np.pad(pixels, ((0, height - pixels.shape[0]), (0, width - pixels.shape[1]), (0, 0)), "edge")
        layout = "rgb24" if pixels.shape[2] == 3 else "rgba"
        frame = VideoFrame.from_ndarray(np.ascontiguousarray(padded), layout).reformat(
            format=self._layout,
            dst_colorspace=Colorspace.ITU709,
            dst_color_range=ColorRange.MPEG,
            interpolation=RESAMPLING,
        )
        frame.pts, frame.time_base = time - self._start, self._shape.time_base
        self._durations[frame.pts] = duration
        self._mux(frame)

    def _mux(self, frame: VideoFrame | None) -> None:
        for packet in self._stream.encode(frame):
            packet.duration = self._durations.pop(packet.pts or 0, 0)
            self._container.mux(packet)
