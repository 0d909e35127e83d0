"""Files are stored whole or not at all, and keys cannot leave the folder."""

from __future__ import annotations

import itertools
import os
import resource
import threading
import time
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from app.storage.base import StorageError, discard_files
from app.storage.local import LocalStorage
from testing.together import at_once


@pytest.fixture
def storage(tmp_path: Path) -> LocalStorage:
    return LocalStorage(tmp_path / "root")


def files(tmp_path: Path) -> list[str]:
    return sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file())


def test_what_is_saved_can_be_read(storage: LocalStorage, tmp_path: Path) -> None:
    storage.save("photos/ab-1/original", b"pixels")
    with storage.open("photos/ab-1/original") as file:
        assert file.read() == b"pixels"
        file.seek(0)
        assert file.read(2) == b"pi"
    assert files(tmp_path) == ["root/photos/ab-1/original"]


def test_whether_a_file_is_there(storage: LocalStorage, tmp_path: Path) -> None:
    storage.save("a/b", b"first")
    assert storage.holds("a/b")
    assert not storage.holds("a/c")
    assert not storage.holds("z/b")
    for unanswerable in ("a/b/c", "../a"):  # below a file, and an invalid key
        with pytest.raises(StorageError):
            storage.holds(unanswerable)


def test_a_key_that_is_taken_is_never_overwritten(storage: LocalStorage, tmp_path: Path) -> None:
    storage.save("a/b", b"first")
    with pytest.raises(StorageError) as caught:
        storage.save("a/b", b"second")
    assert isinstance(caught.value.__cause__, FileExistsError)
    with storage.open("a/b") as file:
        assert file.read() == b"first"
    assert files(tmp_path) == ["root/a/b"]


def test_of_many_at_once_one_wins(storage: LocalStorage, tmp_path: Path) -> None:
    outcomes = at_once([lambda n=n: storage.save("a/b", bytes([n]) * 100_000) for n in range(8)])
    assert sum(outcome is None for outcome in outcomes) == 1
    winner = outcomes.index(None)
    with storage.open("a/b") as file:
        assert file.read() == bytes([winner]) * 100_000
    assert files(tmp_path) == ["root/a/b"]


@pytest.mark.parametrize(
    "key",
    [
        "",
        "/",
        "/etc/passwd",
        "..",
        "a/../b",
        "a//b",
        "a/",
        "./a",
        ".hidden",
        "a\0b",
        "ä",
        "A",
        "a b",
        "a/..",
        "a\n",
        "．．/a",
        "a\\b",
    ],
)
def test_malformed_keys_are_refused_everywhere(storage: LocalStorage, key: str) -> None:
    for use in (
        lambda: storage.save(key, b""),
        lambda: storage.open(key),
        lambda: storage.delete_prefix(key),
    ):
        with pytest.raises(StorageError, match="malformed"):
            use()


def test_a_missing_file_is_an_error_with_its_cause(storage: LocalStorage) -> None:
    with pytest.raises(StorageError) as caught:
        storage.open("a/b")
    assert isinstance(caught.value.__cause__, FileNotFoundError)


def test_deleting_a_prefix_takes_its_folder_and_nothing_beside_it(
    storage: LocalStorage, tmp_path: Path
) -> None:
    for key in ("r/1/a", "r/1/2/b", "r/10/c"):
        storage.save(key, b"x")
    storage.delete_prefix("r/1")
    assert files(tmp_path) == ["root/r/10/c"]
    storage.delete_prefix("r/1")
    storage.delete_prefix("r/10/c")
    assert files(tmp_path) == []


def test_a_prefix_removed_by_many_at_once_is_gone(storage: LocalStorage, tmp_path: Path) -> None:
    for n in range(50):
        storage.save(f"r/1/{n % 5}/{n}", b"x")
    outcomes = at_once([lambda: storage.delete_prefix("r/1")] * 6)
    assert outcomes == [None] * 6
    assert files(tmp_path) == []


