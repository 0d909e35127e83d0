"""Decoding of every kind of upload, good and hostile, made by real encoders."""

from __future__ import annotations

import errno
import io
import random
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageCms

from app.imaging import decode_photo, encode_jpeg
from app.imaging.decode import decode_here
from app.imaging.errors import DamagedPhoto, EmptyFile, ImageError, NotAPhoto, SideTooLong, TooManyPixels
from testing.photo_files import ADOBE_RGB, assert_like, png
from testing.pictures import encoded, scene

LIMIT = 1_000_000
FORMATS = ["JPEG", "PNG", "WEBP", "AVIF", "HEIF", "TIFF", "GIF"]
MEDIA_TYPES = {kind: f"image/{kind.lower()}" for kind in FORMATS} | {"HEIF": "image/heic"}

LAB_PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()


def decode(data: bytes, max_pixels: int = LIMIT) -> Image.Image:
    return decode_photo(io.BytesIO(data), max_pixels=max_pixels).image


# --- kinds of files -----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_is_told_by_its_content(kind: str) -> None:
    decoded = decode_photo(io.BytesIO(encoded(scene(), kind)), max_pixels=LIMIT)
    assert_like(decoded.image, scene(), 40 if kind == "GIF" else 12)
    assert decoded.media_type == MEDIA_TYPES[kind]
    assert decoded.image.info == {}


def test_the_name_of_the_file_counts_for_nothing(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(encoded(scene(), "PNG"))
    with path.open("rb") as file:
        assert decode_photo(file, max_pixels=LIMIT).media_type == "image/png"


def test_several_jpegs_in_one_file_are_a_jpeg() -> None:
    black = Image.new("RGB", scene().size)
    data = encoded(scene(), "MPO", save_all=True, append_images=[black])
    decoded = decode_photo(io.BytesIO(data), max_pixels=LIMIT)
    assert_like(decoded.image, scene())
    assert decoded.media_type == "image/jpeg"


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "TIFF", "PNG", "AVIF", "HEIF"])
def test_of_several_frames_the_first_counts(kind: str) -> None:
    black = Image.new("RGB", scene().size)
    assert_like(decode(encoded(scene(), kind, save_all=True, append_images=[black])), scene(), 40)


# By orientation: how a camera has turned the picture that it labels so.
TURNS = {
    1: [],
    2: [Image.Transpose.FLIP_LEFT_RIGHT],
    3: [Image.Transpose.ROTATE_180],
    4: [Image.Transpose.FLIP_TOP_BOTTOM],
    5: [Image.Transpose.TRANSPOSE],
    6: [Image.Transpose.ROTATE_90],
    7: [Image.Transpose.TRANSVERSE],
    8: [Image.Transpose.ROTATE_270],
}


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF", "HEIF", "TIFF"])
@pytest.mark.parametrize("orientation", TURNS)
def test_every_orientation_comes_out_upright(kind: str, orientation: int) -> None:
    lying = scene()
    for turn in TURNS[orientation]:
        lying = lying.transpose(turn)
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    assert_like(decode(encoded(lying, kind, exif=exif.tobytes())), scene())


def exif_of(*entries: tuple[int, int, int, bytes]) -> bytes:
    """An EXIF block of (tag, type, count, value), also with wrong types."""
    table = b"".join(struct.pack("<HHI4s", *entry) for entry in entries)
    return b"Exif\0\0II*\0" + struct.pack("<IH", 8, len(entries)) + table + bytes(4)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "HEIF"])
@pytest.mark.parametrize("exif", [b"Exif\0\0this is no TIFF", b"Exif\0\0II", exif_of((0x0112, 2, 2, b"x"))])
def test_exif_that_cannot_be_read_spoils_no_photo(kind: str, exif: bytes) -> None:
    assert_like(decode(encoded(scene(), kind, exif=exif)), scene())


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "HEIF"])
@pytest.mark.parametrize("tag", [0x0100, 0x011A])
def test_a_turned_photo_may_have_a_tag_of_the_wrong_type(kind: str, tag: int) -> None:
    exif = exif_of((tag, 2, 4, b"abc"), (0x0112, 3, 1, struct.pack("<H", 6)))
    assert_like(decode(encoded(scene().transpose(Image.Transpose.ROTATE_90), kind, exif=exif)), scene())


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("size", [(1, 1), (4000, 1), (1, 4000)])
def test_extreme_sizes(kind: str, size: tuple[int, int]) -> None:
    image = decode(encoded(Image.new("RGB", size, "white"), kind))
    assert image.size == size
    assert min(image.getpixel((0, 0))) > 250  # type: ignore[type-var, arg-type]


