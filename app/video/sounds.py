"""The sounds of a film: copied where players take them, else coded anew, else left out.

A sound is tried on its first packets before a film is painted, so that no film fails after hours of painting.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import Any

import av
import structlog
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.error import FFmpegError
from av.packet import Packet

from app.video.reader import MICROSECONDS, Damage, open_container, readable
from app.video.streams import keep_names
from app.video.writer import Kind

log = structlog.get_logger(__name__)

# FFmpeg's layouts of loudspeakers that both AAC and Opus support. Surround speakers are at the sides or at
# the back. Any other layout becomes stereo.
LAYOUTS = {"mono": "mono", "stereo": "stereo", "5.1": "5.1", "5.1(side)": "5.1"}
# The sample rates that AAC supports (ISO/IEC 14496-3, table 1.18), in Hz.
AAC_RATES = {96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000}
# The most packets of a sound to try, and the written packets that prove it works.
TRIED, ENOUGH = 500, 8
# Encoders begin up to so many seconds early. Where an edit list cuts more, the film was trimmed.
MOST_DELAY = 0.1
# PyAV raises these if a codec, a filter or a container refuses something.
Refusals = (FFmpegError, ValueError)

# A packet to write, after its decoding time in seconds.
Ready = tuple[float, "Packet[Any]"]


@dataclass(frozen=True)
class Plan:
    """A sound's index among the film's streams, and whether it is copied or coded anew."""

    index: int
    copied: bool


def plan_sounds(source: Path, kind: Kind) -> tuple[list[Plan], int]:
    """Plan every sound that can be kept, and count the sounds to leave out."""
    with open_container(source) as film:
        indexes = [stream.index for stream in film.streams if stream.type == "audio"]
    plans = [_plan(source, index, kind) for index in indexes]
    kept = [plan for plan in plans if plan is not None]
    return kept, len(plans) - len(kept)


def _plan(source: Path, index: int, kind: Kind) -> Plan | None:
    for plan in (Plan(index, copied=True), Plan(index, copied=False)):
        try:
            if _works(source, plan, kind):
                return plan
        except Refusals as error:
            log.info("video.sound_refused", index=index, copied=plan.copied, cause=repr(error))
    return None


def _works(source: Path, plan: Plan, kind: Kind) -> bool:
    """Whether the first packets of a sound can be written to a file in memory."""
    written = 0
    with open_container(source) as film:
        stream = film.streams[plan.index]
        if not isinstance(stream, AudioStream) or getattr(stream, "codec_context", None) is None:
            return False
        if plan.copied and not (kind.copied is None or stream.codec.canonical_name in kind.copied):
            return False
        with av.open(BytesIO(), "w", format=kind.container) as result:
            sound = take_sound(plan, film, result, kind, Damage())
            for packet in islice(readable(film.demux(stream), Damage()), TRIED):
                if plan.copied and _is_trimmed(packet) and not kind.edits:
                    return False  # a copy would begin with what was cut
                for _, ready in sound.take(packet):
                    result.mux(ready)
                    written += 1
                if written >= ENOUGH:
                    break
    return written > 0


def _is_trimmed(packet: Packet[Any]) -> bool:
    """Whether the film's edit list cuts this packet, and not only the delay of the encoder."""
    return packet.is_discard and float((packet.pts or 0) * packet.time_base) < -MOST_DELAY


def take_sound(
    plan: Plan, film: InputContainer, result: OutputContainer, kind: Kind, damage: Damage
) -> Sound:
    """One sound on its way from ``film`` into ``result``; ``damage`` counts what is lost."""
    stream = film.streams[plan.index]
    assert isinstance(stream, AudioStream)
    origin = Fraction(film.start_time or 0, MICROSECONDS)
    return (Copied if plan.copied else Coded)(stream, origin, result, kind, damage)


