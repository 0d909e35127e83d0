"""Makes and pays purchases, in the books alone or with Stripe's sandbox."""

from __future__ import annotations

import json
import uuid

from flask import Flask
from sqlalchemy.orm import Session

from app.accounts.models import User
from app.billing import fulfilment, ledger
from app.billing.fulfilment import Checkout, CheckoutStatus
from app.billing.gateway import CheckoutRequest
from app.billing.models import Purchase, PurchaseState, Wallet
from app.billing.sandbox import payments
from app.billing.sandbox.cards import read_card
from app.billing.sandbox.courier import signature
from app.config import DEFAULT_PACKS
from app.db import db, transaction, utc_now

PACK = DEFAULT_PACKS[0]


def checkout_request(purchase_id: uuid.UUID | None = None, **changes: object) -> CheckoutRequest:
    wanted: dict[str, object] = {
        "purchase_id": purchase_id or uuid.uuid4(),
        "title": "Sketchbook",
        "description": "10 credits",
        "amount_minor": 490,
        "currency": "eur",
        "success_url": "http://127.0.0.1:8000/checkout/return?order=1",
        "cancel_url": "http://127.0.0.1:8000/checkout/cancelled?order=1",
        "email": "ada@example.com",
    }
    return CheckoutRequest(**(wanted | changes))  # type: ignore[arg-type]


def make_wallet(session: Session) -> uuid.UUID:
    wallet = Wallet(id=uuid.uuid4())
    session.add(wallet)
    session.flush()
    return wallet.id


def record_purchase() -> tuple[uuid.UUID, Checkout]:
    """A purchase in the books, and what Stripe says once it is paid."""
    with transaction() as session:
        purchase_id = fulfilment.create_purchase(session, make_wallet(session), PACK, "eur").id
        fulfilment.open_checkout(session, purchase_id, f"cs_{purchase_id}")
    paid = Checkout(
        id=f"cs_{purchase_id}",
        purchase_reference=str(purchase_id),
        status=CheckoutStatus.PAID,
        amount_minor=PACK.amount_minor,
        currency="eur",
        payment_intent_id="pi_1",
    )
    return purchase_id, paid


def held(purchase_id: uuid.UUID) -> tuple[PurchaseState, int]:
    """The purchase's state, and its wallet's credits."""
    session = db.session()
    session.expire_all()
    purchase = session.get_one(Purchase, purchase_id)
    return purchase.state, ledger.balance(session, purchase.wallet_id)


def fulfil(purchase_id: uuid.UUID, checkout: Checkout) -> int:
    with transaction() as session:
        return fulfilment.fulfil_purchase(session, purchase_id, checkout).credited


def place_purchase(app: Flask, wallet_id: uuid.UUID, **changes: object) -> Purchase:
    """A purchase of the smallest pack, with a real session in the sandbox."""
    with app.app_context():
        with transaction() as session:
            purchase_id = fulfilment.create_purchase(session, wallet_id, PACK, "eur").id
        wanted: CheckoutRequest = checkout_request(
            purchase_id, **({"amount_minor": PACK.amount_minor} | changes)
        )
        opened = app.extensions["gateway"].open_checkout(wanted)
        with transaction() as session:
            fulfilment.open_checkout(session, purchase_id, opened.id)
        return db.session.get_one(Purchase, purchase_id)


def pay(app: Flask, purchase: Purchase) -> None:
    """Pay in the sandbox, without telling the site."""
    with app.extensions["sandbox"].store.transaction() as store:
        card = read_card("4242424242424242", "12/99", "123", "Ada", today=utc_now().date())
        payments.pay_by_card(store, payments.find_session(store, purchase.checkout_session_id or ""), card)


def event_body(purchase: Purchase, event_id: str = "evt_1", kind: str = "checkout.session.completed") -> str:
    subject = {
        "id": purchase.checkout_session_id,
        "object": "checkout.session",
        "client_reference_id": str(purchase.id),
    }
    return json.dumps({"id": event_id, "object": "event", "type": kind, "data": {"object": subject}})


def deliver(app: Flask, body: str, **sign: object) -> tuple[int, str]:
    secret = app.extensions["sandbox"].webhook_secret
    header = signature(body, str(sign.get("secret", secret)), timestamp=sign.get("timestamp"))  # type: ignore[arg-type]
    answer = app.test_client().post("/webhooks/stripe", data=body, headers={"Stripe-Signature": header})
    return answer.status_code, answer.text


def balance(app: Flask, user: User) -> int:
    with app.app_context():
        return ledger.balance(db.session(), user.wallet_id)


def state(app: Flask, purchase: Purchase) -> PurchaseState:
    with app.app_context():
        return db.session.get_one(Purchase, purchase.id).state
