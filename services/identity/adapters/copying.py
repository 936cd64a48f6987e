"""COPY, within the transaction of a unit of work."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection


async def copy_into(
    connection: AsyncConnection,
    table: str,
    columns: Sequence[str],
    records: Iterable[Sequence[Any]],
) -> None:
    """Insert records, one value a column, by COPY in its binary form."""
    # The transaction begins with the first statement that passes through SQLAlchemy.
    await connection.execute(text("SELECT"))
    driver: Any = (await connection.get_raw_connection()).driver_connection
    await driver.copy_records_to_table(table, columns=columns, records=records)
