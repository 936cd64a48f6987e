"""Statements out of PostgreSQL.

Every way in which a statement may match is a query of its own, which an index orders; PostgreSQL
takes the first of each, and the first of these.
"""

import base64
import zlib
from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from typing import Any
from uuid import UUID

from services.learning.adapters.statements import attachment_place
from services.learning.application.intake import member_key
from services.learning.domain.xapi.attachments import Part
from services.learning.domain.xapi.contents import moment_of
from services.learning.domain.xapi.queries import Found, StatementQuery
from services.learning.domain.xapi.rules import Json
from shared.encryption import KeyRing
from shared.reader import Reader

_FOUND = "s.id, s.stored, s.application_id, s.actor_id, s.blob_id, s.line, s.voided, s.related"
_BY_ID = f"""
    SELECT {_FOUND} FROM {{table}} s
    WHERE s.id = ANY(ARRAY[$1::uuid, (SELECT id FROM ledger WHERE statement_id = $1)])
        AND s.application_id = ANY($2::int[])
"""  # noqa: S608 - constants
_IN_LEDGER = "SELECT id FROM ledger WHERE statement_id = $1"
_BLOBS = "SELECT id, content FROM {table} WHERE id = ANY($1)"
_ASIDE = """
    SELECT relname FROM pg_class
    WHERE relkind = 'r' AND NOT relispartition AND relname = ANY($1::text[])
"""
_REFERRED = (
    "t.id = ANY(ARRAY[s.object, (SELECT l.id FROM ledger l WHERE l.statement_id = s.object)])"
)


class StatementReader:
    def __init__(self, reader: Reader, keys: KeyRing) -> None:
        self._reader = reader
        self._keys = keys

    async def find(self, statement_id: UUID, reach: Sequence[int]) -> Found | None:
        """One statement, voided or not, that one of the applications `reach` sent; also one of a
        day that was set aside."""
        query, asked = _BY_ID.format(table="statements"), (statement_id, list(reach))
        rows = await self._reader.fetch(query, *asked)
        if not rows:
            key = await self._reader.fetchrow(_IN_LEDGER, statement_id)
            for table in await self._set_aside("statements", key or ()):
                rows = await self._reader.fetch(_BY_ID.format(table=table), *asked)
        found = await self._told(rows)
        return found[0] if found else None

    async def select(self, query: StatementQuery) -> Sequence[Found]:
        """Statements that are not voided, by the time they were stored."""
        parameters: list[Any] = []
        sql = _select(query, parameters)
        return await self._told(await self._reader.fetch(sql, *parameters))

    async def attachments(self, hashes: Sequence[str]) -> Sequence[Part]:
        """Those that are held."""
        rows = await self._reader.fetch(
            "SELECT sha2, content_type, sealed FROM attachments WHERE sha2 = ANY($1)", list(hashes)
        )
        return [
            Part(
                sha2,
                content_type,
                base64.b64decode(self._keys.decrypt("attachments", sealed, attachment_place(sha2))),
            )
            for sha2, content_type, sealed in rows
        ]

    async def definition(self, activity: UUID) -> Json | None:
        """What is known of an activity: ``id`` and ``definition``."""
        row = await self._reader.fetchrow(
            "SELECT iri, definition FROM activities WHERE key = $1", activity
        )
        return None if row is None else {"id": row[0], "definition": row[1]}

    async def _told(self, rows: Sequence[Any]) -> list[Found]:
        lines = await self._lines({row["blob_id"] for row in rows})
        return [
            Found(
                row["id"],
                row["stored"],
                row["application_id"],
                row["actor_id"],
                lines[row["blob_id"]][row["line"]],
                row["voided"],
                row["related"] or (),
            )
            for row in rows
        ]

    async def _lines(self, blobs: Iterable[UUID]) -> Mapping[UUID, Sequence[bytes]]:
        wanted = list(blobs)
        rows = [*await self._reader.fetch(_BLOBS.format(table="blobs"), wanted)]
        if len(rows) < len(wanted):
            for table in await self._set_aside("blobs", wanted):
                rows += await self._reader.fetch(_BLOBS.format(table=table), wanted)
        return {key: lines_of(content) for key, content in rows}

    async def _set_aside(self, name: str, ids: Iterable[UUID]) -> Sequence[str]:
        """The tables of days that were set aside which these ids name."""
        days = [f"{name}_{moment:%Y%m%d}" for each in ids if (moment := moment_of(each))]
        return [row[0] for row in await self._reader.fetch(_ASIDE, days)] if days else []


