"""Database triggers that refuse to change or delete a ledger entry."""

from __future__ import annotations

from sqlalchemy import DDL, Table, event
from sqlalchemy.schema import ExecutableDDLElement

SQLITE_CREATE = tuple(
    f"CREATE TRIGGER ledger_entries_no_{operation.lower()} BEFORE {operation} ON ledger_entries "
    "BEGIN SELECT RAISE(ABORT, 'ledger entries are never changed'); END"
    for operation in ("UPDATE", "DELETE")
)
SQLITE_DROP = (
    "DROP TRIGGER ledger_entries_no_update",
    "DROP TRIGGER ledger_entries_no_delete",
)

POSTGRESQL_CREATE = (
    "CREATE FUNCTION refuse_ledger_change() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN RAISE EXCEPTION 'ledger entries are never changed'; END $$",
    "CREATE TRIGGER ledger_entries_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_entries "
    "FOR EACH STATEMENT EXECUTE FUNCTION refuse_ledger_change()",
)
POSTGRESQL_DROP = (
    "DROP TRIGGER ledger_entries_append_only ON ledger_entries",
    "DROP FUNCTION refuse_ledger_change()",
)

CREATE = {"sqlite": SQLITE_CREATE, "postgresql": POSTGRESQL_CREATE}
DROP = {"sqlite": SQLITE_DROP, "postgresql": POSTGRESQL_DROP}


def attach(table: Table) -> None:
    """Have ``create_all`` create the triggers together with the table."""
    for dialect, statements in CREATE.items():
        for statement in statements:
            event.listen(table, "after_create", _ddl(statement, dialect))
    # Dropping a table drops its triggers; PostgreSQL's function must be dropped separately.
    event.listen(table, "after_drop", _ddl(POSTGRESQL_DROP[-1], "postgresql"))


def _ddl(statement: str, dialect: str) -> ExecutableDDLElement:
    ddl: ExecutableDDLElement = DDL(statement)  # type: ignore[no-untyped-call]
    return ddl.execute_if(dialect=dialect)
