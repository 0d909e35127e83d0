"""Files that people have brought, beside the checkout; tests of them are skipped where they are not."""

from __future__ import annotations

import pytest

from app.config import PROJECT_ROOT

CASES = PROJECT_ROOT.parent / "shared" / "cases"


def case(name: str) -> bytes:
    """The content of a file."""
    path = CASES / name
    if not path.exists():
        pytest.skip(f"{name} is not here")
    return path.read_bytes()
