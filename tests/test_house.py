"""Rules for the code: functions fit on a screen, and imports go one way."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from app.config import PROJECT_ROOT

MOST_LINES = 80
# Plain tables of Stripe's fields; splitting them would hide the table.
TABLES = PROJECT_ROOT / "app" / "billing" / "sandbox" / "objects.py"
# A line that begins a function of a script: a declaration, a method, or an arrow with a body.
JS_FUNCTION = re.compile(r"^( *)(?:.*\bfunction\b.*|.*=> |(?:async |static |get |set )*[#\w]+\(.*\) )\{$")
JS_NO_FUNCTION = re.compile(r"^ *(?:\} )?(?:if|else|for|while|switch|catch|do|try)\b")


def python_files(*folders: str) -> list[Path]:
    files = [path for folder in folders for path in (PROJECT_ROOT / folder).rglob("*.py")]
    assert files
    return files


def python_functions(path: Path) -> Iterator[tuple[str, int]]:
    """The functions of a file, with nested ones: names and numbers of lines."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            yield node.name, node.end_lineno - node.lineno + 1


def script_functions(text: str) -> Iterator[tuple[str, int]]:
    """The functions of a script indented as ours: first lines and numbers of lines."""
    lines = text.splitlines()
    for start, line in enumerate(lines):
        begun = JS_FUNCTION.match(line)
        if begun and not JS_NO_FUNCTION.match(line):
            end = next(i for i in range(start + 1, len(lines)) if lines[i].startswith(f"{begun[1]}}}"))
            yield line.strip(), end - start + 1


def imported_modules(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "." * node.level + (node.module or "")


def test_functions_fit_on_a_screen() -> None:
    long = [
        f"{path.relative_to(PROJECT_ROOT)}: {name} has {lines} lines"
        for path in python_files("app")
        if path != TABLES
        for name, lines in python_functions(path)
        if lines > MOST_LINES
    ]
    assert long == []


def test_functions_of_scripts_are_measured() -> None:
    script = "\n".join(
        [
            "export function wall(tiles) {",
            "    if (tiles) {",
            "        tiles.forEach((tile) => {",
            "            tile.hidden = true;",
            "        });",
            "    }",
            "}",
            "class Easel {",
            "    async show(picture) {",
            "        this.picture = picture;",
            "    }",
            "}",
        ]
    )
    assert list(script_functions(script)) == [
        ("export function wall(tiles) {", 7),
        ("tiles.forEach((tile) => {", 3),
        ("async show(picture) {", 3),
    ]


def test_functions_of_scripts_fit_on_a_screen() -> None:
    scripts = list((PROJECT_ROOT / "static" / "js").rglob("*.js"))
    assert scripts
    long = [
        f"{path.relative_to(PROJECT_ROOT)}: {name} has {lines} lines"
        for path in scripts
        for name, lines in script_functions(path.read_text())
        if lines > MOST_LINES
    ]
    assert long == []


def test_only_tests_import_from_tests() -> None:
    strays = [
        f"{path.relative_to(PROJECT_ROOT)} imports {module}"
        for path in python_files("app", "bench", "testing", "scripts")
        for module in imported_modules(path)
        if module.partition(".")[0] == "tests"
    ]
    assert strays == []


def test_the_site_imports_neither_benchmarks_nor_what_tests_share() -> None:
    strays = [
        f"{path.relative_to(PROJECT_ROOT)} imports {module}"
        for path in python_files("app")
        for module in imported_modules(path)
        if module.partition(".")[0] in {"bench", "testing"}
    ]
    assert strays == []


def test_no_test_imports_from_another_test_module() -> None:
    strays = [
        f"{path.relative_to(PROJECT_ROOT)} imports {module}"
        for path in python_files("tests")
        for module in imported_modules(path)
        if re.fullmatch(r"tests\.(\w+\.)*test_\w+", module)
    ]
    assert strays == []
