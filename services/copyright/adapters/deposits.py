"""Deposits in PostgreSQL."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.copyright.domain.deposits import Deposit

_COLUMNS = (
    "SELECT d.id, d.reg_id, r.code, d.platform, d.digest, d.requested_at, d.try_at, d.attempts,"
    " d.refusal, d.receipt, d.deposited_at FROM deposits d JOIN registrations r ON r.id = d.reg_id"
)
_ADD = text(
    "INSERT INTO deposits (id, reg_id, platform, digest, requested_at, try_at, attempts)"
    " VALUES (:id, :registration_id, :platform, :digest, :requested_at, :try_at, :attempts)"
    " ON CONFLICT (reg_id, platform, digest) DO NOTHING"
)
_KEPT = text(
    f"{_COLUMNS} WHERE d.reg_id = :registration_id AND d.platform = :platform"
    " AND d.digest = :digest"
)
_OF = text(f"{_COLUMNS} WHERE d.reg_id = :registration_id ORDER BY d.id")
_TAKE = text(
    f"{_COLUMNS} WHERE d.try_at <= :now ORDER BY d.try_at LIMIT 1 FOR UPDATE OF d SKIP LOCKED"
)
_SAVE = text(
    "UPDATE deposits SET try_at = :try_at, attempts = :attempts, refusal = :refusal,"
    " receipt = :receipt, deposited_at = :deposited_at WHERE id = :id AND receipt IS NULL"
)


class DepositRepository:
    """`services.copyright.application.deposits.DepositStore`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, deposit: Deposit) -> Deposit:
        await self._connection.execute(_ADD, _row(deposit))
        return Deposit(*(await self._connection.execute(_KEPT, _row(deposit))).one())

    async def of(self, registration_id: UUID) -> Sequence[Deposit]:
        rows = await self._connection.execute(_OF, {"registration_id": registration_id})
        return [Deposit(*row) for row in rows]

    async def take(self, now: datetime) -> Deposit | None:
        row = (await self._connection.execute(_TAKE, {"now": now})).one_or_none()
        return Deposit(*row) if row else None

    async def save(self, deposit: Deposit) -> None:
        await self._connection.execute(_SAVE, _row(deposit))


def _row(deposit: Deposit) -> dict[str, Any]:
    return {name: getattr(deposit, name) for name in deposit.__dataclass_fields__}
