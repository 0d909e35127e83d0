"""Previews: the final picture's two steps, cached, and stopped when superseded."""

from __future__ import annotations

import io
import threading
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pytest
from PIL import Image

from app.config import PROJECT_ROOT
from app.engine.catalogue import Catalogue
from app.imaging.faces import find_faces
from app.imaging.prints import FULL, frame_photo
from app.recent import Recent
from app.storage.base import Storage, StorageError
from app.storage.local import LocalStorage
from app.studio.domain.controls import Controls
from app.studio.domain.errors import NotFound, TooBusy
from app.studio.domain.masks import Masks
from app.studio.painting import previewer as previews
from app.studio.painting.paint_request import PaintRequest
from app.studio.painting.painter import paint
from app.studio.painting.preview_source import PreviewSource
from app.studio.painting.previewer import Previewer, marked_jpeg
from app.studio.painting.tab_requests import Superseded, TabRequest
from testing.together import at_once, run_together
from testing.waiting import wait_until

SAMPLES = PROJECT_ROOT / "static" / "samples"
CATALOGUE = Catalogue([PROJECT_ROOT / "models"])
COFFEE = PreviewSource(uuid.uuid4(), SAMPLES / "coffee.jpg")
ASTRONAUT = PreviewSource(uuid.uuid4(), SAMPLES / "astronaut.jpg")
HALF = np.zeros((400, 600), np.uint8)
HALF[:, 300:] = 255


@pytest.fixture
def storage(tmp_path: Path) -> LocalStorage:
    return LocalStorage(tmp_path)


@pytest.fixture
def previewer(storage: LocalStorage) -> Previewer:
    return Previewer(CATALOGUE, storage, 2_000_000)


def pixels(picture: Image.Image) -> np.ndarray:
    return np.asarray(picture).astype(int)


@pytest.mark.parametrize(
    ("controls", "masks"),
    [
        (Controls(style="wave"), Masks()),
        (Controls(style="wave", strength=0.4, keep_colors=True), Masks()),
        (Controls(style="wave", brush=2.0, protect_faces=True), Masks()),
        (Controls(style="wave", second_style="udnie", mix=0.3), Masks()),
        (Controls(style="wave", mask=uuid.uuid4()), Masks(strength=Image.fromarray(HALF))),
        (
            Controls(style="wave", second_style="udnie", style_mask=uuid.uuid4(), strength=0.8),
            Masks(style=Image.fromarray(HALF)),
        ),
    ],
)
def test_a_preview_is_the_final_picture(previewer: Previewer, controls: Controls, masks: Masks) -> None:
    """They are equal pixel by pixel if the photo is no larger than a preview."""
    photo = previewer.photo(ASTRONAUT, 1024)
    request = PaintRequest.of(photo, controls, masks).framed(frame_photo(photo.size, FULL))
    final = paint(CATALOGUE, request)
    for _ in range(2):  # painted, then cached
        preview = previewer.large(ASTRONAUT, controls, masks=masks)
        assert (pixels(preview) == pixels(final)).all()


def test_a_draft_shows_at_two_thirds_of_the_size_what_the_preview_will(
    previewer: Previewer, tmp_path: Path
) -> None:
    file = tmp_path / "large.jpg"
    Image.open(ASTRONAUT.image).resize((1024, 1024)).save(file)
    source, controls = PreviewSource(uuid.uuid4(), file), Controls(style="la_muse", strength=0.9)
    draft, preview = (previewer.large(source, controls, draft=draft) for draft in (True, False))
    assert (draft.size, preview.size) == ((640, 640), (1024, 1024))
    photo = previewer.photo(source, 640)
    from_preview = np.abs(pixels(draft) - pixels(preview.resize(draft.size))).mean()
    assert from_preview < np.abs(pixels(draft) - pixels(photo)).mean() / 2


def test_no_strength_is_the_photo(previewer: Previewer) -> None:
    picture = previewer.large(COFFEE, Controls(style="wave", strength=0.0))
    assert (pixels(picture) == pixels(Image.open(SAMPLES / "coffee.jpg").convert("RGB"))).all()


