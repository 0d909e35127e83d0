"""The rules for passwords: 8 to 128 characters, and not a common password."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from flask_babel import gettext
from flask_security import PasswordUtil

# The most frequent passwords of at least 8 characters, in lower case; from zxcvbn's lists (MIT licence).
COMMON_PASSWORDS = Path(__file__).with_name("common_passwords.txt")


class SitePasswordUtil(PasswordUtil):  # type: ignore[misc]  # the type checker skips the library
    """The library's length check, and a check against the list of common passwords."""

    def validate(self, password: str, is_register: bool, **values: Any) -> tuple[list[str] | None, str]:
        troubles, normalized = super().validate(password, is_register, **values)
        if not troubles and is_common(normalized):
            troubles = [
                str(gettext("Many people use this password, so it is guessed first. Choose another one."))
            ]
        return troubles, normalized


def is_common(password: str) -> bool:
    """Whether a password is on the list; case does not matter."""
    return password.casefold() in _common_passwords()


@cache
def _common_passwords() -> frozenset[str]:
    return frozenset(COMMON_PASSWORDS.read_text(encoding="utf-8").splitlines())
