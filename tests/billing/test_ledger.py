"""The books: sums, causes that count once, races, and a database that refuses to forget."""

from __future__ import annotations

import uuid

import pytest
from flask import Flask
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from app.billing import ledger
from app.billing.ledger import InsufficientCredits
from app.billing.models import EntryReason, LedgerEntry, Wallet
from app.db import Base, db, transaction
from testing.billing import make_wallet
from testing.together import at_once


def wallet_with(credits: int) -> uuid.UUID:
    with transaction() as session:
        wallet_id = make_wallet(session)
        ledger.grant(session, wallet_id, credits, EntryReason.PURCHASE, uuid.uuid4().hex)
    return wallet_id


def test_a_balance_is_the_sum_of_its_own_entries(session: Session) -> None:
    mine, other = wallet_with(10), wallet_with(50)
    with transaction():
        ledger.reserve_credits(session, mine, 3, "render-1")
        ledger.grant(session, mine, -2, EntryReason.ADJUSTMENT, "mistake", note="Counted twice")
    assert ledger.balance(session, mine) == 5
    assert ledger.balance(session, other) == 50


def test_an_empty_wallet_holds_nothing(session: Session) -> None:
    with transaction():
        assert ledger.balance(session, make_wallet(session)) == 0


def test_one_cause_counts_once(session: Session) -> None:
    with transaction():
        wallet_id = make_wallet(session)
        granted = [ledger.grant(session, wallet_id, 10, EntryReason.PURCHASE, "order-1") for _ in range(5)]
    assert granted == [True, False, False, False, False]
    assert ledger.balance(session, wallet_id) == 10


def test_credits_return_once(session: Session) -> None:
    wallet_id = wallet_with(4)
    with transaction():
        ledger.reserve_credits(session, wallet_id, 4, "render-1")
        assert ledger.return_credits(session, wallet_id, 4, "render-1")
        assert not ledger.return_credits(session, wallet_id, 4, "render-1")
    assert ledger.balance(session, wallet_id) == 4


@pytest.mark.parametrize(
    ("needed", "sentence"),
    [
        (1, "This costs 1 credit, and you have 0. Get more credits to continue."),
        (2, "This costs 2 credits, and you have 0. Get more credits to continue."),
    ],
)
def test_credits_that_are_not_there_cannot_be_spent(session: Session, needed: int, sentence: str) -> None:
    with transaction():
        wallet_id = make_wallet(session)
    with pytest.raises(InsufficientCredits) as refused, transaction():
        ledger.reserve_credits(session, wallet_id, needed, "render-1")
    assert (str(refused.value), refused.value.status) == (sentence, 402)
    assert ledger.balance(session, wallet_id) == 0


def test_history_is_newest_first_and_private(session: Session) -> None:
    mine, _other = wallet_with(10), wallet_with(50)
    with transaction():
        ledger.reserve_credits(session, mine, 1, "render-1")
        ledger.return_credits(session, mine, 1, "render-1")
    assert [entry.amount for entry in session.scalars(ledger.history(mine))] == [1, -1, 10]


@pytest.mark.parametrize(
    "statement",
    ["UPDATE ledger_entries SET amount = 1000", "DELETE FROM ledger_entries"],
)
def test_the_migrated_database_refuses_to_change_an_entry(app_on_both: Flask, statement: str) -> None:
    with app_on_both.app_context():
        wallet_id = wallet_with(10)
        with pytest.raises(DBAPIError, match="ledger entries are never changed"), transaction() as session:
            session.execute(text(statement))
        assert ledger.balance(db.session(), wallet_id) == 10


def test_tables_made_without_migrations_are_guarded_too() -> None:
    engine = create_engine("sqlite://")
    Base.metadata.create_all(engine, tables=[Wallet.__table__, LedgerEntry.__table__])  # type: ignore[list-item]
    with Session(engine) as session:
        ledger.grant(session, make_wallet(session), 10, EntryReason.WELCOME, "1")
        with pytest.raises(DBAPIError, match="ledger entries are never changed"):
            session.execute(text("UPDATE ledger_entries SET amount = 1000"))
    engine.dispose()


def reserve(app: Flask, wallet_id: uuid.UUID) -> bool:
    """One credit in a transaction of its own, as a request does it."""
    with app.app_context():
        try:
            with transaction() as session:
                ledger.reserve_credits(session, wallet_id, 1, uuid.uuid4().hex)
        except InsufficientCredits:
            return False
    return True


@pytest.mark.parametrize(("credits", "threads"), [(1, 2), (5, 20)])
def test_simultaneous_reservations_cannot_spend_the_same_credit(
    app_on_both: Flask, credits: int, threads: int
) -> None:
    with app_on_both.app_context():
        wallet_id = wallet_with(credits)
    outcomes = at_once([lambda: reserve(app_on_both, wallet_id)] * threads)
    assert sorted(outcomes, key=str) == [False] * (threads - credits) + [True] * credits
    with app_on_both.app_context():
        assert ledger.balance(db.session(), wallet_id) == 0


def test_simultaneous_returns_give_back_once(app_on_both: Flask) -> None:
    with app_on_both.app_context():
        wallet_id = wallet_with(1)
        with transaction() as session:
            ledger.reserve_credits(session, wallet_id, 1, "render-1")

    def give_back() -> bool:
        with app_on_both.app_context(), transaction() as session:
            return ledger.return_credits(session, wallet_id, 1, "render-1")

    outcomes = at_once([give_back] * 8)
    assert sorted(outcomes, key=str) == [False] * 7 + [True]
    with app_on_both.app_context():
        assert ledger.balance(db.session(), wallet_id) == 1
