"""Decodes photos (``decode_photo``) and encodes pictures (``encode_*``)."""

from app.imaging.decode import DecodedPhoto
from app.imaging.encode import (
    encode_grey_png,
    encode_jpeg,
    encode_png,
    encode_webp,
    make_preview,
    make_thumbnail,
    preview_size,
    shrink_thumbnail,
)
from app.imaging.isolation.pool import decode_photo

__all__ = [
    "DecodedPhoto",
    "decode_photo",
    "encode_grey_png",
    "encode_jpeg",
    "encode_png",
    "encode_webp",
    "make_preview",
    "make_thumbnail",
    "preview_size",
    "shrink_thumbnail",
]
