"""The language in which an order was placed, for the mail that says it is done.

Revision ID: 0004
Revises: 0003
Create Date: 2026-11-21 12:45:00.000000
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "picture_orders", sa.Column("language", sa.String(length=8), nullable=False, server_default="en")
    )


def downgrade() -> None:
    op.drop_column("picture_orders", "language")
