from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.identity.application.allowances import Allowance

_OF_PERSON = text(
    "SELECT c.id, c.name, o.name AS owner, g.scopes, g.given_at FROM client_consents g"
    " JOIN clients c ON c.id = g.client_id JOIN organisations o ON o.id = c.organisation_id"
    " WHERE g.person_id = :person_id ORDER BY g.given_at DESC, c.id"
)
_WITHDRAW = text(
    "DELETE FROM client_consents WHERE person_id = :person_id AND client_id = :client_id"
)
_END = text(
    "UPDATE authorizations SET revoked_at = :at WHERE person_id = :person_id"
    " AND client_id = :client_id AND revoked_at IS NULL RETURNING id"
)


class AllowanceRows:
    """`services.identity.application.allowances.AllowanceStore` over PostgreSQL."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def of_person(self, person_id: UUID) -> Sequence[Allowance]:
        rows = await self._connection.execute(_OF_PERSON, {"person_id": person_id})
        return [
            Allowance(row.id, row.name, row.owner, frozenset(row.scopes), row.given_at)
            for row in rows
        ]

    async def withdraw(self, person_id: UUID, client_id: UUID) -> bool:
        row = {"person_id": person_id, "client_id": client_id}
        return (await self._connection.execute(_WITHDRAW, row)).rowcount == 1

    async def end(self, person_id: UUID, client_id: UUID, at: datetime) -> Sequence[UUID]:
        row = {"person_id": person_id, "client_id": client_id, "at": at}
        return (await self._connection.execute(_END, row)).scalars().all()
