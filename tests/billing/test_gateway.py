"""The gateway, by the real SDK against the sandbox's real server."""

from __future__ import annotations

import json
import socket
import time
import uuid
from collections.abc import Callable
from datetime import date

import pytest
import stripe
from stripe import WebhookSignature

from app.billing.fulfilment import CheckoutStatus
from app.billing.gateway import Gateway, InvalidSignature, PaymentRefused, PaymentUnavailable
from app.billing.sandbox import payments
from app.billing.sandbox.cards import read_card
from app.billing.sandbox.service import Sandbox
from app.billing.sandbox.store import JsonObject, Transaction
from testing.billing import checkout_request


def test_a_checkout_is_opened_once_per_purchase(gateway: Gateway) -> None:
    purchase_id = uuid.uuid4()
    opened = [gateway.open_checkout(checkout_request(purchase_id)) for _ in range(2)]
    assert opened[0] == opened[1]
    assert opened[0].url == f"http://127.0.0.1:8000/sandbox/checkout/{opened[0].id}"
    found = gateway.find_checkout(opened[0].id)
    assert (found.purchase_reference, found.status) == (str(purchase_id), CheckoutStatus.OPEN)
    assert (found.amount_minor, found.currency, found.payment_intent_id) == (490, "eur", None)


def test_an_address_that_stripe_does_not_take_is_left_out(
    gateway: Gateway, stripe_client: stripe.StripeClient
) -> None:
    wanted = checkout_request(email="müller@example.com")
    opened = [gateway.open_checkout(wanted) for _ in range(2)]
    assert opened[0] == opened[1]
    session = stripe_client.v1.checkout.sessions.retrieve(opened[0].id)
    assert (session.customer_email, session.client_reference_id) == (None, str(wanted.purchase_id))


def test_a_checkout_that_stripe_refuses_is_not_to_be_tried_again(
    gateway: Gateway, sandbox: Sandbox, stripe_client: stripe.StripeClient
) -> None:
    with pytest.raises(PaymentRefused, match="We have logged the problem") as refused:
        gateway.open_checkout(checkout_request(success_url="nowhere"))
    assert isinstance(refused.value.__cause__, stripe.InvalidRequestError)
    assert "soon" not in str(refused.value)
    with pytest.raises(PaymentRefused):
        gateway.open_checkout(checkout_request(success_url="nowhere", email="müller@example.com"))
    with pytest.raises(PaymentRefused):
        Gateway("sk_test_wrong", "whsec_1", sandbox.api_address).open_checkout(checkout_request())
    assert stripe_client.v1.events.list().data == []


def test_a_hasty_look_gives_up_soon() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        gateway = Gateway("sk_test_1", "whsec_1", lambda: address)
        gateway.__dict__["_hasty_client"] = gateway._make_client(0.5, retries=0)
        began = time.monotonic()
        with pytest.raises(PaymentUnavailable):
            gateway.find_checkout("cs_1", hasty=True)
        assert time.monotonic() - began < 5


def test_hasty_looks_are_not_repeated(gateway: Gateway) -> None:
    retries = [
        client._requestor._options.max_network_retries for client in (gateway._client, gateway._hasty_client)
    ]
    assert retries == [2, 0]


def by_card(store: Transaction, session: JsonObject) -> None:
    card = read_card("4242424242424242", "12/34", "123", "Ada", today=date(2030, 1, 1))
    payments.pay_by_card(store, session, card)


def by_refused_debit(store: Transaction, session: JsonObject) -> None:
    payments.pay_by_debit(store, session)
    payments.settle_debit(store, session, confirmed=False)


def by_confirmed_debit(store: Transaction, session: JsonObject) -> None:
    payments.pay_by_debit(store, session)
    payments.settle_debit(store, session, confirmed=True)


def by_waiting(store: Transaction, session: JsonObject) -> None:
    payments.expire(store, session)


