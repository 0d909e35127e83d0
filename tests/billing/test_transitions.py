"""The transitions of purchases, for every state and every event."""

from __future__ import annotations

from itertools import product

import pytest

from app.billing.models import PurchaseState
from app.billing.transitions import InvalidTransition, PurchaseEvent, next_state

# One line per state; "-" is refused. Columns in the order of PurchaseEvent.
TABLE = """
                  checkout_opened   paid       payment_failed  expired  paid_without_owner  refunded
created           awaiting_payment  fulfilled  failed          expired  refund_due          -
awaiting_payment  -                 fulfilled  failed          expired  refund_due          -
fulfilled         -                 fulfilled  -               -        -                   -
failed            -                 fulfilled  failed          -        refund_due          -
expired           -                 fulfilled  -               expired  refund_due          -
refund_due        -                 -          -               -        refund_due          refunded
refunded          -                 -          -               -        refunded            refunded
"""


def expected() -> dict[tuple[PurchaseState, PurchaseEvent], PurchaseState | None]:
    header, *lines = [line.split() for line in TABLE.strip().splitlines()]
    return {
        (PurchaseState(state), PurchaseEvent(event)): None if outcome == "-" else PurchaseState(outcome)
        for state, *outcomes in lines
        for event, outcome in zip(header, outcomes, strict=True)
    }


def test_the_table_names_every_state_and_event() -> None:
    assert expected().keys() == set(product(PurchaseState, PurchaseEvent))


@pytest.mark.parametrize(("state", "event"), list(product(PurchaseState, PurchaseEvent)))
def test_next_state(state: PurchaseState, event: PurchaseEvent) -> None:
    outcome = expected()[state, event]
    if outcome is None:
        with pytest.raises(InvalidTransition, match=f"{event} cannot happen to a purchase that is {state}"):
            next_state(state, event)
    else:
        assert next_state(state, event) is outcome