# --- colours ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF", "HEIF", "TIFF"])
def test_wide_gamut_colours_are_converted_to_srgb(kind: str) -> None:
    # Adobe RGB (127, 100, 80) is linearly (.2156, .1276, .0781) there and (.2510, .1276, .0760) in sRGB,
    # by the two standards' matrices and curves.
    image = Image.new("RGB", (16, 16), (127, 100, 80))
    seen = decode(encoded(image, kind, icc_profile=ADOBE_RGB)).getpixel((8, 8))
    assert np.abs(np.subtract(seen, (137, 100, 78))).max() <= 4


def test_colours_under_transparency_are_converted_too() -> None:
    image = Image.new("RGBA", (16, 16), (127, 100, 80, 255))
    seen = decode(encoded(image, "PNG", icc_profile=ADOBE_RGB)).getpixel((8, 8))
    assert np.abs(np.subtract(seen, (137, 100, 78))).max() <= 2


def test_a_lab_picture_is_converted_to_srgb() -> None:
    lab = ImageCms.createProfile("LAB")
    srgb = ImageCms.createProfile("sRGB")
    in_lab = ImageCms.profileToProfile(scene(), srgb, lab, outputMode="LAB")
    assert in_lab is not None
    data = encoded(in_lab, "TIFF", icc_profile=ImageCms.ImageCmsProfile(lab).tobytes())
    assert_like(decode(data), scene(), 15)
    assert_like(decode(encoded(in_lab, "TIFF")), scene(), 15)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "P", "CMYK"])
@pytest.mark.parametrize("profile", [b"no profile at all", ADOBE_RGB[:200], LAB_PROFILE])
def test_a_broken_or_unfit_profile_counts_as_srgb(mode: str, profile: bytes) -> None:
    source = scene().convert(mode)
    data = encoded(source, "TIFF" if mode == "CMYK" else "PNG", icc_profile=profile)
    assert_like(decode(data), source.convert("RGB"), 0)


@pytest.mark.parametrize(("kind", "options"), [("PNG", {}), ("WEBP", {"lossless": True}), ("TIFF", {})])
def test_transparency_shows_white(kind: str, options: dict[str, object]) -> None:
    image = scene().convert("RGBA")
    image.paste((0, 0, 0, 0), (0, 0, 24, 16))
    assert decode(encoded(image, kind, **options)).getpixel((5, 5)) == (255, 255, 255)


def test_half_transparency_mixes_with_white() -> None:
    image = Image.new("RGBA", (4, 4), (0, 0, 0, 128))
    level = decode(encoded(image, "PNG")).getpixel((0, 0))
    assert level == (127, 127, 127)


def test_a_transparent_palette_colour_shows_white() -> None:
    image = Image.new("P", (4, 4), 0)
    image.putpalette([10, 20, 30, 200, 0, 0])
    image.putpixel((1, 1), 1)
    decoded = decode(encoded(image, "PNG", transparency=0))
    assert decoded.getpixel((0, 0)) == (255, 255, 255)
    assert decoded.getpixel((1, 1)) == (200, 0, 0)


def test_grey_with_alpha() -> None:
    image = Image.new("LA", (4, 4), (90, 255))
    image.putpixel((0, 0), (0, 0))
    decoded = decode(encoded(image, "PNG"))
    assert decoded.getpixel((0, 0)) == (255, 255, 255)
    assert decoded.getpixel((2, 2)) == (90, 90, 90)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bit_grey_is_scaled_not_clipped(kind: str) -> None:
    values = np.array([[0, 0x4000], [0x8000, 0xFFFF]], np.uint16)
    decoded = np.asarray(decode(encoded(Image.fromarray(values), kind)))
    assert decoded[..., 0].tolist() == [[0, 0x40], [0x80, 0xFF]]