def test_a_mixture_ends_in_its_single_styles(previewer: Previewer) -> None:
    first, second = (previewer.large(COFFEE, Controls(style=slug)) for slug in ("wave", "udnie"))
    for mix, alone in ((0.0, first), (1.0, second)):
        mixed = previewer.large(COFFEE, Controls(style="wave", second_style="udnie", mix=mix))
        assert (pixels(mixed) == pixels(alone)).all()
    between = pixels(previewer.large(COFFEE, Controls(style="wave", second_style="udnie", mix=0.5)))
    assert np.abs(between - pixels(first)).mean() > 3
    assert np.abs(between - pixels(second)).mean() > 3


def test_faces_are_painted_gently_and_nothing_else(previewer: Previewer) -> None:
    (face,) = find_faces(previewer.photo(ASTRONAUT, 1024))
    photo = pixels(previewer.photo(ASTRONAUT, 1024))
    plain = pixels(previewer.large(ASTRONAUT, Controls(style="starry_night")))
    spared = pixels(previewer.large(ASTRONAUT, Controls(style="starry_night", protect_faces=True)))
    y, x = int(face.y * 512), int(face.x * 512)
    middle = np.s_[y - 15 : y + 15, x - 15 : x + 15]
    assert np.abs(spared[middle] - photo[middle]).mean() < 0.5 * np.abs(plain[middle] - photo[middle]).mean()
    assert (spared[400:] == plain[400:]).all()


def test_small_previews_are_kept_beside_the_photo(
    previewer: Previewer, storage: LocalStorage, tmp_path: Path
) -> None:
    first = previewer.small(COFFEE, "wave")
    image = Image.open(io.BytesIO(first.webp))
    assert (image.format, max(image.size)) == ("WEBP", 256)
    assert 0.0 < first.suitability < 1.0
    (kept,) = (tmp_path / COFFEE.files.prefix / "previews").glob("*.webp")
    kept.write_bytes(b"what was kept")
    again = Previewer(CATALOGUE, storage, 1_000_000).small(COFFEE, "wave")
    assert again.webp == b"what was kept", "it is read, not painted"
    assert again.suitability == pytest.approx(first.suitability, abs=1e-4)
    assert previewer.known_suitability(COFFEE, "udnie") is None


@pytest.mark.parametrize("there", ["webp", "json"])
def test_a_preview_of_which_half_was_kept_is_kept_whole(
    previewer: Previewer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: str
) -> None:
    """The disk was full or the process was killed between writing the two files."""
    painted: list[bool] = []

    def paint(_: Catalogue, request: PaintRequest) -> Image.Image:
        painted.append(True)
        return request.photo

    monkeypatch.setattr(previews, "paint_fully", paint)
    previewer.small(COFFEE, "wave")
    (lost,) = (
        path for path in (tmp_path / COFFEE.files.prefix / "previews").iterdir() if path.suffix != f".{there}"
    )
    lost.unlink()
    painted.clear()
    for _ in range(3):
        assert previewer.small(COFFEE, "wave").webp
    assert len(painted) == 1


