"""Homework in PostgreSQL."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from datetime import date, datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.learning.application.assignments_ports import AssignedClass
from services.learning.domain.assignments import (
    KINDS,
    Assignment,
    Criterion,
    Item,
    Plan,
    State,
    Taker,
)
from services.learning.domain.assignments_load import SubjectLoad
from services.learning.domain.directory import PUPIL

_COLUMNS = (
    "a.id, a.owner, ltree2text(a.organisation_path) AS organisation_path, a.state, a.title,"
    " a.instructions, a.subject, a.minutes, a.due_at, a.late_until, a.late_deduction, a.attempts,"
    " CAST(a.items AS text) AS items, a.version, a.created_at, a.assigned_at, a.updated_at"
)
_GET = text(f"SELECT {_COLUMNS} FROM assignments a WHERE a.id = :id")  # noqa: S608 - constant columns
_LOCKED = text(f"{_GET.text} FOR NO KEY UPDATE")
_HELD = text(f"{_GET.text} FOR SHARE")
_ADD = text(
    "INSERT INTO assignments (id, owner, organisation_path, state, title, instructions, subject,"
    " minutes, due_at, late_until, late_deduction, attempts, items, version, created_at,"
    " assigned_at, updated_at) VALUES (:id, :owner, text2ltree(:organisation_path), :state,"
    " :title, :instructions, :subject, :minutes, :due_at, :late_until, :late_deduction, :attempts,"
    " CAST(:items AS jsonb), :version, :created_at, :assigned_at, :updated_at)"
)
_SAVE = text(
    "UPDATE assignments SET state = :state, title = :title, instructions = :instructions,"
    " subject = :subject, minutes = :minutes, due_at = :due_at, late_until = :late_until,"
    " late_deduction = :late_deduction, attempts = :attempts, items = CAST(:items AS jsonb),"
    " version = :version, assigned_at = :assigned_at, updated_at = :updated_at WHERE id = :id"
)
_DELETE = text("DELETE FROM assignments WHERE id = :id")
_CLASSES = text(
    "SELECT o.id, ltree2text(o.path) AS path, o.name FROM assignment_classes c"
    " JOIN organisations o ON o.id = c.organisation_id WHERE c.assignment_id = :id ORDER BY o.path"
)
_ADD_CLASSES = text(
    "INSERT INTO assignment_classes (assignment_id, organisation_id)"
    " SELECT DISTINCT CAST(:id AS uuid), each FROM unnest(CAST(:ids AS uuid[])) AS each"
    " ON CONFLICT DO NOTHING"
)
_ASSIGNED_TO = (
    "FROM assignment_classes c JOIN members m ON m.organisation_id = c.organisation_id"
    " JOIN organisations o ON o.id = c.organisation_id AND o.state = 'OPEN'"
    f" WHERE m.person = ANY(CAST(:people AS text[])) AND m.kind = '{PUPIL}'"
    " AND m.valid_from <= :day AND (m.valid_until IS NULL OR m.valid_until > :day)"
)
_TAKERS = text(
    f"SELECT DISTINCT m.person, o.id, ltree2text(o.path) AS path {_ASSIGNED_TO}"
    " AND c.assignment_id = :id ORDER BY path, m.person"
)
_BEHIND = "(CAST(:before AS uuid) IS NULL OR a.id < :before) ORDER BY a.id DESC LIMIT :limit"
_PAGE = text(
    f"SELECT {_COLUMNS} FROM assignments a WHERE a.id IN (SELECT id FROM assignments"  # noqa: S608 - likewise
    f" WHERE owner = CAST(:owner AS text) UNION SELECT c.assignment_id {_ASSIGNED_TO})"
    f" AND (a.owner = :owner OR a.state <> 'DRAFT') AND {_BEHIND}"
)
_PAGE_AT = text(
    f"SELECT {_COLUMNS} FROM assignments a WHERE a.state <> 'DRAFT' AND a.id IN ("  # noqa: S608 - likewise
    "SELECT id FROM assignments WHERE organisation_path <@ text2ltree(:path) UNION"
    " SELECT c.assignment_id FROM assignment_classes c JOIN organisations o"
    f" ON o.id = c.organisation_id WHERE o.path <@ text2ltree(:path)) AND {_BEHIND}"
)
_LOAD = text(
    "SELECT CAST(a.due_at AT TIME ZONE interval '8 hours' AS date) AS day, a.subject,"
    " count(*) AS assignments, sum(a.minutes) AS minutes FROM assignment_classes c"
    " JOIN assignments a ON a.id = c.assignment_id AND a.state = 'ASSIGNED'"
    " WHERE c.organisation_id = :class_id"
    " AND CAST(a.due_at AT TIME ZONE interval '8 hours' AS date) BETWEEN :first AND :last"
    " GROUP BY day, a.subject ORDER BY day, a.subject"
)
_NOW = text("SELECT transaction_timestamp()")


class AssignmentRepository:
    """`services.learning.application.assignments_ports.AssignmentStore`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, assignment: Assignment) -> None:
        await self._connection.execute(_ADD, _row(assignment))

    async def get(self, assignment_id: UUID) -> Assignment | None:
        return await self._one(_GET, assignment_id)

    async def locked(self, assignment_id: UUID) -> Assignment | None:
        return await self._one(_LOCKED, assignment_id)

    async def held(self, assignment_id: UUID) -> Assignment | None:
        return await self._one(_HELD, assignment_id)

    async def _one(self, query: Any, assignment_id: UUID) -> Assignment | None:
        row = (await self._connection.execute(query, {"id": assignment_id})).one_or_none()
        return None if row is None else _assignment(row)

    async def save(self, assignment: Assignment) -> None:
        await self._connection.execute(_SAVE, _row(assignment))

    async def delete(self, assignment_id: UUID) -> None:
        await self._connection.execute(_DELETE, {"id": assignment_id})

    async def classes(self, assignment_id: UUID) -> Sequence[AssignedClass]:
        rows = await self._connection.execute(_CLASSES, {"id": assignment_id})
        return [AssignedClass(UUID(bytes=row.id.bytes), row.path, row.name) for row in rows]

    async def add_classes(self, assignment_id: UUID, ids: Collection[UUID]) -> None:
        await self._connection.execute(_ADD_CLASSES, {"id": assignment_id, "ids": list(ids)})

    async def takers(
        self, assignment_id: UUID, people: Sequence[str], day: date
    ) -> Sequence[Taker]:
        asked = {"id": assignment_id, "people": list(people), "day": day}
        rows = await self._connection.execute(_TAKERS, asked)
        return [Taker(row.person, UUID(bytes=row.id.bytes), row.path) for row in rows]

    async def page(
        self, people: Sequence[str], day: date, limit: int, before: UUID | None
    ) -> Sequence[Assignment]:
        asked = {"owner": people[0], "people": list(people), "day": day}
        return await self._several(_PAGE, **asked, limit=limit, before=before)

    async def page_at(self, path: str, limit: int, before: UUID | None) -> Sequence[Assignment]:
        return await self._several(_PAGE_AT, path=path, limit=limit, before=before)

    async def _several(self, query: Any, **asked: Any) -> Sequence[Assignment]:
        return [_assignment(row) for row in await self._connection.execute(query, asked)]

    async def load(self, class_id: UUID, first: date, last: date) -> Sequence[SubjectLoad]:
        asked = {"class_id": class_id, "first": first, "last": last}
        rows = await self._connection.execute(_LOAD, asked)
        return [SubjectLoad(row.day, row.subject, row.assignments, row.minutes) for row in rows]

    async def now(self) -> datetime:
        now: datetime = await self._connection.scalar(_NOW)
        return now


def _row(assignment: Assignment) -> dict[str, Any]:
    plan = assignment.plan
    names = set(Assignment.__slots__) - {"plan", "items"}
    items = [{"kind": each.kind, **asdict(each)} for each in assignment.items]
    return {
        **{name: getattr(assignment, name) for name in names},
        **{name: getattr(plan, name) for name in Plan.__slots__},
        "items": orjson.dumps(items).decode(),
    }


def _assignment(row: Row[Any]) -> Assignment:
    return Assignment(
        id=UUID(bytes=row.id.bytes),
        owner=row.owner,
        organisation_path=row.organisation_path,
        state=State(row.state),
        plan=Plan(**{name: getattr(row, name) for name in Plan.__slots__}),
        items=[_item(each) for each in orjson.loads(row.items)],
        version=row.version,
        created_at=row.created_at,
        assigned_at=row.assigned_at,
        updated_at=row.updated_at,
    )


def _item(stored: Mapping[str, Any]) -> Item:
    fields = dict(stored)
    kind = KINDS[fields.pop("kind")]
    if "rubric" in fields:
        fields["rubric"] = [Criterion(**each) for each in fields["rubric"]]
    return kind(**fields)
