"""The decoding process: ``python -m app.imaging.isolation.child SOCKET``.

It decodes one file after the other until the site closes the socket.
"""

from __future__ import annotations

import mmap
import os
import socket
import sys
from collections.abc import Callable
from io import BytesIO
from typing import BinaryIO

from PIL import Image

from app.imaging.decode import DecodedPhoto, decode_here
from app.imaging.errors import ImageError, UnreadablePhoto
from app.imaging.formats import FORMATS
from app.imaging.isolation import messages
from app.imaging.isolation.limits import Meter, budget_for, limit_process
from app.imaging.isolation.seccomp import give_up_rights
from app.imaging.tiff import load_decoders

# The number of pixels in one strip for copying into shared memory.
STRIP_PIXELS = 100_000
Decode = Callable[[BinaryIO, int, Callable[[int], None]], DecodedPhoto]


def serve(decode: Decode) -> None:
    """Decode the files that come through the socket in the command line.

    Args:
        decode: decodes a file of at most this many pixels. It calls its last argument with the number of
            pixels as soon as that is known.
    """
    channel = socket.socket(fileno=int(sys.argv[1]))
    meter = Meter()
    limit_process()
    channel.send(messages.ready(bound=give_up_rights()))
    while True:
        message, descriptors, _, _ = socket.recv_fds(channel, messages.MESSAGE_BYTES, 2)
        if not message:
            return
        source, target = descriptors
        with os.fdopen(source, "rb") as file, os.fdopen(target, "rb") as room:
            channel.send(_answer(decode, file, int(message), room.fileno(), meter))


def _answer(decode: Decode, file: BinaryIO, max_pixels: int, target: int, meter: Meter) -> bytes:
    file_bytes = os.fstat(file.fileno()).st_size
    try:
        meter.start(budget_for(0, file_bytes))
        photo = decode(file, max_pixels, lambda size: meter.start(budget_for(size, file_bytes)))
        _write(photo, target)
        transparent = photo.alpha is not None
        return messages.decoded(*photo.image.size, photo.media_type, transparent=transparent)
    except ImageError as error:
        return messages.refused(error)
    except (MemoryError, OSError) as error:
        unreadable = UnreadablePhoto()
        unreadable.__cause__ = error
        return messages.refused(unreadable)
    finally:
        meter.stop()


def _write(photo: DecodedPhoto, target: int) -> None:
    """Copy RGB pixels into shared memory, row after row, and the transparency behind them."""
    planes = [photo.image] if photo.alpha is None else [photo.image, photo.alpha]
    width, height = photo.image.size
    rows = max(1, STRIP_PIXELS // width)
    # Making room for all pages at once takes a third of the time of making it page by page.
    flags = mmap.MAP_SHARED | mmap.MAP_POPULATE
    with mmap.mmap(target, (2 + len(planes)) * width * height, flags=flags) as pixels:
        for plane in planes:
            for top in range(0, height, rows):
                pixels.write(plane.crop((0, top, width, min(top + rows, height))).tobytes())


def _rehearse() -> None:
    """Decode a small file of each format.

    Libraries open files of their own at their first use.
    """
    Image.init()
    load_decoders()
    for kind in FORMATS:
        buffer = BytesIO()
        Image.new("RGB", (64, 64), "red").save(buffer, kind)
        buffer.seek(0)
        decode_here(buffer, max_pixels=4096)


def main() -> None:
    """Decode photos."""
    _rehearse()
    serve(lambda file, max_pixels, on_size: decode_here(file, max_pixels=max_pixels, on_size=on_size))


if __name__ == "__main__":
    main()
