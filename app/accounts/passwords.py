"""Which passwords may be chosen: 8 to 128 characters, and none of those that are tried first."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from flask_babel import gettext
from flask_security import PasswordUtil

# The most frequent passwords of at least 8 characters, in lower case; from zxcvbn's lists (MIT licence).
COMMON_PASSWORDS = Path(__file__).with_name("common_passwords.txt")


class SitePasswordUtil(PasswordUtil):  # type: ignore[misc]  # the type checker skips the library
    """The library's check of the length, and the list of common passwords."""

    def validate(self, password: str, is_register: bool, **values: Any) -> tuple[list[str] | None, str]:
        troubles, normalized = super().validate(password, is_register, **values)
        if not troubles and is_common(normalized):
            troubles = [
                str(gettext("Many people use this password, so it is guessed first. Choose another one."))
            ]
        return troubles, normalized


def is_common(password: str) -> bool:
    """Whether a password is on the list, in whatever case it is typed."""
    return password.casefold() in _common_passwords()


@cache
def _common_passwords() -> frozenset[str]:
    return frozenset(COMMON_PASSWORDS.read_text(encoding="utf-8").splitlines())
