"""PostgreSQL: the engine, and the unit of work that a use case opens, fills and commits.

Repositories are made with the unit of work's connection. One visible transaction per use case: what
`commit` is given is what the caller is told, so that the first answer to an Idempotency-Key is
stored with the effect.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, Self, TypeVar

import asyncpg
from sqlalchemy import URL, event, make_url
from sqlalchemy import exc as sqlalchemy_errors
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from shared.audit import AuditTrail
from shared.clock import Clock, utc_now
from shared.context import current
from shared.errors import DomainError, Unavailable
from shared.outbox import Outbox
from shared.settings import ServiceSettings

T = TypeVar("T")

SESSION = {
    "timezone": "UTC",
    "lock_timeout": "5000",
    "statement_timeout": "30000",
    "idle_in_transaction_session_timeout": "30000",
}
"""Settings of every connection; times in milliseconds."""

ANSWER_SECONDS = 35.0
"""A server that is silent for longer than its own limits is gone, though no reset may ever come."""


def database_url(url: str, password: str) -> URL:
    """`url` with the asyncpg driver and `password`."""
    return make_url(url).set(drivername="postgresql+asyncpg", password=password or None)


def create_engine(settings: ServiceSettings, application: str) -> AsyncEngine:
    """An engine whose connections carry the service's name and give up on locks after 5 s."""
    engine = create_async_engine(
        database_url(settings.database_url, settings.database_password.get_secret_value()),
        hide_parameters=True,
        pool_size=settings.database_pool,
        max_overflow=0,
        pool_timeout=5,
        connect_args={
            "timeout": 5,
            "command_timeout": ANSWER_SECONDS,
            "server_settings": {**SESSION, "application_name": application},
        },
    )

    @event.listens_for(engine.sync_engine, "checkout")
    def _replace_closed(connection: Any, _record: Any, _proxy: Any) -> None:
        # The event loop has already seen the server go: no ping is needed to find out.
        if connection.driver_connection.is_closed():
            raise sqlalchemy_errors.DisconnectionError

    return engine


_OUTAGES = (
    OSError,
    sqlalchemy_errors.TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.InsufficientResourcesError,
    asyncpg.TransactionRollbackError,
    asyncpg.LockNotAvailableError,
)


def is_outage(error: BaseException) -> bool:
    """Whether waiting cures `error`: PostgreSQL was out of reach, out of room or too busy (a lock
    not given, a deadlock), and did not refuse what it was asked."""
    if isinstance(error, sqlalchemy_errors.DBAPIError):
        return error.connection_invalidated or (error.orig is not None and is_outage(error.orig))
    cause = error.__cause__
    return isinstance(error, _OUTAGES) or (cause is not None and is_outage(cause))


def _unavailable() -> Unavailable:
    return Unavailable(
        "The database cannot answer now. Repeat the request.", zh="数据库暂时无法应答，请重试。"
    )


@asynccontextmanager
async def outage_is_unavailable() -> AsyncIterator[None]:
    """Turn what `is_outage` into `Unavailable` (503, Retry-After)."""
    try:
        yield
    except Exception as error:
        if is_outage(error):
            raise _unavailable() from error
        raise


class UnitOfWork:
    """One transaction: rows, events, audit entries and the stored answer, or none of them.

    Leaving the block without `commit` rolls back. Raises `RequestStillRunning`,
    `IdempotencyKeyReused` or `shared.idempotency.Replay` on entry when the request in hand carries
    an Idempotency-Key that was seen before, and `Unavailable` when PostgreSQL is out of reach.
    """

    connection: AsyncConnection
    outbox: Outbox
    audit: AuditTrail
    committed: list[Callable[[], None]]
    """Called in order right after the commit; they must not fail."""

    def __init__(
        self,
        engine: AsyncEngine,
        source: str,
        clock: Clock = utc_now,
        wake_relay: Callable[[], None] = lambda: None,
        wake_sealer: Callable[[], None] = lambda: None,
    ) -> None:
        self._engine = engine
        self._source = source
        self._clock = clock
        self._wake_relay = wake_relay
        self._wake_sealer = wake_sealer

    async def __aenter__(self) -> Self:
        self.outbox = Outbox(self._source, self._clock)
        self.audit = AuditTrail(self._clock)
        self.committed = []
        async with outage_is_unavailable():
            self.connection = await self._engine.connect()
            claim = current().claim
            if claim is not None and not claim.settled:
                try:
                    await claim.take(self.connection)
                except BaseException:
                    await self.connection.close()
                    raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            await self.connection.close()
        except Exception as failure:
            if not is_outage(failure):
                raise
        if error is not None and not isinstance(error, DomainError) and is_outage(error):
            raise _unavailable() from error

    async def commit(self, result: T = None) -> T:  # type: ignore[assignment]
        """Write events and audit, store `result`'s answer for a repeat, commit, return `result`."""
        claim = current().claim
        audited = await self.audit.write(self.connection)
        if claim is not None and not claim.settled:
            await claim.store(self.connection, result)
        recorded = await self.outbox.write(self.connection)
        await self.connection.commit()
        for tell in self.committed:
            tell()
        if claim is not None:
            claim.settled = True
        if recorded:
            self._wake_relay()
        if audited:
            self._wake_sealer()
        return result
