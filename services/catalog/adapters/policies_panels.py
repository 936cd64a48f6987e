"""Expert groups, absences, and the roster that identity tells of."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.catalog.adapters.policies import unknown_codes
from services.catalog.application.policies import Absence, Experts, Group

_COLUMNS = "id, ltree2text(path) AS path, name, stages, subjects, members, version, updated_at"
_GROUPS = text(
    f"SELECT {_COLUMNS} FROM review_groups WHERE path <@ text2ltree(:path) ORDER BY path, id"  # noqa: S608 - constant columns
)
_GROUP = text(f"SELECT {_COLUMNS} FROM review_groups WHERE id = :id FOR UPDATE")  # noqa: S608 - likewise
_PUT_GROUP = text(
    "INSERT INTO review_groups (id, path, name, stages, subjects, members, version, updated_at)"
    " VALUES (:id, text2ltree(:path), :name, :stages, :subjects, :members, :version, :updated_at)"
    " ON CONFLICT (id) DO UPDATE SET name = excluded.name, stages = excluded.stages,"
    " subjects = excluded.subjects, members = excluded.members, version = excluded.version,"
    " updated_at = excluded.updated_at"
)
_DELETE_GROUP = text("DELETE FROM review_groups WHERE id = :id")
_ABSENCES = text(
    "SELECT from_date, until_date FROM review_absences WHERE person = :person ORDER BY from_date"
)
_DROP_ABSENCES = text("DELETE FROM review_absences WHERE person = :person")
_ADD_ABSENCES = text(
    "INSERT INTO review_absences (person, from_date, until_date)"
    " VALUES (:person, :from_date, :until_date)"
)
_ENROL = text(
    "INSERT INTO review_roster (grant_id, person, path, subject, valid_from, valid_until)"
    " VALUES (:grant_id, :person_id, text2ltree(:path), :subject, :valid_from, :valid_until)"
    " ON CONFLICT (grant_id) DO UPDATE SET path = excluded.path, subject = excluded.subject,"
    " valid_from = excluded.valid_from, valid_until = excluded.valid_until"
)
_STRIKE = text("DELETE FROM review_roster WHERE grant_id = :grant_id RETURNING person")


class PanelRepository:
    """The `PanelStore` of the use cases."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def unknown(self, dictionary: str, codes: Sequence[str]) -> Sequence[str]:
        return await unknown_codes(self._connection, dictionary, codes)

    async def groups(self, path: str) -> Sequence[Group]:
        return [_group(row) for row in await self._connection.execute(_GROUPS, {"path": path})]

    async def group(self, group_id: UUID) -> Group | None:
        row = (await self._connection.execute(_GROUP, {"id": group_id})).one_or_none()
        return None if row is None else _group(row)

    async def put_group(self, group: Group) -> None:
        experts = group.experts
        row = {
            "id": group.id,
            "path": group.path,
            "name": experts.name,
            "stages": list(experts.stages),
            "subjects": list(experts.subjects),
            "members": list(experts.members),
            "version": group.version,
            "updated_at": group.updated_at,
        }
        await self._connection.execute(_PUT_GROUP, row)

    async def delete_group(self, group_id: UUID) -> None:
        await self._connection.execute(_DELETE_GROUP, {"id": group_id})

    async def absences(self, person: str) -> Sequence[Absence]:
        rows = await self._connection.execute(_ABSENCES, {"person": person})
        return [Absence(row.from_date, row.until_date) for row in rows]

    async def put_absences(self, person: str, absences: Sequence[Absence]) -> None:
        await self._connection.execute(_DROP_ABSENCES, {"person": person})
        for each in absences:
            row = {"from_date": each.from_date, "until_date": each.until_date}
            await self._connection.execute(_ADD_ABSENCES, {"person": person, **row})

    async def enrol(self, fact: Mapping[str, Any]) -> None:
        row = {
            "grant_id": UUID(fact["grant_id"]),
            "person_id": fact["person_id"],
            "path": fact["path"],
            "subject": fact["subject"],
            "valid_from": datetime.fromisoformat(fact["valid_from"]),
            "valid_until": fact["valid_until"] and datetime.fromisoformat(fact["valid_until"]),
        }
        await self._connection.execute(_ENROL, row)

    async def strike(self, grant_id: UUID) -> str | None:
        person: str | None = await self._connection.scalar(_STRIKE, {"grant_id": grant_id})
        return person


def _group(row: Row[Any]) -> Group:
    experts = Experts(row.name, row.stages, row.subjects, row.members)
    return Group(UUID(bytes=row.id.bytes), row.path, experts, row.version, row.updated_at)