@pytest.mark.parametrize(
    ("color_type", "samples", "expected"),
    [
        pytest.param(2, [0x1234, 0x8000, 0xFFFF], (0x12, 0x80, 0xFF), id="RGB"),
        pytest.param(6, [0x1234, 0x8000, 0xFFFF, 0xFFFF], (0x12, 0x80, 0xFF), id="RGBA-opaque"),
        pytest.param(6, [0x1234, 0x8000, 0xFFFF, 0], (255, 255, 255), id="RGBA-clear"),
        pytest.param(4, [0x8000, 0xFFFF], (0x80, 0x80, 0x80), id="grey-opaque"),
        pytest.param(4, [0x8000, 0], (255, 255, 255), id="grey-clear"),
    ],
)
def test_sixteen_bit_png(color_type: int, samples: list[int], expected: tuple[int, int, int]) -> None:
    assert decode(png(color_type, 16, (1, 1), struct.pack(f">{len(samples)}H", *samples))).getpixel(
        (0, 0)
    ) == pytest.approx(expected, abs=1)


def test_a_transparent_level_of_sixteen_bit_grey_shows_white() -> None:
    levels = struct.pack(">2H", 0x1000, 0x1001)
    decoded = decode(png(0, 16, (2, 1), levels, (b"tRNS", levels[:2])))
    assert decoded.getpixel((0, 0)) == (255, 255, 255)
    assert decoded.getpixel((1, 0)) == (0x10, 0x10, 0x10)


def test_sixteen_bit_colour_tiff() -> None:
    # One pixel, one strip; Pillow reads such files, but does not write them.
    samples = struct.pack("<3H", 0x1234, 0x8000, 0xFFFF)
    count, end = 9, 8 + 2 + 9 * 12 + 4
    longs = {256: 1, 257: 1, 259: 1, 262: 2, 273: end + 6, 277: 3, 278: 1, 279: len(samples)}
    entries = {tag: struct.pack("<HHII", tag, 4, 1, value) for tag, value in longs.items()}
    entries[258] = struct.pack("<HHII", 258, 3, 3, end)
    directory = struct.pack("<H", count) + b"".join(entries[tag] for tag in sorted(entries)) + bytes(4)
    data = b"II*\0" + struct.pack("<I", 8) + directory + struct.pack("<3H", 16, 16, 16) + samples
    assert decode(data).getpixel((0, 0)) == (0x12, 0x80, 0xFF)


def test_big_endian_and_wide_integer_grey() -> None:
    for image in (
        Image.frombytes("I;16B", (1, 1), struct.pack(">H", 0x8000)),
        Image.fromarray(np.array([[0x8000]], np.int32)),
    ):
        assert decode(encoded(image, "TIFF")).getpixel((0, 0)) == (128, 128, 128)


