"""The pages of payment: credits and packs, the way to Stripe's page and back, and Stripe's webhook."""

from __future__ import annotations

import math
import time
import uuid
from collections.abc import Callable
from functools import partial

import structlog
from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import get_locale, ngettext
from flask_login import current_user
from flask_security import auth_required
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.billing import fulfilment, ledger, reversals
from app.billing.fulfilment import Checkout, CheckoutStatus, PaymentMismatch, UnknownPurchase
from app.billing.gateway import CheckoutRequest, PaymentEvent, PaymentUnavailable
from app.billing.models import Purchase, PurchaseState
from app.billing.packs import UnknownPack, find_pack, format_money
from app.config import CreditPack
from app.db import db, transaction
from app.errors import DomainError
from app.extensions import csrf, limiter
from app.recent import Recent
from app.request_bodies import takes_body
from app.sentences import translatable
from app.translation import translated
from app.wiring import gateway, settings

log = structlog.get_logger(__name__)
bp = Blueprint("billing", __name__)

ENTRIES_PER_PAGE = 20
# Databases count rows in 64 bits; no history is as long as this.
MOST_PAGES = 1_000_000
ORDERS_SHOWN = 10
WEBHOOK_MAX_BYTES = 512 * 1024
# How often Stripe is asked for somebody who waits on the return page, in seconds; its webhook is faster.
# A little less than the time between two polls while a bank is at work.
ASK_SECONDS = 14.0
ANSWERS_KEPT = 1000
UNFINISHED = (PurchaseState.CREATED, PurchaseState.AWAITING_PAYMENT)

# Stripe's last answer about a purchase and its time (time.monotonic()), so that not every poll asks Stripe.
last_answers: Recent[uuid.UUID, tuple[float, CheckoutStatus | None]] = Recent(ANSWERS_KEPT)


@bp.app_template_filter("money")
def money(amount_minor: float, currency: str) -> str:
    """An amount as the page's language writes it."""
    return format_money(amount_minor, currency, locale=str(get_locale()))


class PurchaseNotFound(DomainError):
    """There is no such purchase, or it is another person's."""

    status = 404

    def __init__(self) -> None:
        super().__init__(
            translatable("There is no such purchase on your account. The credits page lists them all.")
        )


# --- credits ------------------------------------------------------------------------------------


@bp.get("/credits")
@auth_required("session")
def credits() -> ResponseReturnValue:
    wallet_id = current_user.wallet_id
    entries = db.paginate(
        ledger.history(wallet_id),
        page=min(request.args.get("page", 1, int), MOST_PAGES),
        per_page=ENTRIES_PER_PAGE,
    )
    newest_purchases = (
        select(Purchase)
        .where(Purchase.wallet_id == wallet_id)
        .order_by(Purchase.created_at.desc())
        .limit(ORDERS_SHOWN)
    )
    return render_template(
        "billing/credits.html",
        packs=settings().credit_packs,
        currency=settings().currency,
        credits_per_picture=settings().credits_per_picture,
        entries=entries.items,
        pager=entries,
        purchases=db.session.scalars(newest_purchases).all(),
        taken_back=reversals.taken_back_by_purchase(db.session(), wallet_id),
        pack_title=_pack_title,
    )


def _pack_title(slug: str) -> str:
    try:
        return translated(find_pack(settings().credit_packs, slug).title)
    except UnknownPack:
        return slug


# --- to Stripe's page and back ------------------------------------------------------------------


@bp.post("/checkout")
@limiter.limit("30 per hour")
@auth_required("session")
def checkout() -> ResponseReturnValue:
    """Write the purchase down, open a session for it, and send the person to Stripe's page."""
    pack = find_pack(settings().credit_packs, request.form.get("pack", ""))
    wallet_id, email = current_user.wallet_id, current_user.email
    with transaction() as session:
        purchase_id = fulfilment.create_purchase(session, wallet_id, pack, settings().currency).id
    try:
        opened = gateway().open_checkout(_checkout_request(purchase_id, pack, email))
    except PaymentUnavailable:
        with transaction() as session:
            fulfilment.fail_purchase(session, purchase_id)
        raise
    with transaction() as session:
        fulfilment.open_checkout(session, purchase_id, opened.id)
    return redirect(opened.url, 303)


def _checkout_request(purchase_id: uuid.UUID, pack: CreditPack, email: str) -> CheckoutRequest:
    return CheckoutRequest(
        purchase_id=purchase_id,
        title=ngettext(
            "%(pack)s: %(num)d credit", "%(pack)s: %(num)d credits", pack.credits, pack=translated(pack.title)
        ),
        description=ngettext(
            "Style-Transfer-Art, %(num)d picture",
            "Style-Transfer-Art, %(num)d pictures",
            pack.credits // settings().credits_per_picture,
        ),
        amount_minor=pack.amount_minor,
        currency=settings().currency,
        success_url=url_for("billing.checkout_return", order=purchase_id, _external=True),
        cancel_url=url_for("billing.checkout_cancelled", order=purchase_id, _external=True),
        email=email,
    )


@bp.get("/checkout/return")
@auth_required("session")
def checkout_return() -> ResponseReturnValue:
    return render_template("billing/return.html", **_outcome(_purchase_argument()))


@bp.get("/checkout/<uuid:purchase_id>/status")
@limiter.limit("120/minute")
def checkout_status(purchase_id: uuid.UUID) -> ResponseReturnValue:
    """The part of the return page that waits; as soon as the outcome is known the page is loaded anew.

    Who has logged out meanwhile gets no log-in page into that part: the page loads itself anew at a 404.
    """
    if not current_user.is_authenticated:
        raise PurchaseNotFound
    outcome = _outcome(purchase_id, polled=True)
    headers = {} if outcome["waiting"] else {"HX-Refresh": "true"}
    return render_template("billing/_waiting.html", **outcome), headers


