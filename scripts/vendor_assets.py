"""Fetch fonts, scripts and icons from npm; record versions and licences.

To change a version, edit it here and run ``python scripts/vendor_assets.py``. Its output below static/vendor
and tests/browser/vendor is committed, so neither the site nor the tests need npm or the network.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

PROJECT_ROOT = Path(__file__).resolve().parent.parent
SITE = PROJECT_ROOT / "static" / "vendor"
TESTS = PROJECT_ROOT / "tests" / "browser" / "vendor"


@dataclass(frozen=True)
class Package:
    """An npm package at a version, and its files to use (all flat in one folder)."""

    name: str
    version: str
    folder: str
    files: tuple[str, ...]
    home: Path = SITE


ICONS = (
    "arrow-right",
    "brush",
    "camera",
    "check",
    "clock",
    "coins",
    "download",
    "eye",
    "image",
    "images",
    "image-plus",
    "link",
    "maximize",
    "palette",
    "receipt",
    "shield-check",
    "share-2",
    "sliders-horizontal",
    "sparkles",
    "trash-2",
    "triangle-alert",
    "upload",
    "user",
    "x",
)

PACKAGES = (
    Package("htmx.org", "2.0.11", "htmx", ("dist/htmx.min.js",)),
    Package("cropperjs", "2.2.0", "cropperjs", ("dist/cropper.esm.min.js",)),
    Package(
        "@fontsource-variable/fraunces",
        "5.3.0",
        "fraunces",
        ("files/fraunces-latin-wght-normal.woff2", "files/fraunces-latin-ext-wght-normal.woff2"),
    ),
    Package(
        "@fontsource-variable/instrument-sans",
        "5.3.0",
        "instrument-sans",
        (
            "files/instrument-sans-latin-wght-normal.woff2",
            "files/instrument-sans-latin-ext-wght-normal.woff2",
        ),
    ),
    Package("lucide-static", "1.62.0", "lucide", tuple(f"icons/{icon}.svg" for icon in ICONS)),
    Package("axe-core", "4.14.1", "axe-core", ("axe.min.js",), TESTS),
)


def main() -> None:
    rows: dict[Path, list[str]] = {SITE: [], TESTS: []}
    for package in PACKAGES:
        with tempfile.TemporaryDirectory() as scratch:
            source = unpack(package, Path(scratch))
            licence = json.loads((source / "package.json").read_text())["license"]
            target = package.home / package.folder
            shutil.rmtree(target, ignore_errors=True)
            target.mkdir(parents=True)
            for file in (*package.files, "LICENSE"):
                shutil.copy(source / file, target / Path(file).name)
        if package.folder == "lucide":
            make_sprite(target)
        rows[package.home].append(f"| {package.name} | {package.version} | {licence} | {package.folder}/ |")
    for home, lines in rows.items():
        list_vendored(home, lines)


def list_vendored(home: Path, rows: list[str]) -> None:
    """Write a list of the works in a folder, with authors, versions and licences."""
    table = [
        "# What others made",
        "",
        "| npm package | version | licence | folder |",
        "| --- | --- | --- | --- |",
    ]
    written = ["", "Written by scripts/vendor_assets.py; each folder holds the licence's text.", ""]
    (home / "VENDORED.md").write_text("\n".join([*table, *rows, *written]))


def unpack(package: Package, folder: Path) -> Path:
    """Download a package's archive and return the folder with its content."""
    command = ["npm", "pack", "--silent", f"{package.name}@{package.version}"]
    archive = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout.strip()
    with tarfile.open(folder / archive) as tar:
        tar.extractall(folder, filter="data")
    return folder / "package"


def make_sprite(folder: Path) -> None:
    """Put the icons into one file, for one request: <use href="sprite.svg#NAME">."""
    symbols = []
    for icon in sorted(folder.glob("*.svg")):
        drawing = re.search(r"<svg[^>]*>(.*)</svg>", icon.read_text(), re.DOTALL)
        assert drawing, f"{icon.name} is no SVG"
        symbols.append(f'<symbol id="{icon.stem}" viewBox="0 0 24 24">{drawing[1].strip()}</symbol>')
        icon.unlink()
    opening = '<svg xmlns="http://www.w3.org/2000/svg">'
    (folder / "sprite.svg").write_text("\n".join([opening, *symbols, "</svg>", ""]))


if __name__ == "__main__":
    main()
