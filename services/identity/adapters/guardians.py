"""Guardianships, consents and their purposes, and who read a child's data, in PostgreSQL."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, Select, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.identity.adapters.rows import plain
from services.identity.adapters.tables.people import CONSENT_PURPOSES, CONSENTS, GUARDIANSHIPS
from services.identity.application.stores import ReadEntry
from services.identity.domain.guardians import (
    Consent,
    ConsentGiven,
    Guardianship,
    GuardianshipExists,
    GuardianshipState,
    Purpose,
)

_READS = text(
    "SELECT id, at, actor, on_behalf_of, client, organisation,"
    " ARRAY(SELECT jsonb_array_elements_text(facts -> 'fields')) AS fields"
    " FROM audit WHERE target = :target AND action = 'person.read'"
    " AND id < COALESCE(CAST(:before AS bigint), 9223372036854775807)"
    " ORDER BY id DESC LIMIT :limit"
)


class GuardianRepository:
    """`services.identity.application.stores.GuardianStore`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def get(self, guardianship_id: UUID, *, lock: bool = False) -> Guardianship | None:
        query = select(GUARDIANSHIPS).where(GUARDIANSHIPS.c.id == guardianship_id)
        return await self._link(query.with_for_update() if lock else query)

    async def between(self, guardian_id: UUID, child_id: UUID) -> Guardianship | None:
        query = select(GUARDIANSHIPS).where(
            GUARDIANSHIPS.c.guardian_id == guardian_id, GUARDIANSHIPS.c.child_id == child_id
        )
        return await self._link(query)

    async def of_child(self, child_id: UUID) -> list[Guardianship]:
        return await self._links(GUARDIANSHIPS.c.child_id == child_id)

    async def of_guardian(self, guardian_id: UUID) -> list[Guardianship]:
        return await self._links(GUARDIANSHIPS.c.guardian_id == guardian_id)

    async def _link(self, query: Select[Any]) -> Guardianship | None:
        row = (await self._connection.execute(query)).mappings().one_or_none()
        return _guardianship(row) if row else None

    async def _links(self, condition: Any) -> list[Guardianship]:
        query = select(GUARDIANSHIPS).where(condition).order_by(GUARDIANSHIPS.c.id)
        rows = await self._connection.execute(query)
        return [_guardianship(row) for row in rows.mappings()]

    async def put(self, guardianship: Guardianship) -> None:
        columns = asdict(guardianship)
        statement = upsert(GUARDIANSHIPS).values(columns)
        statement = statement.on_conflict_do_update(
            index_elements=["guardian_id", "child_id"],
            set_=columns,
            where=GUARDIANSHIPS.c.id == guardianship.id,
        )
        if not (await self._connection.execute(statement)).rowcount:
            raise GuardianshipExists(
                "They are linked already: read the link, then change it.",
                zh="监护关系已存在，请读取后修改。",
            )

    async def consents(
        self, child_id: UUID | None = None, guardian_id: UUID | None = None
    ) -> list[Consent]:
        query = select(CONSENTS).order_by(CONSENTS.c.id)
        if child_id is not None:
            query = query.where(CONSENTS.c.child_id == child_id)
        if guardian_id is not None:
            query = query.where(CONSENTS.c.guardian_id == guardian_id)
        rows = await self._connection.execute(query)
        return [Consent(**plain(row)) for row in rows.mappings()]

    async def consent(self, consent_id: UUID) -> Consent | None:
        query = select(CONSENTS).where(CONSENTS.c.id == consent_id)
        row = (await self._connection.execute(query)).mappings().one_or_none()
        return Consent(**plain(row)) if row else None

    async def consenting(self, purpose: str) -> list[UUID]:
        standing = CONSENTS.c.purpose == purpose, CONSENTS.c.withdrawn_at.is_(None)
        query = select(CONSENTS.c.child_id).distinct().where(*standing)
        return [
            plain(row)["child_id"] for row in (await self._connection.execute(query)).mappings()
        ]

    async def add_consent(self, consent: Consent) -> None:
        statement = upsert(CONSENTS).values(asdict(consent)).on_conflict_do_nothing()
        if not (await self._connection.execute(statement)).rowcount:
            raise ConsentGiven(
                "There is nothing to do: this version is consented to.",
                zh="已同意该版本，无需再次操作。",
            )

    async def save_consent(self, consent: Consent) -> None:
        await self._connection.execute(
            update(CONSENTS)
            .where(CONSENTS.c.id == consent.id)
            .values(withdrawn_at=consent.withdrawn_at, withdrawn_by=consent.withdrawn_by)
        )

    async def purposes(self) -> list[Purpose]:
        columns = CONSENT_PURPOSES.c
        query = select(CONSENT_PURPOSES).order_by(columns.purpose, columns.version)
        rows = await self._connection.execute(query)
        return [Purpose(**{**row, "scopes": frozenset(row["scopes"])}) for row in rows.mappings()]

    async def add_purposes(self, purposes: Sequence[Purpose]) -> int:
        rows = [{**asdict(each), "scopes": sorted(each.scopes)} for each in purposes]
        statement = upsert(CONSENT_PURPOSES).values(rows).on_conflict_do_nothing()
        return (await self._connection.execute(statement)).rowcount


class ReadLogRepository:
    """`services.identity.application.stores.ReadLog`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def reads_of(self, person_id: UUID, limit: int, before: int | None) -> list[ReadEntry]:
        parameters = {"target": str(person_id), "before": before, "limit": limit}
        rows = await self._connection.execute(_READS, parameters)
        return [ReadEntry(**row) for row in rows.mappings()]


def _guardianship(row: RowMapping) -> Guardianship:
    return Guardianship(**{**plain(row), "state": GuardianshipState(row["state"])})
