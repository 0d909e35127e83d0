"""Orders of several pictures; the controls of a picture as one value; print sizes.

Revision ID: 0002
Revises: 0001
Create Date: 2026-11-21 09:15:00.000000
"""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# Whatever was painted before this revision shows its whole photo at the photo's own size.
FULL, WHOLE = "full", [0.0, 0.0, 1.0, 1.0]
ROWS_AT_ONCE = 1000


def upgrade() -> None:
    op.create_table(
        "picture_orders",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("request_key", sa.String(length=64), nullable=False),
        sa.Column("credits", sa.Integer(), nullable=False),
        sa.Column("site_address", sa.String(length=300), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("credits > 0", name=op.f("ck_picture_orders_credits_positive")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_picture_orders_user_id_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_picture_orders")),
        sa.UniqueConstraint("request_key", name=op.f("uq_picture_orders_request_key")),
    )
    op.create_index(op.f("ix_picture_orders_user_id_created_at"), "picture_orders", ["user_id", "created_at"])
    # Every picture ordered so far becomes an order of its own, with the same id.
    op.execute(
        "INSERT INTO picture_orders"
        " (id, user_id, request_key, credits, site_address, created_at, completed_at)"
        " SELECT id, user_id, request_key, credits, '', created_at, created_at FROM renders"
    )
    with op.batch_alter_table("renders") as batch:
        batch.add_column(sa.Column("order_id", sa.Uuid(), nullable=True))
        batch.add_column(sa.Column("print_size", sa.String(length=16), nullable=True))
        batch.add_column(sa.Column("crop", sa.JSON(), nullable=True))
        batch.add_column(sa.Column("controls", sa.JSON(), nullable=True))
    _gather_controls()
    with op.batch_alter_table("renders") as batch:
        for column, kind in (
            ("order_id", sa.Uuid()),
            ("print_size", sa.String(length=16)),
            ("crop", sa.JSON()),
            ("controls", sa.JSON()),
        ):
            batch.alter_column(column, existing_type=kind, nullable=False)
        batch.create_foreign_key(
            op.f("fk_renders_order_id_picture_orders"), "picture_orders", ["order_id"], ["id"]
        )
        batch.create_index(op.f("ix_renders_order_id"), ["order_id"])
        batch.drop_index(op.f("ix_renders_user_id_created_at"))
        batch.create_index(op.f("ix_renders_user_id_created_at_id"), ["user_id", "created_at", "id"])
        batch.drop_constraint(op.f("uq_renders_request_key"), type_="unique")
        batch.drop_constraint(op.f("ck_renders_strength_range"), type_="check")
        batch.drop_column("request_key")
        batch.drop_column("style")
        batch.drop_column("strength")
        batch.drop_column("keep_colors")


def _gather_controls() -> None:
    connection = op.get_bind()
    renders = sa.table(
        "renders",
        sa.column("id", sa.Uuid()),
        sa.column("order_id", sa.Uuid()),
        sa.column("style", sa.String()),
        sa.column("strength", sa.Double()),
        sa.column("keep_colors", sa.Boolean()),
        sa.column("print_size", sa.String()),
        sa.column("crop", sa.JSON()),
        sa.column("controls", sa.JSON()),
    )
    connection.execute(renders.update().values(order_id=renders.c.id, print_size=FULL, crop=WHOLE))
    rows = connection.execute(
        sa.select(renders.c.id, renders.c.style, renders.c.strength, renders.c.keep_colors)
    ).all()
    change = renders.update().where(renders.c.id == sa.bindparam("row")).values(controls=sa.bindparam("kept"))
    for start in range(0, len(rows), ROWS_AT_ONCE):
        connection.execute(
            change,
            [
                {
                    "row": row.id,
                    "kept": {key: getattr(row, key) for key in ("style", "strength", "keep_colors")},
                }
                for row in rows[start : start + ROWS_AT_ONCE]
            ],
        )


def downgrade() -> None:
    with op.batch_alter_table("renders") as batch:
        batch.add_column(sa.Column("request_key", sa.String(length=64), nullable=True))
        batch.add_column(sa.Column("style", sa.String(length=64), nullable=True))
        batch.add_column(sa.Column("strength", sa.Double(), nullable=True))
        batch.add_column(sa.Column("keep_colors", sa.Boolean(), nullable=True))
    _scatter_controls()
    with op.batch_alter_table("renders") as batch:
        for column, kind in (
            ("request_key", sa.String(length=64)),
            ("style", sa.String(length=64)),
            ("strength", sa.Double()),
            ("keep_colors", sa.Boolean()),
        ):
            batch.alter_column(column, existing_type=kind, nullable=False)
        batch.create_unique_constraint(op.f("uq_renders_request_key"), ["request_key"])
        batch.create_check_constraint(op.f("ck_renders_strength_range"), "strength >= 0 AND strength <= 1")
        batch.drop_index(op.f("ix_renders_user_id_created_at_id"))
        batch.create_index(op.f("ix_renders_user_id_created_at"), ["user_id", "created_at"])
        batch.drop_index(op.f("ix_renders_order_id"))
        batch.drop_constraint(op.f("fk_renders_order_id_picture_orders"), type_="foreignkey")
        for column in ("order_id", "print_size", "crop", "controls"):
            batch.drop_column(column)
    op.drop_index(op.f("ix_picture_orders_user_id_created_at"), table_name="picture_orders")
    op.drop_table("picture_orders")


def _scatter_controls() -> None:
    connection = op.get_bind()
    rows = connection.execute(sa.text("SELECT id, controls FROM renders")).all()
    change = sa.text(
        "UPDATE renders SET request_key = :key, style = :style, strength = :strength,"
        " keep_colors = :keep_colors WHERE id = :id"
    )
    for row in rows:
        controls = json.loads(row.controls) if isinstance(row.controls, str) else row.controls
        connection.execute(
            change,
            {
                "id": row.id,
                "key": str(row.id).replace("-", ""),
                "style": controls["style"],
                "strength": controls.get("strength", 1.0),
                "keep_colors": controls.get("keep_colors", False),
            },
        )
