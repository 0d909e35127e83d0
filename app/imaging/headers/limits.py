"""How much a file may carry beside its picture."""

from __future__ import annotations

# Colour profiles, Exif, XMP and depth maps of phones together stay below.
METADATA_BYTES = 8_000_000
METADATA_PARTS = 1_000