@pytest.mark.parametrize(
    ("dtype", "kind"),
    [(np.uint16, "PNG"), (np.uint16, "TIFF"), (np.int32, "TIFF"), (np.float32, "TIFF")],
)
def test_what_is_computed_in_strips_has_no_seams(
    dtype: type, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.imaging.tiff.STRIP_PIXELS", 300)
    monkeypatch.setattr("app.imaging.transparency.STRIP_PIXELS", 300)
    levels = (np.arange(50)[:, None] * 1300 + np.arange(40)).astype(dtype)  # 7 rows to a strip, but the last
    data = encoded(Image.fromarray(levels), kind)
    # In this process, since strips are set here.
    decoded = np.asarray(decode_here(io.BytesIO(data), max_pixels=LIMIT).image)
    assert np.abs(decoded[..., 0].astype(float) - levels / 257.0).max() <= 1.0


@pytest.mark.parametrize("highest", [1.0, 255.0, 65535.0])
def test_floating_point_grey_of_the_usual_ranges(highest: float) -> None:
    values = np.array([[0.0, highest / 2], [highest, highest]], np.float32)
    decoded = np.asarray(decode(encoded(Image.fromarray(values), "TIFF")))
    assert decoded[0, 0, 0] == 0
    assert abs(int(decoded[0, 1, 0]) - 128) <= 1
    assert decoded[1, 1, 0] == 255


def test_floating_point_nonsense_is_refused() -> None:
    values = np.array([[0.0, np.nan]], np.float32)
    with pytest.raises(DamagedPhoto):
        decode(encoded(Image.fromarray(values), "TIFF"))


@pytest.mark.parametrize("mode", ["1", "L", "P", "CMYK", "YCbCr"])
def test_other_modes_become_rgb(mode: str) -> None:
    source = scene().convert(mode)
    kind = "TIFF" if mode in ("CMYK", "YCbCr") else "PNG"
    assert_like(decode(encoded(source, kind)), source.convert("RGB"), 12)


def test_a_cmyk_jpeg_is_not_a_negative() -> None:
    data = encoded(scene().convert("CMYK"), "JPEG")
    assert b"Adobe" in data, "the mark of the inverted kind"
    assert_like(decode(data), scene(), 20)


# --- what is refused ----------------------------------------------------------------------------


def test_an_empty_file() -> None:
    with pytest.raises(EmptyFile, match="empty") as caught:
        decode(b"")
    assert caught.value.status == 400


@pytest.mark.parametrize(
    "data",
    [
        b"hello",
        b"<html><body>photo</body></html>",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"%PDF-1.7 ...",
        b"PK\x03\x04" + bytes(60),
        b"\0" * 5000,
        b"%!PS-Adobe-3.0 EPSF-3.0\n",
    ],
)
def test_what_is_no_photo(data: bytes) -> None:
    with pytest.raises(NotAPhoto) as caught:
        decode(data)
    assert caught.value.status == 415


@pytest.mark.parametrize("kind", FORMATS)
def test_truncated_files(kind: str) -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8))
    data = encoded(noise, kind)
    for share in (0.3, 0.6, 0.9):
        with pytest.raises(ImageError) as caught:
            decode(data[: int(len(data) * share)])
        assert caught.value.status in (400, 415)


@pytest.mark.parametrize("kind", FORMATS)
def test_too_many_pixels(kind: str) -> None:
    with pytest.raises(TooManyPixels, match="200 × 100") as caught:
        decode(encoded(scene(200, 100), kind), max_pixels=19_999)
    assert caught.value.status == 413
    assert decode(encoded(scene(200, 100), kind), max_pixels=20_000).size == (200, 100)


@pytest.mark.parametrize("size", [(65_501, 2), (2, 65_501)])
def test_a_side_longer_than_any_jpeg_has(size: tuple[int, int]) -> None:
    with pytest.raises(SideTooLong, match=f"{size[0]} × {size[1]} pixels. No side") as caught:
        decode(encoded(Image.new("RGB", size), "PNG"))
    assert caught.value.status == 413
    longest = decode(encoded(Image.new("RGB", (min(size[0], 65_500), min(size[1], 65_500))), "PNG"))
    assert Image.open(io.BytesIO(encode_jpeg(longest))).size == longest.size


