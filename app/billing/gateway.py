"""The way to Stripe: the only module that knows its SDK. Plain values go in and come out.

The same code talks to Stripe and, by another base address, to the local sandbox.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING

import requests
import stripe
import structlog

from app.billing.fulfilment import Checkout, CheckoutStatus
from app.billing.reversals import Dispute, DisputeOutcome, Payment, Refunds
from app.errors import DomainError
from app.sentences import translatable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stripe.params.checkout import SessionCreateParams

log = structlog.get_logger(__name__)

# What the table of events that were handled can hold.
EVENT_ID_LENGTH = 255
EVENT_TYPE_LENGTH = 100

TIMEOUT_SECONDS = 15
RETRIES = 2
# Where somebody polls: the next poll is a better repetition than one that keeps a thread.
HASTY_TIMEOUT_SECONDS = 4
# A session is created seconds after its purchase; clocks may differ.
OPENED_WITHIN = timedelta(minutes=15)
SIGNATURE_TOLERANCE_SECONDS = 300


UNREACHABLE = translatable(
    "The payment service is not available right now. Nothing was charged. Try again soon."
)
NOT_STARTED = translatable(
    "The payment could not be started. Nothing was charged. We have logged the problem and will look into it."
)


class PaymentUnavailable(DomainError):
    """The payment service did not answer, or refused the request; the cause is kept."""

    status = 503

    def __init__(self, sentence: str = UNREACHABLE) -> None:
        super().__init__(sentence)


class PaymentRefused(PaymentUnavailable):
    """The payment service understood, and will refuse the same request again: somebody has to look at it."""

    def __init__(self) -> None:
        super().__init__(NOT_STARTED)


class MalformedEvent(DomainError):
    """A signed webhook that is no event, or lacks what its type promises."""

    def __init__(self) -> None:
        super().__init__(translatable("This event has not the shape of a Stripe event."))


class InvalidSignature(DomainError):
    """A webhook that Stripe did not sign, or signed too long ago."""

    def __init__(self) -> None:
        super().__init__(translatable("The signature of this event is not valid."))


@dataclass(frozen=True)
class CheckoutRequest:
    """What to ask money for; ``purchase_id`` makes asking twice harmless."""

    purchase_id: uuid.UUID
    title: str
    description: str
    amount_minor: int
    currency: str
    success_url: str
    cancel_url: str
    email: str | None = None


@dataclass(frozen=True)
class OpenedCheckout:
    """A session in which a purchase can be paid, at ``url``."""

    id: str
    url: str


@dataclass(frozen=True)
class PaymentEvent:
    """A signed event: about a checkout session, a refunded charge, a dispute, or nothing of these."""

    id: str
    type: str
    checkout_id: str | None = None
    purchase_reference: str | None = None
    charge_id: str | None = None
    dispute_id: str | None = None


class Gateway:
    """Checkout sessions and signed events, by Stripe's SDK and with the API version that it pins."""

    def __init__(
        self, secret_key: str, webhook_secret: str, api_address: Callable[[], str] | None = None
    ) -> None:
        """``api_address`` is asked at the first request, once the process that makes it is running."""
        self._secret_key = secret_key
        self._webhook_secret = webhook_secret
        self._api_address = api_address

    @cached_property
    def _client(self) -> stripe.StripeClient:
        return self._make_client(TIMEOUT_SECONDS, RETRIES)

    @cached_property
    def _hasty_client(self) -> stripe.StripeClient:
        return self._make_client(HASTY_TIMEOUT_SECONDS, retries=0)

    def _make_client(self, timeout: float, retries: int) -> stripe.StripeClient:
        session = requests.Session()
        if self._api_address is not None:
            session.trust_env = False  # no proxy stands between a process and itself
        return stripe.StripeClient(
            self._secret_key,
            base_addresses={"api": self._api_address()} if self._api_address else {},
            max_network_retries=retries,
            http_client=stripe.RequestsClient(timeout=timeout, session=session),
        )

    def open_checkout(self, wanted: CheckoutRequest) -> OpenedCheckout:
        """Create the session in which the purchase is paid.

        An address that Stripe does not take is left out: the person can type it on Stripe's page.

        Raises:
            PaymentUnavailable: Stripe did not answer.
            PaymentRefused: Stripe refused.
        """
        try:
            return self._open(wanted, str(wanted.purchase_id))
        except PaymentRefused as error:
            if wanted.email is None or not _blames(error, "customer_email"):
                raise
        # Other parameters under the same key would be refused.
        return self._open(replace(wanted, email=None), f"{wanted.purchase_id}-without-email")

    def _open(self, wanted: CheckoutRequest, idempotency_key: str) -> OpenedCheckout:
        params: SessionCreateParams = {
            "mode": "payment",
            "client_reference_id": str(wanted.purchase_id),
            "metadata": {"order_id": str(wanted.purchase_id)},
            # Refunds and disputes name the payment, and it names the purchase.
            "payment_intent_data": {"metadata": {"order_id": str(wanted.purchase_id)}},
            "line_items": [
                {
                    "quantity": 1,
                    "price_data": {
                        "currency": wanted.currency,
                        "unit_amount": wanted.amount_minor,
                        "product_data": {"name": wanted.title, "description": wanted.description},
                    },
                }
            ],
            "success_url": wanted.success_url,
            "cancel_url": wanted.cancel_url,
        }
        if wanted.email:
            params["customer_email"] = wanted.email
        with _stripe_errors("checkout.open"):
            session = self._client.v1.checkout.sessions.create(
                params, options={"idempotency_key": idempotency_key}
            )
        if session.url is None:
            raise PaymentUnavailable
        return OpenedCheckout(session.id, session.url)

    def find_checkout(self, checkout_id: str, *, hasty: bool = False) -> Checkout:
        """Return what Stripe says about a session at this moment; if ``hasty``, give up soon.

        Raises:
            PaymentUnavailable: Stripe did not answer, or knows no such session.
        """
        client = self._hasty_client if hasty else self._client
        with _stripe_errors("checkout.find"):
            session = client.v1.checkout.sessions.retrieve(checkout_id, {"expand": ["payment_intent"]})
        return _checkout(session)

    def find_checkout_of(self, purchase_id: uuid.UUID, created_at: datetime) -> Checkout | None:
        """Return the session that was opened for a purchase, or None if none was.

        For purchases whose session's id was lost between Stripe's answer and the database.

        Raises:
            PaymentUnavailable: Stripe did not answer.
        """
        earliest = int((created_at - OPENED_WITHIN).timestamp())
        latest = int((created_at + OPENED_WITHIN).timestamp())
        with _stripe_errors("checkout.list"):
            sessions = self._client.v1.checkout.sessions.list(
                {"created": {"gte": earliest, "lte": latest}, "limit": 100}
            )
            for session in sessions.auto_paging_iter():
                if session.client_reference_id == str(purchase_id):
                    return self.find_checkout(session.id)
        return None

    def expire_checkout(self, checkout_id: str) -> None:
        """Close a session, so that nobody can pay in it any more; one that is closed stays so.

        Raises:
            PaymentUnavailable: Stripe did not answer.
        """
        try:
            with _stripe_errors("checkout.expire"):
                self._client.v1.checkout.sessions.expire(checkout_id)
        except PaymentRefused:
            # Stripe refuses to expire what is paid or expired: the next look at the session says which.
            log.info("checkout.not_open", session=checkout_id)

    def refund(self, payment_intent_id: str, purchase_id: uuid.UUID) -> None:
        """Give the whole payment back; asking again for the same purchase gives nothing more.

        Raises:
            PaymentUnavailable: Stripe did not answer.
            PaymentRefused: Stripe refused, except that the payment has been refunded already.
        """
        try:
            with _stripe_errors("refund.create"):
                self._client.v1.refunds.create(
                    {"payment_intent": payment_intent_id, "metadata": {"order_id": str(purchase_id)}},
                    options={"idempotency_key": f"{purchase_id}-refund"},
                )
        except PaymentRefused as error:
            if getattr(error.__cause__, "code", None) != "charge_already_refunded":
                raise

    def find_refunds(self, charge_id: str) -> Refunds:
        """Return how much of a charge has been refunded up to now.

        Raises:
            PaymentUnavailable: Stripe did not answer, or knows no such charge.
        """
        with _stripe_errors("charge.find"):
            charge = self._client.v1.charges.retrieve(charge_id, {"expand": ["payment_intent"]})
        return Refunds(_payment(charge), charge.amount_refunded)

    def find_dispute(self, dispute_id: str) -> Dispute:
        """Return how a dispute stands at this moment.

        Raises:
            PaymentUnavailable: Stripe did not answer, or knows no such dispute.
        """
        with _stripe_errors("dispute.find"):
            dispute = self._client.v1.disputes.retrieve(dispute_id, {"expand": ["payment_intent"]})
        outcome = DISPUTE_OUTCOMES.get(dispute.status, DisputeOutcome.OPEN)
        return Dispute(dispute.id, _payment(dispute), dispute.amount, outcome)

    def read_event(self, body: bytes, signature: str | None) -> PaymentEvent:
        """Verify and read a webhook's raw body.

        Raises:
            InvalidSignature: it is not signed with this site's secret, or not recently.
            MalformedEvent: it is signed, but it is no event.
        """
        try:
            stripe.WebhookSignature.verify_header(
                body.decode(), signature or "", self._webhook_secret, SIGNATURE_TOLERANCE_SECONDS
            )
        except (UnicodeDecodeError, stripe.SignatureVerificationError) as error:
            raise InvalidSignature from error
        try:
            return _event(json.loads(body))
        except (ValueError, RecursionError) as error:
            raise MalformedEvent from error


