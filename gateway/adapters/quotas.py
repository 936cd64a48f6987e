from collections.abc import Callable
from datetime import date

from sqlalchemy import text

from gateway.domain.quotas import Quota
from shared.database import UnitOfWork

_LEASE = text(
    "INSERT INTO quota_days AS known (client_id, day, taken, granted)"
    " VALUES (:client, :day, CAST(:block AS bigint), CAST(:block AS bigint))"
    " ON CONFLICT (client_id, day) DO UPDATE SET"
    " granted = GREATEST(0, LEAST(:block, CAST(:per_day AS bigint) - known.taken)),"
    " taken = known.taken + GREATEST(0, LEAST(:block, CAST(:per_day AS bigint) - known.taken))"
    " RETURNING granted, taken"
)


class QuotaRows:
    """`gateway.application.quotas.QuotaRegister` over PostgreSQL: one statement a block."""

    def __init__(self, new_uow: Callable[[], UnitOfWork]) -> None:
        self._new_uow = new_uow

    async def lease(self, client: str, day: date, quota: Quota) -> tuple[int, int]:
        asked = {"client": client, "day": day, "block": quota.block, "per_day": quota.per_day}
        async with self._new_uow() as uow:
            row = (await uow.connection.execute(_LEASE, asked)).one()
            return await uow.commit((row.granted, row.taken))