@pytest.mark.parametrize(
    "trouble",
    [MemoryError(), OSError(errno.EIO, "disk"), OSError(errno.ESTALE, "share"), TimeoutError(110, "")],
)
def test_what_the_machine_cannot_do_is_no_fault_of_the_photo(trouble: Exception) -> None:
    class Failing(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            if self.tell() > 100:
                raise trouble
            return super().read(size)

    with pytest.raises(type(trouble)) as caught:
        decode_photo(Failing(encoded(scene(), "PNG")), max_pixels=LIMIT)
    assert caught.value is trouble


def test_a_file_that_leads_to_where_no_file_reaches_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "photo.tif"
    path.write_bytes(b"II+\0" + struct.pack("<HHQ", 8, 0, 2**63 - 1))  # a BigTIFF: where its directory begins
    with path.open("rb") as file:
        with pytest.raises(OSError, match="Invalid argument"):
            file.seek(2**63 - 1)
        file.seek(0)
        with pytest.raises(ImageError):
            decode_photo(file, max_pixels=LIMIT)


def declared(kind: str, size: tuple[int, int]) -> bytes:
    """A small file of ``kind`` whose header declares another size."""
    if kind == "PNG":
        return png(2, 8, size, bytes(1_000_000))
    data = bytearray(encoded(scene(), kind, **({"lossless": True} if kind == "WEBP" else {})))
    if kind == "GIF":
        struct.pack_into("<2H", data, 6, *size)
    elif kind == "JPEG":
        struct.pack_into(">2H", data, data.index(b"\xff\xc0") + 5, size[1], size[0])
    elif kind == "WEBP":
        struct.pack_into("<I", data, data.index(b"VP8L") + 9, size[0] - 1 | (size[1] - 1) << 14)
    elif kind == "TIFF":
        for tag, side in zip((256, 257), size, strict=True):
            struct.pack_into("<I", data, data.index(struct.pack("<HHI", tag, 4, 1)) + 8, side)
    else:
        struct.pack_into(">2I", data, data.index(b"ispe") + 8, *size)
    return bytes(data)


@pytest.mark.parametrize(
    ("kind", "size"),
    [
        ("PNG", (100_000, 100_000)),
        ("TIFF", (100_000, 100_000)),
        ("JPEG", (65_000, 65_000)),
        ("GIF", (65_000, 65_000)),
        ("WEBP", (16_384, 16_384)),
        ("HEIF", (20_000, 20_000)),
    ],
)
def test_a_bomb_is_refused_by_its_header(kind: str, size: tuple[int, int]) -> None:
    with pytest.raises(TooManyPixels, match=f"{size[0]} × {size[1]}"):
        decode(declared(kind, size), max_pixels=60_000_000)


@pytest.mark.parametrize("kind", ["AVIF", "HEIF"])
def test_a_bomb_that_the_decoder_itself_refuses(kind: str) -> None:
    with pytest.raises(ImageError):
        decode(declared(kind, (100_000, 100_000)), max_pixels=60_000_000)


def test_a_large_heic_frame_cropped_to_a_small_picture_is_refused() -> None:
    """The decoder allocates the whole frame, however small the crop is."""
    data = encoded(Image.new("RGB", (1203, 1001)), "HEIF")
    crop = data.index(b"clap") + 4
    cropped = data[:crop] + struct.pack(">8I", 48, 1, 32, 1, 0, 1, 0, 1) + data[crop + 32 :]
    assert decode(cropped, max_pixels=2_000_000).size == (48, 32)
    with pytest.raises(TooManyPixels):
        decode(cropped, max_pixels=1_000_000)


def cut(data: bytes, chance: random.Random) -> bytes:
    return data[: chance.randrange(len(data))]


def flip(data: bytes, chance: random.Random) -> bytes:
    """Change a few bytes, half of them near the beginning with most structure."""
    broken = bytearray(data)
    for _ in range(chance.randint(1, 8)):
        end = len(broken) if chance.random() < 0.5 else min(len(broken), 400)
        broken[chance.randrange(end)] = chance.choice([0, 1, 127, 128, 255, chance.randrange(256)])
    return bytes(broken)


def samples(kind: str) -> list[bytes]:
    """A plain file of ``kind``, and one of another mode with all possible metadata."""
    if kind == "GIF":
        return [encoded(scene(), kind), encoded(scene().convert("RGBA"), kind)]
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    other = scene().convert("CMYK" if kind in ("JPEG", "MPO") else "RGBA")
    return [encoded(scene(), kind), encoded(other, kind, exif=exif.tobytes(), icc_profile=ADOBE_RGB)]


@pytest.mark.parametrize("kind", [*FORMATS, "MPO"])
@pytest.mark.parametrize("spoil", [cut, flip])
def test_broken_files_are_refused_or_read_and_never_crash(
    kind: str, spoil: Callable[[bytes, random.Random], bytes]
) -> None:
    chance = random.Random(kind)
    refused = 0
    for data in samples(kind):
        for _ in range(150):
            try:
                image = decode(spoil(data, chance))
            except ImageError:
                refused += 1
            else:
                assert image.mode == "RGB"
                assert image.info == {}
    assert refused > 0
