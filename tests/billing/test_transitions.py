"""The truth table of orders, over every state and every event."""

from __future__ import annotations

from itertools import product

import pytest

from app.billing.models import OrderState
from app.billing.transitions import InvalidTransition, OrderEvent, next_state

# One line per state; "-" is refused. Columns in the order of OrderEvent.
TABLE = """
                  checkout_opened   paid       payment_failed  expired
created           awaiting_payment  fulfilled  failed          expired
awaiting_payment  -                 fulfilled  failed          expired
fulfilled         -                 fulfilled  -               -
failed            -                 fulfilled  failed          -
expired           -                 fulfilled  -               expired
"""


def expected() -> dict[tuple[OrderState, OrderEvent], OrderState | None]:
    header, *lines = [line.split() for line in TABLE.strip().splitlines()]
    return {
        (OrderState(state), OrderEvent(event)): None if outcome == "-" else OrderState(outcome)
        for state, *outcomes in lines
        for event, outcome in zip(header, outcomes, strict=True)
    }


def test_the_table_names_every_state_and_event() -> None:
    assert expected().keys() == set(product(OrderState, OrderEvent))


@pytest.mark.parametrize(("state", "event"), list(product(OrderState, OrderEvent)))
def test_next_state(state: OrderState, event: OrderEvent) -> None:
    outcome = expected()[state, event]
    if outcome is None:
        with pytest.raises(InvalidTransition, match=f"{event} cannot happen to an order that is {state}"):
            next_state(state, event)
    else:
        assert next_state(state, event) is outcome
