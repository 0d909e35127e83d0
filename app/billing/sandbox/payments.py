"""The life of a checkout session: created, paid, refused, expired.

Every function runs in the caller's store transaction. Changed objects and their events are stored together.
"""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import urlsplit

from app.billing.sandbox import objects
from app.billing.sandbox.cards import AUTHENTICATION_FAILED, DECLINE_SENTENCES, Card, Outcome
from app.billing.sandbox.errors import ApiError, missing, no_such
from app.billing.sandbox.store import JsonObject, Transaction

SESSION_PARAMS = {
    "cancel_url",
    "client_reference_id",
    "customer_email",
    "expand",
    "expires_at",
    "line_items",
    "metadata",
    "mode",
    "payment_intent_data",
    "success_url",
}
# A rough check of email addresses. Stripe refuses invalid ones, and the site must handle that.
EMAIL = re.compile(r"[!-?A-~]+@[a-z0-9-]+(\.[a-z0-9-]+)+", re.IGNORECASE | re.ASCII)
API_VERSION_NOTE = "api_version"
# The events that go to the site's webhook.
DELIVERED = ("checkout.session.", "charge.refunded", "charge.dispute.")
INTENT_METADATA_NOTE = "intent_metadata"


class SessionClosed(Exception):
    """The session's state does not allow this step.

    It is already paid, expired, or not yet begun.
    """


def create_session(store: Transaction, params: dict[str, Any]) -> JsonObject:
    """Create a session in payment mode, with its products and prices.

    Raises:
        ApiError: a parameter is missing, unknown or wrong.
    """
    for name in sorted(params.keys() - SESSION_PARAMS):
        raise ApiError(400, f"Received unknown parameter: {name}", code="parameter_unknown", param=name)
    if params.get("mode") != "payment":
        raise ApiError(400, "The sandbox knows only mode payment.", param="mode")
    success = urlsplit(params.get("success_url", ""))
    if not success.scheme or not success.netloc:
        raise ApiError(400, "Not a valid URL", code="url_invalid", param="success_url")
    if (email := params.get("customer_email")) is not None and not EMAIL.fullmatch(email):
        raise ApiError(400, f"Invalid email address: {email}", code="email_invalid", param="customer_email")
    described = params.get("line_items")
    if not isinstance(described, list) or not described:
        raise missing("line_items")
    items = [_create_item(store, item, f"line_items[{n}]") for n, item in enumerate(described)]
    currencies = {item["currency"] for item in items}
    if len(currencies) > 1:
        raise ApiError(400, "All line items must have the same currency.", param="line_items")
    session_id = objects.new_id("cs_test", 58)
    metadata = params.get("payment_intent_data", {}).get("metadata", {})
    store.note(f"{INTENT_METADATA_NOTE} {session_id}", json.dumps(metadata))
    for item in items:
        store.put(item, parent=session_id)
    session = objects.checkout_session(
        session_id,
        params,
        currency=currencies.pop(),
        total=sum(item["amount_total"] for item in items),
        url=f"{success.scheme}://{success.netloc}/sandbox/checkout/{session_id}",
    )
    return store.put(session)


def _create_item(store: Transaction, item: dict[str, Any], where: str) -> JsonObject:
    described = item.get("price_data")
    if not isinstance(described, dict):
        raise missing(f"{where}[price_data]")
    product_data = described.get("product_data", {})
    if "name" not in product_data:
        raise missing(f"{where}[price_data][product_data][name]")
    if "currency" not in described:
        raise missing(f"{where}[price_data][currency]")
    unit_amount = _positive(described.get("unit_amount"), f"{where}[price_data][unit_amount]")
    quantity = _positive(item.get("quantity"), f"{where}[quantity]")
    product = store.put(objects.product(product_data["name"], product_data.get("description")))
    price = store.put(objects.price(product["id"], described["currency"].lower(), unit_amount))
    return objects.line_item(price, product["name"], quantity)


def _positive(value: object, param: str) -> int:
    if value is None:
        raise missing(param)
    text = str(value)
    if not text.isascii() or not text.isdigit() or int(text) == 0:
        raise ApiError(400, f"Invalid integer: {text}", code="parameter_invalid_integer", param=param)
    return int(text)


def find_session(store: Transaction, session_id: str) -> JsonObject:
    """Return the session's current state; a session past its time expires here.

    Raises:
        ApiError: there is none.
    """
    session = store.get(session_id, "checkout.session")
    if session is None:
        raise no_such("checkout.session", session_id)
    if session["status"] == "open" and session["expires_at"] <= objects.now():
        return expire(store, session)
    return session


