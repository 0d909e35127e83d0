"""Previews: somebody's photo in every style, small; and in one style, larger, as the controls stand.

They cost nothing and carry a mark. Both come from the same two steps as the pictures that are paid for
(:mod:`app.studio.painting.painter`), so a preview promises nothing that the picture does not keep.
"""

from __future__ import annotations

import hashlib
import json
import threading
import uuid
from collections.abc import Hashable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import numpy as np
import structlog
from PIL import Image

from app.engine.catalogue import Catalogue
from app.errors import DomainError
from app.imaging import decode_photo, encode_webp
from app.imaging.encode import PREVIEW_SIDE
from app.imaging.faces import Face, find_faces
from app.imaging.watermark import watermark
from app.recent import Recent
from app.sentences import translatable
from app.storage.base import Storage, StorageError
from app.studio.domain.controls import Controls
from app.studio.domain.errors import NotFound, TooBusy
from app.fair_slots import FairSlots, NoSlot
from app.studio.domain.masks import NO_MASKS, Masks
from app.studio.domain.models import Photo
from app.studio.painting.painter import finish, paint_fully
from app.studio.painting.suitability import suitability

log = structlog.get_logger(__name__)

# The long sides, in pixels. A large preview is always painted at the first of its sizes, so that its strokes
# are the same whatever is sent; only a draft, which is seen for a moment, at the second.
SMALL_SIDE = 256
LARGE_SIDES = (1024, 640)
SMALL_QUALITY, LARGE_QUALITY = 80, 84
# Part of every kept preview's name: raise it when previews are to look different.
FORMAT = 1
# How many previews are painted at a time, and how many of one visitor; how many requests are painted or wait,
# and how many of one visitor (the other threads of the server are for pages); how long they wait, in seconds.
AT_ONCE, AT_ONCE_EACH = 8, 2
PRESENT, PRESENT_EACH = 14, 12
WITHIN = 15.0
# What is kept in memory: photos and paintings of 2 MB each, and where faces are.
PHOTOS_KEPT, PAINTINGS_KEPT, FACES_KEPT, TABS_KEPT = 16, 24, 256, 512


class Superseded(DomainError):
    """The same tab has asked for something newer meanwhile: nobody waits for this any more."""

    status = 409

    def __init__(self) -> None:
        super().__init__(translatable("A newer preview is on its way instead."))


@dataclass(frozen=True)
class Subject:
    """A photo that previews are made of.

    Attributes:
        photo_id: names the folder in which its previews and masks lie.
        source: where its pixels come from: a key of the storage, or a file that ships.
    """

    photo_id: uuid.UUID
    source: str | Path

    @classmethod
    def of(cls, photo: Photo) -> Subject:
        """An uploaded photo. A preview that was kept of a large one is read in a tenth of the time."""
        small = max(photo.width, photo.height) <= PREVIEW_SIDE
        return cls(photo.id, photo.original_key if small else photo.preview_key)

    @property
    def photo(self) -> Photo:
        """As far as masks need to know it."""
        return Photo(id=self.photo_id)


@dataclass(frozen=True)
class SmallPreview:
    """A photo in one style: a WebP, and how well the style suits the photo, 0 to 1."""

    webp: bytes
    suits: float


