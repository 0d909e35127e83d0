"""The card form's checks."""

from __future__ import annotations

from datetime import date

import pytest

from app.billing.sandbox.cards import TEST_CARDS, InvalidCard, Outcome, passes_luhn, read_card

TODAY = date(2030, 6, 15)


@pytest.mark.parametrize("card", TEST_CARDS, ids=lambda card: card.outcome)
def test_test_cards_are_read(card: object) -> None:
    assert isinstance(card, type(TEST_CARDS[0]))
    read = read_card(card.grouped, "6/30", "123", " Ada ", today=TODAY)
    assert (read.last4, read.outcome, read.name) == (card.number[-4:], card.outcome, "Ada")


@pytest.mark.parametrize(
    ("typed", "field", "code"),
    [
        (("4242 4242 4242 4241", "12/34", "123", "Ada"), "number", "incorrect_number"),
        (("4242", "12/34", "123", "Ada"), "number", "incorrect_number"),
        (("my card", "12/34", "123", "Ada"), "number", "incorrect_number"),
        (("", "12/34", "123", "Ada"), "number", "incorrect_number"),
        (("4111 1111 1111 1111", "12/34", "123", "Ada"), "number", "card_declined"),
        (("4242 4242 4242 4242", "05/30", "123", "Ada"), "expiry", "expired_card"),
        (("4242 4242 4242 4242", "13/34", "123", "Ada"), "expiry", "invalid_expiry_month"),
        (("4242 4242 4242 4242", "soon", "123", "Ada"), "expiry", "invalid_expiry_month"),
        (("4242 4242 4242 4242", "12/34", "12", "Ada"), "cvc", "invalid_cvc"),
        (("4242 4242 4242 4242", "12/34", "123", " "), "name", "invalid_owner_name"),
    ],
)
def test_what_is_wrong_is_named(typed: tuple[str, str, str, str], field: str, code: str) -> None:
    with pytest.raises(InvalidCard) as refused:
        read_card(*typed, today=TODAY)
    assert (refused.value.field, refused.value.code) == (field, code)


def test_a_card_is_good_until_the_end_of_its_month() -> None:
    read = read_card("4242-4242-4242-4242", "06 / 2030", "123", "Ada", today=TODAY)
    assert (read.exp_month, read.exp_year, read.outcome) == (6, 2030, Outcome.PAYS)


def test_luhn_sees_every_single_wrong_digit() -> None:
    number = "4242424242424242"
    assert passes_luhn(number)
    for place, digit in enumerate(number):
        for wrong in set("0123456789") - {digit}:
            assert not passes_luhn(number[:place] + wrong + number[place + 1 :])
