"""Review policies in PostgreSQL."""

from collections.abc import Collection, Sequence
from typing import Any

import orjson
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.catalog.adapters.reviews_routing import done_by
from services.catalog.domain.policies import Kind, Policy, Step
from services.catalog.domain.reviews import Importance

_COLUMNS = (
    "ltree2text(path) AS path, resource_type, importance, steps, mandatory, version, updated_at"
)
_TARGET = (
    "ltree2text(subpath(p.path, -1)) || '/' || COALESCE(NULLIF(p.resource_type, ''), '*')"
    " || '/' || p.importance"
)
_WRITTEN = done_by(_TARGET, "'review_policy.put'", makers="CAST(:without AS text[])")
_ABOVE = text(
    f"SELECT {_COLUMNS} FROM review_policies p"  # noqa: S608 - constant fragments
    f" WHERE path @> text2ltree(:path) AND NOT {_WRITTEN}"
)
_OF = text(
    f"SELECT {_COLUMNS} FROM review_policies WHERE path = text2ltree(:path)"  # noqa: S608 - likewise
    " AND resource_type = :resource_type AND importance = :importance FOR UPDATE"
)
_PUT = text(
    "INSERT INTO review_policies (path, resource_type, importance, steps, mandatory, version,"
    " updated_at) VALUES (text2ltree(:path), :resource_type, :importance, CAST(:steps AS jsonb),"
    " :mandatory, :version, :updated_at) ON CONFLICT (path, resource_type, importance) DO UPDATE"
    " SET steps = excluded.steps, mandatory = excluded.mandatory, version = excluded.version,"
    " updated_at = excluded.updated_at WHERE review_policies.version = excluded.version - 1"
    " RETURNING version"
)

_UNKNOWN = text(
    "SELECT given FROM unnest(CAST(:codes AS text[])) given WHERE NOT EXISTS (SELECT FROM terms"
    " WHERE dictionary = :dictionary AND code = given AND until IS NULL)"
)


async def unknown_codes(
    connection: AsyncConnection, dictionary: str, codes: Sequence[str]
) -> Sequence[str]:
    """Those of `codes` that the current version of the dictionary has not."""
    asked = {"dictionary": dictionary, "codes": list(codes)}
    return (await connection.scalars(_UNKNOWN, asked)).all()


class PolicyRepository:
    """The `PolicyStore` of the use cases."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def above(self, path: str, without: Collection[str] = ()) -> Sequence[Policy]:
        asked = {"path": path, "without": list(without)}
        return [_policy(row) for row in await self._connection.execute(_ABOVE, asked)]

    async def of(
        self, path: str, resource_type: str | None, importance: Importance
    ) -> Policy | None:
        asked = {"path": path, "resource_type": resource_type or "", "importance": importance}
        row = (await self._connection.execute(_OF, asked)).one_or_none()
        return None if row is None else _policy(row)

    async def unknown(self, dictionary: str, codes: Sequence[str]) -> Sequence[str]:
        return await unknown_codes(self._connection, dictionary, codes)

    async def put(self, policy: Policy) -> bool:
        row = {
            "path": policy.path,
            "resource_type": policy.resource_type or "",
            "importance": policy.importance,
            "steps": orjson.dumps([each.record for each in policy.steps]).decode(),
            "mandatory": policy.mandatory,
            "version": policy.version,
            "updated_at": policy.updated_at,
        }
        return await self._connection.scalar(_PUT, row) is not None


def _policy(row: Row[Any]) -> Policy:
    return Policy(
        path=row.path,
        resource_type=row.resource_type or None,
        importance=Importance(row.importance),
        steps=[Step(**{**each, "kind": Kind(each["kind"])}) for each in row.steps],
        mandatory=row.mandatory,
        version=row.version,
        updated_at=row.updated_at,
    )