def _event(sent: object) -> PaymentEvent:
    """Read the parts of an event that matter here.

    Raises:
        MalformedEvent: one of them is missing, or is of another type.
    """
    match sent:
        case {"id": str(event_id), "type": str(kind), "data": {"object": {**subject}}}:
            pass
        case _:
            raise MalformedEvent
    if len(event_id) > EVENT_ID_LENGTH or len(kind) > EVENT_TYPE_LENGTH:
        raise MalformedEvent
    if not kind.startswith(("checkout.session.", "charge.refunded", "charge.dispute.")):
        return PaymentEvent(event_id, kind)
    subject_id, reference = subject.get("id"), subject.get("client_reference_id")
    if not isinstance(subject_id, str) or not isinstance(reference, str | None):
        raise MalformedEvent
    if kind.startswith("checkout.session."):
        return PaymentEvent(event_id, kind, subject_id, reference)
    if kind.startswith("charge.dispute."):
        return PaymentEvent(event_id, kind, dispute_id=subject_id)
    return PaymentEvent(event_id, kind, charge_id=subject_id)


# With these Stripe says that the same request will be refused again.
REFUSALS = (stripe.InvalidRequestError, stripe.AuthenticationError, stripe.PermissionError)


@contextmanager
def _stripe_errors(action: str) -> Iterator[None]:
    """Turn whatever the SDK raises into one error with a sentence, its cause logged and kept."""
    try:
        yield
    except stripe.StripeError as error:
        log.error(
            "payment.unavailable",
            action=action,
            error=type(error).__name__,
            code=error.code,
            message=error.user_message or str(error),
            request_id=error.request_id,
        )
        raise (PaymentRefused if isinstance(error, REFUSALS) else PaymentUnavailable) from error


