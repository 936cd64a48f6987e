from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.identity.application.allowances import Allowance

_OF_PERSON = text(
    "WITH let_in AS (SELECT client_id, scopes, given_at FROM client_consents"
    " WHERE person_id = :person_id), signed_in AS ("
    "SELECT DISTINCT ON (client_id) client_id, scopes, created_at AS given_at FROM authorizations"
    " WHERE person_id = :person_id AND revoked_at IS NULL AND refresh_hash IS NOT NULL"
    " AND expires_at > :now AND client_id NOT IN (SELECT client_id FROM let_in)"
    " ORDER BY client_id, created_at DESC)"
    " SELECT c.id, c.name, o.name AS owner, g.scopes, g.given_at"
    " FROM (SELECT * FROM let_in UNION ALL SELECT * FROM signed_in) g"
    " JOIN clients c ON c.id = g.client_id JOIN organisations o ON o.id = c.organisation_id"
    " ORDER BY g.given_at DESC, c.id"
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

    async def of_person(self, person_id: UUID, now: datetime) -> Sequence[Allowance]:
        row = {"person_id": person_id, "now": now}
        rows = await self._connection.execute(_OF_PERSON, row)
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
