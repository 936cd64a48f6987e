"""Textbooks and chapters in PostgreSQL.

Whoever writes either takes their lock first: writers come one at a time.
"""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.catalog.application.textbooks import Choice, Query, Sort
from services.catalog.domain.textbooks import Chapter, Facet, Textbook
from services.catalog.domain.vocabularies import State
from shared.collation import sort_key

_FACETS = ("stage", "subject", "edition", "grade", "volume")
_LAST = 2**31 - 1
_BOOK = "t.id, t.title, t.sort_key, t.publisher, t.size, t.source, t.state, t.version," + ", ".join(
    f" t.{facet}, t.{facet}_text" for facet in _FACETS
)
_POSITIONS = f"ARRAY[{', '.join(f'coalesce({facet}.position, {_LAST})' for facet in _FACETS)}]"
_TERMS = " ".join(
    f"LEFT JOIN terms {facet} ON {facet}.dictionary = '{facet}' AND {facet}.code = t.{facet}"
    f" AND {facet}.until IS NULL"
    for facet in _FACETS
)
_IN_STAGE_ORDER = (
    f"SELECT {_BOOK}, {_POSITIONS} AS positions FROM textbooks t {_TERMS}"  # noqa: S608 - constant columns
    " WHERE {conditions} AND (CAST(:after_id AS uuid) IS NULL"
    f" OR ({_POSITIONS}, t.sort_key, t.id) > (CAST(:positions AS int[]), :sort_key, :after_id))"
    f" ORDER BY {_POSITIONS}, t.sort_key, t.id LIMIT :limit"
)
_BY_TITLE = (
    f"SELECT {_BOOK}, CAST(ARRAY[] AS int[]) AS positions FROM textbooks t"  # noqa: S608 - constant columns
    " WHERE {conditions} AND (CAST(:after_id AS uuid) IS NULL"
    " OR (t.sort_key, t.id) > (:sort_key, :after_id))"
    " ORDER BY t.sort_key, t.id LIMIT :limit"
)
_CHOICES = (
    "SELECT t.{facet} AS code, term.name_zh, term.name_en, count(*) AS textbooks"
    " FROM textbooks t LEFT JOIN terms term ON term.dictionary = '{facet}'"
    " AND term.code = t.{facet} AND term.until IS NULL WHERE {conditions}"
    " GROUP BY t.{facet}, term.name_zh, term.name_en, term.position"
    " ORDER BY term.position NULLS LAST, t.{facet}"
)
_GET = text(f"SELECT {_BOOK} FROM textbooks t WHERE t.id = :id")  # noqa: S608 - constant columns
_ALL = text(f"SELECT {_BOOK} FROM textbooks t ORDER BY t.id")  # noqa: S608 - constant columns
_WAITING = (
    f"SELECT {_BOOK} FROM textbooks t"  # noqa: S608 - constant columns
    " WHERE t.{facet} IS NULL AND t.{facet}_text <> '' ORDER BY t.id"
)
_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended('textbooks', 0))")
_COLUMNS = (
    "id, title, sort_key, publisher, size, source, state, version,"
    " stage, stage_text, subject, subject_text, edition, edition_text, grade, grade_text,"
    " volume, volume_text"
)
_KEEP = text(
    f"INSERT INTO textbooks ({_COLUMNS}, updated_at) SELECT {_COLUMNS}, :at"  # noqa: S608 - constant columns
    " FROM jsonb_to_recordset(CAST(:books AS jsonb)) AS r (id uuid, title text, sort_key text,"
    " publisher text, size bigint, source text, state text, version int, stage text,"
    " stage_text text, subject text, subject_text text, edition text, edition_text text,"
    " grade text, grade_text text, volume text, volume_text text)"
    " ON CONFLICT (id) DO UPDATE SET "
    + ", ".join(f"{name.strip()} = excluded.{name.strip()}" for name in _COLUMNS.split(",")[1:])
    + ", updated_at = excluded.updated_at"
)
_CHAPTERS = text(
    "SELECT t.id AS textbook, t.version, c.code, c.parent, c.title, c.position, c.state"
    " FROM textbooks t LEFT JOIN chapters c ON c.textbook = t.id WHERE t.id = ANY(:ids)"
    " ORDER BY t.id, c.position, c.code"
)
_ALL_CHAPTERS = text(
    "SELECT textbook, code, parent, title, position, state FROM chapters"
    " ORDER BY textbook, position, code"
)
_KEEP_CHAPTERS = text(
    "INSERT INTO chapters (textbook, code, parent, title, position, state)"
    " SELECT textbook, code, parent, title, position, state"
    " FROM jsonb_to_recordset(CAST(:chapters AS jsonb)) AS r (textbook uuid, code text,"
    " parent text, title text, position int, state text)"
    " ON CONFLICT (textbook, code) DO UPDATE SET parent = excluded.parent,"
    " title = excluded.title, position = excluded.position, state = excluded.state"
)
_BUMP = text("UPDATE textbooks SET version = version + 1, updated_at = :at WHERE id = ANY(:ids)")


