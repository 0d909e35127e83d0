"""Update the translation catalogues from the site's sentences.

``python scripts/translations.py`` (or ``make translations``) extracts every sentence, updates each language's
catalogue and compiles it. A new sentence has no translation yet, so a test fails until somebody adds one.
"""

from __future__ import annotations

import csv
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

from babel.messages import Catalog
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "app" / "translations"
TEMPLATE = FOLDER / "messages.pot"
JINJA = {"trimmed": "true", "newstyle_gettext": "true", "silent": "false"}
SOURCES = {"app": [("**.py", "python")], "templates": [("**.html", "jinja2"), ("**.txt", "jinja2")]}
OPTIONS = {"**.html": JINJA, "**.txt": JINJA}
KEYWORDS = {**DEFAULT_KEYWORDS, "lazy_gettext": None, "translatable": None, "translatable_plural": (1, 2)}
# Header fields that change on every run or say nothing.
LEFT_OUT = (
    b'"POT-Creation-Date',
    b'"PO-Revision-Date',
    b'"Last-Translator',
    b'"Language-Team',
    b'"Report-Msgid-Bugs-To',
    b'"Generated-By',
    b'"Project-Id-Version',
)
# The style catalogue's texts about paintings: a table that training uses too.
PAINTINGS = ROOT / "models" / "paintings.tsv"


def extract() -> Catalog:
    """Every sentence of the site, with the files that contain it."""
    catalog = Catalog(project="Style-Transfer-Art", copyright_holder="Style-Transfer-Art", charset="utf-8")
    for folder, methods in SOURCES.items():
        found = extract_from_dir(ROOT / folder, method_map=methods, options_map=OPTIONS, keywords=KEYWORDS)
        for path, _line, message, _comments, context in sorted(found, key=lambda entry: entry[:2]):
            catalog.add(message, locations=[(f"{folder}/{path}", 0)], context=context)
    with PAINTINGS.open(encoding="utf-8", newline="") as table:
        for painting in csv.DictReader(table, delimiter="\t"):
            for said in (painting["title"], painting["movement"], painting["rights"]):
                catalog.add(said, locations=[(str(PAINTINGS.relative_to(ROOT)), 0)])
    return catalog


def languages() -> list[Path]:
    """The catalogue files of all translated languages."""
    return sorted(FOLDER.glob("*/LC_MESSAGES/messages.po"))


def read(path: Path) -> Catalog:
    """The catalogue in a file."""
    with path.open("rb") as file:
        catalog = read_po(file, locale=path.parent.parent.name)
    catalog.creation_date = catalog.revision_date = datetime(2026, 1, 1, tzinfo=UTC)
    return catalog


def main() -> None:
    """Extract, update and compile."""
    template = extract()
    _write(TEMPLATE, template)
    for path in languages():
        catalog = read(path)
        # No fuzzy matches: a person translates each sentence, even one that resembles an old one.
        catalog.update(template, no_fuzzy_matching=True)
        catalog.obsolete.clear()
        _write(path, catalog)
        with path.with_suffix(".mo").open("wb") as file:
            write_mo(file, catalog)
        left = len([message for message in catalog if message.id and not all(_forms(message.string))])
        print(f"{path.relative_to(ROOT)}: {len(catalog)} sentences, {left} still to be translated")


def _forms(string: str | list[str] | tuple[str, ...] | None) -> tuple[str, ...]:
    return tuple(string) if isinstance(string, list | tuple) else (string or "",)


def _write(path: Path, catalog: Catalog) -> None:
    """Write a catalogue without dates and line numbers, which change on every run."""
    text = BytesIO()
    catalog.header_comment = "# The sentences of Style-Transfer-Art; `make translations` keeps this file."
    catalog.fuzzy = False
    write_po(text, catalog, include_lineno=False, sort_output=True, width=110)
    lines = text.getvalue().splitlines(keepends=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(line for line in lines if not line.startswith(LEFT_OUT)))


if __name__ == "__main__":
    main()
