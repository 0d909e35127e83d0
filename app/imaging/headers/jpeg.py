"""JPEG: the number of scans and the amount of other data (ITU-T T.81, annex B)."""

from __future__ import annotations

import re
import struct
from collections import defaultdict
from collections.abc import Iterator

from app.imaging.errors import TooManyParts, TooManyScans, TooMuchMetadata
from app.imaging.headers.limits import METADATA_BYTES, METADATA_PARTS

# The largest number of scans; cameras and programs write 1 to about 12.
SCANS = 100
# Each scan goes over all pixels: 15 scans of 60 megapixels, 37 of 24.
SCANS_TIMES_MEGAPIXELS = 900
# Tables, restart intervals and whatever else stands between the scans.
SEGMENTS = 4_000

START_OF_IMAGE, END_OF_IMAGE, START_OF_SCAN, COMMENT = 0xD8, 0xD9, 0xDA, 0xFE
FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
# Coefficients of a block, and how many low bits of one are missing before any scan brings it.
COEFFICIENTS, NOTHING = 64, 16
APPLICATION = range(0xE0, 0xF0)
ALONE = frozenset(range(0xD0, 0xD9)) | {0x01}
# In coded data 0xFF is followed by 0 or a restart marker. Any other byte ends the scan.
AFTER_SCAN = re.compile(rb"\xff[^\x00\x01\xd0-\xd7\xff]")


def matches(data: bytes) -> bool:
    """Whether this is a JPEG."""
    return data.startswith(b"\xff\xd8\xff")


def judge(data: bytes, max_pixels: int) -> int:
    """The number of pixels."""
    parts, beside, scans, pixels = 0, 0, 0, 0
    for segments, (code, start, length) in enumerate(_segments(data), 1):
        if code in FRAMES:
            height, width = struct.unpack_from(">2H", data, start + 1)
            pixels = max(pixels, width * height)
        elif code in APPLICATION or code == COMMENT:
            parts, beside = parts + 1, beside + length
        elif code == START_OF_SCAN:
            scans += 1
        _check(segments, parts, beside, scans, pixels)
    return pixels


def find_end(data: bytes) -> int | None:
    """Where the coded data ends, after the scan that completes the picture; None if there is no such scan.

    What stands there may be anything but an end marker, also what looks like further segments.
    """
    precision: defaultdict[int, list[int]] = defaultdict(list)
    for code, start, length in _segments(data):
        if code in FRAMES:
            for offset in range(start + 6, start + length - 2, 3):
                precision[data[offset]] = [NOTHING] * COEFFICIENTS
        elif code == START_OF_SCAN:
            components = data[start]
            first, last, bits = data[start + 1 + 2 * components : start + 4 + 2 * components]
            for offset in range(start + 1, start + 1 + 2 * components, 2):
                known = precision[data[offset]]
                known[first : last + 1] = [bits & 15] * len(known[first : last + 1])
            if precision and not any(any(known) for known in precision.values()):
                following = AFTER_SCAN.search(data, start + length - 2)
                return following.start() if following else len(data)
    return None


def _segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """The code, offset of the content and declared length of each segment up to the end marker."""
    offset = 2
    while (offset := data.find(b"\xff", offset)) >= 0 and offset + 4 <= len(data):
        code = data[offset + 1]
        if code == END_OF_IMAGE:
            return
        if code in ALONE or code in (0x00, 0xFF):
            offset += 1 if code == 0xFF else 2
            continue
        (length,) = struct.unpack_from(">H", data, offset + 2)
        yield code, offset + 4, length
        offset += 2 + length
        if code == START_OF_SCAN:
            following = AFTER_SCAN.search(data, offset)
            if following is None:
                return
            offset = following.start()


def _check(segments: int, parts: int, beside: int, scans: int, pixels: int) -> None:
    if parts > METADATA_PARTS or beside > METADATA_BYTES:
        raise TooMuchMetadata("JPEG")
    if segments > SEGMENTS:
        raise TooManyParts("JPEG")
    most = min(SCANS, max(1, int(SCANS_TIMES_MEGAPIXELS * 1e6 / max(1, pixels))))
    if scans > most:
        raise TooManyScans(most)