@bp.get("/checkout/cancelled")
@auth_required("session")
def checkout_cancelled() -> ResponseReturnValue:
    """Say that nothing was charged, if that is so: a debit may be under way, or another tab may have paid."""
    purchase_id = _purchase_argument()
    outcome = _outcome(purchase_id)
    if outcome["open"]:
        return render_template("billing/cancelled.html", **outcome)
    return redirect(url_for("billing.checkout_return", order=purchase_id))


def _purchase_argument() -> uuid.UUID:
    try:
        return uuid.UUID(request.args.get("order", ""))
    except ValueError:
        raise PurchaseNotFound from None


def _find_purchase(purchase_id: uuid.UUID) -> Purchase:
    purchase = db.session.get(Purchase, purchase_id)
    if purchase is None or purchase.wallet_id != current_user.wallet_id:
        raise PurchaseNotFound
    return purchase


def _outcome(purchase_id: uuid.UUID, *, polled: bool = False) -> dict[str, object]:
    """What the return page shows: the purchase, after asking Stripe how its session stands.

    The webhook may be late or lost, so while the outcome is open this page looks for itself; but every
    poll of everybody who waits would be too often.
    """
    purchase = _find_purchase(purchase_id)
    status = None
    if purchase.state in UNFINISHED and purchase.checkout_session_id is not None:
        checkout_id = purchase.checkout_session_id
        db.session.rollback()  # let go of the connection while Stripe is asked
        status = _status(purchase_id, checkout_id, polled=polled)
        purchase = _find_purchase(purchase_id)
    waiting = purchase.state in UNFINISHED
    return {
        "purchase": purchase,
        "waiting": waiting,
        "processing": status is CheckoutStatus.PROCESSING,
        # Not paid, and not about to be, for all that Stripe knows; without a session it never could be.
        "open": waiting and (status is CheckoutStatus.OPEN or purchase.checkout_session_id is None),
        "taken_back": reversals.credits_taken_back(db.session(), purchase),
        "pack_title": _pack_title(purchase.pack),
    }


def _status(purchase_id: uuid.UUID, checkout_id: str, *, polled: bool) -> CheckoutStatus | None:
    """How the session stands, or None when Stripe does not say; polls are mostly told what was last heard."""
    asked_at, known = last_answers.get(purchase_id, lambda: (-math.inf, None))
    if polled and time.monotonic() - asked_at < ASK_SECONDS:
        return known
    last_answers.put(purchase_id, (time.monotonic(), known))  # other polls do not ask while this one waits
    found = _look_and_fulfil(purchase_id, checkout_id, hasty=polled)
    status = found.status if found else None
    last_answers.put(purchase_id, (time.monotonic(), status))
    return status


def _look_and_fulfil(purchase_id: uuid.UUID, checkout_id: str, *, hasty: bool) -> Checkout | None:
    """Return the session as Stripe knows it, or None when Stripe cannot be asked now."""
    try:
        found = gateway().find_checkout(checkout_id, hasty=hasty)
    except PaymentUnavailable:
        return None  # logged by the gateway; the page goes on waiting for the webhook
    try:
        with transaction() as session:
            fulfilment.fulfil_purchase(session, purchase_id, found)
    except PaymentMismatch as error:
        log.error("payment.mismatch", purchase=str(purchase_id), reason=error.reason)
        raise
    return found


# --- what Stripe tells --------------------------------------------------------------------------


@bp.post("/webhooks/stripe")
@csrf.exempt
@limiter.exempt
@takes_body(lambda: WEBHOOK_MAX_BYTES)
def stripe_webhook() -> ResponseReturnValue:
    """Take a signed event. Any answer but 2xx makes Stripe deliver it again, for days.

    So what a repetition may mend (Stripe or the database cannot be reached) fails, and what it
    cannot mend is logged for a person and accepted. The latter leaves no trace in the database, so
    that the event can be sent again by hand once its cause is removed.
    """
    event = gateway().read_event(request.get_data(), request.headers.get("Stripe-Signature"))
    try:
        _handle(event)
    except (UnknownPurchase, PaymentMismatch) as error:
        log.error(
            "webhook.refused",
            webhook=event.id,
            type=event.type,
            kind=type(error).__name__,
            reason=error.reason,
        )
    return {"received": True}


def _handle(event: PaymentEvent) -> None:
    act = _told_by(event)
    if act is None:
        log.info("webhook.ignored", webhook=event.id, type=event.type)
        return
    with transaction() as session:
        if fulfilment.first_sighting(session, event.id, event.type):
            act(session)
        else:
            log.info("webhook.repeated", webhook=event.id, type=event.type)


def _told_by(event: PaymentEvent) -> Callable[[Session], object] | None:
    """What is to be done about an event. What it is about is asked for anew, for events come out of order."""
    if event.checkout_id is not None:
        purchase_id = _purchase_id(event)
        found = gateway().find_checkout(event.checkout_id)
        return partial(fulfilment.fulfil_purchase, purchase_id=purchase_id, checkout=found)
    if event.charge_id is not None:
        return partial(reversals.take_back_refunded, refunds=gateway().find_refunds(event.charge_id))
    if event.dispute_id is not None:
        return partial(reversals.settle_dispute, dispute=gateway().find_dispute(event.dispute_id))
    return None


def _purchase_id(event: PaymentEvent) -> uuid.UUID:
    try:
        return uuid.UUID(event.purchase_reference or "")
    except ValueError:
        raise UnknownPurchase(event.purchase_reference) from None
