"""The states of a purchase: a pure function of state and event."""

from __future__ import annotations

import enum

from app.billing.models import PurchaseState


class PurchaseEvent(enum.StrEnum):
    """What can happen to a purchase."""

    CHECKOUT_OPENED = "checkout_opened"
    PAID = "paid"
    PAYMENT_FAILED = "payment_failed"
    EXPIRED = "expired"
    PAID_WITHOUT_OWNER = "paid_without_owner"
    REFUNDED = "refunded"


class InvalidTransition(Exception):
    """The event cannot happen in this state."""

    def __init__(self, state: PurchaseState, event: PurchaseEvent) -> None:
        self.state, self.event = state, event
        super().__init__(f"{event} cannot happen to a purchase that is {state}")


# Stripe delivers events late, twice and out of order. So a payment always counts, a repeated outcome changes
# nothing, and no event cancels a paid purchase.
TRANSITIONS = {
    (PurchaseState.CREATED, PurchaseEvent.CHECKOUT_OPENED): PurchaseState.AWAITING_PAYMENT,
    (PurchaseState.CREATED, PurchaseEvent.PAID): PurchaseState.FULFILLED,
    (PurchaseState.CREATED, PurchaseEvent.PAYMENT_FAILED): PurchaseState.FAILED,
    (PurchaseState.CREATED, PurchaseEvent.EXPIRED): PurchaseState.EXPIRED,
    (PurchaseState.AWAITING_PAYMENT, PurchaseEvent.PAID): PurchaseState.FULFILLED,
    (PurchaseState.AWAITING_PAYMENT, PurchaseEvent.PAYMENT_FAILED): PurchaseState.FAILED,
    (PurchaseState.AWAITING_PAYMENT, PurchaseEvent.EXPIRED): PurchaseState.EXPIRED,
    (PurchaseState.FULFILLED, PurchaseEvent.PAID): PurchaseState.FULFILLED,
    (PurchaseState.FAILED, PurchaseEvent.PAID): PurchaseState.FULFILLED,
    (PurchaseState.FAILED, PurchaseEvent.PAYMENT_FAILED): PurchaseState.FAILED,
    (PurchaseState.EXPIRED, PurchaseEvent.PAID): PurchaseState.FULFILLED,
    (PurchaseState.EXPIRED, PurchaseEvent.EXPIRED): PurchaseState.EXPIRED,
    (PurchaseState.CREATED, PurchaseEvent.PAID_WITHOUT_OWNER): PurchaseState.REFUND_DUE,
    (PurchaseState.AWAITING_PAYMENT, PurchaseEvent.PAID_WITHOUT_OWNER): PurchaseState.REFUND_DUE,
    (PurchaseState.FAILED, PurchaseEvent.PAID_WITHOUT_OWNER): PurchaseState.REFUND_DUE,
    (PurchaseState.EXPIRED, PurchaseEvent.PAID_WITHOUT_OWNER): PurchaseState.REFUND_DUE,
    (PurchaseState.REFUND_DUE, PurchaseEvent.PAID_WITHOUT_OWNER): PurchaseState.REFUND_DUE,
    (PurchaseState.REFUND_DUE, PurchaseEvent.REFUNDED): PurchaseState.REFUNDED,
    (PurchaseState.REFUNDED, PurchaseEvent.PAID_WITHOUT_OWNER): PurchaseState.REFUNDED,
    (PurchaseState.REFUNDED, PurchaseEvent.REFUNDED): PurchaseState.REFUNDED,
}


def next_state(state: PurchaseState, event: PurchaseEvent) -> PurchaseState:
    """Return the state after ``event``.

    Raises:
        InvalidTransition: the event cannot happen in this state.
    """
    try:
        return TRANSITIONS[state, event]
    except KeyError:
        raise InvalidTransition(state, event) from None