class TextbookRepository:
    """The `TextbookStore` of the use cases."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def lock(self) -> None:
        await self._connection.execute(_LOCK)

    async def page(self, query: Query, limit: int, after: Textbook | None) -> Sequence[Textbook]:
        conditions, given = _conditions(query)
        sql = _IN_STAGE_ORDER if query.sort is Sort.STAGE else _BY_TITLE
        place: dict[str, Any] = {
            "limit": limit,
            "after_id": after and after.id,
            "sort_key": after.sort_key if after else "",
        }
        if query.sort is Sort.STAGE:
            place["positions"] = list(after.positions) if after else []
        rows = await self._connection.execute(
            text(sql.format(conditions=conditions)), {**given, **place}
        )
        return [_textbook(row) for row in rows]

    async def choices(self, query: Query, facet: Facet) -> Sequence[Choice]:
        conditions, given = _conditions(query)
        statement = text(_CHOICES.format(facet=facet.value, conditions=conditions))
        rows = await self._connection.execute(statement, given)
        return [Choice(row.code, row.name_zh, row.name_en, row.textbooks) for row in rows]

    async def get(self, id_: UUID) -> Textbook | None:
        row = (await self._connection.execute(_GET, {"id": id_})).one_or_none()
        return None if row is None else _textbook(row)

    async def all(self) -> Sequence[Textbook]:
        return [_textbook(row) for row in await self._connection.execute(_ALL)]

    async def waiting(self, facet: Facet) -> Sequence[Textbook]:
        rows = await self._connection.execute(text(_WAITING.format(facet=facet.value)))
        return [_textbook(row) for row in rows]

    async def keep(self, books: Sequence[Textbook], at: datetime) -> None:
        # In a thread: the first sort key of a process loads its phrases.
        records = await asyncio.to_thread(lambda: [_record(book) for book in books])
        await self._connection.execute(_KEEP, {"books": orjson.dumps(records).decode(), "at": at})

    async def chapters(
        self, ids: Collection[UUID]
    ) -> Mapping[UUID, tuple[int, Mapping[str, Chapter]]]:
        found: dict[UUID, tuple[int, dict[str, Chapter]]] = {}
        for row in await self._connection.execute(_CHAPTERS, {"ids": list(ids)}):
            _, chapters = found.setdefault(_plain(row.textbook), (row.version, {}))
            if row.code is not None:
                chapters[row.code] = _chapter(row)
        return found

    async def all_chapters(self) -> Sequence[tuple[UUID, Chapter]]:
        rows = await self._connection.execute(_ALL_CHAPTERS)
        return [(_plain(row.textbook), _chapter(row)) for row in rows]

    async def keep_chapters(self, chapters: Sequence[tuple[UUID, Chapter]], at: datetime) -> None:
        records = [
            {
                "textbook": str(textbook),
                "code": chapter.code,
                "parent": chapter.parent,
                "title": chapter.title,
                "position": chapter.position,
                "state": chapter.state,
            }
            for textbook, chapter in chapters
        ]
        await self._connection.execute(_KEEP_CHAPTERS, {"chapters": orjson.dumps(records).decode()})
        ids = list({textbook for textbook, _ in chapters})
        await self._connection.execute(_BUMP, {"ids": ids, "at": at})


def _conditions(query: Query) -> tuple[str, dict[str, Any]]:
    """The WHERE of a list: every name in it is one of the columns above."""
    conditions = ["t.state = :state"]
    given: dict[str, Any] = {"state": query.state}
    for facet, code in query.codes.items():
        conditions.append(f"t.{facet.value} = :{facet.value}")
        given[facet.value] = code
    conditions += [f"t.{facet.value} IS NULL" for facet in query.without]
    return " AND ".join(conditions), given


def _plain(id_: UUID) -> UUID:
    return UUID(bytes=id_.bytes)  # the driver's own subclass equals it, and is no JSON


def _textbook(row: Row[*tuple[Any, ...]]) -> Textbook:
    codes = {facet: getattr(row, facet.value) for facet in Facet}
    return Textbook(
        id=_plain(row.id),
        title=row.title,
        texts={facet: getattr(row, f"{facet.value}_text") for facet in Facet},
        codes={facet: code for facet, code in codes.items() if code is not None},
        publisher=row.publisher,
        size=row.size,
        source=row.source,
        state=State(row.state),
        version=row.version,
        positions=tuple(getattr(row, "positions", ())),
        sort_key=row.sort_key,
    )


def _record(book: Textbook) -> dict[str, Any]:
    return {
        "id": str(book.id),
        "title": book.title,
        "sort_key": sort_key(book.title),
        "publisher": book.publisher,
        "size": book.size,
        "source": book.source,
        "state": book.state,
        "version": book.version,
        **{facet.value: book.codes.get(facet) for facet in Facet},
        **{f"{facet.value}_text": book.texts.get(facet, "") for facet in Facet},
    }


def _chapter(row: Row[*tuple[Any, ...]]) -> Chapter:
    return Chapter(row.code, row.title, row.parent, row.position, State(row.state))