@pytest.mark.parametrize(
    ("step", "status"),
    [
        (by_card, CheckoutStatus.PAID),
        (payments.pay_by_debit, CheckoutStatus.PROCESSING),
        (by_confirmed_debit, CheckoutStatus.PAID),
        (by_refused_debit, CheckoutStatus.FAILED),
        (by_waiting, CheckoutStatus.EXPIRED),
    ],
)
def test_three_fields_of_stripe_become_one_status(
    sandbox: Sandbox,
    gateway: Gateway,
    step: Callable[[Transaction, JsonObject], None],
    status: CheckoutStatus,
) -> None:
    opened = gateway.open_checkout(checkout_request())
    with sandbox.store.transaction() as store:
        step(store, payments.find_session(store, opened.id))
    assert gateway.find_checkout(opened.id).status is status


def test_a_session_that_does_not_exist_is_unavailable(gateway: Gateway) -> None:
    with pytest.raises(PaymentUnavailable) as refused:
        gateway.find_checkout("cs_test_nothing")
    assert isinstance(refused.value.__cause__, stripe.InvalidRequestError)


def test_a_payment_service_that_does_not_answer_keeps_its_cause() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed_soon:
        address = f"http://127.0.0.1:{closed_soon.getsockname()[1]}"
    gateway = Gateway("sk_test_1", "whsec_1", lambda: address)
    with pytest.raises(PaymentUnavailable, match="Nothing was charged") as refused:
        gateway.open_checkout(checkout_request())
    assert refused.value.status == 503
    assert isinstance(refused.value.__cause__, stripe.APIConnectionError)


def test_with_a_live_key_the_sdk_talks_to_stripe() -> None:
    client = Gateway("sk_live_1", "whsec_1")._client
    assert client._requestor.base_addresses["api"] == "https://api.stripe.com"


# --- events -------------------------------------------------------------------------------------

BODY = json.dumps(
    {
        "id": "evt_1",
        "object": "event",
        "type": "checkout.session.completed",
        "data": {"object": {"id": "cs_1", "object": "checkout.session", "client_reference_id": "order-1"}},
    }
)


def test_a_signed_event_is_read() -> None:
    header = WebhookSignature.generate_signature_header(BODY, "whsec_1")
    event = Gateway("sk_test_1", "whsec_1").read_event(BODY.encode(), header)
    assert (event.id, event.type) == ("evt_1", "checkout.session.completed")
    assert (event.checkout_id, event.purchase_reference) == ("cs_1", "order-1")


def test_events_about_anything_else_name_no_checkout() -> None:
    body = json.dumps(
        {
            "id": "evt_2",
            "object": "event",
            "type": "charge.succeeded",
            "data": {"object": {"object": "charge"}},
        }
    )
    header = WebhookSignature.generate_signature_header(body, "whsec_1")
    assert Gateway("sk_test_1", "whsec_1").read_event(body.encode(), header).checkout_id is None


@pytest.mark.parametrize(
    ("kind", "charge_id", "dispute_id"),
    [
        ("charge.refunded", "x_1", None),
        ("charge.dispute.created", None, "x_1"),
        ("charge.dispute.closed", None, "x_1"),
    ],
)
def test_events_about_money_that_goes_back_name_their_subject(
    kind: str, charge_id: str | None, dispute_id: str | None
) -> None:
    body = json.dumps({"id": "evt_2", "object": "event", "type": kind, "data": {"object": {"id": "x_1"}}})
    header = WebhookSignature.generate_signature_header(body, "whsec_1")
    event = Gateway("sk_test_1", "whsec_1").read_event(body.encode(), header)
    assert (event.checkout_id, event.charge_id, event.dispute_id) == (None, charge_id, dispute_id)


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "nonsense",
        "t=abc,v1=def",
        WebhookSignature.generate_signature_header(BODY, "whsec_of_somebody_else"),
        WebhookSignature.generate_signature_header(BODY + " ", "whsec_1"),
        WebhookSignature.generate_signature_header(BODY, "whsec_1", timestamp=int(time.time()) - 600),
    ],
    ids=["none", "empty", "nonsense", "no-time", "other-secret", "other-body", "too-old"],
)
def test_a_bad_signature_is_refused(header: str | None) -> None:
    with pytest.raises(InvalidSignature) as refused:
        Gateway("sk_test_1", "whsec_1").read_event(BODY.encode(), header)
    assert refused.value.status == 400
