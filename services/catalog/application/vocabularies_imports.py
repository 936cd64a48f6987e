"""Imports and exports of vocabularies as CSV.

An import is worked out as a whole, told, and, unless it is a dry run, applied in the same
transaction: every row, or with ``partial`` those without errors. The same file again changes
nothing, and what is exported imports back without a change.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.catalog.application.knowledge import KnowledgeStore
from services.catalog.application.textbooks import TextbookStore, WaitingTextbooks, facet_lexicons
from services.catalog.application.vocabularies import (
    MANAGE,
    DictionaryStore,
    Vocabulary,
    admit_of_province,
    revise,
)
from services.catalog.domain.knowledge import POINT_COLUMNS, plan_points
from services.catalog.domain.textbooks import Facet
from services.catalog.domain.textbooks_plans import (
    CHAPTER_COLUMNS,
    TEXTBOOK_COLUMNS,
    plan_chapters,
    plan_textbooks,
)
from services.catalog.domain.vocabularies import SEPARATOR
from services.catalog.domain.vocabularies_plans import (
    TERM_COLUMNS,
    Defect,
    ImportRefused,
    Plan,
    plan_terms,
)
from services.catalog.domain.vocabularies_tables import Row, read_table, written_table
from shared.clock import Clock
from shared.database import UnitOfWork
from shared.ids import uuid7
from shared.principal import Principal


class Kind(StrEnum):
    TERMS = "terms"
    TEXTBOOKS = "textbooks"
    CHAPTERS = "chapters"
    KNOWLEDGE = "knowledge"


COLUMNS: Mapping[Kind, tuple[tuple[str, ...], tuple[str, ...]]] = {
    Kind.TERMS: (("dictionary", "code"), TERM_COLUMNS),
    Kind.TEXTBOOKS: (("title",), TEXTBOOK_COLUMNS),
    Kind.CHAPTERS: (("textbook", "code"), CHAPTER_COLUMNS),
    Kind.KNOWLEDGE: (("subject", "code"), POINT_COLUMNS),
}
"""The columns that a file of each kind must have, and may have."""


@dataclass(frozen=True, slots=True)
class Report:
    """What an import did, or would do. ``rows`` counts those of the file."""

    kind: Kind
    encoding: str
    applied: bool
    rows: int
    added: int
    changed: int
    unchanged: int
    defects: Sequence[Defect]


@dataclass(frozen=True, slots=True)
class Stores:
    dictionaries: Callable[[AsyncConnection], DictionaryStore]
    textbooks: Callable[[AsyncConnection], TextbookStore]
    knowledge: Callable[[AsyncConnection], KnowledgeStore]


Planned = tuple[Plan[Any], Callable[[], Awaitable[None]]]
"""What would be done, and the doing."""


class Imports:
    """Importers wait for one another, and for whoever edits the same vocabularies."""

    def __init__(
        self,
        new_uow: Callable[[], UnitOfWork],
        stores: Stores,
        vocabulary: Vocabulary,
        waiting: WaitingTextbooks,
        clock: Clock,
    ) -> None:
        self._new_uow = new_uow
        self._stores = stores
        self._vocabulary = vocabulary
        self._waiting = waiting
        self._clock = clock

    async def run(
        self,
        caller: Principal,
        kind: Kind,
        content: bytes,
        charset: str | None,
        *,
        dry_run: bool,
        partial: bool,
    ) -> Report:
        """Import a CSV file. `charset` is the one declared for it, if any.

        Raises `Forbidden`, `UnreadableTable`, and `ImportRefused` where rows have errors and the
        import is neither a dry run nor partial.
        """
        admit_of_province(MANAGE, caller)
        table = await asyncio.to_thread(read_table, content, charset, *COLUMNS[kind])
        plans = {
            Kind.TERMS: self._terms,
            Kind.TEXTBOOKS: self._textbooks,
            Kind.CHAPTERS: self._chapters,
            Kind.KNOWLEDGE: self._knowledge,
        }
        async with self._new_uow() as uow:
            plan, apply = await plans[kind](uow, table.rows)
            report = Report(
                kind=kind,
                encoding=table.encoding,
                applied=not dry_run,
                rows=plan.rows,
                added=len(plan.added),
                changed=len(plan.changed),
                unchanged=plan.unchanged,
                defects=plan.defects,
            )
            if dry_run:
                return report
            if plan.has_errors and not partial:
                raise ImportRefused(
                    "Nothing was applied. Correct the rows named in errors, or send partial=true"
                    " to apply the others.",
                    zh="未导入任何行。请更正 errors 所列各行，或以 partial=true 只导入其余各行。",
                    errors=[_told(defect) for defect in plan.defects if not defect.odd],
                )
            if plan.written:
                await apply()
                facts = Counter(defect.code.value for defect in plan.defects)
                uow.audit.record(
                    "vocabulary.imported",
                    kind,
                    added=report.added,
                    changed=report.changed,
                    defects=facts,
                )
            return await uow.commit(report)

    async def _terms(self, uow: UnitOfWork, rows: Sequence[Row]) -> Planned:
        store = self._stores.dictionaries(uow.connection)
        await store.lock(sorted({row.text("dictionary") for row in rows}))
        lexicons = await store.current(await store.codes())
        plan = await asyncio.to_thread(plan_terms, rows, lexicons)

        async def apply() -> None:
            for name in sorted({each.dictionary for each in plan.written}):
                added = [each.term for each in plan.added if each.dictionary == name]
                changed = [each.term for each in plan.changed if each.dictionary == name]
                await revise(
                    uow,
                    store,
                    lexicons[name].dictionary,
                    self._clock(),
                    [*added, *changed],
                    tuple(term.code for term in added),
                    tuple(term.code for term in changed),
                )
                await self._waiting.resolve(uow, lexicons[name].with_(*added, *changed))

        return plan, apply

    async def _textbooks(self, uow: UnitOfWork, rows: Sequence[Row]) -> Planned:
        store = self._stores.textbooks(uow.connection)
        await store.lock()
        lexicons = await facet_lexicons(self._vocabulary, uow.connection)
        plan = await asyncio.to_thread(plan_textbooks, rows, await store.all(), lexicons, uuid7)
        return plan, lambda: store.keep(plan.written, self._clock())

    async def _chapters(self, uow: UnitOfWork, rows: Sequence[Row]) -> Planned:
        store = self._stores.textbooks(uow.connection)
        await store.lock()
        named = {id_ for row in rows if (id_ := _uuid(row.text("textbook"))) is not None}
        known = {id_: chapters for id_, (_, chapters) in (await store.chapters(named)).items()}
        plan = await asyncio.to_thread(plan_chapters, rows, known)
        written = [(each.textbook, each.chapter) for each in plan.written]
        return plan, lambda: store.keep_chapters(written, self._clock())

    async def _knowledge(self, uow: UnitOfWork, rows: Sequence[Row]) -> Planned:
        store = self._stores.knowledge(uow.connection)
        await store.lock()
        subjects = (await self._vocabulary.lexicons(uow.connection, ["subject"]))["subject"]
        known = {code: graph.points for code, graph in (await store.graphs(None)).items()}
        plan = await asyncio.to_thread(plan_points, rows, known, subjects)
        written = [(each.subject, each.point) for each in plan.written]
        return plan, lambda: store.keep(written, self._clock())


class Exports:
    """CSV files with the columns that imports take."""

    def __init__(self, new_uow: Callable[[], UnitOfWork], stores: Stores) -> None:
        self._new_uow = new_uow
        self._stores = stores

    async def table(self, kind: Kind) -> bytes:
        """Everything of that kind, retired things too."""
        rows = {
            Kind.TERMS: self._terms,
            Kind.TEXTBOOKS: self._textbooks,
            Kind.CHAPTERS: self._chapters,
            Kind.KNOWLEDGE: self._knowledge,
        }
        async with self._new_uow() as uow:
            found = await rows[kind](uow.connection)
        return await asyncio.to_thread(written_table, COLUMNS[kind][1], found)

    async def _terms(self, connection: AsyncConnection) -> Iterable[Sequence[str]]:
        store = self._stores.dictionaries(connection)
        lexicons = await store.current(await store.codes())
        return (
            (
                dictionary,
                term.code,
                term.parent or "",
                term.name_zh,
                term.name_en,
                SEPARATOR.join(term.aliases),
                SEPARATOR.join(f"{scheme}={code}" for scheme, code in term.crosswalk.items()),
                str(term.position),
                term.state,
            )
            for dictionary, lexicon in lexicons.items()
            for term in lexicon.terms.values()
        )

    async def _textbooks(self, connection: AsyncConnection) -> Iterable[Sequence[str]]:
        return (
            (
                str(book.id),
                book.title,
                *(book.texts.get(facet, "") for facet in Facet),
                book.publisher,
                "" if book.size is None else str(book.size),
                book.source,
                book.state,
            )
            for book in await self._stores.textbooks(connection).all()
        )

    async def _chapters(self, connection: AsyncConnection) -> Iterable[Sequence[str]]:
        return (
            (
                str(textbook),
                chapter.code,
                chapter.parent or "",
                chapter.title,
                str(chapter.position),
                chapter.state,
            )
            for textbook, chapter in await self._stores.textbooks(connection).all_chapters()
        )

    async def _knowledge(self, connection: AsyncConnection) -> Iterable[Sequence[str]]:
        graphs = await self._stores.knowledge(connection).graphs(None)
        return (
            (
                subject,
                point.code,
                point.parent or "",
                point.name_zh,
                point.name_en,
                SEPARATOR.join(point.prerequisites),
                str(point.position),
                point.state,
            )
            for subject, graph in graphs.items()
            for point in graph.points.values()
        )


def _told(defect: Defect) -> dict[str, Any]:
    return {
        "line": defect.line,
        "column": defect.column,
        "value": defect.value,
        "code": defect.code,
        "detail": defect.detail,
    }


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
