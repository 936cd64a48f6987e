"""What alembic does not compare: the conditions of CHECK constraints and of indexes.

The models are made once more in a schema of their own, within a transaction that is rolled back, so
that PostgreSQL itself words both sides.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, MetaData, text

_SCHEMA = "models"
_DEFINED = """
SELECT c.relname || ': ' || pg_get_constraintdef(k.oid) AS told
FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
WHERE k.contype = 'c' AND c.relnamespace = to_regnamespace(:schema) AND c.relname = ANY(:tables)
UNION ALL
SELECT pg_get_indexdef(i.indexrelid)
FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
WHERE c.relnamespace = to_regnamespace(:schema) AND c.relname = ANY(:tables)
"""


def differences(connection: Connection, metadata: MetaData) -> list[str]:
    """A line for each definition that only the models have, and that only the database has."""
    outer = connection.begin_nested()
    try:
        connection.execute(text(f"CREATE SCHEMA {_SCHEMA}"))
        connection.execute(text(f"SET LOCAL search_path = {_SCHEMA}, public"))
        metadata.create_all(connection, checkfirst=False)
        wanted = _told(connection, _SCHEMA, metadata.tables)
        connection.execute(text("SET LOCAL search_path = public"))
        found = _told(connection, "public", metadata.tables)
    finally:
        outer.rollback()
    return [
        *(f"only in the models: {each}" for each in sorted(wanted - found)),
        *(f"only in the database: {each}" for each in sorted(found - wanted)),
    ]


def _told(connection: Connection, schema: str, tables: Mapping[str, Any]) -> set[str]:
    rows = connection.scalars(text(_DEFINED), {"schema": schema, "tables": list(tables)})
    return {each.replace(f"{schema}.", "") for each in rows}
