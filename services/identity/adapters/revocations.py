from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.identity.domain.events_provider import RevocationIssued
from services.identity.domain.tokens import Revocation
from shared.reader import Reader

_ADD = text(
    "INSERT INTO revocations (kind, value, before, expires_at)"
    " VALUES (:kind, :value, :before, :expires_at)"
)
_SINCE = "SELECT id, kind, value, before, expires_at FROM revocations WHERE before > $1"
_PAGE = (
    "SELECT id, kind, value, before, expires_at FROM revocations"
    " WHERE id > $1 AND expires_at > $2 ORDER BY id LIMIT $3"
)


class RevocationRows:
    """`services.identity.application.revocations.RevocationStore` over PostgreSQL."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, events: Sequence[RevocationIssued]) -> None:
        rows = [
            {
                "kind": each.kind,
                "value": each.value,
                "before": each.before,
                "expires_at": each.expires_at,
            }
            for each in events
        ]
        if rows:
            await self._connection.execute(_ADD, rows)


class RevocationReads:
    """`services.identity.application.revocations.RevocationReader` over PostgreSQL."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def since(self, instant: datetime) -> list[Revocation]:
        return [Revocation(*row) for row in await self._reader.fetch(_SINCE, instant)]

    async def page(self, now: datetime, after: int, limit: int) -> list[Revocation]:
        return [Revocation(*row) for row in await self._reader.fetch(_PAGE, after, now, limit)]
