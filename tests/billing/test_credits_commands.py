"""Looking at credits and correcting them from the command line."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import select

from app.billing import ledger
from app.billing.models import LedgerEntry
from app.db import db
from testing.site import MakeUser


def run(app: Flask, *command: str) -> tuple[int, str]:
    result = app.test_cli_runner().invoke(args=["credits", *command])
    return result.exit_code, result.output.strip()


def test_credits_are_shown(app: Flask, make_user: MakeUser) -> None:
    make_user("ada@example.com", credits=7)
    assert run(app, "show", "Ada@Example.com") == (0, "7")


@pytest.mark.parametrize(("amount", "balance"), [("200", 207), ("-200", -193), ("-7", 0)])
def test_credits_are_given_and_taken_once(app: Flask, make_user: MakeUser, amount: str, balance: int) -> None:
    user = make_user("ada@example.com", credits=7)
    command = ("grant", "ada@example.com", amount, "--reference", "mistake of May")
    assert run(app, *command) == (0, f"granted; balance {balance}")
    assert run(app, *command) == (0, f"already granted before; balance {balance}")
    with app.app_context():
        assert ledger.balance(db.session(), user.wallet_id) == balance
        entry = db.session.scalars(select(LedgerEntry).order_by(LedgerEntry.id.desc())).first()
        assert entry is not None
        assert (entry.reason, entry.reference) == ("adjustment", "mistake of May")


def test_who_has_no_account_is_said(app: Flask) -> None:
    for command in (("show", "eve@example.com"), ("grant", "eve@example.com", "5", "--reference", "x")):
        code, output = run(app, *command)
        assert (code, "no account has the email eve@example.com" in output) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "missing"),
    [
        (("ada@example.com", "lots", "--reference", "x"), "not a valid integer"),
        (("ada@example.com", "--often", "--reference", "x"), "not a valid integer"),
        (("ada@example.com", "-5"), "Missing option '--reference'"),
        (("ada@example.com",), "Missing argument 'AMOUNT'"),
    ],
)
def test_what_cannot_be_understood_is_refused(app: Flask, arguments: tuple[str, ...], missing: str) -> None:
    code, output = run(app, "grant", *arguments)
    assert (code, missing in output) == (2, True), output