def _blames(error: PaymentRefused, param: str) -> bool:
    cause = error.__cause__
    return isinstance(cause, stripe.InvalidRequestError) and cause.param == param


def _checkout(session: stripe.checkout.Session) -> Checkout:
    intent = session.payment_intent
    assert not isinstance(intent, str), "find_checkout expands the payment intent"
    return Checkout(
        id=session.id,
        purchase_reference=session.client_reference_id,
        status=_status(session, intent),
        amount_minor=session.amount_total,
        currency=session.currency,
        payment_intent_id=intent.id if intent else None,
    )


def _status(session: stripe.checkout.Session, intent: stripe.PaymentIntent | None) -> CheckoutStatus:
    """One word for what Stripe says in three: a session is complete before a bank debit is paid."""
    if session.payment_status == "paid":
        return CheckoutStatus.PAID
    if session.status == "expired":
        return CheckoutStatus.EXPIRED
    if session.status == "complete":
        refused = intent is not None and intent.status in ("requires_payment_method", "canceled")
        return CheckoutStatus.FAILED if refused else CheckoutStatus.PROCESSING
    return CheckoutStatus.OPEN


# An inquiry ("warning_...") takes no money, and may end without taking any; everything else that is not
# named here is undecided.
DISPUTE_OUTCOMES = {
    "needs_response": DisputeOutcome.TAKEN,
    "under_review": DisputeOutcome.TAKEN,
    "lost": DisputeOutcome.TAKEN,
    "won": DisputeOutcome.WON,
}


def _payment(subject: stripe.Charge | stripe.Dispute) -> Payment:
    intent = subject.payment_intent
    assert not isinstance(intent, str), "whoever asks for it expands the payment intent"
    if intent is None:
        return Payment(None, None, subject.currency)
    return Payment(intent.id, intent.metadata.to_dict().get("order_id"), subject.currency)
