"""Frozen logs in PostgreSQL."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.copyright.application.log_freezing import FrozenLog

_ALL = text("SELECT origin, base, size, root, sm3_root, frozen_at FROM frozen_logs ORDER BY base")
_ADD = text(
    "INSERT INTO frozen_logs (origin, base, size, root, sm3_root, frozen_at)"
    " VALUES (:origin, :base, :size, :root, :sm3_root, :frozen_at)"
)
_WITNESSED = text(
    "SELECT EXISTS (SELECT FROM checkpoint_history"
    " WHERE origin = :origin AND size = :size AND witnessed)"
)


class FrozenLogRepository:
    """`services.copyright.application.log_freezing.FrozenLogs`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def all(self) -> list[FrozenLog]:
        return [FrozenLog(*row) for row in await self._connection.execute(_ALL)]

    async def add(self, frozen: FrozenLog) -> None:
        row = {name: getattr(frozen, name) for name in frozen.__dataclass_fields__}
        await self._connection.execute(_ADD, row)

    async def is_witnessed(self, origin: str, size: int) -> bool:
        asked = {"origin": origin, "size": size}
        found: bool = (await self._connection.execute(_WITNESSED, asked)).scalar_one()
        return found
