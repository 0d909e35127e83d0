"""From packets to whole frames: transparency is decoded too, and interlaced frames are deinterlaced."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import av
import numpy as np
from av.error import BlockingIOError as NothingYet
from av.error import EOFError as NothingLeft
from av.filter import Graph
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from app.engine.typing import Pixels
from app.video.streams import tag

# FFmpeg's own decoders of VP8 and VP9 skip the transparency; those of libvpx decode it.
DECODES_ALPHA = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
# One frame for two fields. Frames that are not marked as interlaced pass as they are.
BWDIF = "mode=send_frame:deint=interlaced"


class Decoder:
    """Decodes the packets of one video."""

    def __init__(self, stream: VideoStream) -> None:
        self._context = _context(stream)
        self._deinterlacer = Deinterlacer()

    def decode(self, packet: Packet[Any]) -> list[VideoFrame]:
        """The frames that the decoder gives back for a packet, as they are coded."""
        return self._context.decode(packet)

    def whole(self, frame: VideoFrame | None) -> Iterator[VideoFrame]:
        """Whole frames for a decoded one; None brings the last ones."""
        yield from self._deinterlacer.take(frame)


class Deinterlacer:
    """Makes whole frames of interlaced ones (bwdif: Bob Weaver deinterlacing filter).

    The filter starts at the first interlaced frame. From there on each frame waits for the next one, because
    the filter looks at both neighbours.
    """

    def __init__(self) -> None:
        self._graph: Graph | None = None
        self._shape: tuple[int, int, str] | None = None
        self._time_base = Fraction(1)

    def take(self, frame: VideoFrame | None) -> Iterator[VideoFrame]:
        """The frames that are ready once ``frame`` is known; None is the end."""
        if self._graph is not None and (frame is None or _shape(frame) != self._shape):
            self._graph.vpush(None)
            yield from self._ready(self._graph)
            self._graph = None
        if frame is None:
            return
        if self._graph is None and not frame.interlaced_frame:
            yield frame
            return
        if self._graph is None:
            self._time_base = frame.time_base or self._time_base
            self._graph, self._shape = _bwdif(frame, self._time_base), _shape(frame)
        self._graph.vpush(frame)
        yield from self._ready(self._graph)

    def _ready(self, graph: Graph) -> Iterator[VideoFrame]:
        while True:
            try:
                frame = graph.vpull()
            except (NothingYet, NothingLeft):
                return
            # The filter counts in half units, for the second field of each frame.
            units = Fraction(frame.time_base or self._time_base) / self._time_base
            frame.duration = round(frame.duration * units)
            if frame.pts is not None:
                frame.pts = round(frame.pts * units)
            frame.time_base = self._time_base
            yield frame


def has_alpha(frame: VideoFrame) -> bool:
    """Whether a frame may be transparent; a palette may hold transparent colours too."""
    return frame.format.has_palette or any(part.is_alpha for part in frame.format.components)


def on_white(pixels: Pixels) -> Pixels:
    """RGBA [height, width, 4] over white paper, as RGB: color * alpha + white * (1 - alpha)."""
    colors, alpha = pixels[..., :3].astype(np.uint16), pixels[..., 3:].astype(np.uint16)
    return ((colors * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)


def _context(stream: VideoStream) -> VideoCodecContext:
    context = stream.codec_context
    library = DECODES_ALPHA.get(context.codec.canonical_name)
    if library and tag(stream, "alpha_mode") == "1":
        created = av.CodecContext.create(library, "r")
        assert isinstance(created, VideoCodecContext)
        context = created
    context.thread_type = "AUTO"
    return context


def _bwdif(frame: VideoFrame, time_base: Fraction) -> Graph:
    graph = Graph()
    source = graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format, time_base=time_base
    )
    deinterlace, sink = graph.add("bwdif", BWDIF), graph.add("buffersink")
    source.link_to(deinterlace)
    deinterlace.link_to(sink)
    graph.configure()
    return graph


def _shape(frame: VideoFrame) -> tuple[int, int, str]:
    return frame.width, frame.height, frame.format.name
