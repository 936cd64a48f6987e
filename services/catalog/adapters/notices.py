"""Notices in PostgreSQL: rows that are written once."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.catalog.domain.lifecycle import Action, State
from services.catalog.domain.notices import Notice, RemovalReason, Standing, reason_of
from services.catalog.domain.publication import Publication

# A notice is written once, with where the organisation stood then.
_AUTHORITY = (
    "ltree2text(COALESCE((SELECT o.path FROM organisations o"
    " WHERE o.label = ltree2text(subpath(n.authority, -1))), n.authority)) AS authority"
)
_ADD = text(
    "INSERT INTO notices (id, resource_id, action, reason_code, notice, version, at, actor,"
    " authority) VALUES (:id, :resource_id, :action, :reason_code, :notice, :version, :at, :actor,"
    " text2ltree(CAST(:authority AS text)))"
)
_LATEST = text(
    "SELECT id, resource_id, action, reason_code, notice, version, at, actor,"  # noqa: S608 - constant columns
    f" {_AUTHORITY} FROM notices n"
    " WHERE resource_id = :id ORDER BY id DESC LIMIT 1"
)
_SINCE_RESTORED = text(
    "SELECT id, resource_id, action, reason_code, notice, version, at, actor,"  # noqa: S608 - constant columns
    f" {_AUTHORITY} FROM notices n"
    " WHERE resource_id = :id AND action <> 'restore' AND NOT EXISTS (SELECT FROM notices later"
    " WHERE later.resource_id = n.resource_id AND later.action = 'restore' AND later.id > n.id)"
    " ORDER BY id"
)
_IN_FORCE = text(
    "SELECT n.id, n.resource_id, n.action, n.reason_code, n.notice, n.version, n.at, n.actor,"  # noqa: S608 - likewise
    f" {_AUTHORITY}, r.code, r.state"
    " FROM notices n JOIN resources r ON r.id = n.resource_id"
    " WHERE r.state IN ('SUSPENDED', 'RETIRED') AND NOT EXISTS (SELECT FROM notices later"
    " WHERE later.resource_id = n.resource_id AND later.id > n.id)"
    " AND r.state = COALESCE(CAST(:state AS text), r.state)"
    " AND n.reason_code = COALESCE(CAST(:reason AS text), n.reason_code)"
    " AND n.id < :before"
    " ORDER BY n.id DESC LIMIT :limit"
)
_LAST = UUID(int=2**128 - 1)
_PUBLICATIONS = text(
    "SELECT resource_id, version, published_at, digest, case_id FROM publications"
    " WHERE resource_id = :resource_id ORDER BY version"
)


class NoticeRepository:
    """The `NoticeStore` of the use cases."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, notice: Notice) -> None:
        row = {name: getattr(notice, name) for name in Notice.__slots__ if name != "reason"}
        await self._connection.execute(_ADD, {**row, "reason_code": notice.reason})

    async def latest(self, resource_id: UUID) -> Notice:
        return _notice((await self._connection.execute(_LATEST, {"id": resource_id})).one())

    async def since_restored(self, resource_id: UUID) -> Sequence[Notice]:
        rows = await self._connection.execute(_SINCE_RESTORED, {"id": resource_id})
        return [_notice(row) for row in rows]

    async def in_force(
        self, state: State | None, reason: RemovalReason | None, limit: int, before: UUID | None
    ) -> Sequence[Standing]:
        asked = {"state": state, "reason": reason, "before": before or _LAST, "limit": limit}
        rows = await self._connection.execute(_IN_FORCE, asked)
        return [Standing(row.code, State(row.state), _notice(row)) for row in rows]

    async def publications(self, resource_id: UUID) -> Sequence[Publication]:
        rows = await self._connection.execute(_PUBLICATIONS, {"resource_id": resource_id})
        return [
            Publication(
                resource_id=resource_id,
                version=row.version,
                published_at=row.published_at,
                digest=row.digest,
                case_id=UUID(bytes=row.case_id.bytes),
            )
            for row in rows
        ]


def _notice(row: Row[Any]) -> Notice:
    action = Action(row.action)
    return Notice(
        id=UUID(bytes=row.id.bytes),
        resource_id=UUID(bytes=row.resource_id.bytes),
        action=action,
        reason=reason_of(action, row.reason_code),
        notice=row.notice,
        version=row.version,
        at=row.at,
        actor=row.actor,
        authority=row.authority,
    )
