"""Films out: painted frames into short segments, each whole or not there at all."""

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
# ITU-T H.273: BT.709 for primaries, curve and matrix alike; and the range that every player expects.
BT709, LIMITED = 1, 1


@dataclass(frozen=True)
class Kind:
    """A kind of file and what goes into it.

    No frame is coded out of order (no B-frames, no hidden ones): so any time stamps can be kept, and segments
    that were coded apart follow each other without a seam.
    """

    container: str
    pictures: str
    sound: str
    options: dict[str, str]


_H264 = {"crf": "18", "preset": "medium", "bf": "0"}
_VP9 = {"crf": "24", "b": "0", "deadline": "good", "cpu-used": "4", "row-mt": "1", "auto-alt-ref": "0"}
KINDS = {
    ".mp4": Kind("mp4", "libx264", "aac", _H264),
    ".m4v": Kind("mp4", "libx264", "aac", _H264),
    ".mov": Kind("mov", "libx264", "aac", _H264),
    ".mkv": Kind("matroska", "libx264", "aac", _H264),
    ".webm": Kind("webm", "libvpx-vp9", "libopus", _VP9),
}


def kind_of(path: Path) -> Kind:
    """What the name of a film asks for.

    Raises:
        VideoError: its ending is none that can be written.
    """
    kind = KINDS.get(path.suffix.lower())
    if kind is None:
        raise VideoError(f"{path}: the film's name must end in one of {', '.join(KINDS)}")
    return kind


@dataclass(frozen=True)
class Shape:
    """What all frames of a film share."""

    width: int
    height: int
    pixel_aspect: Fraction
    time_base: Fraction
    rate: Fraction | None

    @property
    def coded(self) -> tuple[int, int]:
        """Width and height of the coded frames: even, since colour is coded at half the size (4:2:0)."""
        return self.width + self.width % 2, self.height + self.height % 2


class SegmentWriter:
    """Codes frames into one MP4 file, whose times count from its first frame; a context manager."""

    def __init__(self, path: Path, kind: Kind, shape: Shape) -> None:
        self._path = path
        self._shape = shape
        self._start: int | None = None
        self._durations: dict[int, int] = {}
        self._container = av.open(address(path), "w", format="mp4")
        stream = self._container.add_stream(kind.pictures, options=dict(kind.options))
        assert isinstance(stream, VideoStream)
        self._stream = stream
        self._stream.width, self._stream.height = shape.coded
        self._stream.pix_fmt = "yuv420p"
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
        """Add a frame, uint8 [height, width, 3], at a time in units of the film's time base."""
        if self._start is None:
            self._start = time
        width, height = self._shape.coded
        padded = np.pad(pixels, ((0, height - pixels.shape[0]), (0, width - pixels.shape[1]), (0, 0)), "edge")
        frame = VideoFrame.from_ndarray(np.ascontiguousarray(padded), "rgb24").reformat(
            format="yuv420p",
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
