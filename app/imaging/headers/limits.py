"""The limit on a file's data beside its picture."""

from __future__ import annotations

# Colour profiles, Exif, XMP and depth maps of phones together are smaller.
METADATA_BYTES = 8_000_000
METADATA_PARTS = 1_000
