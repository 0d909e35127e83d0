"""The packs of credits for sale, and how prices look."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from decimal import Decimal

from babel import Locale
from babel.numbers import NumberPattern

from app.config import CreditPack
from app.errors import DomainError
from app.sentences import translatable

# Stripe's number of decimals can differ from the currency's own: Iceland's krona and Uganda's shilling have
# no smaller unit any more, but Stripe still counts their amounts in one.
# https://docs.stripe.com/currencies#minor-units
NO_DECIMALS = frozenset(
    {
        *("BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA"),
        *("PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF"),
    }
)
THREE_DECIMALS = frozenset({"BHD", "JOD", "KWD", "OMR", "TND"})


class UnknownPack(DomainError):
    """No pack on sale has this slug."""

    def __init__(self, slug: str) -> None:
        self.slug = slug
        super().__init__(
            translatable("This pack is no longer for sale. Choose one of the packs on the credits page.")
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
    """Format an amount: ``490, "eur"`` becomes ``€4.90``.

    The amount is in the currency's smallest unit, which may be the whole currency (yen).
    """
    code = currency.upper()
    decimals = 0 if code in NO_DECIMALS else 3 if code in THREE_DECIMALS else 2
    pattern: NumberPattern = copy.copy(Locale.parse(locale).currency_formats["standard"])
    pattern.frac_prec = (decimals, decimals)
    amount = Decimal(str(amount_minor)).scaleb(-decimals)
    return str(pattern.apply(amount, locale, currency=code, currency_digits=False))
