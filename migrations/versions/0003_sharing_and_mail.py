"""Links by which pictures are shared; whether a person wants mail when a long order is done.

Revision ID: 0003
Revises: 0002
Create Date: 2026-11-21 10:05:00.000000
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Plain additions: SQLite makes no table anew, whose rows others refer to.
    op.add_column("renders", sa.Column("share_token", sa.String(length=64), nullable=True))
    op.add_column(
        "renders", sa.Column("share_shows_photo", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    op.create_index(op.f("ix_renders_share_token"), "renders", ["share_token"], unique=True)
    op.add_column(
        "users", sa.Column("mail_when_done", sa.Boolean(), nullable=False, server_default=sa.true())
    )


def downgrade() -> None:
    op.drop_column("users", "mail_when_done")
    op.drop_index(op.f("ix_renders_share_token"), table_name="renders")
    op.drop_column("renders", "share_shows_photo")
    op.drop_column("renders", "share_token")
