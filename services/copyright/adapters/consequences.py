"""Agreements to licences, and deadlines, in PostgreSQL."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.copyright.application.consequences import Agreement, Deadline, DeadlineKind, Ended

_TOLD = "RETURNING encode(event, 'hex') AS event, encode(offer, 'hex') AS offer, person, used_in"
_AGREE = text(
    "INSERT INTO agreements (event, reg_id, offer, person, used_in)"
    " VALUES (:event, :reg_id, :offer, :person, :used_in)"
)
_STANDS = text(
    "SELECT EXISTS (SELECT FROM agreements WHERE reg_id = :reg_id AND offer = :offer"
    " AND person = :person AND used_in IS NOT DISTINCT FROM CAST(:used_in AS uuid)"
    " AND ended_by IS NULL)"
)
_END = "UPDATE agreements SET ended_by = :reason WHERE reg_id = :reg_id"
_END_ALL = text(f"{_END} AND ended_by IS NULL {_TOLD}")
_END_OF_OFFER = text(
    f"{_END} AND offer = :offer AND (ended_by IS NULL OR ended_by = 'REMOVED') {_TOLD}"
)
_RESUME = text(
    "UPDATE agreements SET ended_by = NULL"  # noqa: S608 - constant columns
    f" WHERE reg_id = :reg_id AND ended_by = 'REMOVED' {_TOLD}"
)
_ADD = text(
    "INSERT INTO deadlines (event, kind, reg_id, due_at) VALUES (:event, :kind, :reg_id, :due_at)"
)
_MET = text("DELETE FROM deadlines WHERE reg_id = :reg_id AND kind <> 'EXPIRY'")
_NO_MORE = text("DELETE FROM deadlines WHERE reg_id = :reg_id AND event = :event")
_PASSED = text(
    "SELECT encode(event, 'hex') AS event, kind, reg_id, due_at FROM deadlines"
    " WHERE due_at <= :now ORDER BY due_at LIMIT 1"
)
_REMOVE = text("DELETE FROM deadlines WHERE event = :event AND kind = :kind")


class AgreementRepository:
    """`services.copyright.application.consequences.AgreementStore`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, registration_id: UUID, agreement: Agreement) -> None:
        row = {
            "event": bytes.fromhex(agreement.event),
            "reg_id": registration_id,
            "offer": bytes.fromhex(agreement.offer),
            "person": agreement.person,
            "used_in": agreement.used_in,
        }
        await self._connection.execute(_AGREE, row)

    async def stands(
        self, registration_id: UUID, offer: str, person: str, used_in: UUID | None
    ) -> bool:
        row = {"reg_id": registration_id, "offer": bytes.fromhex(offer)}
        asked = {**row, "person": person, "used_in": used_in}
        return bool(await self._connection.scalar(_STANDS, asked))

    async def end(
        self, registration_id: UUID, offer: str | None, reason: Ended
    ) -> Sequence[Agreement]:
        asked = {"reg_id": registration_id, "reason": reason}
        if offer is None:
            return await self._changed(_END_ALL, **asked)
        return await self._changed(_END_OF_OFFER, **asked, offer=bytes.fromhex(offer))

    async def resume(self, registration_id: UUID) -> Sequence[Agreement]:
        return await self._changed(_RESUME, reg_id=registration_id)

    async def _changed(self, statement: TextClause, **asked: Any) -> Sequence[Agreement]:
        rows = await self._connection.execute(statement, asked)
        return sorted((Agreement(*row) for row in rows), key=lambda each: each.event)


class DeadlineRepository:
    """`services.copyright.application.consequences.DeadlineStore`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, deadline: Deadline) -> None:
        row = {
            "event": bytes.fromhex(deadline.event),
            "kind": deadline.kind,
            "reg_id": deadline.registration_id,
            "due_at": deadline.due_at,
        }
        await self._connection.execute(_ADD, row)

    async def met(self, registration_id: UUID, event: str | None = None) -> None:
        if event is None:
            await self._connection.execute(_MET, {"reg_id": registration_id})
        else:
            row = {"reg_id": registration_id, "event": bytes.fromhex(event)}
            await self._connection.execute(_NO_MORE, row)

    async def remove(self, deadline: Deadline) -> bool:
        row = {"event": bytes.fromhex(deadline.event), "kind": deadline.kind}
        return (await self._connection.execute(_REMOVE, row)).rowcount == 1

    async def passed(self, now: datetime) -> Deadline | None:
        row = (await self._connection.execute(_PASSED, {"now": now})).one_or_none()
        if row is None:
            return None
        return Deadline(row.event, DeadlineKind(row.kind), row.reg_id, row.due_at)