class Previewer:
    """Paints previews and remembers them: small ones beside their photo, the rest in memory for a while."""

    def __init__(self, catalogue: Catalogue, storage: Storage, max_pixels: int) -> None:
        self._catalogue = catalogue
        self._storage = storage
        self._max_pixels = max_pixels
        self._photos: Recent[tuple[Subject, int], Image.Image] = Recent(PHOTOS_KEPT)
        self._paintings: Recent[Hashable, Image.Image] = Recent(PAINTINGS_KEPT)
        self._faces: Recent[Subject, list[Face]] = Recent(FACES_KEPT)
        self._tabs: Recent[str, Newest] = Recent(TABS_KEPT)
        self._noting = threading.Lock()
        self._slots = FairSlots(AT_ONCE, each=AT_ONCE_EACH, present=PRESENT, present_each=PRESENT_EACH)

    def version(self, slug: str) -> str:
        """What a style's previews are known by: changes when its files do.

        Raises:
            app.engine.errors.UnknownStyle: there is no such style.
        """
        files = self._catalogue.get(slug).files
        return "-".join([str(FORMAT), *(_digest(path, path.stat().st_mtime_ns) for path in files)])

    def photo(self, subject: Subject, side: int) -> Image.Image:
        """The photo itself, upright, in RGB and no larger than ``side``.

        Raises:
            NotFound: it is there no more.
        """
        return self._photos.get((subject, side), lambda: self._read(subject, side))

    def small(self, subject: Subject, slug: str, *, visitor: Hashable = None) -> SmallPreview:
        """The photo in one style, painted now or long ago.

        Raises:
            NotFound, TooBusy
            app.engine.errors.EngineError: the style is gone or cannot be used.
        """
        known = self._kept(subject, slug)
        if known is not None:
            return known
        with self._slot(visitor):
            photo = self.photo(subject, SMALL_SIDE)
            painted = paint_fully(self._catalogue, photo, Controls(style=slug))
        preview = SmallPreview(
            encode_webp(watermark(painted), SMALL_QUALITY),
            suitability(np.asarray(photo), np.asarray(painted)),
        )
        self._keep(subject, slug, preview)
        return preview

    def known_suitability(self, subject: Subject, slug: str) -> float | None:
        """How well the style suits the photo, if a small preview has been painted."""
        try:
            with self._storage.open(self._key(subject, slug, "json")) as file:
                return float(json.load(file)["suits"])
        except StorageError:
            return None

    def large(
        self,
        subject: Subject,
        controls: Controls,
        *,
        masks: Masks = NO_MASKS,
        asked: Asked | None = None,
        draft: bool = False,
        visitor: Hashable = None,
    ) -> Image.Image:
        """The photo as the controls stand, 1024 pixels on the long side at most, without a mark.

        Args:
            subject: the photo.
            controls: how it is painted.
            masks: those that the controls name.
            asked: who asks; nothing is sent when the same tab has asked for something newer, and painting
                stops when that needs another painting.
            draft: paint it at the lesser of the two sizes: in a third of the time, with coarser edges.
            visitor: whose slots it takes.

        Raises:
            NotFound, TooBusy, Superseded
            app.engine.errors.EngineError: a style is gone, or two cannot be mixed.
        """
        asked, side, painting = asked or Asked(), LARGE_SIDES[1 if draft else 0], self._painting(controls)
        wanted = (subject, side, *painting)
        self._note(asked, wanted)
        with self._slot(visitor):
            photo = self.photo(subject, side)
            painted = self._paintings.get(
                (subject, photo.size, *painting),
                lambda: paint_fully(
                    self._catalogue,
                    photo,
                    controls,
                    style_mask=masks.style,
                    on_progress=lambda _: self._check(asked, wanted),
                ),
                while_waiting=lambda: self._check(asked),
            )
            faces = self._faces.get(subject, lambda: find_faces(photo)) if controls.protect_faces else []
            self._check(asked)
            return finish(photo, painted, controls, mask=masks.strength, faces=faces)

    def _painting(self, controls: Controls) -> tuple[Hashable, ...]:
        """What a painting at full strength depends on, apart from its photo."""
        mixture, mapped = controls.mixture(), controls.mapped_style()
        slugs = mixture.slugs + (mapped.slugs if mapped else ())
        versions = tuple(self.version(slug) for slug in slugs)
        return str(mixture), str(mapped), controls.style_mask if mapped else None, controls.brush, versions

    def _read(self, subject: Subject, side: int) -> Image.Image:
        try:
            with self._open(subject.source) as file:
                photo = decode_photo(file, max_pixels=self._max_pixels).image
        except (StorageError, FileNotFoundError) as error:
            raise NotFound from error
        photo.thumbnail((side, side), Image.Resampling.LANCZOS)
        return photo

    def _open(self, source: str | Path) -> BinaryIO:
        return source.open("rb") if isinstance(source, Path) else self._storage.open(source)

    # --- small previews that are kept ---------------------------------------------------------

    def _key(self, subject: Subject, slug: str, ending: str) -> str:
        name = f"{slug}-{self.version(slug)}-{SMALL_SIDE}"
        return f"{subject.photo.storage_prefix}/previews/{name}.{ending}"

    def _kept(self, subject: Subject, slug: str) -> SmallPreview | None:
        suits = self.known_suitability(subject, slug)
        if suits is None:
            return None
        try:
            with self._storage.open(self._key(subject, slug, "webp")) as file:
                return SmallPreview(file.read(), suits)
        except StorageError:
            return None

    def _keep(self, subject: Subject, slug: str, preview: SmallPreview) -> None:
        facts = json.dumps({"suits": round(preview.suits, 4)}).encode()
        # Each by itself: where one of them is there already, the other may be missing still.
        for ending, data in (("webp", preview.webp), ("json", facts)):
            try:
                self._storage.save(self._key(subject, slug, ending), data)
            except StorageError as error:
                # Somebody else has kept the same; or the disk is full, and a preview is no reason to fail.
                log.info("preview.not_kept", cause=repr(error.__cause__))
        discard_if_deleted(self._storage, subject)

    # --- slots, and what is newest -----------------------------------------------------------

    @contextmanager
    def _slot(self, visitor: Hashable) -> Iterator[None]:
        try:
            with self._slots.slot(visitor, WITHIN):
                yield
        except NoSlot:
            raise TooBusy(
                translatable("Many previews are being painted right now. Yours comes in a moment.")
            ) from None

    def _note(self, asked: Asked, wanted: Hashable) -> None:
        """Remember which painting a tab wants, unless it has asked for something newer already."""
        if asked.tab:
            with self._noting:
                self._check(asked)
                self._tabs.put(asked.tab, Newest(asked.number, wanted))

    def _check(self, asked: Asked, painting: Hashable = None) -> None:
        """Give up a question that has a newer one of its tab behind it.

        ``painting`` is what is being painted for it: a newer question that wants the same lets it go on.
        """
        if not asked.tab:
            return
        newest = self._tabs.get(asked.tab, lambda: Newest(asked.number, painting))
        if newest.number > asked.number and newest.wanted != painting:
            raise Superseded


