from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.identity.domain.events_provider import RevocationIssued
from services.identity.domain.tokens import Revocation

_ADD = text(
    "INSERT INTO revocations (kind, value, before, expires_at)"
    " VALUES (:kind, :value, :before, :expires_at)"
)
_SINCE = text("SELECT id, kind, value, before, expires_at FROM revocations WHERE before > :instant")
_PAGE = text(
    "SELECT id, kind, value, before, expires_at FROM revocations"
    " WHERE id > :after AND expires_at > :now ORDER BY id LIMIT :limit"
)


class RevocationRows:
    """`services.identity.application.revocations.RevocationStore` over PostgreSQL."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, event: RevocationIssued) -> None:
        row = {"kind": event.kind, "value": event.value}
        times = {"before": event.before, "expires_at": event.expires_at}
        await self._connection.execute(_ADD, {**row, **times})

    async def since(self, instant: datetime) -> list[Revocation]:
        rows = await self._connection.execute(_SINCE, {"instant": instant})
        return [Revocation(*row) for row in rows]

    async def page(self, now: datetime, after: int, limit: int) -> list[Revocation]:
        rows = await self._connection.execute(_PAGE, {"now": now, "after": after, "limit": limit})
        return [Revocation(*row) for row in rows]
