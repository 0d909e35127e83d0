"""Closing an account while its credits are being spent."""

from __future__ import annotations

import threading
import time

from flask import Flask

from app.accounts.models import User
from app.accounts.services import close_account
from app.billing import ledger
from app.db import transaction
from testing.site import create_user
from testing.together import run_together


def test_what_is_spent_at_this_moment_is_not_taken_again(app_on_both: Flask) -> None:
    user = create_user(app_on_both, "ada@example.com", credits=5)
    holds_wallet = threading.Event()

    def spend() -> None:
        with app_on_both.app_context(), transaction() as session:
            ledger.reserve_credits(session, user.wallet_id, 2, "render-1")
            holds_wallet.set()
            time.sleep(0.5)  # the account is being closed meanwhile

    def close() -> None:
        holds_wallet.wait()
        with app_on_both.app_context(), transaction() as session:
            close_account(session, session.get_one(User, user.id), [])

    run_together([spend, close])
    with app_on_both.app_context(), transaction() as session:
        assert ledger.balance(session, user.wallet_id) == 0
        assert session.get(User, user.id) is None