@dataclass(frozen=True)
class Asked:
    """Which tab asks for a large preview, and the how many-th time; without a tab nothing is ever newer."""

    tab: str = ""
    number: int = 0


@dataclass(frozen=True)
class Newest:
    """A tab's newest question: its number, and the painting that its answer is made from."""

    number: int
    wanted: Hashable


def discard_if_deleted(storage: Storage, subject: Subject) -> None:
    """Call this after keeping something beside a photo: if the photo was deleted meanwhile, it goes as well.

    Painting takes a moment, and whoever deletes their photo in it wants no painted copy of it to stay.
    """
    if isinstance(subject.source, Path):
        return  # it ships, and nobody deletes it
    with suppress(StorageError):  # another thread is keeping something there, and comes here after it
        if not storage.holds(subject.source):
            log.info("photo.deleted_meanwhile", photo=str(subject.photo_id))
            storage.delete_prefix(subject.photo.storage_prefix)


def marked(picture: Image.Image, side: int) -> bytes:
    """A large preview as it is sent: no larger than ``side``, with its mark, as JPEG.

    It follows a slider, so speed counts: WebP takes 15 times as long for a sixth fewer bytes.
    """
    smaller = picture.copy()
    smaller.thumbnail((side, side), Image.Resampling.LANCZOS)
    buffer = BytesIO()
    watermark(smaller).save(buffer, "JPEG", quality=LARGE_QUALITY)
    return buffer.getvalue()


@lru_cache(maxsize=256)
def _digest(path: Path, _changed: int) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]
