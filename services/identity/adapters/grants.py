"""Role grants in PostgreSQL."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from services.identity.adapters.rows import plain
from services.identity.adapters.tables.organisations import ORGANISATIONS
from services.identity.adapters.tables.people import ROLE_GRANTS
from services.identity.application.stores import GrantQuery
from services.identity.domain.grants import RoleGrant

_GRANTS = ROLE_GRANTS.c


class GrantRepository:
    """`services.identity.application.stores.GrantStore`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def of_person(self, person_id: UUID) -> list[RoleGrant]:
        return await self._all(_query().where(_GRANTS.person_id == person_id))

    async def get(self, grant_id: UUID) -> RoleGrant | None:
        found = await self._all(_query().where(_GRANTS.id == grant_id))
        return found[0] if found else None

    async def page(self, query: GrantQuery, limit: int, after: UUID | None) -> list[RoleGrant]:
        statement = _query().limit(limit)
        if query.person_id is not None:
            statement = statement.where(_GRANTS.person_id == query.person_id)
        if query.organisation_id is not None:
            statement = statement.where(_GRANTS.organisation_id == query.organisation_id)
        if after is not None:
            statement = statement.where(_GRANTS.id > after)
        return await self._all(statement)

    async def below(self, path: str, now: datetime) -> list[RoleGrant]:
        ends = _GRANTS.valid_until
        return await self._all(
            _query()
            .where(ORGANISATIONS.c.path.op("<@")(func.text2ltree(path)))
            .where(or_(ends.is_(None), ends > func.greatest(now, _GRANTS.valid_from)))
            .with_for_update(of=ROLE_GRANTS)
        )

    async def _all(self, statement: Select[Any]) -> list[RoleGrant]:
        rows = await self._connection.execute(statement)
        return [RoleGrant(**plain(row)) for row in rows.mappings()]

    async def add(self, grant: RoleGrant, now: datetime) -> None:
        await self._connection.execute(
            insert(ROLE_GRANTS).values(
                id=grant.id,
                person_id=grant.person_id,
                role=grant.role,
                organisation_id=grant.organisation_id,
                subject=grant.subject,
                valid_from=grant.valid_from,
                valid_until=grant.valid_until,
                granted_by=grant.granted_by,
                created_at=now,
            )
        )

    async def save(self, grant: RoleGrant) -> None:
        await self._connection.execute(
            update(ROLE_GRANTS)
            .where(ROLE_GRANTS.c.id == grant.id)
            .values(valid_until=grant.valid_until)
        )


def _query() -> Select[Any]:
    return (
        select(
            _GRANTS.id,
            _GRANTS.person_id,
            _GRANTS.role,
            _GRANTS.organisation_id,
            func.ltree2text(ORGANISATIONS.c.path).label("path"),
            _GRANTS.subject,
            _GRANTS.valid_from,
            _GRANTS.valid_until,
            _GRANTS.granted_by,
        )
        .join_from(ROLE_GRANTS, ORGANISATIONS, ORGANISATIONS.c.id == _GRANTS.organisation_id)
        .order_by(_GRANTS.id)
    )
