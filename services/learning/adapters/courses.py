"""Courses in PostgreSQL."""

from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.learning.adapters.courses_enrolments import TAKEN_BY
from services.learning.application.courses_ports import Ancestor
from services.learning.domain.courses import (
    CompletionRule,
    Course,
    Item,
    Origin,
    Plan,
    Section,
    State,
)

_COLUMNS = (
    "c.id, c.owner, ltree2text(c.organisation_path) AS organisation_path, c.state, c.title,"
    " c.introduction, c.starts_on, c.ends_on, c.share, c.passing, c.items, c.origin_course,"
    " c.origin_version, c.version, c.created_at, c.updated_at"
)
_GET = text(f"SELECT {_COLUMNS} FROM courses c WHERE c.id = :id")  # noqa: S608 - constant columns
_LOCKED = text(f"{_GET.text} FOR NO KEY UPDATE")
_ADD = text(
    "INSERT INTO courses (id, owner, organisation_path, state, title, introduction, starts_on,"
    " ends_on, share, passing, items, origin_course, origin_version, version, created_at,"
    " updated_at) VALUES (:id, :owner, text2ltree(:organisation_path), :state, :title,"
    " :introduction, :starts_on, :ends_on, :share, :passing, :items, :origin_course,"
    " :origin_version, :version, :created_at, :updated_at)"
)
_SAVE = text(
    "UPDATE courses SET state = :state, title = :title, introduction = :introduction,"
    " starts_on = :starts_on, ends_on = :ends_on, share = :share, passing = :passing,"
    " items = :items, version = :version, updated_at = :updated_at WHERE id = :id"
)
_DROP_ENROLMENTS = text("DELETE FROM course_enrolments WHERE course_id = :id")
_DROP_ITEMS = text("DELETE FROM course_items WHERE course_id = :id")
_DROP_SECTIONS = text("DELETE FROM course_sections WHERE course_id = :id")
_DELETE = text("DELETE FROM courses WHERE id = :id")
_SECTIONS = text(
    "SELECT title, opens_at, closes_at FROM course_sections WHERE course_id = :id ORDER BY position"
)
_ITEMS = text(
    "SELECT section, resource_id, number, title, required FROM course_items"
    " WHERE course_id = :id ORDER BY position"
)
_PUT_SECTIONS = text(
    "INSERT INTO course_sections (course_id, position, title, opens_at, closes_at)"
    " SELECT :id, place - 1, title, opens_at, closes_at FROM unnest(CAST(:titles AS text[]),"
    " CAST(:opens AS timestamptz[]), CAST(:closes AS timestamptz[])) WITH ORDINALITY"
    " AS s (title, opens_at, closes_at, place)"
)
_PUT_ITEMS = text(
    "INSERT INTO course_items (course_id, position, section, resource_id, number, title, required)"
    " SELECT :id, place - 1, section, resource_id, number, title, required FROM unnest("
    "CAST(:sections AS int[]), CAST(:resources AS uuid[]), CAST(:numbers AS int[]),"
    " CAST(:titles AS text[]), CAST(:required AS boolean[])) WITH ORDINALITY"
    " AS i (section, resource_id, number, title, required, place)"
)
_PAGE = text(
    f"SELECT {_COLUMNS} FROM courses c WHERE c.id IN (SELECT id FROM courses"  # noqa: S608 - likewise
    f" WHERE owner = CAST(:owner AS text) UNION SELECT e.course_id {TAKEN_BY})"
    " AND (c.owner = :owner OR c.state <> 'DRAFT')"
    " AND (CAST(:before AS uuid) IS NULL OR c.id < :before) ORDER BY c.id DESC LIMIT :limit"
)
_PAGE_AT = text(
    f"SELECT {_COLUMNS} FROM courses c WHERE c.organisation_path <@ text2ltree(:path)"  # noqa: S608 - likewise
    " AND c.state <> 'DRAFT' AND (CAST(:before AS uuid) IS NULL OR c.id < :before)"
    " ORDER BY c.id DESC LIMIT :limit"
)
_LONGEST_LINE = 50
_LINEAGE = text(
    "WITH RECURSIVE line AS (SELECT 1 AS step, origin_course AS id, origin_version AS version"  # noqa: S608 - likewise
    " FROM courses WHERE id = :id AND origin_course IS NOT NULL"
    " UNION ALL SELECT l.step + 1, c.origin_course, c.origin_version"
    " FROM line l JOIN courses c ON c.id = l.id"
    " WHERE c.origin_course IS NOT NULL AND l.step < :longest)"
    f" SELECT l.id AS line_id, l.version AS line_version, {_COLUMNS}"
    " FROM line l LEFT JOIN courses c ON c.id = l.id ORDER BY l.step"
)
_FORGET = text("UPDATE courses SET owner = NULL WHERE owner = :person")


