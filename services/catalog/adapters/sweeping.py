from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

_TAKE = text("SELECT pg_try_advisory_lock(hashtextextended('upload-sweep', 0))")
_GIVE = text("SELECT pg_advisory_unlock(hashtextextended('upload-sweep', 0))")


def sweeping_alone(engine: AsyncEngine) -> Callable[[], AbstractAsyncContextManager[bool]]:
    """Blocks of which one at a time is open, whatever the number of replicas."""

    @asynccontextmanager
    async def alone() -> AsyncIterator[bool]:
        async with engine.connect() as connection:
            await connection.execution_options(isolation_level="AUTOCOMMIT")
            taken = bool((await connection.execute(_TAKE)).scalar_one())
            try:
                yield taken
            finally:
                if taken:
                    await connection.execute(_GIVE)

    return alone
