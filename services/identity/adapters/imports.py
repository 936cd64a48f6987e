"""Imports and their lines in PostgreSQL. Lines are encrypted until they are applied, thousands at a
time: beside the event loop, which has others to serve."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date, datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.identity.adapters.copying import copy_into
from services.identity.application.importing import PendingLine
from services.identity.application.imports import ReportedLine
from services.identity.domain.identifiers import IdentifierKey, IdentifierKind
from services.identity.domain.imports import Format, Import, Outcome, State
from services.identity.domain.roster_changes import Result
from services.identity.domain.roster_words import HEADINGS, Column, RosterRole
from services.identity.domain.rosters import Defect, Line, RosterGuardian
from services.identity.domain.staging import Staged
from shared.encryption import KeyRing, Place

_SELECT = (
    "SELECT i.id, i.organisation_id, ltree2text(o.path) AS path, i.format, i.dry_run, i.state,"
    " i.object_key, i.requested_by, i.client, i.request_id, i.lines, i.position, i.attempts,"
    " i.failure, i.version, i.created_at, i.updated_at"
    " FROM imports i JOIN organisations o ON o.id = i.organisation_id WHERE i.id = :id"
)
_GET = text(_SELECT)
_GET_LOCKED = text(f"{_SELECT} FOR UPDATE OF i")
_CLAIM = text(f"{_SELECT} FOR UPDATE OF i SKIP LOCKED")
_ADD = text(
    "INSERT INTO imports (id, organisation_id, format, dry_run, state, object_key, requested_by,"
    " client, request_id, lines, position, attempts, version, created_at, updated_at)"
    " VALUES (:id, :organisation_id, :format, :dry_run, :state, :object_key, :requested_by,"
    " :client, :request_id, :lines, :position, :attempts, :version, :created_at, :updated_at)"
)
_SAVE = text(
    "UPDATE imports SET state = :state, lines = :lines, position = :position,"
    " attempts = :attempts, failure = :failure, version = :version, updated_at = :updated_at"
    " WHERE id = :id"
)
_NEXT = text(
    "SELECT id, state FROM imports WHERE state IN ('RECEIVED', 'COMPARING', 'APPLYING')"
    " ORDER BY updated_at LIMIT 1"
)
_DIGEST = text(
    "UPDATE imports SET file_digest = coalesce(file_digest, :digest) WHERE id = :id"
    " RETURNING file_digest"
)
_COUNTS = text(
    "SELECT outcome, count(*) FROM import_lines WHERE import_id = :id AND outcome IS NOT NULL"
    " GROUP BY outcome"
)
_REPORTED = text(
    "SELECT position, number, outcome, person_id, changes, defects FROM import_lines"
    " WHERE import_id = :id AND position > :after AND outcome IS NOT NULL"
    " AND (CAST(:outcome AS text) IS NULL OR outcome = :outcome)"
    " ORDER BY position LIMIT :limit"
)
_PENDING = text(
    "SELECT position, number, repeats, content FROM import_lines"
    " WHERE import_id = :id AND position > :after AND content IS NOT NULL"
    " ORDER BY position LIMIT :limit"
)
_SETTLE = text(
    "UPDATE import_lines l SET outcome = s.outcome, person_id = s.person_id,"
    " changes = string_to_array(s.changes, ' '), defects = CAST(s.defects AS jsonb),"
    " content = CASE WHEN :erase THEN NULL ELSE l.content END"
    " FROM unnest(CAST(:positions AS integer[]), CAST(:outcomes AS text[]),"
    " CAST(:people AS uuid[]), CAST(:changes AS text[]), CAST(:defects AS text[]))"
    " AS s (position, outcome, person_id, changes, defects)"
    " WHERE l.import_id = :id AND l.position = s.position"
)
_UNSTAGE = text(
    "UPDATE import_lines SET content = NULL WHERE import_id = :id AND content IS NOT NULL"
)
_OVERDUE = text("SELECT id FROM imports WHERE state = 'COMPARED' AND updated_at < :before")

_PURPOSE = "import_lines.content"
_STAGED = (
    "import_id", "position", "number", "repeats", "content", "outcome", "changes", "defects",
)  # fmt: skip


class ImportRepository:
    """`services.identity.application.importing.ImportingStore`."""

    def __init__(self, connection: AsyncConnection, keys: KeyRing) -> None:
        self._connection = connection
        self._keys = keys

    async def add(self, import_: Import) -> None:
        await self._connection.execute(_ADD, asdict(import_))

    async def get(self, import_id: UUID, *, lock: bool = False) -> Import | None:
        return await self._one(_GET_LOCKED if lock else _GET, import_id)

    async def claim(self, import_id: UUID) -> Import | None:
        return await self._one(_CLAIM, import_id)

    async def _one(self, query: Any, import_id: UUID) -> Import | None:
        row = (await self._connection.execute(query, {"id": import_id})).mappings().one_or_none()
        if row is None:
            return None
        return Import(**{**row, "format": Format(row["format"]), "state": State(row["state"])})

    async def save(self, import_: Import) -> None:
        await self._connection.execute(_SAVE, asdict(import_))

    async def next(self) -> tuple[UUID, State] | None:
        row = (await self._connection.execute(_NEXT)).one_or_none()
        return (row.id, State(row.state)) if row else None

    async def digest(self, import_id: UUID, digest: bytes) -> bytes:
        row = {"id": import_id, "digest": digest}
        remembered: bytes = (await self._connection.execute(_DIGEST, row)).scalar_one()
        return remembered

    async def counts(self, import_id: UUID) -> Mapping[Outcome, int]:
        rows = await self._connection.execute(_COUNTS, {"id": import_id})
        return {Outcome(outcome): count for outcome, count in rows}

    async def reported(
        self, import_id: UUID, outcome: Outcome | None, after: int, limit: int
    ) -> Sequence[ReportedLine]:
        wanted = {"id": import_id, "outcome": outcome, "after": after, "limit": limit}
        rows = await self._connection.execute(_REPORTED, wanted)
        return [
            ReportedLine(
                row.position,
                row.number,
                Outcome(row.outcome),
                row.person_id,
                row.changes,
                row.defects or [],
            )
            for row in rows
        ]

    async def stage(self, import_id: UUID, lines: Sequence[Staged]) -> None:
        def records() -> list[tuple[Any, ...]]:
            return [
                (
                    import_id,
                    each.position,
                    each.number,
                    each.repeats,
                    self._sealed(import_id, each.position, each.line) if each.line else None,
                    None if each.line else Outcome.REJECTED,
                    [],
                    _told(each.defects),
                )
                for each in lines
            ]

        sealed = await asyncio.to_thread(records)
        await copy_into(self._connection, "import_lines", _STAGED, sealed)

    async def pending(self, import_id: UUID, after: int, limit: int) -> Sequence[PendingLine]:
        wanted = {"id": import_id, "after": after, "limit": limit}
        rows = (await self._connection.execute(_PENDING, wanted)).all()

        def opened() -> list[PendingLine]:
            return [
                PendingLine(row.position, row.number, row.repeats, self._opened(import_id, row))
                for row in rows
            ]

        return await asyncio.to_thread(opened)

    async def settle(self, import_id: UUID, results: Mapping[int, Result], *, erase: bool) -> None:
        found = list(results.values())
        await self._connection.execute(
            _SETTLE,
            {
                "id": import_id,
                "erase": erase,
                "positions": list(results),
                "outcomes": [each.outcome for each in found],
                "people": [each.person_id for each in found],
                "changes": [" ".join(each.changes) for each in found],
                "defects": [_told(each.defects) for each in found],
            },
        )

    async def unstage(self, import_id: UUID) -> None:
        await self._connection.execute(_UNSTAGE, {"id": import_id})

    async def overdue(self, before: datetime) -> Sequence[UUID]:
        return list(await self._connection.scalars(_OVERDUE, {"before": before}))

    def _sealed(self, import_id: UUID, position: int, line: Line) -> bytes:
        told = [
            line.name,
            line.role,
            line.sex,
            line.birth_date,
            [[key.kind, key.value] for key in line.keys],
            line.person_code,
            line.school,
            line.grade,
            line.class_name,
            line.subjects,
            [[each.name, each.phone, each.relation] for each in line.guardians],
            line.leaving,
            line.ended_on,
            *line.phoneless,
        ]
        place = _place(import_id, position)
        return self._keys.encrypt(_PURPOSE, orjson.dumps(told).decode(), place)

    def _opened(self, import_id: UUID, row: Row[Any]) -> Line:
        place = _place(import_id, row.position)
        told = orjson.loads(self._keys.decrypt(_PURPOSE, row.content, place))
        name, role, sex, born, keys, code, school, grade, class_name, *told = told
        subjects, guardians, leaving, ended_on, *phoneless = told
        return Line(
            name,
            RosterRole(role),
            sex,
            date.fromisoformat(born) if born else None,
            tuple(IdentifierKey(IdentifierKind(kind), value) for kind, value in keys),
            code,
            school,
            grade,
            class_name,
            tuple(subjects),
            tuple(RosterGuardian(*each) for each in guardians),
            leaving,
            date.fromisoformat(ended_on) if ended_on else None,
            tuple(map(Column, phoneless)),
        )


def _place(import_id: UUID, position: int) -> Place:
    return Place("import_lines", "content", f"{import_id}/{position}")


def _told(defects: Sequence[Defect]) -> str | None:
    if not defects:
        return None
    return orjson.dumps(
        [
            {
                "column": each.column,
                "heading": HEADINGS[each.column][0] if each.column else None,
                "reason": each.reason,
                "detail": each.detail,
            }
            for each in defects
        ]
    ).decode()
