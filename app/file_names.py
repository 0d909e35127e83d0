"""Names of files that every system takes: Linux, macOS, Windows, and the inside of an archive."""

from __future__ import annotations

import re
import unicodedata

# The longest name that file systems take, in bytes of UTF-8.
LONGEST = 255
# Bytes that a stem leaves free for a number and an ending, such as " (12).jpeg".
ROOM = 20
# The first part of a name keeps at least so many bytes, however long the others are.
LEAST = 40
SEPARATOR = " - "
FORBIDDEN = re.compile(r'[<>:"/\\|?*]+')
# Zero-width joiners: Persian and Indian scripts need them, and so do emoji of several people.
JOINERS = "\u200c\u200d"
# Format characters that show: Arabic number signs, and the tags in the flags of England, Scotland and Wales.
SHOWN = re.compile("[\u0600-\u0605\u06dd\u070f\u08e2\U000e0020-\U000e007f]")
# Control characters, format characters (direction marks among them), and halves of characters.
HIDDEN = frozenset({"Cc", "Cf", "Cs"})
# What Windows takes for a device, whatever ending follows.
RESERVED = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])\s*(\.|$)", re.IGNORECASE)
# A character of these kinds belongs to the one before it: accents, and the skin tones of emoji.
ATTACHED = re.compile("[\U0001f3fb-\U0001f3ff]")


def file_stem(*parts: str) -> str:
    """A name without its ending, made of ``parts``: at most 235 bytes, and never empty.

    Only the first part is cut, as long as that is enough.
    """
    cleaned = [text for text in map(clean, parts) if text] or ["file"]
    others = SEPARATOR.join(["", *cleaned[1:]])
    first = cut(cleaned[0], max(LEAST, LONGEST - ROOM - len(others.encode())))
    stem = cut(first + others, LONGEST - ROOM)
    # Windows looks at what stands before the first dot.
    return f"_{stem}" if RESERVED.match(stem) else stem


def unused(stem: str, ending: str, taken: set[str]) -> str:
    """The name of a file, with a number if another file has it; the name is added to ``taken``."""
    name, number = f"{stem}.{ending}", 1
    while same(name) in taken:
        number += 1
        name = f"{stem} ({number}).{ending}"
    taken.add(same(name))
    return name


def same(name: str) -> str:
    """A key that is equal for names that some file system takes for the same."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def clean(text: str) -> str:
    """A text without the characters that some system refuses, or that nobody sees."""
    shown = "".join(map(_shown, FORBIDDEN.sub("_", text)))
    return unicodedata.normalize("NFC", shown).strip(" ." + JOINERS)


def cut(text: str, size: int) -> str:
    """The beginning of a text: at most ``size`` bytes of UTF-8, and whole letters."""
    short = text.encode()[:size].decode(errors="ignore")
    if short == text:
        return text
    while short and (short[-1] in JOINERS or _is_attached(text[len(short)])):
        short = short[:-1]
    return short.rstrip(" ." + JOINERS)


def _shown(character: str) -> str:
    if character in JOINERS or SHOWN.match(character):
        return character
    if character.isspace():
        return " "
    return "" if unicodedata.category(character) in HIDDEN else character


def _is_attached(character: str) -> bool:
    mark = unicodedata.category(character).startswith("M")
    return mark or character in JOINERS or bool(ATTACHED.match(character))
