"""The life of an order as a pure function of its state and of what happened."""

from __future__ import annotations

import enum

from app.billing.models import OrderState


class OrderEvent(enum.StrEnum):
    """What can happen to an order."""

    CHECKOUT_OPENED = "checkout_opened"
    PAID = "paid"
    PAYMENT_FAILED = "payment_failed"
    EXPIRED = "expired"


class InvalidTransition(Exception):
    """An order in this state cannot have met with this event."""

    def __init__(self, state: OrderState, event: OrderEvent) -> None:
        self.state, self.event = state, event
        super().__init__(f"{event} cannot happen to an order that is {state}")


# Stripe delivers events late, twice and out of order. So money that has arrived always counts, and
# hearing the same outcome again changes nothing; but nothing takes back what has been paid for.
TRANSITIONS = {
    (OrderState.CREATED, OrderEvent.CHECKOUT_OPENED): OrderState.AWAITING_PAYMENT,
    (OrderState.CREATED, OrderEvent.PAID): OrderState.FULFILLED,
    (OrderState.CREATED, OrderEvent.PAYMENT_FAILED): OrderState.FAILED,
    (OrderState.CREATED, OrderEvent.EXPIRED): OrderState.EXPIRED,
    (OrderState.AWAITING_PAYMENT, OrderEvent.PAID): OrderState.FULFILLED,
    (OrderState.AWAITING_PAYMENT, OrderEvent.PAYMENT_FAILED): OrderState.FAILED,
    (OrderState.AWAITING_PAYMENT, OrderEvent.EXPIRED): OrderState.EXPIRED,
    (OrderState.FULFILLED, OrderEvent.PAID): OrderState.FULFILLED,
    (OrderState.FAILED, OrderEvent.PAID): OrderState.FULFILLED,
    (OrderState.FAILED, OrderEvent.PAYMENT_FAILED): OrderState.FAILED,
    (OrderState.EXPIRED, OrderEvent.PAID): OrderState.FULFILLED,
    (OrderState.EXPIRED, OrderEvent.EXPIRED): OrderState.EXPIRED,
}


def next_state(state: OrderState, event: OrderEvent) -> OrderState:
    """Return the state after ``event``.

    Raises:
        InvalidTransition: the event cannot happen in this state.
    """
    try:
        return TRANSITIONS[state, event]
    except KeyError:
        raise InvalidTransition(state, event) from None