def expire(store: Transaction, session: JsonObject) -> JsonObject:
    """Close a session that has not been paid.

    Raises:
        SessionClosed: it is not open.
    """
    _require_open(session)
    session.update(status="expired", url=None)
    store.put(session)
    _tell(store, "checkout.session.expired", session)
    return session


def pay_by_card(store: Transaction, session: JsonObject, card: Card) -> Outcome:
    """Charge the card; a refusal or a pending authentication leaves the session open.

    Raises:
        SessionClosed: it is not open.
    """
    _require_open(session)
    intent = _intent(store, session, "card")
    intent["payment_method"] = objects.new_id("pm")
    details = objects.card_details(card, intent["amount"])
    charge = objects.charge(intent, email=session["customer_email"], name=card.name, details=details)
    if card.outcome is Outcome.NEEDS_AUTHENTICATION:
        # The charge stays attached to the intent until the person has decided.
        intent.update(status="requires_action", next_action={"type": "use_stripe_sdk", "use_stripe_sdk": {}})
        store.put(charge)
        intent["latest_charge"] = charge["id"]
        store.put(intent)
        _tell(store, "payment_intent.requires_action", intent)
    elif card.outcome is Outcome.PAYS:
        _succeed(store, session, intent, charge)
        _complete(store, session, "checkout.session.completed")
    else:
        sentence = DECLINE_SENTENCES[card.outcome]
        _refuse(store, intent, charge, code="card_declined", sentence=sentence, decline_code=card.outcome)
    return card.outcome


def authenticate(store: Transaction, session: JsonObject, *, confirmed: bool) -> None:
    """Finish a card's authentication: the payment succeeds, or the card is refused.

    Raises:
        SessionClosed: nothing waits for authentication.
    """
    _require_open(session)
    if not awaits_authentication(store, session):
        raise SessionClosed
    intent = _intent(store, session, "card")
    charge = _charge(store, intent)
    intent["next_action"] = None
    if confirmed:
        _succeed(store, session, intent, charge)
        _complete(store, session, "checkout.session.completed")
    else:
        code = "payment_intent_authentication_failure"
        _refuse(store, intent, charge, code=code, sentence=AUTHENTICATION_FAILED)


def awaits_authentication(store: Transaction, session: JsonObject) -> bool:
    """Whether the card's owner still has to confirm the payment."""
    intent = store.get(session["payment_intent"] or "")
    return intent is not None and intent["status"] == "requires_action"


def pay_by_debit(store: Transaction, session: JsonObject) -> None:
    """Complete the session by a bank debit, which is confirmed or refused later.

    Raises:
        SessionClosed: it is not open.
    """
    _require_open(session)
    intent = _intent(store, session, "sepa_debit")
    details = {"type": "sepa_debit", "sepa_debit": {"last4": "3000", "country": "DE"}}
    intent.update(status="processing", payment_method=objects.new_id("pm"))
    charge = objects.charge(intent, email=session["customer_email"], name=None, details=details)
    store.put(charge)
    intent["latest_charge"] = charge["id"]
    store.put(intent)
    _tell(store, "payment_intent.processing", intent)
    _complete(store, session, "checkout.session.completed")


def awaits_bank(store: Transaction, session: JsonObject) -> bool:
    """Whether the bank still has to decide on the session's debit."""
    intent = store.get(session["payment_intent"] or "")
    return intent is not None and intent["status"] == "processing"


def settle_debit(store: Transaction, session: JsonObject, *, confirmed: bool) -> None:
    """Set the bank's decision.

    Raises:
        SessionClosed: no debit is waiting.
    """
    if not awaits_bank(store, session):
        raise SessionClosed
    intent = _intent(store, session, "sepa_debit")
    charge = _charge(store, intent)
    if confirmed:
        _succeed(store, session, intent, charge)
        _complete(store, session, "checkout.session.async_payment_succeeded")
    else:
        _refuse(store, intent, charge, code="insufficient_funds", sentence="The bank refused the debit.")
        _tell(store, "checkout.session.async_payment_failed", session)


def refund(store: Transaction, session: JsonObject, amount: int) -> JsonObject:
    """Refund a part of the payment, or all of it; return the charge.

    The charge has the sum of its refunds.
    """
    return _refund_charge(store, _charge(store, _intent(store, session, "card")), amount)


