"""Makes hostile files: bombs of every format, and repeatable damaged photos."""

from __future__ import annotations

import io
import random
import struct
import zlib
from collections.abc import Callable, Iterator

import numpy as np
import pillow_heif
from PIL import ExifTags, Image, ImageCms

pillow_heif.register_heif_opener(thumbnails=False)

KINDS = ("JPEG", "MPO", "PNG", "WEBP", "AVIF", "HEIF", "TIFF", "GIF")
MEGABYTES_28 = 28_000_000


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def flat(width: int, height: int, mode: str = "RGB") -> Image.Image:
    return Image.new(mode, (width, height), 128 if mode == "L" else (200, 120, 40))


# --- JPEG ---------------------------------------------------------------------------------------


def jpeg_of_scans(scans: int, width: int = 6000, height: int = 4000) -> bytes:
    """A progressive JPEG that repeats its last scan."""
    data = encoded(flat(width, height, "L"), "JPEG", progressive=True)
    last = data.rindex(b"\xff\xda")
    return data[:last] + data[last:-2] * scans + data[-2:]


def jpeg_of_comments(length: int) -> bytes:
    """A JPEG with 28 MB of comments of one length each."""
    data = encoded(flat(64, 48), "JPEG")
    comment = b"\xff\xfe" + struct.pack(">H", length + 2) + bytes(length)
    return data[:2] + comment * (MEGABYTES_28 // len(comment)) + data[2:]


# --- PNG ----------------------------------------------------------------------------------------


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_with(*chunks: bytes) -> bytes:
    """A PNG with chunks before its pixels."""
    data = encoded(flat(64, 48), "PNG")
    pixels = data.index(b"IDAT") - 4
    return data[:pixels] + b"".join(chunks) + data[pixels:]


def png_of_texts(length: int) -> bytes:
    """A PNG with 28 MB of texts of one length each."""
    text = png_chunk(b"tEXt", b"Comment\0" + b"x" * length)
    return png_with(*[text] * (MEGABYTES_28 // len(text)))


def png_of_packed_texts() -> bytes:
    text = png_chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(1_000_000), 9))
    return png_with(*[text] * 900)


def profile_of_steps(steps: int) -> bytes:
    """A colour profile that takes so many steps to convert one colour."""
    matrix = b"matf" + bytes(4) + struct.pack(">2H12f", 3, 3, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0)
    table = struct.pack(">II", 16 + 8 * steps, len(matrix)) * steps
    body = b"mpet" + bytes(4) + struct.pack(">HHI", 3, 3, steps) + table + matrix
    white = b"XYZ " + bytes(4) + struct.pack(">3i", 0xF6D6, 0x10000, 0xD32D)
    start = 128 + 4 + 12 * 3
    tags = struct.pack(">I", 3)
    for name in (b"D2B0", b"A2B0"):
        tags += name + struct.pack(">II", start, len(body))
    tags += b"wtpt" + struct.pack(">II", start + len(body), len(white))
    length = struct.pack(">I", start + len(body) + len(white))
    kind = bytes(4) + b"\4\x30\0\0" + b"mntrRGB Lab " + bytes(12) + b"acsp" + bytes(28) + white[8:]
    return length + kind + bytes(128 - 4 - len(kind)) + tags + body + white


def png_of_costly_profile() -> bytes:
    profile = profile_of_steps(30_000)
    return encoded(flat(300, 300), "PNG", icc_profile=profile)


def png_of_packed_profile() -> bytes:
    return png_with(png_chunk(b"iCCP", b"profile\0\0" + zlib.compress(bytes(300_000_000), 9)))


# --- TIFF ---------------------------------------------------------------------------------------


def tiff(tags: dict[int, int], *, after: int | None = None, pages: int = 1) -> bytes:
    """A little-endian TIFF whose pages all have the same tags, all integers.

    ``after`` is the offset that the last page gives for the next page.
    """
    length = 2 + 12 * len(tags) + 4
    body = struct.pack("<H", len(tags)) + b"".join(
        struct.pack("<HHII", tag, 4, 1, tags[tag]) for tag in sorted(tags)
    )
    offsets = [8 + length * (index + 1) for index in range(pages - 1)] + [after or 0]
    return b"II*\0" + struct.pack("<I", 8) + b"".join(body + struct.pack("<I", offset) for offset in offsets)


GREY_TIFF = {256: 100, 257: 100, 258: 8, 259: 8, 262: 1, 277: 1}


def tiff_of_tiles(side: int) -> bytes:
    """A picture of 100x100 in one tile of ``side`` x ``side``."""
    tags = GREY_TIFF | {322: side, 323: side, 324: 8, 325: 100}
    return tiff(tags)


def tiff_of_samples() -> bytes:
    return tiff(GREY_TIFF | {277: 60_000, 273: 8, 278: 100, 279: 100})


def tiff_listing(tags: dict[int, int], tag: int, kind: int, bytes_each: int) -> bytes:
    """A picture of 59 megapixels with 3 million values of one tag."""
    count = 3_000_000
    values = bytes(bytes_each * count)
    data = bytearray(tiff(GREY_TIFF | {256: 65_500, 257: 900} | tags | {tag: 8}) + values)
    entry = data.index(struct.pack("<HHI", tag, 4, 1))
    data[entry : entry + 12] = struct.pack("<HHII", tag, kind, count, len(data) - len(values))
    return bytes(data)


def tiff_of_tiny_tiles() -> bytes:
    return tiff_listing({322: 1, 323: 1, 325: 1}, 324, 4, 4)


def tiff_of_orientations() -> bytes:
    return tiff_listing({273: 8, 279: 8}, 274, 5, 8)


# --- HEIC and AVIF ------------------------------------------------------------------------------


def forged(kind: str, coded: int, declared: int) -> bytes:
    """A HEIC or AVIF that declares another size than its coded one.

    Both are squares: ``coded`` x ``coded`` and ``declared`` x ``declared`` pixels.
    """
    data = bytearray(encoded(flat(coded, coded), kind))
    at = data.index(b"ispe") + 8
    struct.pack_into(">2I", data, at, declared, declared)
    return bytes(data)


def box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(body), kind) + body


