"""Masks are read from beside their photo, or reported as gone."""

from __future__ import annotations

import io
import uuid
from pathlib import Path
from typing import BinaryIO

import pytest
from PIL import Image

from app.storage.base import StorageError
from app.storage.local import LocalStorage
from app.studio.domain.controls import Controls
from app.studio.domain.files import PhotoFiles
from app.studio.domain.masks import MaskGone, keep_mask, load_masks


def test_a_mask_is_gone_only_when_the_storage_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A passing error of the disk does not count: the retry paints the picture."""
    storage, files = LocalStorage(tmp_path), PhotoFiles(uuid.uuid4())
    buffer = io.BytesIO()
    Image.new("L", (16, 12), 128).save(buffer, "PNG")
    controls = Controls(style="wave", mask=keep_mask(storage, files, buffer.getvalue()))

    def refuse(_self: LocalStorage, key: str) -> BinaryIO:
        raise StorageError(key)

    with monkeypatch.context() as unwell:
        unwell.setattr(LocalStorage, "open", refuse)
        with pytest.raises(StorageError):
            load_masks(storage, files, controls)
    assert load_masks(storage, files, controls).strength
    storage.delete_prefix(files.mask_folder)
    with pytest.raises(MaskGone):
        load_masks(storage, files, controls)