def create_refund(store: Transaction, params: dict[str, Any]) -> JsonObject:
    """Refund the rest of a payment.

    Raises:
        ApiError: there is no such payment, or it is fully refunded.
    """
    intent_id = params.get("payment_intent")
    if intent_id is None:
        raise missing("payment_intent")
    intent = store.get(intent_id, "payment_intent")
    if intent is None:
        raise no_such("payment_intent", intent_id)
    charge = _charge(store, intent)
    left = charge["amount_captured"] - charge["amount_refunded"]
    if left <= 0:
        message = f"Charge {charge['id']} has already been refunded."
        raise ApiError(400, message, code="charge_already_refunded")
    _refund_charge(store, charge, left)
    return store.put(objects.refund(charge, left, params.get("metadata", {})))


def _refund_charge(store: Transaction, charge: JsonObject, amount: int) -> JsonObject:
    charge["amount_refunded"] += amount
    charge["refunded"] = charge["amount_refunded"] == charge["amount"]
    store.put(charge)
    _tell(store, "charge.refunded", charge)
    return charge


def dispute(
    store: Transaction, session: JsonObject, amount: int, status: str = "needs_response"
) -> JsonObject:
    """Dispute a payment for its payer.

    An inquiry (``warning_needs_response``) takes no money.
    """
    charge = _charge(store, _intent(store, session, "card"))
    charge["disputed"] = True
    store.put(charge)
    opened = store.put(objects.dispute(charge, amount, status))
    _tell(store, "charge.dispute.created", opened)
    return opened


def close_dispute(store: Transaction, disputed: JsonObject, *, won: bool) -> None:
    """Set the decision of the payer's bank."""
    disputed["status"] = "won" if won else "lost"
    store.put(disputed)
    _tell(store, "charge.dispute.closed", disputed)


def _require_open(session: JsonObject) -> None:
    if session["status"] != "open":
        raise SessionClosed


def _intent(store: Transaction, session: JsonObject, method: str) -> JsonObject:
    """The session's payment intent, created at the first attempt to pay."""
    known = store.get(session["payment_intent"] or "")
    if known is not None:
        known["payment_method_types"] = [method]
        return known
    metadata = json.loads(store.read_note(f"{INTENT_METADATA_NOTE} {session['id']}") or "{}")
    intent = store.put(objects.payment_intent(session, method, metadata))
    session["payment_intent"] = intent["id"]
    store.put(session)
    _tell(store, "payment_intent.created", intent)
    return intent


def _charge(store: Transaction, intent: JsonObject) -> JsonObject:
    charge = store.get(intent["latest_charge"])
    assert charge is not None, "an intent's latest charge is stored before it is named"
    return charge


def _succeed(store: Transaction, session: JsonObject, intent: JsonObject, charge: JsonObject) -> None:
    amount = intent["amount"]
    charge.update(status="succeeded", paid=True, captured=True, amount_captured=amount)
    intent.update(
        status="succeeded", amount_received=amount, latest_charge=charge["id"], last_payment_error=None
    )
    session["payment_status"] = "paid"
    store.put(charge)
    store.put(intent)
    _tell(store, "charge.succeeded", charge)
    _tell(store, "payment_intent.succeeded", intent)


def _refuse(
    store: Transaction,
    intent: JsonObject,
    charge: JsonObject,
    *,
    code: str,
    sentence: str,
    decline_code: str | None = None,
) -> None:
    charge.update(status="failed", failure_code=code, failure_message=sentence)
    charge["outcome"].update(
        network_status="declined_by_network",
        reason=decline_code,
        seller_message=sentence,
        type="issuer_declined",
    )
    error = {"type": "card_error", "code": code, "message": sentence, "charge": charge["id"]}
    if decline_code is not None:
        error["decline_code"] = str(decline_code)
    intent.update(
        status="requires_payment_method",
        payment_method=None,
        latest_charge=charge["id"],
        last_payment_error=error,
    )
    store.put(charge)
    store.put(intent)
    _tell(store, "charge.failed", charge)
    _tell(store, "payment_intent.payment_failed", intent)


def _complete(store: Transaction, session: JsonObject, event_type: str) -> None:
    session.update(status="complete", url=None)
    store.put(session)
    _tell(store, event_type, session)


def _tell(store: Transaction, event_type: str, subject: JsonObject) -> None:
    """Store an event; also deliver it if the site listens to its type."""
    event = objects.event(event_type, subject, api_version=store.read_note(API_VERSION_NOTE))
    store.put(event)
    if event_type.startswith(DELIVERED):
        store.add_delivery(event["id"])
