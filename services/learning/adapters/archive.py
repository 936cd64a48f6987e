"""Growth archives in PostgreSQL. What teachers write there is sealed."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.learning.domain.archive import (
    MOST_ENTRIES,
    ArchiveFull,
    Entry,
    Given,
    Kind,
    Snapshot,
    SnapshotTaken,
    TakenCourse,
    Term,
)
from services.learning.domain.courses import CompletionRule
from services.learning.domain.directory import PUPIL
from shared.encryption import KeyRing, Place

_ADD = text(
    "INSERT INTO archive_entries (id, person, kind, sealed, day, organisation_id, author,"
    " created_at) SELECT :id, CAST(:person AS text), :kind, :sealed, :day, :organisation_id,"
    " :author, :created_at"
    " WHERE (SELECT count(*) FROM archive_entries WHERE person = :person) < :most RETURNING id"
)
_ENTRIES = text(
    "SELECT e.*, ltree2text(o.path) AS path, o.name FROM archive_entries e"
    " LEFT JOIN organisations o ON o.id = e.organisation_id"
    " WHERE e.person = :person ORDER BY e.day DESC, e.id DESC"
)
_LOCKED = text(
    "SELECT e.*, ltree2text(o.path) AS path, o.name FROM archive_entries e"
    " LEFT JOIN organisations o ON o.id = e.organisation_id"
    " WHERE e.person = :person AND e.id = :id FOR UPDATE OF e"
)
_DELETE = text("DELETE FROM archive_entries WHERE id = :id")
_ADD_SNAPSHOT = text(
    "INSERT INTO archive_snapshots (person, term, taken_at, content)"
    " VALUES (:person, :term, :taken_at, CAST(:content AS jsonb))"
    " ON CONFLICT DO NOTHING RETURNING term"
)
_DELETE_SNAPSHOT = text(
    "DELETE FROM archive_snapshots WHERE person = :person AND term = :term RETURNING term"
)
_SNAPSHOTS = text(
    "SELECT term, taken_at, content FROM archive_snapshots WHERE person = :person"
    " ORDER BY term DESC"
)
_COURSES = text(
    "SELECT c.id, c.title, c.starts_on, c.ends_on, c.share, c.passing, ARRAY("  # noqa: S608 - constants
    "SELECT i.resource_id FROM course_items i WHERE i.course_id = c.id AND i.required"
    " ORDER BY i.position) AS required, ARRAY(SELECT r.id FROM course_items i"
    " JOIN resources r ON r.id = i.resource_id WHERE i.course_id = c.id AND i.required"
    " AND r.standing <> 'LIVE') AS gone"
    " FROM courses c WHERE c.state <> 'DRAFT' AND EXISTS (SELECT FROM course_enrolments e"
    " JOIN members m ON m.organisation_id = e.organisation_id"
    f" WHERE e.course_id = c.id AND m.person = :person AND m.kind = '{PUPIL}'"
    " AND (c.ends_on IS NULL OR m.valid_from <= c.ends_on)"
    " AND (m.valid_until IS NULL OR m.valid_until > greatest(c.starts_on,"
    " CAST(e.enrolled_at AT TIME ZONE interval '8 hours' AS date))))"
    " ORDER BY c.starts_on DESC NULLS LAST, c.id DESC"
)
_FORGET = [
    text("DELETE FROM archive_entries WHERE person = :person"),
    text("DELETE FROM archive_snapshots WHERE person = :person"),
    text("UPDATE archive_entries SET author = NULL WHERE author = :person"),
]


class ArchiveRepository:
    """`services.learning.application.archive_ports.ArchiveStore`."""

    def __init__(self, connection: AsyncConnection, keys: KeyRing) -> None:
        self._connection = connection
        self._keys = keys

    async def add(self, entry: Entry) -> None:
        words = orjson.dumps({"title": entry.title, "text": entry.text}).decode()
        row = {
            "id": entry.id,
            "person": entry.person,
            "kind": entry.kind,
            "sealed": self._keys.encrypt("archive", words, _place(entry.id)),
            "day": entry.day,
            "organisation_id": entry.organisation_id,
            "author": entry.author,
            "created_at": entry.created_at,
            "most": MOST_ENTRIES,
        }
        if await self._connection.scalar(_ADD, row) is None:
            raise ArchiveFull("Withdraw some first.", zh="请先撤回部分条目。")

    async def locked(self, person: str, entry_id: UUID) -> Given | None:
        asked = {"person": person, "id": entry_id}
        row = (await self._connection.execute(_LOCKED, asked)).one_or_none()
        return None if row is None else self._given(row)

    async def delete(self, entry_id: UUID) -> None:
        await self._connection.execute(_DELETE, {"id": entry_id})

    async def entries(self, person: str) -> Sequence[Given]:
        rows = await self._connection.execute(_ENTRIES, {"person": person})
        return [self._given(row) for row in rows]

    async def add_snapshot(self, snapshot: Snapshot) -> None:
        row = {
            "person": snapshot.person,
            "term": str(snapshot.term),
            "taken_at": snapshot.taken_at,
            "content": orjson.dumps(snapshot.content).decode(),
        }
        if await self._connection.scalar(_ADD_SNAPSHOT, row) is None:
            raise SnapshotTaken("A snapshot is taken once a term.", zh="每学期只保存一次快照。")

    async def delete_snapshot(self, person: str, term: Term) -> bool:
        asked = {"person": person, "term": str(term)}
        return await self._connection.scalar(_DELETE_SNAPSHOT, asked) is not None

    async def snapshots(self, person: str) -> Sequence[Snapshot]:
        return [
            Snapshot(person, Term.parse(row.term), row.taken_at, row.content)
            for row in await self._connection.execute(_SNAPSHOTS, {"person": person})
        ]

    async def courses(self, person: str) -> Sequence[TakenCourse]:
        return [
            TakenCourse(
                id=UUID(bytes=row.id.bytes),
                title=row.title,
                starts_on=row.starts_on,
                ends_on=row.ends_on,
                rule=CompletionRule(row.share, row.passing),
                required=[UUID(bytes=each.bytes) for each in row.required],
                gone=[UUID(bytes=each.bytes) for each in row.gone],
            )
            for row in await self._connection.execute(_COURSES, {"person": person})
        ]

    def _given(self, row: Row[Any]) -> Given:
        id_ = UUID(bytes=row.id.bytes)
        words = orjson.loads(self._keys.decrypt("archive", row.sealed, _place(id_)))
        entry = Entry(
            id=id_,
            person=row.person,
            kind=Kind(row.kind),
            title=words["title"],
            text=words["text"],
            day=row.day,
            organisation_id=UUID(bytes=row.organisation_id.bytes),
            author=row.author,
            created_at=row.created_at,
        )
        return Given(entry, row.path, row.name)


async def forget(connection: AsyncConnection, person: str) -> None:
    """The archive of `person` goes; what `person` wrote into others' stays, without author."""
    for statement in _FORGET:
        await connection.execute(statement, {"person": person})


def _place(entry_id: UUID) -> Place:
    return Place("archive_entries", "sealed", str(entry_id))