def avif_grid(tiles: int, coded: int, declared: int, *, times: int = 1) -> bytes:
    return grid_file("AVIF", tiles, coded, declared, times=times)


def grid_file(kind: str, tiles: int, coded: int, declared: int, *, times: int = 1) -> bytes:
    """A HEIC or AVIF of ``tiles`` x ``tiles`` tiles that share one coded picture.

    The grid names each tile ``times`` times.
    """
    name, configured, brand = {
        "AVIF": (b"av01", b"av1C", b"avif"),
        "HEIF": (b"hvc1", b"hvcC", b"heic"),
    }[kind]
    data = encoded(flat(coded, coded), kind)
    at = data.index(configured)
    configuration = data[at + 4 : at - 4 + int.from_bytes(data[at - 4 : at], "big")]
    coded_data = data[data.index(b"mdat") + 4 :]
    count = tiles * tiles
    grid = struct.pack(">4B2I", 0, 1, tiles - 1, tiles - 1, tiles * declared, tiles * declared)
    entries = [(1, b"grid"), *((number, name) for number in range(2, count + 2))]
    infe = b"".join(box(b"infe", struct.pack(">B3xHH4sx", 2, number, 0, kind)) for number, kind in entries)
    sizes = [struct.pack(">4x2I", side, side) for side in (declared, tiles * declared)]
    ipco = box(b"ipco", box(configured, configuration) + box(b"ispe", sizes[0]) + box(b"ispe", sizes[1]))
    owned = [(1, b"\x03")] + [(number, b"\x81\x02") for number in range(2, count + 2)]
    ipma = b"".join(struct.pack(">HB", number, len(which)) + which for number, which in owned)
    refers = struct.pack(f">HH{count * times}H", 1, count * times, *list(range(2, count + 2)) * times)

    def meta(start: int) -> bytes:
        places = [(1, start, len(grid))]
        places += [(number, start + len(grid), len(coded_data)) for number in range(2, count + 2)]
        iloc = b"".join(struct.pack(">HHHII", number, 0, 1, at, length) for number, at, length in places)
        return box(
            b"meta",
            bytes(4)
            + box(b"hdlr", struct.pack(">8x4s13x", b"pict"))
            + box(b"pitm", struct.pack(">4xH", 1))
            + box(b"iinf", struct.pack(">4xH", count + 1) + infe)
            + box(b"iprp", ipco + box(b"ipma", struct.pack(">4xI", count + 1) + ipma))
            + box(b"iref", bytes(4) + box(b"dimg", refers))
            + box(b"iloc", struct.pack(">4x2BH", 0x44, 0, count + 1) + iloc),
        )

    head = box(b"ftyp", brand + b"\0\0\0\0mif1miaf" + brand)
    start = len(head) + len(meta(0)) + 8
    return head + meta(start) + box(b"mdat", grid + coded_data)