class Copied:
    """A sound whose packets are copied."""

    how = "copied"

    def __init__(
        self, source: AudioStream, origin: Fraction, result: OutputContainer, kind: Kind, damage: Damage
    ) -> None:
        self._origin = origin
        self._damage = damage
        self._last: int | None = None
        self._target = result.add_stream_from_template(source)
        keep_names(source, self._target, kind.container)

    def take(self, packet: Packet[Any]) -> Iterator[Ready]:
        """Yield the result's packets for one packet of the film; an empty one ends the sound."""
        if packet.dts is None or self._is_cut(packet):
            return
        shift = round(self._origin / packet.time_base)
        packet.dts -= shift
        packet.pts = packet.dts if packet.pts is None else packet.pts - shift
        if self._last is not None and packet.dts <= self._last:
            log.info("video.sound_out_of_order", time=packet.dts)
            self._damage.sounds += 1
            return
        self._last = packet.dts
        packet.stream = self._target
        yield float(packet.dts * packet.time_base), packet

    def _is_cut(self, packet: Packet[Any]) -> bool:
        """Whether the film's edit list cuts all of a packet.

        The last packet before the sound begins stays: decoders need it for the next one.
        """
        begin = packet.pts or 0
        return packet.is_discard and (begin >= 0 or begin + 2 * (packet.duration or 0) <= 0)


class Coded:
    """A sound that is decoded and coded anew."""

    def __init__(
        self, source: AudioStream, origin: Fraction, result: OutputContainer, kind: Kind, damage: Damage
    ) -> None:
        self._source = source
        self._origin = origin
        self._damage = damage
        self._target = _encoder(source, result, kind)
        keep_names(source, self._target, kind.container)
        self._setup: tuple[str, str, int] | None = None
        self._resampler = self._new_resampler()
        self.how = self._target.codec.canonical_name

    def take(self, packet: Packet[Any]) -> Iterator[Ready]:
        """Yield the result's packets for one packet of the film; an empty one ends the sound."""
        try:
            for frame in self._source.codec_context.decode(packet):
                if frame.pts is not None:
                    frame.pts -= round(self._origin / (frame.time_base or 1))
                yield from self._coded(frame)
            if packet.dts is None:
                yield from self._coded(None)
        except Refusals as error:
            log.info("video.unreadable_sound", cause=repr(error))
            self._damage.sounds += 1

    def _coded(self, frame: AudioFrame | None) -> Iterator[Ready]:
        """A frame as packets of the result; None brings the rest at the end."""
        frames: list[AudioFrame | None] = [*self._resampled(frame)]
        for ready in frames if frame else [*frames, None]:
            for packet in self._target.encode(ready):
                yield float((packet.dts or 0) * packet.time_base), packet

    def _resampled(self, frame: AudioFrame | None) -> Iterator[AudioFrame]:
        """A frame as the encoder takes it; a broadcast's rate and loudspeakers may change in between."""
        setup = (frame.format.name, frame.layout.name, frame.sample_rate) if frame else None
        resampled: list[AudioFrame] = []
        if setup != self._setup:
            resampled += self._resampler.resample(None)
            self._setup, self._resampler = setup, self._new_resampler()
        if frame is not None:
            resampled += self._resampler.resample(frame)
        for ready in resampled:
            if ready.pts is not None and ready.time_base is not None:
                ready.pts = round(ready.pts * ready.time_base * self._target.rate)
            ready.time_base = Fraction(1, self._target.rate)
            yield ready

    def _new_resampler(self) -> AudioResampler:
        return AudioResampler(self._target.format, self._target.layout, self._target.rate)


Sound = Copied | Coded


def _encoder(source: AudioStream, result: OutputContainer, kind: Kind) -> AudioStream:
    """An encoder for a sound, with a rate and a layout that it supports."""
    rate = source.rate if kind.sound == "aac" and source.rate in AAC_RATES else 48_000
    layout = LAYOUTS.get(source.layout.name, "stereo")
    stream = result.add_stream(kind.sound, rate=rate, layout=layout)
    assert isinstance(stream, AudioStream)
    return stream
