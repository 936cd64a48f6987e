"""asyncpg beside SQLAlchemy, for the record store alone: it copies rows in, which only the driver
can, at the rate that ``./shuyuan bench activity`` measures."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from shared.database import SESSION, outage_is_unavailable
from shared.settings import ServiceSettings

CONNECTIONS = 6


class Pool:
    """Connections that write, opened by their first use."""

    def __init__(self, settings: ServiceSettings) -> None:
        self._settings = settings
        self._pool: asyncpg.Pool | None = None
        self._opening = asyncio.Lock()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[asyncpg.Connection]:
        """One connection; an outage within the block is `Unavailable`."""
        async with outage_is_unavailable():
            pool = self._pool or await self._opened()
            async with pool.acquire() as connection:
                yield connection

    def close(self) -> None:
        """Drop the connections; the next use opens them again."""
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
                    max_size=CONNECTIONS,
                    timeout=5,
                    command_timeout=35,
                    server_settings={**SESSION, "application_name": "learning-records"},
                )
            return self._pool
