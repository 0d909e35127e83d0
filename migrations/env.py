"""Alembic's environment: runs migrations on the application's database."""

from __future__ import annotations

from logging.config import fileConfig
from typing import TYPE_CHECKING

from alembic import context
from flask import current_app

if TYPE_CHECKING:
    from collections.abc import Iterable

    from alembic.operations import MigrationScript
    from alembic.runtime.migration import MigrationContext

config = context.config
fileConfig(config.config_file_name, disable_existing_loggers=False)
db = current_app.extensions["migrate"].db

# A migration that waits for a lock blocks the site; it fails instead, and can be run again.
LOCK_TIMEOUT = "5s"
STATEMENT_TIMEOUT = "60s"


def skip_empty(
    migration_context: MigrationContext, revision: Iterable[str | None], directives: list[MigrationScript]
) -> None:
    """Write no revision if nothing has changed."""
    if getattr(config.cmd_opts, "autogenerate", False) and directives[0].upgrade_ops.is_empty():
        directives.clear()


def run_migrations() -> None:
    with db.engine.connect() as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql(f"SET lock_timeout = '{LOCK_TIMEOUT}'")
            connection.exec_driver_sql(f"SET statement_timeout = '{STATEMENT_TIMEOUT}'")
            connection.commit()
        context.configure(
            connection=connection,
            target_metadata=db.metadata,
            compare_type=True,
            # Also true for SQLite, because app.db.configure_sqlite begins its transactions explicitly.
            transactional_ddl=True,
            # SQLite changes a table by creating it again.
            render_as_batch=connection.dialect.name == "sqlite",
            process_revision_directives=skip_empty,
        )
        with context.begin_transaction():
            context.run_migrations()


if context.is_offline_mode():
    raise SystemExit("Migrations are run on a live database: flask db upgrade")
run_migrations()