def test_a_photo_deleted_while_it_is_painted_leaves_nothing(
    previewer: Previewer, storage: LocalStorage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo_id = uuid.uuid4()
    photo = PreviewSource(photo_id, f"photos/{photo_id}/original")
    folder = tmp_path / photo.files.prefix
    assert isinstance(photo.image, str)
    storage.save(photo.image, (SAMPLES / "coffee.jpg").read_bytes())
    previewer.small(photo, "wave")
    assert len(list((folder / "previews").iterdir())) == 2, "it is still there"
    plain_paint = previews.paint_fully

    def paint_and_delete(*arguments, **options):  # type: ignore[no-untyped-def]
        storage.delete_prefix(photo.files.prefix)
        return plain_paint(*arguments, **options)

    monkeypatch.setattr(previews, "paint_fully", paint_and_delete)
    assert previewer.small(photo, "udnie").webp
    assert not folder.exists()


def test_a_photo_stays_when_the_disk_does_not_say_whether_it_is_there(
    previewer: Previewer, storage: LocalStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo_id = uuid.uuid4()
    photo = PreviewSource(photo_id, f"photos/{photo_id}/original")
    assert isinstance(photo.image, str)
    storage.save(photo.image, (SAMPLES / "coffee.jpg").read_bytes())

    def refuse(self: LocalStorage, key: str) -> bool:
        raise StorageError(key)

    with monkeypatch.context() as unwell:
        unwell.setattr(LocalStorage, "holds", refuse)
        assert previewer.small(photo, "wave").webp
    assert storage.holds(photo.image)


def test_previews_are_marked_jpeg(previewer: Previewer) -> None:
    picture = previewer.large(COFFEE, Controls(style="wave", strength=0.0))
    sent = Image.open(io.BytesIO(marked_jpeg(picture, 1024))).convert("RGB")
    assert sent.size == picture.size
    assert (np.abs(pixels(sent) - pixels(picture)).max(axis=2) > 25).mean() > 0.01
    assert max(Image.open(io.BytesIO(marked_jpeg(picture, 320))).size) == 320


def test_a_photo_that_is_gone_is_not_there(previewer: Previewer) -> None:
    gone = PreviewSource(uuid.uuid4(), "photos/gone/original")
    with pytest.raises(NotFound):
        previewer.small(gone, "wave")
    with pytest.raises(NotFound):
        previewer.large(gone, Controls(style="wave"))


def test_an_older_question_of_the_same_tab_is_given_up(previewer: Previewer) -> None:
    previewer.large(COFFEE, Controls(style="wave"), tab_request=TabRequest("tab", 5))
    with pytest.raises(Superseded):
        previewer.large(COFFEE, Controls(style="wave"), tab_request=TabRequest("tab", 4))
    previewer.large(COFFEE, Controls(style="wave"), tab_request=TabRequest("another", 1))
    previewer.large(COFFEE, Controls(style="wave"), tab_request=TabRequest("tab", 6))


def test_painting_stops_when_something_newer_is_asked(
    previewer: Previewer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The newer request comes while the older one is painted."""
    plain_paint, stopped = previews.paint_fully, []

    def paint_and_ask_again(
        catalogue: Catalogue, request: PaintRequest, on_progress: Callable[[float], None]
    ) -> Image.Image:
        def report(share: float) -> None:
            if share > 0:
                previewer.requests.note(TabRequest("tab", 2), "another painting")
            on_progress(share)

        try:
            return plain_paint(catalogue, request, report)
        except Superseded:
            stopped.append(True)
            raise

    monkeypatch.setattr(previews, "paint_fully", paint_and_ask_again)
    with pytest.raises(Superseded):
        previewer.large(COFFEE, Controls(style="poppies"), tab_request=TabRequest("tab", 1))
    assert stopped == [True]


class Slow:
    """A slow painter that paints nothing; the test decides when it ends."""

    def __init__(self) -> None:
        self.begun, self.go, self.times = threading.Event(), threading.Event(), 0

    def paint(self, _: Catalogue, request: PaintRequest, on_progress: Callable[[float], None]) -> Image.Image:
        self.times += 1
        self.begun.set()
        assert self.go.wait(60)
        on_progress(0.5)
        return request.photo


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Slow:
    slow = Slow()
    monkeypatch.setattr(previews, "paint_fully", slow.paint)
    return slow


def test_a_painting_that_the_newer_question_needs_too_is_finished(previewer: Previewer, slow: Slow) -> None:
    """A person moves the strength slider while the painting at full strength is made."""

    def ask(number: int) -> Image.Image:
        controls = Controls(style="wave", strength=number / 10)
        return previewer.large(COFFEE, controls, tab_request=TabRequest("tab", number))

    def ask_again() -> Image.Image:
        assert slow.begun.wait(60)
        threading.Timer(0.3, slow.go.set).start()  # the newer request waits by then
        return ask(2)

    first, second = at_once([lambda: ask(1), ask_again])
    assert isinstance(first, Superseded), "its answer is not wanted any more"
    assert isinstance(second, Image.Image)
    assert slow.times == 1


def test_who_waits_for_a_painting_gives_up_when_something_newer_is_asked(
    previewer: Previewer, slow: Slow
) -> None:
    """Otherwise one person who moves a slider would take all slots."""

    def ask(number: int) -> Image.Image:
        controls = Controls(style="wave", strength=number / 10)
        return previewer.large(COFFEE, controls, tab_request=TabRequest("tab", number))

    def move() -> None:
        assert slow.begun.wait(60)
        waiting = threading.Thread(target=lambda: outcomes.extend(at_once([lambda: ask(2)])))
        waiting.start()
        wait_until(lambda: newest_of(previewer) == 2, "the second question is noted")
        previewer.requests.note(TabRequest("tab", 3), "another painting")
        waiting.join()
        slow.go.set()

    outcomes: list[object] = []
    (first, moved) = at_once([lambda: ask(1), move])
    assert moved is None
    assert [type(outcome) for outcome in (*outcomes, first)] == [Superseded, Superseded]


def newest_of(previewer: Previewer) -> int:
    return previewer.requests.latest(TabRequest("tab")).number


def test_of_questions_that_come_at_once_the_newest_is_remembered(
    previewer: Previewer, monkeypatch: pytest.MonkeyPatch
) -> None:
    get = Recent.get

    def get_and_hesitate(*arguments: Any, **options: Any) -> Any:
        found = get(*arguments, **options)
        time.sleep(0.01)
        return found

    def note(number: int) -> None:
        with suppress(Superseded):
            previewer.requests.note(TabRequest("tab", number), number)

    monkeypatch.setattr(Recent, "get", get_and_hesitate)
    previewer.requests.note(TabRequest("tab", 0), 0)
    run_together([lambda number=number: note(number) for number in range(9, 0, -1)])
    assert newest_of(previewer) == 9


def paint_coffee(previewer: Previewer, visitor: object) -> None:
    previewer.small(replace(COFFEE, photo_id=uuid.uuid4()), "wave", visitor=visitor)


def test_one_visitor_leaves_previews_to_others(previewer: Previewer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A visitor sends a dozen requests: two are painted at a time, and finally all."""
    go, inside = threading.Event(), threading.Semaphore(0)
    plain_open = PreviewSource.open

    def open_slowly(self: PreviewSource, storage: Storage) -> BinaryIO:
        if threading.current_thread().name == "greedy":
            inside.release()
            assert go.wait(60)
        return plain_open(self, storage)

    monkeypatch.setattr(PreviewSource, "open", open_slowly)
    served: list[str] = []

    def ask() -> None:
        paint_coffee(previewer, "greedy")
        served.append("greedy")

    threads = [threading.Thread(target=ask, name="greedy") for _ in range(12)]
    for thread in threads:
        thread.start()
    for _ in range(2):
        assert inside.acquire(timeout=60)
    assert not inside.acquire(timeout=0.2), "a third one is not painted"
    paint_coffee(previewer, "somebody else")
    assert served == []
    go.set()
    for thread in threads:
        thread.join()
    assert len(served) == 12


def test_only_so_many_are_painted_at_a_time(previewer: Previewer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other threads serve pages. A visitor who waits too long gets an answer."""
    go, inside = threading.Event(), threading.Semaphore(0)
    plain_open = PreviewSource.open

    def open_slowly(self: PreviewSource, storage: Storage) -> BinaryIO:
        inside.release()
        assert go.wait(60)
        return plain_open(self, storage)

    monkeypatch.setattr(PreviewSource, "open", open_slowly)
    monkeypatch.setattr("app.studio.painting.previewer.SLOT_WITHIN", 0.05)
    threads = [
        threading.Thread(target=paint_coffee, args=(previewer, number))
        for number in range(previews.PREVIEW_SLOTS)
    ]
    for thread in threads:
        thread.start()
    for _ in threads:
        assert inside.acquire(timeout=60)
    with pytest.raises(TooBusy):
        previewer.small(ASTRONAUT, "wave")
    go.set()
    for thread in threads:
        thread.join()
    assert previewer.small(ASTRONAUT, "wave").webp