# --- GIF and WebP -------------------------------------------------------------------------------


def gif(width: int, height: int, *, frames: int = 1, before: bytes = b"") -> bytes:
    """A GIF of small frames on a canvas."""
    frame = encoded(flat(1, 1).convert("P"), "GIF")
    picture = frame[frame.index(b"\x2c") : -1]
    head = b"GIF89a" + struct.pack("<2H3B", width, height, 0x80, 0, 0) + bytes(6)
    return head + before + picture * frames + b";"


def gif_to_be_cleared(side: int) -> bytes:
    """A GIF whose only frame covers a large canvas, and is to be cleared after it is shown."""
    control = b"\x21\xf9\x04\x08\0\0\0\0"
    frame = b"\x2c" + struct.pack("<4HB", 0, 0, side, side, 0) + b"\x02\x02\x4c\x01\0"
    head = b"GIF89a" + struct.pack("<2H3B", side, side, 0x80, 0, 0) + bytes(6)
    return head + control + frame + b";"


def gif_of_comments() -> bytes:
    return gif(1, 1, before=b"\x21\xfe" + (b"\xff" + b"x" * 255) * (MEGABYTES_28 // 256) + b"\0")


def webp_of_canvas(side: int) -> bytes:
    """A WebP with one small frame on a canvas of ``side`` x ``side``."""
    still = encoded(flat(16, 16), "WEBP")[12:]
    canvas = (side - 1).to_bytes(3, "little")
    frame = bytes(6) + (15).to_bytes(3, "little") * 2 + bytes(4) + still
    chunks = [(b"VP8X", b"\x02\0\0\0" + canvas * 2), (b"ANIM", bytes(6)), (b"ANMF", frame)]
    body = b"WEBP" + b"".join(
        kind + struct.pack("<I", len(data)) + data + bytes(len(data) % 2) for kind, data in chunks
    )
    return b"RIFF" + struct.pack("<I", len(body)) + body


BOMBS: dict[str, Callable[[], bytes]] = {
    "jpeg-scans": lambda: jpeg_of_scans(2_500),
    "jpeg-scans-small": lambda: jpeg_of_scans(3_000, 1_000, 1_000),
    "jpeg-large-comments": lambda: jpeg_of_comments(65_000),
    "jpeg-small-comments": lambda: jpeg_of_comments(4),
    "png-large-texts": lambda: png_of_texts(MEGABYTES_28 - 100),
    "png-small-texts": lambda: png_of_texts(8),
    "png-packed-texts": png_of_packed_texts,
    "png-packed-profile": png_of_packed_profile,
    "png-empty-chunks": lambda: png_with(*[png_chunk(b"IDAT", b"")] * 1_000_000),
    "tiff-tile": lambda: tiff_of_tiles(26_752),
    "tiff-tile-huge": lambda: tiff_of_tiles(2**31 - 16),
    "tiff-samples": tiff_of_samples,
    "tiff-tiny-tiles": tiff_of_tiny_tiles,
    "tiff-orientations": tiff_of_orientations,
    "tiff-loop": lambda: tiff(GREY_TIFF, after=8),
    "tiff-chain": lambda: tiff(GREY_TIFF, pages=100_000),
    "avif-forged": lambda: forged("AVIF", 2048, 64),
    "avif-grid-forged": lambda: avif_grid(4, 2048, 256),
    "avif-grid-repeated": lambda: avif_grid(2, 1024, 1024, times=200),
    "avif-grid-many": lambda: avif_grid(40, 64, 64),
    "heic-forged": lambda: forged("HEIF", 2048, 64),
    "gif-canvas": lambda: gif(65_000, 65_000),
    "gif-cleared": lambda: gif_to_be_cleared(65_535),
    "gif-comments": gif_of_comments,
    "webp-canvas": lambda: webp_of_canvas(16_384),
}


# --- spoiled photos -----------------------------------------------------------------------------


def samples(kind: str) -> list[bytes]:
    """A plain photo, and one with profile, rotation and mode if the format can."""
    pixels = np.random.default_rng(len(kind)).integers(0, 255, (6, 8, 3), np.uint8)
    photo = Image.fromarray(pixels).resize((64, 48), Image.Resampling.BICUBIC)
    if kind == "GIF":
        return [encoded(photo, kind), encoded(photo, kind, save_all=True, append_images=[flat(64, 48)])]
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    profile = profile[:24] + bytes(12) + profile[36:]  # without the date
    other = photo.convert("CMYK" if kind in ("JPEG", "MPO") else "RGBA")
    options: dict[str, object] = {"exif": exif.tobytes(), "icc_profile": profile}
    if kind == "JPEG":
        options["progressive"] = True
    return [encoded(photo, kind), encoded(other, kind, **options)]


def truncate(data: bytes, chance: random.Random) -> bytes:
    return data[: chance.randrange(1, len(data))]


def flip_bits(data: bytes, chance: random.Random) -> bytes:
    """Flip up to 16 bits, half of them near the beginning with most structure."""
    spoiled = bytearray(data)
    for _ in range(chance.randint(1, 16)):
        end = len(spoiled) if chance.random() < 0.5 else min(len(spoiled), 400)
        spoiled[chance.randrange(end)] ^= 1 << chance.randrange(8)
    return bytes(spoiled)


def lie_about_lengths(data: bytes, chance: random.Random) -> bytes:
    """Replace a few integers of 2 or 4 bytes by extreme and other values."""
    spoiled = bytearray(data)
    for _ in range(chance.randint(1, 3)):
        form, most = chance.choice([(">H", 2**16), ("<H", 2**16), (">I", 2**32), ("<I", 2**32)])
        value = chance.choice([0, 1, most - 1, most // 2, chance.randrange(most)])
        struct.pack_into(form, spoiled, chance.randrange(4, min(len(spoiled) - 4, 600)), value)
    return bytes(spoiled)


def duplicate(data: bytes, chance: random.Random) -> bytes:
    """Repeat a piece of the file up to a thousand times."""
    start = chance.randrange(len(data))
    end = min(len(data), start + chance.randint(1, 400))
    return data[:end] + data[start:end] * chance.choice([1, 2, 10, 1_000]) + data[end:]


SPOILERS = (truncate, flip_bits, lie_about_lengths, duplicate)


def spoiled(seed: int = 1, each: int = 9) -> Iterator[tuple[str, bytes]]:
    """Names and contents of damaged photos: ``each`` per format, sample and damage."""
    chance = random.Random(seed)
    for kind in KINDS:
        for number, data in enumerate(samples(kind)):
            for spoil in SPOILERS:
                for index in range(each):
                    yield f"{kind}-{number}-{spoil.__name__}-{index}", spoil(data, chance)