class CourseRepository:
    """`services.learning.application.courses_ports.CourseStore`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, course: Course) -> None:
        await self._connection.execute(_ADD, _row(course))

    async def get(self, course_id: UUID) -> Course | None:
        return await self._one(_GET, course_id)

    async def locked(self, course_id: UUID) -> Course | None:
        return await self._one(_LOCKED, course_id)

    async def _one(self, query: Any, course_id: UUID) -> Course | None:
        row = (await self._connection.execute(query, {"id": course_id})).one_or_none()
        return None if row is None else _course(row)

    async def save(self, course: Course) -> None:
        await self._connection.execute(_SAVE, _row(course))

    async def delete(self, course_id: UUID) -> None:
        for statement in (_DROP_ENROLMENTS, _DROP_ITEMS, _DROP_SECTIONS, _DELETE):
            await self._connection.execute(statement, {"id": course_id})

    async def sections(self, course_id: UUID) -> Sequence[Section]:
        rows = (await self._connection.execute(_SECTIONS, {"id": course_id})).all()
        items: list[list[Item]] = [[] for _ in rows]
        for row in await self._connection.execute(_ITEMS, {"id": course_id}):
            resource_id = UUID(bytes=row.resource_id.bytes)
            items[row.section].append(Item(resource_id, row.number, row.title, row.required))
        return [
            Section(row.title, row.opens_at, row.closes_at, held)
            for row, held in zip(rows, items, strict=True)
        ]

    async def put_sections(self, course_id: UUID, sections: Sequence[Section]) -> None:
        for statement in (_DROP_ITEMS, _DROP_SECTIONS):
            await self._connection.execute(statement, {"id": course_id})
        outline = {
            "id": course_id,
            "titles": [each.title for each in sections],
            "opens": [each.opens_at for each in sections],
            "closes": [each.closes_at for each in sections],
        }
        await self._connection.execute(_PUT_SECTIONS, outline)
        placed = [(place, item) for place, each in enumerate(sections) for item in each.items]
        contents = {
            "id": course_id,
            "sections": [place for place, _ in placed],
            "resources": [item.resource_id for _, item in placed],
            "numbers": [item.number for _, item in placed],
            "titles": [item.title for _, item in placed],
            "required": [item.required for _, item in placed],
        }
        await self._connection.execute(_PUT_ITEMS, contents)

    async def lineage(self, course_id: UUID) -> Sequence[Ancestor]:
        asked = {"id": course_id, "longest": _LONGEST_LINE}
        return [
            Ancestor(
                Origin(UUID(bytes=row.line_id.bytes), row.line_version),
                _course(row) if row.id is not None else None,
            )
            for row in await self._connection.execute(_LINEAGE, asked)
        ]

    async def page(
        self, people: Sequence[str], day: date, limit: int, before: UUID | None
    ) -> Sequence[Course]:
        asked = {"owner": people[0], "people": list(people), "day": day}
        return await self._several(_PAGE, **asked, limit=limit, before=before)

    async def page_at(self, path: str, limit: int, before: UUID | None) -> Sequence[Course]:
        return await self._several(_PAGE_AT, path=path, limit=limit, before=before)

    async def _several(self, query: Any, **asked: Any) -> Sequence[Course]:
        return [_course(row) for row in await self._connection.execute(query, asked)]

    async def forget(self, person: str) -> None:
        await self._connection.execute(_FORGET, {"person": person})


def _row(course: Course) -> dict[str, Any]:
    plan, origin = course.plan, course.origin
    names = set(Course.__slots__) - {"plan", "origin"}
    return {
        **{name: getattr(course, name) for name in names},
        "title": plan.title,
        "introduction": plan.introduction,
        "starts_on": plan.starts_on,
        "ends_on": plan.ends_on,
        "share": plan.completion.share,
        "passing": plan.completion.passing,
        "origin_course": origin and origin.course_id,
        "origin_version": origin and origin.version,
    }


def _course(row: Row[Any]) -> Course:
    origin = row.origin_course
    return Course(
        id=UUID(bytes=row.id.bytes),
        owner=row.owner,
        organisation_path=row.organisation_path,
        state=State(row.state),
        plan=Plan(
            title=row.title,
            introduction=row.introduction,
            starts_on=row.starts_on,
            ends_on=row.ends_on,
            completion=CompletionRule(row.share, row.passing),
        ),
        items=row.items,
        origin=origin and Origin(UUID(bytes=origin.bytes), row.origin_version),
        version=row.version,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
