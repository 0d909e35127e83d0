"""The pages of payment: who may see them, and what the webhook takes."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Sequence
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from pydantic import ValidationError
from sqlalchemy import select
from structlog.testing import capture_logs

from app import create_app
from app.accounts.models import User
from app.billing import ledger, views
from app.billing.fulfilment import Checkout
from app.billing.gateway import Gateway
from app.billing.models import EntryReason, Purchase, PurchaseState, WebhookEvent
from app.billing.sandbox import payments
from app.config import Settings
from app.db import db, transaction
from testing.billing import PACK, balance, deliver, event_body, pay, place_purchase, state
from testing.site import MakeUser, log_in, make_settings
from testing.together import at_once


@pytest.fixture
def ada(client: FlaskClient, make_user: MakeUser) -> User:
    user = make_user("ada@example.com")
    log_in(client, user)
    return user


def purchases(app: Flask) -> Sequence[Purchase]:
    with app.app_context():
        return db.session.scalars(select(Purchase)).all()


# --- pages --------------------------------------------------------------------------------------


def test_payment_pages_ask_to_log_in(client: FlaskClient) -> None:
    for path in ("/credits", f"/checkout/return?order={uuid.uuid4()}"):
        answer = client.get(path)
        assert (answer.status_code, "/log-in" in answer.location) == (302, True)
    assert client.post("/checkout", data={"pack": PACK.slug}).status_code == 302


def test_a_page_that_waits_gets_no_log_in_page_into_it(client: FlaskClient) -> None:
    assert client.get(f"/checkout/{uuid.uuid4()}/status").status_code == 404


def test_the_credits_page_tells_balance_prices_and_history(
    client: FlaskClient, app: Flask, ada: User
) -> None:
    with app.app_context(), transaction() as session:
        ledger.grant(session, ada.wallet_id, 7, EntryReason.ADJUSTMENT, "gift", note="With our apologies")
    page = client.get("/credits").text
    assert "<strong>7</strong> credits left" in page
    assert [price in page for price in ("€4.90", "€0.49 per picture", "€59.00")] == [True] * 3
    assert "With our apologies" in page
    assert "no money moves" in page


def test_a_long_history_has_pages(client: FlaskClient, app: Flask, ada: User) -> None:
    with app.app_context(), transaction() as session:
        for number in range(25):
            ledger.grant(session, ada.wallet_id, 1, EntryReason.ADJUSTMENT, f"gift-{number}")
    assert "Page 1 of 2" in client.get("/credits").text
    second = client.get("/credits?page=2").text
    assert ("Page 2 of 2" in second, second.count("Correction")) == (True, 5)
    assert client.get("/credits?page=3").status_code == 404


def test_buying_writes_an_purchase_and_leads_to_the_payment_page(
    client: FlaskClient, app: Flask, ada: User
) -> None:
    answer = client.post("/checkout", data={"pack": "pack-50"})
    (purchase,) = purchases(app)
    assert (answer.status_code, answer.location) == (
        303,
        f"http://localhost/sandbox/checkout/{purchase.checkout_session_id}",
    )
    assert (purchase.wallet_id, purchase.credits, purchase.amount_minor) == (ada.wallet_id, 50, 1900)
    assert purchase.state is PurchaseState.AWAITING_PAYMENT


@pytest.mark.usefixtures("ada")
@pytest.mark.parametrize("data", [{}, {"pack": ""}, {"pack": "pack-1000000"}])
def test_what_is_not_for_sale_cannot_be_bought(client: FlaskClient, app: Flask, data: dict[str, str]) -> None:
    answer = client.post("/checkout", data=data)
    assert (answer.status_code, "no longer for sale" in answer.text) == (400, True)
    assert purchases(app) == []


@pytest.mark.usefixtures("ada")
def test_buying_needs_the_form_s_token(app: Flask, client: FlaskClient) -> None:
    app.config["WTF_CSRF_ENABLED"] = True
    assert client.post("/checkout", data={"pack": PACK.slug}).status_code == 400
    assert purchases(app) == []


@pytest.mark.usefixtures("ada")
def test_when_the_payment_service_is_down_the_purchase_fails(app: Flask, client: FlaskClient) -> None:
    app.extensions["gateway"] = Gateway("sk_test_1", "whsec_1", lambda: "http://127.0.0.1:9")
    answer = client.post("/checkout", data={"pack": PACK.slug})
    assert (answer.status_code, "Nothing was charged" in answer.text) == (503, True)
    assert [purchase.state for purchase in purchases(app)] == [PurchaseState.FAILED]


def test_when_the_payment_service_refuses_the_purchase_fails(
    app: Flask, client: FlaskClient, ada: User
) -> None:
    sandbox = app.extensions["sandbox"]
    app.extensions["gateway"] = Gateway("sk_test_wrong", sandbox.webhook_secret, sandbox.api_address)
    answer = client.post("/checkout", data={"pack": PACK.slug})
    assert (answer.status_code, "The payment could not be started" in answer.text) == (503, True)
    assert [(purchase.state, purchase.wallet_id) for purchase in purchases(app)] == [
        (PurchaseState.FAILED, ada.wallet_id)
    ]


def test_a_picture_that_is_taken_back_is_not_said_to_have_failed(
    client: FlaskClient, app: Flask, ada: User
) -> None:
    with app.app_context(), transaction() as session:
        ledger.grant(session, ada.wallet_id, 1, EntryReason.ADJUSTMENT, "gift")
        ledger.reserve_credits(session, ada.wallet_id, 1, "render-1")
        ledger.return_credits(session, ada.wallet_id, 1, "render-1")
    page = client.get("/credits").text
    assert ("Not painted, credit returned" in page, "failed" in page) == (True, False)


def test_the_return_page_fulfils_by_itself(client: FlaskClient, app: Flask, ada: User) -> None:
    purchase = place_purchase(app, ada.wallet_id)
    waiting = client.get(f"/checkout/return?order={purchase.id}").text
    assert "Waiting for the payment" in waiting
    assert f"<code>{str(purchase.id)[:8]}</code>" in waiting, "a number that can be read out"
    assert '<noscript><meta http-equiv="refresh"' in waiting
    pay(app, purchase)
    paid = client.get(f"/checkout/return?order={purchase.id}").text
    assert ("Thank you" in paid, 'http-equiv="refresh"' in paid) == (True, False)
    assert (balance(app, ada), state(app, purchase)) == (10, PurchaseState.FULFILLED)


def test_the_waiting_fragment_reloads_the_page_when_the_outcome_is_known(
    client: FlaskClient, app: Flask, ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(views, "ASK_SECONDS", 0.0)
    purchase = place_purchase(app, ada.wallet_id)
    before = client.get(f"/checkout/{purchase.id}/status")
    assert ("HX-Refresh" in before.headers, "<html" in before.text) == (False, False)
    assert before.headers["Cache-Control"] == "private, no-store"
    pay(app, purchase)
    after = client.get(f"/checkout/{purchase.id}/status")
    assert (after.headers["HX-Refresh"], balance(app, ada)) == ("true", 10)


def test_stripe_is_not_asked_at_every_poll(
    client: FlaskClient, app: Flask, ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    purchase = place_purchase(app, ada.wallet_id)
    with app.extensions["sandbox"].store.transaction() as store:
        payments.pay_by_debit(store, payments.find_session(store, purchase.checkout_session_id or ""))
    asked: list[bool] = []
    find = Gateway.find_checkout

    def count(self: Gateway, checkout_id: str, *, hasty: bool = False) -> Checkout:
        asked.append(hasty)
        return find(self, checkout_id, hasty=hasty)

    monkeypatch.setattr(Gateway, "find_checkout", count)
    pages = [client.get(f"/checkout/{purchase.id}/status").text for _ in range(4)]
    assert asked == [True]
    assert all("Your bank is confirming the payment" in page for page in pages)
    client.get(f"/checkout/return?order={purchase.id}")
    assert asked == [True, False], "whoever loads the page is told the truth"
    monkeypatch.setattr(views, "ASK_SECONDS", 0.0)
    client.get(f"/checkout/{purchase.id}/status")
    assert asked == [True, False, True]
    # What the webhook told is seen at once, whoever was asked when.
    monkeypatch.setattr(views, "ASK_SECONDS", 1000.0)
    with app.extensions["sandbox"].store.transaction() as store:
        session = payments.find_session(store, purchase.checkout_session_id or "")
        payments.settle_debit(store, session, confirmed=True)
    assert deliver(app, event_body(purchase))[0] == 200
    assert client.get(f"/checkout/{purchase.id}/status").headers["HX-Refresh"] == "true"


def test_the_return_page_waits_while_the_payment_service_is_down(
    client: FlaskClient, app: Flask, ada: User
) -> None:
    purchase = place_purchase(app, ada.wallet_id)
    app.extensions["gateway"] = Gateway("sk_test_1", "whsec_1", lambda: "http://127.0.0.1:9")
    answer = client.get(f"/checkout/return?order={purchase.id}")
    assert (answer.status_code, "Waiting for the payment" in answer.text) == (200, True)


def test_another_person_s_purchase_does_not_exist(
    client: FlaskClient, app: Flask, make_user: MakeUser
) -> None:
    purchase = place_purchase(app, make_user("bob@example.com").wallet_id)
    pay(app, purchase)
    log_in(client, make_user("eve@example.com"))
    for path in (
        f"/checkout/return?order={purchase.id}",
        f"/checkout/{purchase.id}/status",
        f"/checkout/cancelled?order={purchase.id}",
        f"/checkout/return?order={uuid.uuid4()}",
        "/checkout/return?order=nonsense",
        "/checkout/return",
    ):
        assert client.get(path).status_code == 404, path
    assert state(app, purchase) is PurchaseState.AWAITING_PAYMENT


def test_leaving_the_payment_page_charges_nothing(client: FlaskClient, app: Flask, ada: User) -> None:
    purchase = place_purchase(app, ada.wallet_id)
    assert "Nothing was charged" in client.get(f"/checkout/cancelled?order={purchase.id}").text
    pay(app, purchase)
    client.get(f"/checkout/return?order={purchase.id}")
    answer = client.get(f"/checkout/cancelled?order={purchase.id}")
    assert (answer.status_code, answer.location) == (302, f"/checkout/return?order={purchase.id}")


def test_leaving_the_payment_page_after_paying_is_not_said_to_be_free(
    client: FlaskClient, app: Flask, ada: User
) -> None:
    """A debit is under way, another tab has paid, or nobody can say: the return page tells what is known."""
    debited, paid, unknown = (place_purchase(app, ada.wallet_id) for _ in range(3))
    with app.extensions["sandbox"].store.transaction() as store:
        payments.pay_by_debit(store, payments.find_session(store, debited.checkout_session_id or ""))
    pay(app, paid)
    for purchase, said in ((debited, "Your bank is at work"), (paid, "Thank you")):
        answer = client.get(f"/checkout/cancelled?order={purchase.id}", follow_redirects=True)
        assert (said in answer.text, "Nothing was charged" in answer.text) == (True, False)
    assert balance(app, ada) == PACK.credits
    app.extensions["gateway"] = Gateway("sk_test_1", "whsec_1", lambda: "http://127.0.0.1:9")
    answer = client.get(f"/checkout/cancelled?order={unknown.id}")
    assert answer.location == f"/checkout/return?order={unknown.id}"


# --- the webhook --------------------------------------------------------------------------------


def test_an_event_delivered_five_times_credits_once(app: Flask, make_user: MakeUser) -> None:
    user = make_user()
    purchase = place_purchase(app, user.wallet_id)
    pay(app, purchase)
    assert [deliver(app, event_body(purchase))[0] for _ in range(5)] == [200] * 5
    assert (balance(app, user), state(app, purchase)) == (10, PurchaseState.FULFILLED)
    with app.app_context():
        assert [event.id for event in db.session.scalars(select(WebhookEvent))] == ["evt_1"]


def test_webhooks_and_the_return_page_at_once_credit_once(client: FlaskClient, app: Flask, ada: User) -> None:
    purchase = place_purchase(app, ada.wallet_id)
    pay(app, purchase)

    def by_webhook() -> int:
        return deliver(app, event_body(purchase))[0]

    def by_return_page() -> int:
        other_tab = app.test_client()
        log_in(other_tab, ada)
        return other_tab.get(f"/checkout/return?order={purchase.id}").status_code

    assert at_once([by_webhook, by_return_page] * 3) == [200] * 6
    assert balance(app, ada) == 10


def test_an_event_is_believed_only_as_far_as_the_session_says(app: Flask, make_user: MakeUser) -> None:
    """Signed, but early: the session it speaks of is not paid."""
    user = make_user()
    purchase = place_purchase(app, user.wallet_id)
    assert deliver(app, event_body(purchase))[0] == 200
    assert (balance(app, user), state(app, purchase)) == (0, PurchaseState.AWAITING_PAYMENT)


@pytest.mark.parametrize("changes", [{"amount_minor": 1}, {"currency": "jpy"}])
def test_a_payment_of_another_amount_or_currency_credits_nothing(
    client: FlaskClient, app: Flask, ada: User, changes: dict[str, object]
) -> None:
    purchase = place_purchase(app, ada.wallet_id, **changes)
    pay(app, purchase)
    with capture_logs() as logs:
        assert deliver(app, event_body(purchase))[0] == 200
    (refusal,) = [entry for entry in logs if entry["event"] == "webhook.refused"]
    assert (refusal["log_level"], str(purchase.id) in refusal["reason"]) == ("error", True)
    answer = client.get(f"/checkout/return?order={purchase.id}")
    assert (answer.status_code, "does not match this purchase" in answer.text) == (409, True)
    assert (balance(app, ada), state(app, purchase)) == (0, PurchaseState.AWAITING_PAYMENT)
    with app.app_context():
        assert db.session.scalars(select(WebhookEvent)).all() == []


def test_an_event_of_an_unknown_purchase_is_taken_and_does_nothing(app: Flask, make_user: MakeUser) -> None:
    purchase = place_purchase(app, make_user().wallet_id)
    pay(app, purchase)
    for reference in (str(uuid.uuid4()), "somebody else's"):
        body = event_body(purchase).replace(str(purchase.id), reference)
        assert deliver(app, body)[0] == 200
    assert state(app, purchase) is PurchaseState.AWAITING_PAYMENT


def test_events_about_other_things_are_taken(app: Flask) -> None:
    body = json.dumps(
        {
            "id": "evt_1",
            "object": "event",
            "type": "charge.succeeded",
            "data": {"object": {"object": "charge"}},
        }
    )
    assert deliver(app, body)[0] == 200


def test_a_bad_signature_changes_nothing(app: Flask, make_user: MakeUser) -> None:
    user = make_user()
    purchase = place_purchase(app, user.wallet_id)
    pay(app, purchase)
    assert deliver(app, event_body(purchase), secret="whsec_guessed")[0] == 400
    assert deliver(app, event_body(purchase), timestamp=int(time.time()) - 600)[0] == 400
    assert app.test_client().post("/webhooks/stripe", data=event_body(purchase)).status_code == 400
    assert balance(app, user) == 0


def test_a_huge_event_is_refused_unread(app: Flask) -> None:
    assert deliver(app, "x" * 600_000)[0] == 413


def test_an_event_is_asked_for_again_while_stripe_is_down(app: Flask, make_user: MakeUser) -> None:
    """503 makes Stripe deliver it later; then it counts."""
    user = make_user()
    purchase = place_purchase(app, user.wallet_id)
    pay(app, purchase)
    working = app.extensions["gateway"]
    secret = app.extensions["sandbox"].webhook_secret
    app.extensions["gateway"] = Gateway("sk_test_1", secret, lambda: "http://127.0.0.1:9")
    assert deliver(app, event_body(purchase))[0] == 503
    app.extensions["gateway"] = working
    assert deliver(app, event_body(purchase))[0] == 200
    assert balance(app, user) == 10


# --- live and sandbox ---------------------------------------------------------------------------


def test_with_a_live_key_there_is_no_sandbox(tmp_path: Path, sqlite_url: str) -> None:
    live = create_app(
        make_settings(
            tmp_path, database_url=sqlite_url, stripe_secret_key="sk_live_1", stripe_webhook_secret="whsec_1"
        )
    )
    assert live.test_client().get("/sandbox/checkout/cs_test_1").status_code == 404
    assert "sandbox" not in live.extensions
    assert not (tmp_path / "sandbox_key").exists()
    with live.app_context():
        db.engine.dispose()


@pytest.mark.parametrize("missing", ["STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET"])
def test_production_does_not_start_without_keys(tmp_path: Path, missing: str) -> None:
    complete = {
        "app_env": "production",
        "secret_key": "x" * 40,
        "stripe_secret_key": "sk_live_1",
        "stripe_webhook_secret": "whsec_1",
        "site_url": "https://art.example.com",
        "trusted_proxies": 1,
        "smtp_host": "mail.example.com",
    }
    Settings(_env_file=None, instance_dir=tmp_path, **complete)  # type: ignore[arg-type]
    del complete[missing.lower()]
    with pytest.raises(ValidationError, match=missing):
        Settings(_env_file=None, instance_dir=tmp_path, **complete)  # type: ignore[arg-type]
