from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_TABLES = ("parties", "texts", "agreements")
_IS_LEFT = text("SELECT EXISTS (SELECT FROM forgotten_people WHERE NOT destroyed)")
_PATIENTLY = text("SET LOCAL statement_timeout = 0")  # half done, it would be begun again and again
_LOCK = text(f"LOCK TABLE {', '.join(_TABLES)} IN ACCESS EXCLUSIVE MODE")
# TRUNCATE begins a new file and drops the old one with the commit. VACUUM would leave the bytes
# where they are, and VACUUM FULL copies what an older snapshot may still see.
_ANEW = [
    text(statement.format(table=table))
    for table in _TABLES
    for statement in (
        "CREATE TEMPORARY TABLE kept_{table} ON COMMIT DROP AS TABLE {table}",
        "TRUNCATE {table}",
        "INSERT INTO {table} TABLE kept_{table}",
    )
]
_DESTROYED = text("UPDATE forgotten_people SET destroyed = true WHERE NOT destroyed")


class ErasedTables:
    """`services.copyright.application.erasure.Erased`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def is_left(self) -> bool:
        return bool(await self._connection.scalar(_IS_LEFT))

    async def write_anew(self) -> None:
        await self._connection.execute(_PATIENTLY)
        await self._connection.execute(_LOCK)
        for statement in _ANEW:
            await self._connection.execute(statement)
        await self._connection.execute(_DESTROYED)
