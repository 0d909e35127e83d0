"""Amounts of money as people read them."""

from __future__ import annotations

from decimal import Decimal

from babel.numbers import format_currency, get_currency_precision


def format_money(amount_minor: float, currency: str) -> str:
    """Write an amount in a currency's smallest unit, such as cents, as for instance ``€4.90``."""
    code = currency.upper()
    amount = Decimal(amount_minor).scaleb(-get_currency_precision(code))
    return format_currency(amount, code, locale="en")
