"""The hosted payment page, with the site's design and on its server."""

from __future__ import annotations

from typing import cast

from flask import Blueprint, current_app, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext, lazy_gettext
from flask_wtf import FlaskForm
from wtforms import StringField

from app.billing.sandbox import payments
from app.billing.sandbox.cards import (
    AUTHENTICATION_FAILED,
    DECLINE_SENTENCES,
    TEST_CARDS,
    InvalidCard,
    Outcome,
    read_card,
)
from app.billing.sandbox.errors import ApiError
from app.billing.sandbox.payments import SessionClosed
from app.billing.sandbox.service import Sandbox
from app.billing.sandbox.store import JsonObject, Transaction
from app.db import utc_now
from app.errors import DomainError
from app.sentences import translatable

bp = Blueprint("sandbox", __name__, url_prefix="/sandbox")


class CheckoutNotFound(DomainError):
    """No session has this id."""

    status = 404

    def __init__(self) -> None:
        super().__init__(
            translatable("The sandbox does not know this payment. Go back to the site and start again.")
        )


class CardForm(FlaskForm):  # type: ignore[misc]
    """The card form; ``cards.read_card`` checks its fields as Stripe does."""

    number = StringField(
        lazy_gettext("Card number"), render_kw={"inputmode": "numeric", "autocomplete": "off"}
    )
    expiry = StringField(
        lazy_gettext("Expiry date"), render_kw={"placeholder": lazy_gettext("MM / YY"), "autocomplete": "off"}
    )
    cvc = StringField(
        lazy_gettext("Security code"), render_kw={"inputmode": "numeric", "autocomplete": "off"}
    )
    name = StringField(lazy_gettext("Name on card"), render_kw={"autocomplete": "off"})


def _sandbox() -> Sandbox:
    return cast(Sandbox, current_app.extensions["sandbox"])


@bp.before_request
def _note_site() -> None:
    """Deliver events to this server's own port, past any proxy in front of it."""
    origin = {**request.environ, **request.environ.get("werkzeug.proxy_fix.orig", {})}
    host = origin["SERVER_NAME"]
    if host in ("", "0.0.0.0", "::"):  # noqa: S104 - compared with, not bound to
        host = "127.0.0.1"
    _sandbox().deliver_to(f"http://{host}:{origin['SERVER_PORT']}{url_for('billing.stripe_webhook')}")


@bp.get("/checkout/<session_id>")
def checkout(session_id: str) -> ResponseReturnValue:
    with _sandbox().store.transaction() as store:
        session = _find(store, session_id)
        waits = payments.awaits_authentication(store, session)
    if waits:
        return redirect(url_for("sandbox.authentication", session_id=session_id))
    return _page(session, CardForm(formdata=None))


@bp.post("/checkout/<session_id>")
def pay(session_id: str) -> ResponseReturnValue:
    form = CardForm()
    typed = (form.number.data, form.expiry.data, form.cvc.data, form.name.data)
    try:
        card = read_card(*(text or "" for text in typed), today=utc_now().date())
    except InvalidCard as error:
        return _refused(_read(session_id), form, error.field, gettext(str(error)))
    with _sandbox().store.transaction() as store:
        session = _find(store, session_id)
        outcome = payments.pay_by_card(store, session, card)
    _sandbox().announce()
    if outcome is Outcome.NEEDS_AUTHENTICATION:
        return redirect(url_for("sandbox.authentication", session_id=session_id), 303)
    if outcome is Outcome.PAYS:
        return redirect(session["success_url"], 303)
    return _refused(session, form, "number", gettext(DECLINE_SENTENCES[outcome]))


def _refused(session: JsonObject, form: CardForm, field: str, sentence: str) -> ResponseReturnValue:
    """The page again, with the person's input and a sentence at the invalid field."""
    form[field].errors = [sentence]
    return _page(session, form), 402


@bp.get("/checkout/<session_id>/authentication")
def authentication(session_id: str) -> ResponseReturnValue:
    with _sandbox().store.transaction() as store:
        session = _find(store, session_id)
        if not payments.awaits_authentication(store, session):
            raise SessionClosed
    return render_template("sandbox/authentication.html", checkout=session)


@bp.post("/checkout/<session_id>/authentication")
def authenticate(session_id: str) -> ResponseReturnValue:
    confirmed = _confirmed()
    with _sandbox().store.transaction() as store:
        session = _find(store, session_id)
        payments.authenticate(store, session, confirmed=confirmed)
    _sandbox().announce()
    if confirmed:
        return redirect(session["success_url"], 303)
    form = CardForm(formdata=None)
    return _refused(session, form, "number", gettext(AUTHENTICATION_FAILED))


@bp.post("/checkout/<session_id>/debit")
def pay_by_debit(session_id: str) -> ResponseReturnValue:
    with _sandbox().store.transaction() as store:
        session = _find(store, session_id)
        payments.pay_by_debit(store, session)
    _sandbox().announce()
    return redirect(session["success_url"], 303)


@bp.post("/checkout/<session_id>/bank")
def decide_debit(session_id: str) -> ResponseReturnValue:
    """Play the bank, which confirms or refuses a debit days later."""
    with _sandbox().store.transaction() as store:
        session = _find(store, session_id)
        payments.settle_debit(store, session, confirmed=_confirmed())
    _sandbox().announce()
    return redirect(session["success_url"], 303)


@bp.errorhandler(SessionClosed)
def _show_what_happened(_error: SessionClosed) -> ResponseReturnValue:
    """Lead an impossible step, such as a double click, to the page that explains it."""
    return redirect(url_for("sandbox.checkout", **(request.view_args or {})), 303)


def _confirmed() -> bool:
    return request.form.get("decision") == "confirm"


def _find(store: Transaction, session_id: str) -> JsonObject:
    try:
        return payments.find_session(store, session_id)
    except ApiError:
        raise CheckoutNotFound from None


def _read(session_id: str) -> JsonObject:
    with _sandbox().store.transaction() as store:
        return _find(store, session_id)


def _page(session: JsonObject, form: CardForm) -> str:
    with _sandbox().store.transaction() as store:
        items = store.newest("item", parent=session["id"])
        awaits_bank = payments.awaits_bank(store, session)
    return render_template(
        "sandbox/checkout.html",
        checkout=session,
        items=items,
        awaits_bank=awaits_bank,
        form=form,
        test_cards=TEST_CARDS,
    )