def test_a_prefix_is_removed_while_others_keep_things_there(storage: LocalStorage, tmp_path: Path) -> None:
    done = threading.Event()

    def keep() -> None:
        for number in itertools.count():
            if done.is_set():
                return
            with suppress(StorageError):  # its folder has just gone
                storage.save(f"photos/1/previews/{number}.webp", b"x")

    keeper = threading.Thread(target=keep)
    keeper.start()
    try:
        for _ in range(200):
            storage.delete_prefix("photos/1")
    finally:
        done.set()
        keeper.join()
    storage.delete_prefix("photos/1")
    assert not (tmp_path / "root" / "photos" / "1").exists()


def test_deleting_does_not_follow_links_out_of_the_storage(storage: LocalStorage, tmp_path: Path) -> None:
    storage.save("r/1/a", b"x")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "kept").write_bytes(b"x")
    (tmp_path / "root/r/1/link").symlink_to(tmp_path / "elsewhere")
    storage.delete_prefix("r/1")
    assert files(tmp_path) == ["elsewhere/kept"]


def test_what_cannot_be_removed_is_an_error_with_its_cause(storage: LocalStorage) -> None:
    storage.save("a", b"a file where a folder is needed")
    with pytest.raises(StorageError) as caught:
        storage.delete_prefix("a/b")
    assert isinstance(caught.value.__cause__, NotADirectoryError)


def test_untouched_lists_what_is_old_enough(storage: LocalStorage, tmp_path: Path) -> None:
    assert storage.untouched("photos", timedelta(0)) == []
    for name in ("old-1", "new", "old-2"):
        storage.save(f"photos/{name}/original", b"x")
    yesterday = time.time() - 86_400
    for name in ("old-1", "old-2"):
        os.utime(tmp_path / "root/photos" / name, (yesterday, yesterday))
    assert storage.untouched("photos", timedelta(hours=23)) == ["photos/old-1", "photos/old-2"]
    assert storage.untouched("photos", timedelta(hours=25)) == []


def test_untouched_looks_no_deeper_than_the_prefix(storage: LocalStorage, tmp_path: Path) -> None:
    storage.save("photos/old/previews/first", b"x")
    yesterday = time.time() - 86_400
    os.utime(tmp_path / "root/photos/old", (yesterday, yesterday))
    storage.save("photos/old/previews/second", b"x")
    assert storage.untouched("photos", timedelta(hours=23)) == ["photos/old"]


def test_files_that_the_disk_keeps_do_not_keep_the_others(
    storage: LocalStorage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key in ("r/1/a", "r/2/b", "r/3/c"):
        storage.save(key, b"x")
    delete = LocalStorage.delete_prefix

    def refuse(self: LocalStorage, prefix: str) -> None:
        if prefix == "r/2":
            raise StorageError(prefix)
        delete(self, prefix)

    monkeypatch.setattr(LocalStorage, "delete_prefix", refuse)
    with capture_logs() as logs:
        assert discard_files(storage, ["r/1", "r/2", "r/3"]) == ["r/1", "r/3"]
    assert [(entry["event"], entry["prefix"]) for entry in logs] == [("storage.files_stay", "r/2")]
    assert files(tmp_path) == ["root/r/2/b"]


def test_untouched_needs_a_folder(storage: LocalStorage) -> None:
    storage.save("a", b"a file where a folder is needed")
    with pytest.raises(StorageError) as caught:
        storage.untouched("a", timedelta(0))
    assert isinstance(caught.value.__cause__, NotADirectoryError)
    with pytest.raises(StorageError, match="malformed"):
        storage.untouched("../photos", timedelta(0))


def test_nothing_half_written_stays_when_the_disk_refuses(storage: LocalStorage, tmp_path: Path) -> None:
    storage.save("a", b"a file where a folder is needed")
    with pytest.raises(StorageError) as caught:
        storage.save("a/b", b"x")
    assert isinstance(caught.value.__cause__, OSError)
    assert files(tmp_path) == ["root/a"]


def test_nothing_half_written_stays_when_the_disk_is_full(storage: LocalStorage, tmp_path: Path) -> None:
    storage.save("r/1/small", b"x")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, hard))
    try:
        with pytest.raises(StorageError) as caught:
            storage.save("r/1/large", bytes(20_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert isinstance(caught.value.__cause__, OSError)
    assert files(tmp_path) == ["root/r/1/small"]
