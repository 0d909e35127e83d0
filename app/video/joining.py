"""Joins finished segments without re-encoding, and adds the film's sound."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import structlog
from av.container import InputContainer, OutputContainer
from av.error import FFmpegError

from app.video.files import address
from app.video.reader import Damage, Film, open_container, readable
from app.video.sounds import Plan, Ready, Sound, take_sound
from app.video.streams import keep_names
from app.video.writer import Kind

log = structlog.get_logger(__name__)


def join(
    segments: Sequence[tuple[Path, int]], film: Film, target: Path, kind: Kind, plans: Sequence[Plan]
) -> list[str]:
    """Write ``target`` from the segments and the sounds of ``plans``.

    A segment is a file and the time of its first frame. The damage of ``film`` counts lost sound.

    Returns:
        "copied" or the name of the new codec, for every sound.
    """
    options = {"movflags": "+faststart"} if kind.edits else {}
    with (
        open_container(film.path) as source,
        av.open(address(target), "w", format=kind.container, options=options) as result,
    ):
        with av.open(address(segments[0][0])) as first:
            pictures = result.add_stream_from_template(first.streams.video[0])
        pictures.time_base = film.time_base
        keep_names(source.streams[film.index], pictures, kind.container)
        if kind.transparent and kind.container != "mov":
            pictures.metadata["alpha_mode"] = "1"  # without it, players of Matroska skip the alpha channel
        if "title" in source.metadata:
            result.metadata["title"] = source.metadata["title"]
        sounds = {plan.index: take_sound(plan, source, result, kind, film.damage) for plan in plans}
        in_order = heapq.merge(
            _pictures(segments, film.time_base, pictures),
            _sound(source, sounds, film.damage),
            key=lambda ready: ready[0],
        )
        for _, packet in in_order:
            _write(result, packet, pictures, film.damage)
    return [sound.how for sound in sounds.values()]


def _write(result: OutputContainer, packet: Any, pictures: Any, damage: Damage) -> None:
    """Add a packet; a sound that the container refuses is missing, and stops nothing."""
    try:
        result.mux(packet)
    except FFmpegError as error:
        if packet.stream is pictures:
            raise
        log.info("video.sound_refused", cause=repr(error))
        damage.sounds += 1


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


def _sound(source: InputContainer, sounds: dict[int, Sound], damage: Damage) -> Iterator[Ready]:
    if not sounds:
        return
    unreadable = Damage()
    for packet in readable(source.demux([source.streams[index] for index in sounds]), unreadable):
        yield from sounds[packet.stream.index].take(packet)
    damage.sounds += unreadable.packets
