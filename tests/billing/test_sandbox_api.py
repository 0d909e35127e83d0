"""The sandbox's API through the official SDK, and the fields of its answers."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Iterator
from datetime import date
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
import requests
import stripe
from stripe import WebhookSignature

from app.billing.sandbox import payments
from app.billing.sandbox.cards import Card, read_card
from app.billing.sandbox.courier import signature
from app.billing.sandbox.payments import SessionClosed
from app.billing.sandbox.service import Sandbox
from app.billing.sandbox.store import JsonObject
from testing.site import SHARED
from testing.waiting import wait_until

FIXTURES = SHARED / "stripe" / "fixtures3.json"


def session_params(**changes: Any) -> Any:
    params = {
        "mode": "payment",
        "client_reference_id": "order-1",
        "metadata": {"order_id": "order-1"},
        "customer_email": "ada@example.com",
        "line_items": [
            {
                "quantity": 2,
                "price_data": {
                    "currency": "eur",
                    "unit_amount": 490,
                    "product_data": {"name": "Sketchbook", "description": "10 credits"},
                },
            }
        ],
        "success_url": "http://127.0.0.1:8000/checkout/return?order=1",
        "cancel_url": "http://127.0.0.1:8000/checkout/cancelled?order=1",
    }
    return params | changes


def card(number: str) -> Card:
    return read_card(number, "12 / 34", "123", "Ada Lovelace", today=date(2030, 1, 1))


def pay(sandbox: Sandbox, session_id: str, number: str) -> None:
    with sandbox.store.transaction() as store:
        payments.pay_by_card(store, payments.find_session(store, session_id), card(number))


def test_a_session_says_what_it_was_made_with(stripe_client: stripe.StripeClient) -> None:
    made = stripe_client.v1.checkout.sessions.create(session_params())
    session = stripe_client.v1.checkout.sessions.retrieve(made.id, {"expand": ["line_items"]})
    assert (session.amount_total, session.currency, session.client_reference_id) == (980, "eur", "order-1")
    assert (session.status, session.payment_status, session.payment_intent) == ("open", "unpaid", None)
    assert session.metadata.to_dict() == {"order_id": "order-1"}
    assert session.url == f"http://127.0.0.1:8000/sandbox/checkout/{session.id}"
    assert session.line_items.data[0].price.unit_amount == 490


def test_line_items_name_prices_and_products_that_can_be_looked_up(
    stripe_client: stripe.StripeClient,
) -> None:
    made = stripe_client.v1.checkout.sessions.create(session_params())
    (item,) = stripe_client.v1.checkout.sessions.line_items.list(made.id).data
    price = stripe_client.v1.prices.retrieve(item.price.id, {"expand": ["product"]})
    product = stripe_client.v1.products.retrieve(price.product.id)
    assert (item.quantity, item.amount_total, price.unit_amount) == (2, 980, 490)
    assert (product.name, product.description) == ("Sketchbook", "10 credits")


def test_a_paid_session_leads_to_its_intent_and_charge(
    sandbox: Sandbox, stripe_client: stripe.StripeClient
) -> None:
    made = stripe_client.v1.checkout.sessions.create(session_params())
    pay(sandbox, made.id, "4242424242424242")
    expand = ["payment_intent.latest_charge"]
    session = stripe_client.v1.checkout.sessions.retrieve(made.id, {"expand": expand})
    intent = session.payment_intent
    assert (session.status, session.payment_status, session.url) == ("complete", "paid", None)
    assert (intent.status, intent.amount_received) == ("succeeded", 980)
    assert intent.latest_charge.payment_method_details.card.last4 == "4242"
    events = [event.type for event in stripe_client.v1.events.list({"limit": 10}).data]
    assert events == [
        "checkout.session.completed",
        "payment_intent.succeeded",
        "charge.succeeded",
        "payment_intent.created",
    ]


def test_a_declined_card_leaves_the_session_open(
    sandbox: Sandbox, stripe_client: stripe.StripeClient
) -> None:
    made = stripe_client.v1.checkout.sessions.create(session_params())
    pay(sandbox, made.id, "4000000000000002")
    session = stripe_client.v1.checkout.sessions.retrieve(made.id, {"expand": ["payment_intent"]})
    error = session.payment_intent.last_payment_error
    assert (session.status, session.payment_status) == ("open", "unpaid")
    assert (error.code, error.decline_code) == ("card_declined", "generic_decline")
    assert stripe_client.v1.charges.retrieve(error.charge).status == "failed"
    pay(sandbox, made.id, "4242424242424242")
    assert stripe_client.v1.checkout.sessions.retrieve(made.id).payment_status == "paid"


def test_an_expired_session_cannot_be_paid(sandbox: Sandbox, stripe_client: stripe.StripeClient) -> None:
    made = stripe_client.v1.checkout.sessions.create(session_params())
    assert stripe_client.v1.checkout.sessions.expire(made.id).status == "expired"
    with pytest.raises(SessionClosed):
        pay(sandbox, made.id, "4242424242424242")
    with pytest.raises(stripe.InvalidRequestError, match="Only open sessions"):
        stripe_client.v1.checkout.sessions.expire(made.id)


def test_a_session_expires_by_itself(stripe_client: stripe.StripeClient) -> None:
    made = stripe_client.v1.checkout.sessions.create(session_params(expires_at=1))
    assert stripe_client.v1.checkout.sessions.retrieve(made.id).status == "expired"
    assert [event.type for event in stripe_client.v1.events.list().data] == ["checkout.session.expired"]


def test_the_same_idempotency_key_makes_one_session(stripe_client: stripe.StripeClient) -> None:
    key: Any = {"idempotency_key": str(uuid.uuid4())}
    first = stripe_client.v1.checkout.sessions.create(session_params(), key)
    again = stripe_client.v1.checkout.sessions.create(session_params(), key)
    assert again.id == first.id
    assert again.last_response.headers["Idempotent-Replayed"] == "true"
    with pytest.raises(stripe.IdempotencyError) as refused:
        stripe_client.v1.checkout.sessions.create(session_params(client_reference_id="order-2"), key)
    assert refused.value.http_status == 400


def test_the_payment_carries_what_was_written_on_it(
    sandbox: Sandbox, stripe_client: stripe.StripeClient
) -> None:
    made = stripe_client.v1.checkout.sessions.create(
        session_params(payment_intent_data={"metadata": {"order_id": "order-1"}})
    )
    pay(sandbox, made.id, "4242424242424242")
    with sandbox.store.transaction() as store:
        charge = payments.refund(store, payments.find_session(store, made.id), 500)
    found = stripe_client.v1.charges.retrieve(charge["id"], {"expand": ["payment_intent"]})
    assert (found.amount_refunded, found.refunded) == (500, False)
    assert found.payment_intent.metadata.to_dict() == {"order_id": "order-1"}
    with sandbox.store.transaction() as store:
        payments.refund(store, payments.find_session(store, made.id), 480)
    assert stripe_client.v1.charges.retrieve(charge["id"]).refunded


@pytest.mark.parametrize(
    ("changes", "param", "code"),
    [
        ({"line_items": []}, "line_items", "parameter_missing"),
        ({"success_url": "nowhere"}, "success_url", "url_invalid"),
        ({"mode": "subscription"}, "mode", None),
        ({"customer_email": "müller@example.com"}, "customer_email", "email_invalid"),
        ({"color": "blue"}, "color", "parameter_unknown"),
        (
            {"line_items": [{"quantity": 1, "price_data": {"currency": "eur", "unit_amount": 1}}]},
            "line_items[0][price_data][product_data][name]",
            "parameter_missing",
        ),
        (
            {
                "line_items": [
                    {
                        "quantity": 1,
                        "price_data": {"currency": "eur", "unit_amount": -5, "product_data": {"name": "x"}},
                    }
                ]
            },
            "line_items[0][price_data][unit_amount]",
            "parameter_invalid_integer",
        ),
    ],
)
def test_wrong_parameters_are_named(
    stripe_client: stripe.StripeClient, changes: dict[str, Any], param: str, code: str | None
) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        stripe_client.v1.checkout.sessions.create(session_params(**changes))
    assert (refused.value.http_status, refused.value.param, refused.value.code) == (400, param, code)
    assert refused.value.request_id.startswith("req_")


def test_what_does_not_exist_is_missing(stripe_client: stripe.StripeClient) -> None:
    for service in (
        stripe_client.v1.checkout.sessions,
        stripe_client.v1.payment_intents,
        stripe_client.v1.charges,
        stripe_client.v1.events,
    ):
        with pytest.raises(stripe.InvalidRequestError) as refused:
            service.retrieve("nothing")
        assert (refused.value.http_status, refused.value.code) == (404, "resource_missing")


def test_another_key_is_refused(sandbox: Sandbox) -> None:
    stranger = stripe.StripeClient("sk_test_wrong", base_addresses={"api": sandbox.api_address()})
    with pytest.raises(stripe.AuthenticationError):
        stranger.v1.events.list()


def test_unknown_addresses_get_an_error_the_sdk_understands(sandbox: Sandbox) -> None:
    answer = requests.get(
        sandbox.api_address() + "/v1/payouts",
        headers={"Authorization": f"Bearer {sandbox.api_key}"},
        timeout=10,
    )
    assert (answer.status_code, answer.json()["error"]["type"]) == (404, "invalid_request_error")


def test_the_store_outlives_the_process(sandbox: Sandbox, stripe_client: stripe.StripeClient) -> None:
    made = stripe_client.v1.checkout.sessions.create(session_params())
    folder = sandbox.store._path.parent
    sandbox.close()
    restarted = Sandbox(folder)
    client = stripe.StripeClient(restarted.api_key, base_addresses={"api": restarted.api_address()})
    assert client.v1.checkout.sessions.retrieve(made.id).amount_total == 980
    restarted.close()


# --- the shape of the objects -------------------------------------------------------------------


def all_objects(sandbox: Sandbox, client: stripe.StripeClient) -> dict[str, JsonObject]:
    made = client.v1.checkout.sessions.create(session_params())
    pay(sandbox, made.id, "4242424242424242")
    with sandbox.store.transaction() as store:
        payments.dispute(store, payments.find_session(store, made.id), 980)
        billed = ("checkout.session", "payment_intent", "charge", "dispute")
        kinds = (*billed, "event", "product", "price", "item")
        return {kind: store.newest(kind)[0] for kind in kinds}


def different_fields(ours: JsonObject, theirs: JsonObject, where: str) -> Iterator[str]:
    """The field names that only one side has, also in nested objects."""
    for name in ours.keys() ^ theirs.keys():
        yield f"{where}.{name}"
    for name in ours.keys() & theirs.keys():
        free_form = (where, name) in {("event", "data"), ("checkout.session", "metadata")}
        if isinstance(ours[name], dict) and isinstance(theirs[name], dict) and not free_form:
            yield from different_fields(ours[name], theirs[name], f"{where}.{name}")


def test_objects_have_the_fields_of_stripes_own_fixtures(
    sandbox: Sandbox, stripe_client: stripe.StripeClient
) -> None:
    if not FIXTURES.is_file():
        pytest.skip("needs Stripe's published fixtures3.json")
    resources = json.loads(FIXTURES.read_text())["resources"]
    made = all_objects(sandbox, stripe_client)
    assert [
        difference
        for kind, ours in made.items()
        for difference in different_fields(ours, resources[kind], kind)
    ] == []


# --- events -------------------------------------------------------------------------------------


def test_signatures_are_those_of_the_sdk() -> None:
    body = '{"id": "evt_1"}'
    header = signature(body, "whsec_1", timestamp=1_900_000_000)
    assert header == WebhookSignature.generate_signature_header(body, "whsec_1", timestamp=1_900_000_000)
    with pytest.raises(stripe.SignatureVerificationError):
        WebhookSignature.verify_header(body + " ", header, "whsec_1")


class Receiver:
    """A webhook that refuses the first deliveries and keeps later events."""

    def __init__(self, refusals: int) -> None:
        self.refused, self.taken = 0, list[JsonObject]()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if receiver.refused < refusals:
                    receiver.refused += 1
                    self.send_response(500)
                else:
                    receiver.taken.append(json.loads(body))
                    self.send_response(200)
                self.end_headers()

            def log_message(self, *args: object) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/"
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def stop(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


def test_an_event_is_delivered_until_it_is_taken(
    sandbox: Sandbox, stripe_client: stripe.StripeClient
) -> None:
    receiver = Receiver(refusals=1)
    sandbox.deliver_to(receiver.url)
    made = stripe_client.v1.checkout.sessions.create(session_params())
    pay(sandbox, made.id, "4242424242424242")
    sandbox.announce()
    wait_until(lambda: receiver.taken, "the event was taken")
    receiver.stop()
    assert receiver.refused == 1
    (event,) = receiver.taken
    assert (event["type"], event["data"]["object"]["id"]) == ("checkout.session.completed", made.id)
    assert event["api_version"] == stripe.api_version


def test_an_event_waits_for_the_next_start(sandbox: Sandbox, stripe_client: stripe.StripeClient) -> None:
    """Nobody listened, and the process ended.

    The next process delivers to the site's new address.
    """
    made = stripe_client.v1.checkout.sessions.create(session_params())
    sandbox.close()
    pay(sandbox, made.id, "4242424242424242")
    receiver = Receiver(refusals=0)
    restarted = Sandbox(sandbox.store._path.parent)
    restarted.deliver_to(receiver.url)
    wait_until(lambda: receiver.taken, "the event was taken")
    restarted.close()
    receiver.stop()
    assert [event["type"] for event in receiver.taken] == ["checkout.session.completed"]
