"""Joins finished segments without re-encoding, and adds the film's sound."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import structlog
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.error import FFmpegError
from av.packet import Packet

from app.video.files import address
from app.video.reader import MICROSECONDS, Damage, open_container, readable
from app.video.writer import Kind

log = structlog.get_logger(__name__)

# Sound codecs that FFmpeg reports as supported by a container but refuses to write (movenc.c: they work only
# in MP4, TrueHD only as an experiment).
REFUSED = {"mov": ("flac", "opus", "truehd"), "mp4": ("truehd",)}
# FFmpeg's layouts of loudspeakers that both AAC and Opus support. Surround speakers are at the sides or at
# the back. Any other layout becomes stereo.
LAYOUTS = {"mono": "mono", "stereo": "stereo", "5.1": "5.1", "5.1(side)": "5.1"}
# The sample rates that AAC supports (ISO/IEC 14496-3, table 1.18), in Hz.
AAC_RATES = {96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000}

# A packet to write, after its decoding time in seconds.
Ready = tuple[float, "Packet[Any]"]


def join(
    segments: Sequence[tuple[Path, int]],
    time_base: Fraction,
    source: Path,
    target: Path,
    kind: Kind,
    damage: Damage,
) -> list[str]:
    """Write ``target`` from the segments and every sound of ``source``.

    A segment is a file and the time of its first frame. Sound is copied if the container supports its codec;
    otherwise it is re-encoded. ``damage`` counts lost sound.

    Returns:
        "copied" or the name of the new codec, for every sound.
    """
    options = {"movflags": "+faststart"} if kind.container in ("mp4", "mov") else {}
    with (
        open_container(source) as film,
        av.open(address(target), "w", format=kind.container, options=options) as result,
    ):
        with av.open(address(segments[0][0])) as first:
            pictures = result.add_stream_from_template(first.streams.video[0])
        pictures.time_base = time_base
        sounds = {stream.index: _Sound(stream, result, kind, damage) for stream in film.streams.audio}
        in_order = heapq.merge(
            _pictures(segments, time_base, pictures), _sound(film, sounds, damage), key=lambda ready: ready[0]
        )
        for _, packet in in_order:
            result.mux(packet)
    return [sound.how for sound in sounds.values()]


def _pictures(segments: Sequence[tuple[Path, int]], time_base: Fraction, stream: Any) -> Iterator[Ready]:
    for path, start in segments:
        with av.open(address(path)) as segment:
            for packet in segment.demux(video=0):
                if packet.pts is None:
                    continue  # the end of the file
                own = packet.time_base / time_base
                packet.pts = packet.dts = start + round(packet.pts * own)
                packet.duration = round((packet.duration or 0) * own)
                packet.time_base = time_base
                packet.stream = stream
                yield float(packet.pts * time_base), packet


def _sound(film: InputContainer, sounds: dict[int, _Sound], damage: Damage) -> Iterator[Ready]:
    if not sounds:
        return
    unreadable = Damage()
    for packet in readable(film.demux(film.streams.audio), unreadable):
        yield from sounds[packet.stream.index].take(packet)
    damage.sounds += unreadable.packets


class _Sound:
    """One sound, from the film to the result."""

    def __init__(self, source: AudioStream, result: OutputContainer, kind: Kind, damage: Damage) -> None:
        self._damage = damage
        self._origin = Fraction(source.container.start_time or 0, MICROSECONDS)  # type: ignore[attr-defined]
        self._last: int | None = None
        codec = source.codec.canonical_name
        self._copied = codec in result.supported_codecs and codec not in REFUSED.get(kind.container, ())
        self._target: AudioStream = (
            result.add_stream_from_template(source) if self._copied else _encoder(source, result, kind)
        )
        self.how = "copied" if self._copied else self._target.codec.canonical_name

    def take(self, packet: Packet[Any]) -> Iterator[Ready]:
        """Yield the result's packets for one packet of the film; None ends the sound."""
        if self._copied:
            yield from self._copy(packet)
            return
        try:
            frames = packet.decode()
        except FFmpegError as error:
            log.info("video.unreadable_sound", cause=repr(error))
            self._damage.sounds += 1
            return
        for frame in frames:
            if frame.pts is not None:
                frame.pts -= round(self._origin / (frame.time_base or 1))
            yield from self._encoded(frame)
        if packet.dts is None:
            yield from self._encoded(None)

    def _copy(self, packet: Packet[Any]) -> Iterator[Ready]:
        if packet.dts is None:
            return  # the end of the sound
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

    def _encoded(self, frame: Any) -> Iterator[Ready]:
        for packet in self._target.encode(frame):
            yield float((packet.dts or 0) * packet.time_base), packet


def _encoder(source: AudioStream, result: OutputContainer, kind: Kind) -> AudioStream:
    """An encoder for a sound, with a rate and a layout that it supports."""
    rate = source.rate if kind.sound == "aac" and source.rate in AAC_RATES else 48_000
    layout = LAYOUTS.get(source.layout.name, "stereo")
    stream = result.add_stream(kind.sound, rate=rate, layout=layout)
    assert isinstance(stream, AudioStream)
    return stream
