from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_HEAD = text("SELECT sequence, digest FROM audit_chain ORDER BY sequence DESC LIMIT 1")


class AuditHeadRepository:
    """`services.copyright.application.announcements.AuditHeads`, of the service's own chain."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def head(self) -> tuple[int, bytes] | None:
        row = (await self._connection.execute(_HEAD)).one_or_none()
        return (row.sequence, row.digest) if row else None
