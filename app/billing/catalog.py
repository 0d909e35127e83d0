"""What is for sale."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from babel.numbers import format_currency, get_currency_precision

from app.config import CreditPack
from app.errors import DomainError
from app.sentences import translatable


class UnknownPack(DomainError):
    """No pack has this slug, or it is not sold any more."""

    def __init__(self, slug: str) -> None:
        self.slug = slug
        super().__init__(
            translatable("This pack is not for sale any more. Choose one of the packs on the credits page.")
        )


def find_pack(packs: Sequence[CreditPack], slug: str) -> CreditPack:
    """Return the pack called ``slug``.

    Raises:
        UnknownPack: there is none.
    """
    for pack in packs:
        if pack.slug == slug:
            return pack
    raise UnknownPack(slug)


def format_money(amount_minor: float, currency: str, *, locale: str = "en") -> str:
    """``490, "eur"`` becomes ``€4.90``; the amount is in the currency's smallest unit, which may be whole."""
    code = currency.upper()
    amount = Decimal(str(amount_minor)).scaleb(-get_currency_precision(code))
    return format_currency(amount, code, locale=locale)
