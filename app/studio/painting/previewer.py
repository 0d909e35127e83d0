"""Previews: small ones of a photo in every style, large ones with controls.

Previews are free and carry a mark. They take the same two steps as the pictures that people pay for
(:mod:`app.studio.painting.painter`). So the picture looks like its preview.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO

import numpy as np
from PIL import Image

from app.engine.catalogue import Catalogue
from app.imaging import decode_photo, encode_webp
from app.imaging.faces import Face, find_faces
from app.imaging.watermark import watermark
from app.recent import Recent
from app.sentences import translatable
from app.storage.base import Storage, StorageError
from app.studio.domain.controls import Controls
from app.studio.domain.errors import NotFound, TooBusy
from app.studio.domain.fair_slots import FairSlots, NoSlot
from app.studio.domain.masks import NO_MASKS, Masks
from app.studio.painting.paint_request import PaintRequest
from app.studio.painting.painter import finish, paint_fully
from app.studio.painting.preview_source import PreviewSource
from app.studio.painting.small_previews import SMALL_SIDE, SmallPreview, SmallPreviews
from app.studio.painting.suitability import suitability
from app.studio.painting.tab_requests import LatestRequests, TabRequest

# The long sides of large previews, in pixels. Previews are painted at the first side, whatever size is sent,
# so that the strokes stay the same. Only drafts, which are shown for a moment, are painted at the second.
LARGE_SIDES = (1024, 640)
SMALL_QUALITY, LARGE_QUALITY = 80, 84
# How many previews are painted at a time: in all, and for one visitor.
PREVIEW_SLOTS, PREVIEW_SLOTS_EACH = 8, 2
# How many requests may hold or await a slot: in all, and for one visitor. The other threads serve pages.
PRESENT, PRESENT_EACH = 14, 12
# How long a visitor waits for a slot, in seconds.
SLOT_WITHIN = 15.0
# How many values stay in memory. A photo or a painting has 2 MB.
PHOTOS_KEPT, PAINTINGS_KEPT, FACES_KEPT, TABS_KEPT = 16, 24, 256, 512


class Previewer:
    """Paints previews; stores small ones, and keeps parts of large ones in memory.

    Attributes:
        requests: the newest request of each tab for a large preview.
    """

    def __init__(self, catalogue: Catalogue, storage: Storage, max_pixels: int) -> None:
        self.requests = LatestRequests(TABS_KEPT)
        self._catalogue = catalogue
        self._storage = storage
        self._max_pixels = max_pixels
        self._stored = SmallPreviews(catalogue, storage)
        self._photos: Recent[tuple[PreviewSource, int], Image.Image] = Recent(PHOTOS_KEPT)
        self._paintings: Recent[Hashable, Image.Image] = Recent(PAINTINGS_KEPT)
        self._faces: Recent[PreviewSource, Sequence[Face]] = Recent(FACES_KEPT)
        self._slots = FairSlots(
            PREVIEW_SLOTS, each=PREVIEW_SLOTS_EACH, present=PRESENT, present_each=PRESENT_EACH
        )

    def version(self, slug: str) -> str:
        """The version of a style's previews; it changes when a file of the style does.

        Raises:
            app.engine.errors.UnknownStyle: there is no such style.
        """
        return self._stored.version(slug)

    def photo(self, source: PreviewSource, side: int) -> Image.Image:
        """The photo itself, upright, in RGB and no larger than ``side``.

        Raises:
            NotFound: its file is gone.
        """
        return self._photos.get((source, side), lambda: self._read(source, side))

    def small(self, source: PreviewSource, slug: str, *, visitor: Hashable = None) -> SmallPreview:
        """The photo in one style, from the storage or painted now.

        Raises:
            NotFound, TooBusy
            app.engine.errors.EngineError: the style is gone or cannot be used.
        """
        stored = self._stored.load(source, slug)
        if stored is not None:
            return stored
        with self._slot(visitor):
            photo = self.photo(source, SMALL_SIDE)
            painted = paint_fully(self._catalogue, PaintRequest.of(photo, Controls(style=slug)))
        preview = SmallPreview(
            encode_webp(watermark(painted), SMALL_QUALITY),
            suitability(np.asarray(photo), np.asarray(painted)),
        )
        self._stored.save(source, slug, preview)
        return preview

    def known_suitability(self, source: PreviewSource, slug: str) -> float | None:
        """How well the style suits the photo, None if no small preview has been painted."""
        return self._stored.load_suitability(source, slug)

    def large(
        self,
        source: PreviewSource,
        controls: Controls,
        *,
        masks: Masks = NO_MASKS,
        tab_request: TabRequest | None = None,
        draft: bool = False,
        visitor: Hashable = None,
    ) -> Image.Image:
        """The photo as the controls are set, 1024 pixels long at most, unmarked.

        Args:
            source: the photo.
            controls: the settings.
            masks: the masks that the controls name.
            tab_request: the tab that asks. A newer request of this tab stops the painting, unless it needs
                the same one.
            draft: paint at the smaller size, which takes a third of the time and gives coarser edges.
            visitor: the visitor whose slot it takes.

        Raises:
            NotFound, TooBusy, Superseded
            app.engine.errors.EngineError: a style is gone, or two cannot be mixed.
        """
        asking, side = tab_request or TabRequest(), LARGE_SIDES[1 if draft else 0]
        key = self._painting_key(controls)
        painting = (source, side, *key)
        self.requests.note(asking, painting)
        with self._slot(visitor):
            photo = self.photo(source, side)
            request = PaintRequest.of(
                photo, controls, masks, find=lambda photo: self._find_faces(source, photo)
            )
            painted = self._paintings.get(
                (source, photo.size, *key),
                lambda: paint_fully(
                    self._catalogue, request, lambda _: self.requests.check(asking, painting)
                ),
                while_waiting=lambda: self.requests.check(asking),
            )
            self.requests.check(asking)
            return finish(request, painted)

    def _painting_key(self, controls: Controls) -> tuple[Hashable, ...]:
        """Everything besides the photo that a painting at full strength depends on."""
        mixture, mapped = controls.mixture(), controls.mapped_style()
        slugs = mixture.slugs + (mapped.slugs if mapped else ())
        versions = tuple(self.version(slug) for slug in slugs)
        return str(mixture), str(mapped), controls.style_mask if mapped else None, controls.brush, versions

    def _find_faces(self, source: PreviewSource, photo: Image.Image) -> Sequence[Face]:
        return self._faces.get(source, lambda: find_faces(photo))

    def _read(self, source: PreviewSource, side: int) -> Image.Image:
        try:
            with source.open(self._storage) as file:
                photo = decode_photo(file, max_pixels=self._max_pixels).image
        except (StorageError, FileNotFoundError) as error:
            raise NotFound from error
        photo.thumbnail((side, side), Image.Resampling.LANCZOS)
        return photo

    @contextmanager
    def _slot(self, visitor: Hashable) -> Iterator[None]:
        try:
            with self._slots.slot(visitor, SLOT_WITHIN):
                yield
        except NoSlot:
            raise TooBusy(
                translatable("Many previews are being painted right now. Yours comes in a moment.")
            ) from None


def marked_jpeg(picture: Image.Image, side: int) -> bytes:
    """A large preview as it is sent: no larger than ``side``, with its mark, as JPEG.

    It follows a slider, so speed counts. WebP takes 15 times as long and saves a sixth of the bytes.
    """
    smaller = picture.copy()
    smaller.thumbnail((side, side), Image.Resampling.LANCZOS)
    buffer = BytesIO()
    watermark(smaller).save(buffer, "JPEG", quality=LARGE_QUALITY)
    return buffer.getvalue()
