"""Single-statement reads outside any unit of work, by plain asyncpg: one round trip each."""

import asyncio
from typing import Any

import asyncpg
import orjson

from shared.database import SESSION, outage_is_unavailable
from shared.settings import ServiceSettings


class _Stateless(asyncpg.Connection):
    """A connection that only ever ran single statements has no state to reset."""

    def get_reset_query(self) -> str:
        return ""


class Reader:
    """A read-only pool, opened by its first use.

    Parameters are positional (``$1``); jsonb comes as Python objects. Raises `Unavailable` when
    PostgreSQL is out of reach.
    """

    def __init__(self, settings: ServiceSettings, application: str) -> None:
        self._settings = settings
        self._application = application
        self._pool: asyncpg.Pool | None = None
        self._opening = asyncio.Lock()

    async def fetch(self, query: str, *parameters: Any) -> list[Any]:
        """All rows."""
        async with outage_is_unavailable():
            rows: list[Any] = await (await self._opened()).fetch(query, *parameters)
            return rows

    async def fetchrow(self, query: str, *parameters: Any) -> Any | None:
        """The first row, or None."""
        async with outage_is_unavailable():
            return await (await self._opened()).fetchrow(query, *parameters)

    def close(self) -> None:
        """Drop the connections; the next read opens them again."""
        if self._pool is not None:
            self._pool.terminate()
            self._pool = None

    async def _opened(self) -> asyncpg.Pool:
        async with self._opening:
            if self._pool is None:
                self._pool = await asyncpg.create_pool(
                    self._settings.database_url,
                    password=self._settings.database_password.get_secret_value() or None,
                    min_size=1,
                    max_size=self._settings.database_pool,
                    timeout=5,
                    command_timeout=30,
                    init=_read_json,
                    connection_class=_Stateless,
                    server_settings={
                        **SESSION,
                        "application_name": self._application,
                        "default_transaction_read_only": "on",
                    },
                )
        return self._pool


async def _read_json(connection: asyncpg.Connection) -> None:
    for name in ("json", "jsonb"):
        await connection.set_type_codec(
            name, schema="pg_catalog", encoder=_dumps, decoder=orjson.loads
        )


def _dumps(value: Any) -> str:
    return orjson.dumps(value).decode()
