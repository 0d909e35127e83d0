"""What went back of a purchase has rows of its own, and wallets and purchases say how they stand.

Safe under load: two nullable columns, an index and a new table; the code before it does not read them.

Revision ID: 0006
Revises: 0005
Create Date: 2026-11-30 21:55:00.000000
"""

from __future__ import annotations

import uuid
from collections import defaultdict

import sqlalchemy as sa
from alembic import op

from app.db import UtcDateTime

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("wallets", sa.Column("closed_at", UtcDateTime(), nullable=True))
    op.add_column("orders", sa.Column("checked_at", UtcDateTime(), nullable=True))
    op.create_index(op.f("ix_orders_state_created_at"), "orders", ["state", "created_at"])
    reversals = op.create_table(
        "reversals",
        sa.Column("purchase_id", sa.Uuid(), nullable=False),
        sa.Column("source", sa.String(255), nullable=False),
        sa.Column("amount_minor", sa.Integer(), nullable=False),
        sa.Column("won", sa.Boolean(), nullable=False),
        sa.CheckConstraint("amount_minor >= 0", name=op.f("ck_reversals_amount_not_negative")),
        sa.ForeignKeyConstraint(["purchase_id"], ["orders.id"], name=op.f("fk_reversals_purchase_id_orders")),
        sa.PrimaryKeyConstraint("purchase_id", "source", name=op.f("pk_reversals")),
    )
    _close_wallets()
    if rows := _rows_of_the_ledger():
        op.bulk_insert(reversals, rows)


def downgrade() -> None:
    op.drop_table("reversals")
    op.drop_index(op.f("ix_orders_state_created_at"), table_name="orders")
    op.drop_column("orders", "checked_at")
    op.drop_column("wallets", "closed_at")


def _close_wallets() -> None:
    """A wallet that no user has belongs to a deleted account."""
    op.execute(
        "UPDATE wallets SET closed_at = created_at "
        "WHERE NOT EXISTS (SELECT 1 FROM users WHERE users.wallet_id = wallets.id)"
    )


def _rows_of_the_ledger() -> list[dict[str, object]]:
    """The reversals that the ledger's entries tell of.

    An entry's reference is ``PURCHASE:CAUSE``. The cause of a refund is the sum refunded up to then. A
    dispute's entry has only its credits, which stand for that part of the price, rounded up.
    """
    entries = op.get_bind().execute(
        sa.text(
            "SELECT reason, reference, amount FROM ledger_entries "
            "WHERE reason IN ('refund', 'dispute', 'dispute_won')"
        )
    )
    refunded: dict[uuid.UUID, int] = defaultdict(int)
    disputed: dict[tuple[uuid.UUID, str], int] = defaultdict(int)
    won: set[tuple[uuid.UUID, str]] = set()
    for reason, reference, amount in entries:
        purchase, _, cause = reference.partition(":")
        key = (uuid.UUID(purchase), cause)
        if reason == "refund":
            refunded[key[0]] = max(refunded[key[0]], int(cause))
        else:
            disputed[key] -= amount
            if reason == "dispute_won":
                won.add(key)
    orders = sa.table("orders", sa.column("id", sa.Uuid()), sa.column("credits"), sa.column("amount_minor"))
    facts = op.get_bind().execute(sa.select(orders.c.id, orders.c.credits, orders.c.amount_minor))
    prices = {row[0]: (row[1], row[2]) for row in facts} if refunded or disputed else {}
    rows: list[dict[str, object]] = [
        {"purchase_id": purchase, "source": "refunds", "amount_minor": amount, "won": False}
        for purchase, amount in refunded.items()
    ]
    for key, taken in disputed.items():
        credits, price = prices[key[0]]
        amount = 0 if key in won else -(-taken * price // credits)
        rows.append({"purchase_id": key[0], "source": key[1], "amount_minor": amount, "won": key in won})
    return rows
