"""Stripe's published test cards, and a payment form's checks of a card."""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from datetime import date

from app.sentences import translatable


class Outcome(enum.StrEnum):
    """What happens when a card is charged."""

    PAYS = "pays"
    NEEDS_AUTHENTICATION = "needs_authentication"
    DECLINED = "generic_decline"
    INSUFFICIENT_FUNDS = "insufficient_funds"


@dataclass(frozen=True)
class TestCard:
    """A card number that Stripe publishes for testing, and its outcome."""

    __test__ = False  # the name looks like a test class

    number: str
    brand: str
    outcome: Outcome
    title: str

    @property
    def grouped(self) -> str:
        return " ".join(self.number[start : start + 4] for start in range(0, len(self.number), 4))


TEST_CARDS = (
    TestCard("4242424242424242", "visa", Outcome.PAYS, translatable("Pays")),
    TestCard(
        "4000002500003155", "visa", Outcome.NEEDS_AUTHENTICATION, translatable("Asks for authentication")
    ),
    TestCard("4000000000000002", "visa", Outcome.DECLINED, translatable("Is declined")),
    TestCard("4000000000009995", "visa", Outcome.INSUFFICIENT_FUNDS, translatable("Has insufficient funds")),
)

DECLINE_SENTENCES = {
    Outcome.DECLINED: translatable("Your card was declined. Try another card."),
    Outcome.INSUFFICIENT_FUNDS: translatable(
        "Your card was declined: it has insufficient funds. Try another card."
    ),
}
AUTHENTICATION_FAILED = translatable("The payment was not confirmed. Try again or use another card.")


@dataclass(frozen=True)
class Card:
    """A card that passed the checks.

    Only the last four digits of its number are kept.
    """

    last4: str
    brand: str
    exp_month: int
    exp_year: int
    name: str
    outcome: Outcome


class InvalidCard(Exception):
    """An invalid field of the card form: its name, Stripe's code, and a sentence."""

    def __init__(self, field: str, code: str, sentence: str) -> None:
        self.field, self.code = field, code
        super().__init__(sentence)


def read_card(number: str, expiry: str, cvc: str, name: str, *, today: date) -> Card:
    """Check a person's input in the card form.

    Raises:
        InvalidCard: for the first invalid field.
    """
    digits = re.sub(r"[\s-]", "", number)
    if not re.fullmatch(r"[0-9]{12,19}", digits) or not passes_luhn(digits):
        raise InvalidCard(
            "number",
            "incorrect_number",
            translatable("This card number is not valid. Check it for typos."),
        )
    month, year = _read_expiry(expiry, today)
    if not re.fullmatch(r"[0-9]{3,4}", cvc.strip()):
        raise InvalidCard(
            "cvc",
            "invalid_cvc",
            translatable("Enter the security code: three digits, or four on some cards."),
        )
    if not name.strip():
        raise InvalidCard("name", "invalid_owner_name", translatable("Enter the name on the card."))
    for card in TEST_CARDS:
        if card.number == digits:
            return Card(digits[-4:], card.brand, month, year, name.strip(), card.outcome)
    raise InvalidCard(
        "number",
        "card_declined",
        translatable("Only the test cards listed here work in the sandbox. Use one of them."),
    )


def passes_luhn(digits: str) -> bool:
    """Check the Luhn digit (ISO/IEC 7812-1).

    Every second digit from the right is doubled.
    """
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if place % 2 else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def _read_expiry(expiry: str, today: date) -> tuple[int, int]:
    match = re.fullmatch(r"\s*(0?[1-9]|1[0-2])\s*/\s*(?:20)?([0-9]{2})\s*", expiry)
    if match is None:
        raise InvalidCard(
            "expiry",
            "invalid_expiry_month",
            translatable("Enter the expiry date as month / year, such as 12 / 34."),
        )
    month, year = int(match[1]), 2000 + int(match[2])
    if (year, month) < (today.year, today.month):
        raise InvalidCard(
            "expiry",
            "expired_card",
            translatable("This card has expired. Check the date or use another card."),
        )
    return month, year
