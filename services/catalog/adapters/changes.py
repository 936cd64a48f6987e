"""The feed of changes in PostgreSQL.

A change is told once no transaction is under way that began to write before the one that recorded
it: whatever is still to be committed then stands behind it. A transaction that began early and
reached a resource late is put behind the changes of that resource which overtook it; nobody can
have read so far while it was under way.

A cursor outlives everything but another cluster: where rows are loaded into one whose transactions
count from lower numbers, ``transaction`` has to be set to 0 in all of them.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.catalog.domain.changes import Change, Kind, Place
from shared.reader import Reader

_NOT_BEFORE = (
    "GREATEST(pg_current_xact_id(), (SELECT c.transaction FROM changes c"
    " WHERE c.resource_id = {resource} ORDER BY c.transaction DESC LIMIT 1))"
)
_APPEND = text(
    "INSERT INTO changes (transaction, at, kind, resource_id, code, version) VALUES"  # noqa: S608 - constant text
    f" ({_NOT_BEFORE.format(resource='CAST(:resource_id AS uuid)')}, :at, :kind, :resource_id,"
    " :code, :version)"
)
_APPEND_MOVED = text(
    "INSERT INTO changes (transaction, at, kind, resource_id, code, version)"  # noqa: S608 - constant text
    f" SELECT {_NOT_BEFORE.format(resource='r.id')}, :at, :kind, r.id, r.code, r.live_version"
    " FROM resources r WHERE r.organisation_path <@ text2ltree(:path)"
    " AND r.live_version IS NOT NULL ORDER BY r.id"
)
_AFTER = (
    "SELECT c.transaction::text, c.position, c.at, c.kind, c.resource_id, c.code, c.version"
    " FROM changes c WHERE (c.transaction, c.position) > ($1::text::xid8, $2::bigint)"
    " AND c.transaction < pg_snapshot_xmin(pg_current_snapshot())"
    " ORDER BY c.transaction, c.position LIMIT $3"
)


class ChangeRepository:
    """The `ChangeLog` of the use cases."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def append(self, change: Change) -> None:
        row = {name: getattr(change, name) for name in Change.__slots__}
        await self._connection.execute(_APPEND, row)

    async def append_moved(self, path: str, at: datetime) -> None:
        asked = {"path": path, "at": at, "kind": Kind.CHANGED}
        await self._connection.execute(_APPEND_MOVED, asked)


class ChangeReader:
    """The `ChangeFeed` of the use cases, a statement a page."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def after(self, place: Place, limit: int) -> Sequence[tuple[Place, Change]]:
        rows = await self._reader.fetch(_AFTER, str(place.transaction), place.position, limit)
        return [
            (
                Place(int(row["transaction"]), row["position"]),
                Change(
                    Kind(row["kind"]),
                    UUID(bytes=row["resource_id"].bytes),
                    row["code"],
                    row["version"],
                    row["at"],
                ),
            )
            for row in rows
        ]
