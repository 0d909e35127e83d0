"""Migrations run up and down and match the models, on both databases."""

from __future__ import annotations

import uuid

import pytest
from flask import Flask
from flask_migrate import check, downgrade, upgrade
from sqlalchemy import Uuid, bindparam, inspect, text
from sqlalchemy.exc import DatabaseError

from app.accounts.services import open_account
from app.billing import ledger
from app.billing.models import EntryReason, LedgerEntry
from app.db import UtcDateTime, db, transaction, utc_now
from app.imaging.prints import WHOLE
from app.studio.domain.controls import Controls
from app.studio.domain.models import Render


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


def test_pictures_painted_before_there_were_orders_keep_their_settings(app_on_both: Flask) -> None:
    with app_on_both.app_context():
        with transaction() as session:
            user = open_account(session, email="ada@example.com", password_hash="-")
            user_id = user.id
        downgrade(revision="0001")
        old = {"id": uuid.uuid4(), "user_id": user_id, "now": utc_now()}
        with transaction() as session:
            session.execute(
                text(
                    "INSERT INTO renders (id, user_id, name, width, height, request_key, style, strength,"
                    " keep_colors, credits, status, progress, attempt, created_at) VALUES (:id, :user_id,"
                    " 'beach', 40, 30, 'k', 'wave', 0.7, :yes, 2, 'done', 1.0, 1, :now)"
                ).bindparams(bindparam("id", type_=Uuid()), bindparam("now", type_=UtcDateTime())),
                old | {"yes": True},
            )
        upgrade()
        with transaction() as session:
            render = session.get_one(Render, old["id"])
            assert render.controls == Controls(style="wave", strength=0.7, keep_colors=True)
            assert (render.print_size, render.crop) == ("full", WHOLE)
            assert (render.order.credits, render.order.completed_at) == (2, render.created_at)
        downgrade(revision="0001")
        with transaction() as session:
            kept = session.execute(text("SELECT style, strength, keep_colors FROM renders")).one()
            assert tuple(kept) == ("wave", 0.7, True)


def test_models_and_migrations_agree(app_on_both: Flask) -> None:
    with app_on_both.app_context():
        check()


def test_the_migrated_database_protects_the_ledger(app_on_both: Flask) -> None:
    with app_on_both.app_context():
        with transaction() as session:
            user = open_account(session, email="ada@example.com", password_hash="-")
            ledger.grant(session, user.wallet_id, 3, EntryReason.WELCOME, "1")
        for change in (
            db.update(LedgerEntry).values(amount=300),
            db.delete(LedgerEntry),
        ):
            with pytest.raises(DatabaseError, match="never changed"), transaction() as session:
                session.execute(change)