def lines_of(blob: bytes) -> list[bytes]:
    """The raw statements of a blob."""
    return zlib.decompress(blob).split(b"\n")


def _select(query: StatementQuery, parameters: list[Any]) -> str:
    """The SQL for `query`; its values are appended to `parameters`."""

    def value(given: Any, kind: str) -> str:
        parameters.append(given)
        return f"${len(parameters)}::{kind}"

    order = "ASC" if query.ascending else "DESC"
    limit = value(query.limit, "int")
    always = [f"NOT s.voided AND s.application_id = ANY({value(list(query.reach), 'int[]')})"]
    if query.since is not None:
        always.append(f"s.stored > {value(query.since, 'timestamptz')}")
    if query.until is not None:
        always.append(f"s.stored <= {value(query.until, 'timestamptz')}")
    if query.after is not None:
        position = (value(query.after.stored, "timestamptz"), value(query.after.id, "uuid"))
        sign = ">" if query.ascending else "<"
        always.append(f"(s.stored, s.id) {sign} ({', '.join(position)})")
    ways = _ways(query, value)
    branches = [[*always, *way] for way in ways]
    if query.is_filtered:
        referred = " OR ".join(f"({' AND '.join(way)})".replace("s.", "t.") for way in ways)
        branches.append(
            [
                *always,
                "s.about = 2",
                f"EXISTS (SELECT FROM statements t WHERE {_REFERRED} AND ({referred}))",
            ]
        )
    selects = [
        f"(SELECT {_FOUND} FROM statements s WHERE {' AND '.join(branch)}"  # noqa: S608 - no values
        f" ORDER BY s.stored {order}, s.id {order} LIMIT {limit})"
        for branch in branches
    ]
    if len(selects) == 1:
        return selects[0]
    return f"{' UNION '.join(selects)} ORDER BY stored {order}, id {order} LIMIT {limit}"


def _ways(query: StatementQuery, value: Any) -> list[list[str]]:
    """The alternatives, each a list of conditions on ``s`` that hold together."""
    by_agent: list[list[str]] = [[]]
    by_activity: list[list[str]] = [[]]
    every = []
    if query.agent is not None:
        agent = value(query.agent, "uuid")
        members = value([member_key(query.agent)], "uuid[]")
        by_agent = [
            [f"s.actor_id = {agent}"],
            [f"s.object = {agent} AND s.about = 1"],
            [f"s.related IS NOT NULL AND s.related @> {members}"],
        ]
        if query.related_agents:
            related = value([query.agent], "uuid[]")
            authority = value(list(query.authority), "int[]")
            by_agent.append([f"s.related IS NOT NULL AND s.related @> {related}"])
            by_agent.append([f"s.application_id = ANY({authority})"])
    if query.activity is not None:
        by_activity = [[f"s.object = {value(query.activity, 'uuid')} AND s.about = 0"]]
        if query.related_activities:
            related = value([query.activity], "uuid[]")
            by_activity.append([f"s.related IS NOT NULL AND s.related @> {related}"])
    if query.verb is not None:
        every.append(f"s.verb = {value(query.verb, 'uuid')}")
    if query.registration is not None:
        every.append(f"s.registration = {value(query.registration, 'uuid')}")
    return [[*a, *b, *every] for a, b in product(by_agent, by_activity)]
