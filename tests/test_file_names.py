"""Names of files: which characters stay, how long they may be, and which names count as equal."""

from __future__ import annotations

import random
import unicodedata
import zipfile
from pathlib import Path

import pytest

from app.config import PROJECT_ROOT
from app.file_names import LONGEST, ROOM, clean, cut, file_stem, same, unused

STYLE = "The Great Wave off Kanagawa"
FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("IMG_0001", "IMG_0001"),
        ("می\u200cخواهم", "می\u200cخواهم"),  # Persian, with the joiner that keeps two letters apart
        (f"Strand {FAMILY}", f"Strand {FAMILY}"),
        ("क्\u200dष", "क्\u200dष"),
        ("Screenshot at 10.00.00\u202fAM", "Screenshot at 10.00.00 AM"),
        ("a\u00a0b\u3000c", "a b c"),
        ("Fri\u0301test", "Fr\u00edtest"),
        ("invoice\u202egpj.exe", "invoicegpj.exe"),
        ("\u200eleft\u200f \u2066right\u2069", "left right"),
        ("one\u0000two\u0007three\u009f", "onetwothree"),
        ("two\nlines\tand a tab", "two lines and a tab"),
        ("\ufeffmark\u200bzero\u00adsoft", "markzerosoft"),
        ('a<b>c:d"e/f\\g|h?i*', "a_b_c_d_e_f_g_h_i_"),
        ("you|*\\/", "you_"),
        ("half \ud83d", "half"),
        (" .hidden. ", "hidden"),
        ("a%20b", "a%20b"),
        ("\U0001faea", "\U0001faea"),  # newer than this Python's table of characters
        ("\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",) * 2,
        ("\u200d", ""),
        ("", ""),
    ],
)
def test_what_stays_of_a_name(name: str, expected: str) -> None:
    assert clean(name) == expected
    assert clean(expected) == expected


@pytest.mark.parametrize(
    "name", ["CON", "con", "Prn.tar", "aux", "NUL", "COM1", "lpt9", "COM²", "CONIN$", "nul .x"]
)
def test_names_of_devices_are_avoided(name: str) -> None:
    assert file_stem(name) == f"_{name}"


@pytest.mark.parametrize("name", ["CONTACT", "con artist", "COM10", "my CON", "nullable"])
def test_names_that_only_look_like_devices_stay(name: str) -> None:
    assert file_stem(name) == name


def test_parts_are_joined_and_never_empty() -> None:
    assert file_stem("CON", STYLE) == f"CON - {STYLE}"
    assert file_stem("", "\u202e", STYLE) == STYLE
    assert file_stem("...") == file_stem() == "file"


@pytest.mark.parametrize(
    "letter", ["a", "é", "写", "\U0001f3d6\ufe0f", FAMILY, "e\u0323\u0301", "\U0001f44d\U0001f3fd"]
)
@pytest.mark.parametrize("style", [STYLE, "Wave 写" * 60])
def test_long_names_fit_and_keep_whole_letters(letter: str, style: str) -> None:
    letter = unicodedata.normalize("NFC", letter)
    for start in ("", "x", "xy", "xyz"):
        stem = file_stem(start + letter * 300, style)
        assert len(stem.encode()) <= LONGEST - ROOM
        first = stem.partition(" - ")[0].removeprefix(start)
        assert first == letter * (len(first) // len(letter))
        assert len(first.encode()) > 20
    if style == STYLE:
        assert stem.endswith(STYLE)


def test_a_short_text_is_not_cut() -> None:
    assert cut("写真", 6) == "写真"
    assert cut("写真", 5) == "写"
    assert cut("写真", 2) == ""


def test_equal_names_get_numbers() -> None:
    taken: set[str] = set()
    names = [
        unused(stem, "jpg", taken) for stem in ("Fr\u00edtest", "fri\u0301test", "Straße", "STRASSE", "x")
    ]
    assert names == ["Fr\u00edtest.jpg", "fri\u0301test (2).jpg", "Straße.jpg", "STRASSE (2).jpg", "x.jpg"]


def test_any_text_becomes_a_name_that_every_system_takes() -> None:
    chance = random.Random(7)
    pools = ["abc. ", "\u200c\u200d\u202e\u202f\u2066", "é写\U0001f468", "<>:/\\|?*", "\x00\n\x7f\u0301"]
    taken: set[str] = set()
    names = []
    for _ in range(2000):
        text = "".join(chance.choice(chance.choice(pools)) for _ in range(chance.randrange(400)))
        names.append(unused(file_stem(text, STYLE), "jpeg", taken))
    assert len(set(map(same, names))) == len(names)
    for name in names:
        assert len(name.encode()) <= LONGEST
        assert not set(name) & set('<>:"/\\|?*\x00\n\x7f\u202e\u202f\u2066')
        assert name == name.strip(" .")
        assert unicodedata.is_normalized("NFC", name)


def test_the_names_of_real_photos() -> None:
    case = PROJECT_ROOT.parent / "shared" / "cases" / "names.zip"
    if not case.exists():
        pytest.skip("names.zip is not here")
    taken: set[str] = set()
    names = [unused(file_stem(Path(name).stem), "jpg", taken) for name in zipfile.ZipFile(case).namelist()]
    assert max(len(name.encode()) for name in names) <= LONGEST
    assert len({same(name) for name in names}) == len(names)
