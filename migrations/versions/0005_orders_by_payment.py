"""Orders are found by their payment, which is what refunds and disputes name.

Revision ID: 0005
Revises: 0004
Create Date: 2026-11-22 00:40:00.000000
"""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(op.f("ix_orders_payment_intent_id"), "orders", ["payment_intent_id"])


def downgrade() -> None:
    op.drop_index(op.f("ix_orders_payment_intent_id"), table_name="orders")
