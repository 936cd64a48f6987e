"""Waiting for work at little cost: a connection, a small query, nothing that inspecting needs."""

import asyncio
from collections.abc import Callable

import asyncpg
import structlog

from services.catalog.application.inspection_pulse import Pulse
from services.catalog.settings import Settings

POLL_SECONDS = 0.5
_TURN_SECONDS = 60.0
"""By then PostgreSQL answered, or was given up."""
_PAUSE_SECONDS = 2.0
_DUE = (
    "SELECT WHERE EXISTS (SELECT FROM inspections"
    " WHERE state IN ('QUEUED', 'RUNNING') AND lease_until <= now())"
    " OR EXISTS (SELECT FROM intakes"
    " WHERE state IN ('RECEIVED', 'EXTRACTING', 'APPLYING') AND lease_until <= now())"
)

log = structlog.get_logger(__name__)


async def until_due(settings: Settings, pulse: Pulse) -> None:
    """Return when work waits; as long as PostgreSQL is out of reach, keep asking."""
    with pulse.watching("waiting"):
        await _until_due(settings, lambda: pulse.beat("waiting", within=_TURN_SECONDS))


async def _until_due(settings: Settings, turn: Callable[[], None]) -> None:
    while True:
        turn()
        try:
            await _watch(settings, turn)
            return
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            log.warning("cannot ask for work", error=repr(error))
            await asyncio.sleep(_PAUSE_SECONDS)


async def _watch(settings: Settings, turn: Callable[[], None]) -> None:
    connection = await asyncpg.connect(
        settings.database_url,
        password=settings.database_password.get_secret_value() or None,
        timeout=5,
        command_timeout=10,
        server_settings={"application_name": "catalog-inspector"},
    )
    try:
        while await connection.fetchrow(_DUE) is None:
            turn()
            await asyncio.sleep(POLL_SECONDS)
    finally:
        await connection.close(timeout=2)
