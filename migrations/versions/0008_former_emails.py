"""The address before a change of the email, kept for its owner for a day.

Revision ID: 0008
Revises: 0007
Create Date: 2026-11-30 23:10:00.000000
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_column("users", "email_restored_at")
    op.add_column("users", sa.Column("former_email", sa.String(length=255), nullable=True))
    op.add_column("users", sa.Column("former_email_until", sa.DateTime(timezone=True), nullable=True))
    op.create_index(op.f("ix_users_former_email"), "users", ["former_email"])


def downgrade() -> None:
    op.drop_index(op.f("ix_users_former_email"), "users")
    op.drop_column("users", "former_email_until")
    op.drop_column("users", "former_email")
    op.add_column("users", sa.Column("email_restored_at", sa.DateTime(timezone=True), nullable=True))
