"""The migrations lead up and down again, and say the same as the models, on both databases."""

from __future__ import annotations

import pytest
from flask import Flask
from flask_migrate import check, downgrade, upgrade
from sqlalchemy import inspect
from sqlalchemy.exc import DatabaseError

from app.accounts.services import open_account
from app.billing.models import LedgerEntry
from app.db import transaction
from app.extensions import db


def tables() -> set[str]:
    return set(inspect(db.engine).get_table_names())


def test_up_down_and_up_again(app_on_both: Flask) -> None:
    with app_on_both.app_context():
        built = tables()
        assert {"users", "wallets", "ledger_entries", "orders", "photos", "renders"} <= built
        downgrade(revision="base")
        assert tables() == {"alembic_version"}
        upgrade()
        assert tables() == built


def test_models_and_migrations_agree(app_on_both: Flask) -> None:
    with app_on_both.app_context():
        check()


def test_the_migrated_database_protects_the_ledger(app_on_both: Flask) -> None:
    with app_on_both.app_context():
        with transaction() as session:
            open_account(session, email="ada@example.com", password_hash="-", free_credits=3)
        for change in (
            db.update(LedgerEntry).values(amount=300),
            db.delete(LedgerEntry),
        ):
            with pytest.raises(DatabaseError, match="never changed"), transaction() as session:
                session.execute(change)
