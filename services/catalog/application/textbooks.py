"""What is done to textbooks and their chapters, and the walk to them."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.catalog.application.vocabularies import MANAGE, Vocabulary, admit_of_province
from services.catalog.domain.textbooks import (
    Chapter,
    ChaptersRefused,
    Facet,
    Textbook,
    TextbookRefused,
    chapter_flaws,
)
from services.catalog.domain.textbooks_plans import Lexicons, plan_textbooks, resolved
from services.catalog.domain.vocabularies import Lexicon, State
from services.catalog.domain.vocabularies_plans import Defect
from services.catalog.domain.vocabularies_tables import Row
from services.catalog.domain.vocabularies_trees import depth_first
from shared.clock import Clock
from shared.context import worded
from shared.database import UnitOfWork
from shared.errors import NotFound, StaleVersion
from shared.ids import uuid7
from shared.principal import Principal


class Sort(StrEnum):
    """By 学段, 学科, 版本, 年级, 册次 as the dictionaries order them, or by pinyin of the title."""

    STAGE = "stage"
    TITLE = "title"


@dataclass(frozen=True, slots=True)
class Query:
    """``codes`` limits a list to textbooks with those codes, ``without`` to textbooks whose texts
    for those facets have no code."""

    codes: Mapping[Facet, str] = field(default_factory=dict)
    without: Collection[Facet] = ()
    state: State = State.ACTIVE
    sort: Sort = Sort.STAGE


@dataclass(frozen=True, slots=True)
class Choice:
    """One value below what was chosen, with how many textbooks have it. A code of None stands for
    all texts that the dictionary does not know."""

    code: str | None
    name_zh: str | None
    name_en: str | None
    textbooks: int


@dataclass(frozen=True, slots=True)
class Kept:
    """A textbook as it is kept now, and what a person should look at."""

    textbook: Textbook
    oddities: Sequence[Defect]


@dataclass(frozen=True, slots=True)
class Contents:
    """A textbook's chapters as they are read, each with its depth. ``version`` is the
    textbook's."""

    textbook: UUID
    version: int
    chapters: Sequence[tuple[Chapter, int]]


class TextbookStore(Protocol):
    async def lock(self) -> None:
        """Keep all textbooks and chapters from other writers until the transaction ends."""
        ...

    async def page(self, query: Query, limit: int, after: Textbook | None) -> Sequence[Textbook]:
        """In the order of the query, then id; of `after`, its place in that order counts."""
        ...

    async def choices(self, query: Query, facet: Facet) -> Sequence[Choice]: ...

    async def get(self, id_: UUID) -> Textbook | None: ...

    async def all(self) -> Sequence[Textbook]:
        """In the order of ids, retired ones too."""
        ...

    async def waiting(self, facet: Facet) -> Sequence[Textbook]:
        """Those of which something is said for that facet, and which have no code for it."""
        ...

    async def keep(self, books: Sequence[Textbook], at: datetime) -> None:
        """Add those that are new, replace the others; one statement."""
        ...

    async def chapters(
        self, ids: Collection[UUID]
    ) -> Mapping[UUID, tuple[int, Mapping[str, Chapter]]]:
        """Of those textbooks among `ids` that exist: the version, and the chapters by code in the
        order of their positions. One statement."""
        ...

    async def all_chapters(self) -> Sequence[tuple[UUID, Chapter]]: ...

    async def keep_chapters(self, chapters: Sequence[tuple[UUID, Chapter]], at: datetime) -> None:
        """Add or replace chapters; their textbooks get their next versions."""
        ...


async def facet_lexicons(vocabulary: Vocabulary, connection: AsyncConnection) -> Lexicons:
    """The dictionaries that textbooks are described with."""
    found = await vocabulary.lexicons(connection, [facet.value for facet in Facet])
    return {facet: found[facet.value] for facet in Facet}


class WaitingTextbooks:
    """Textbooks that said what no dictionary knew, when they were added."""

    def __init__(self, store: Callable[[AsyncConnection], TextbookStore], clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def resolve(self, uow: UnitOfWork, lexicon: Lexicon) -> None:
        """Give those their code whose text `lexicon`, the newest of its dictionary, knows now.

        Done in the transaction of `uow`, which the caller commits.
        """
        code = lexicon.dictionary.code
        if code not in set(Facet):
            return
        facet, store = Facet(code), self._store(uow.connection)
        await store.lock()
        found = [
            replace(book, codes={**book.codes, **codes}, version=book.version + 1)
            for book in await store.waiting(facet)
            if (codes := resolved({facet: lexicon.matches(book.texts[facet])}))
        ]
        if found:
            await store.keep(found, self._clock())
            uow.audit.record("textbooks.resolved", code, textbooks=len(found))


class Textbooks:
    """Every change is audited."""

    def __init__(
        self,
        new_uow: Callable[[], UnitOfWork],
        store: Callable[[AsyncConnection], TextbookStore],
        vocabulary: Vocabulary,
        clock: Clock,
    ) -> None:
        self._new_uow = new_uow
        self._store = store
        self._vocabulary = vocabulary
        self._clock = clock

    async def page(self, query: Query, limit: int, after: Textbook | None) -> Sequence[Textbook]:
        async with self._new_uow() as uow:
            return await self._store(uow.connection).page(query, limit, after)

    async def choices(self, query: Query) -> tuple[Facet | None, Sequence[Choice]]:
        """The first facet that is not chosen yet and the values there; None once all are."""
        chosen = {*query.codes, *query.without}
        facet = next((each for each in Facet if each not in chosen), None)
        if facet is None:
            return None, []
        async with self._new_uow() as uow:
            return facet, await self._store(uow.connection).choices(query, facet)

    async def get(self, id_: UUID) -> Textbook:
        """Raises `NotFound`."""
        async with self._new_uow() as uow:
            return _existing(await self._store(uow.connection).get(id_))

    async def add(self, caller: Principal, cells: Mapping[str, str]) -> Kept:
        """A new textbook, told as a row of a directory. Raises `Forbidden`, `TextbookRefused`."""
        admit_of_province(MANAGE, caller)
        async with self._new_uow() as uow:
            kept = await self._kept(uow, cells, [])
            uow.audit.record("textbook.added", str(kept.textbook.id), after=kept.textbook.said)
            return await uow.commit(kept)

    async def change(
        self, caller: Principal, id_: UUID, version: int, cells: Mapping[str, str]
    ) -> Kept:
        """Give a textbook what `cells` say. Raises `Forbidden`, `NotFound`, `StaleVersion`,
        `TextbookRefused`."""
        admit_of_province(MANAGE, caller)
        async with self._new_uow() as uow:
            store = self._store(uow.connection)
            await store.lock()
            old = _existing(await store.get(id_))
            if old.version != version:
                raise StaleVersion
            kept = await self._kept(uow, {**cells, "id": str(id_)}, [old])
            if kept.textbook.version != old.version:
                uow.audit.record(
                    "textbook.changed", str(id_), before=old.said, after=kept.textbook.said
                )
            return await uow.commit(kept)

    async def _kept(
        self, uow: UnitOfWork, cells: Mapping[str, str], known: Sequence[Textbook]
    ) -> Kept:
        lexicons = await facet_lexicons(self._vocabulary, uow.connection)
        plan = plan_textbooks([Row(1, cells)], known, lexicons, uuid7)
        if plan.has_errors:
            errors = [
                {"pointer": f"#/{defect.column}", "detail": defect.detail}
                for defect in plan.defects
                if not defect.odd
            ]
            raise TextbookRefused(
                "Correct the fields named in errors.", zh="请更正 errors 所列各项。", errors=errors
            )
        if plan.written:
            await self._store(uow.connection).keep(plan.written, self._clock())
        return Kept((plan.written or list(known))[0], plan.defects)

    async def contents(self, id_: UUID) -> Contents:
        """The chapters that are not retired. Raises `NotFound`."""
        async with self._new_uow() as uow:
            return await _contents(self._store(uow.connection), id_)

    async def replace_chapters(
        self, caller: Principal, id_: UUID, version: int, chapters: Sequence[Chapter]
    ) -> Contents:
        """Make `chapters` the textbook's; those not among them are retired.

        Raises `Forbidden`, `NotFound`, `StaleVersion`, `ChaptersRefused`.
        """
        admit_of_province(MANAGE, caller)
        async with self._new_uow() as uow:
            store = self._store(uow.connection)
            await store.lock()
            now, before = _found(await store.chapters([id_]), id_)
            if now != version:
                raise StaleVersion
            _check(chapters)
            wanted = {chapter.code: chapter for chapter in chapters}
            gone = [
                replace(chapter, state=State.RETIRED)
                for code, chapter in before.items()
                if code not in wanted
            ]
            written = [each for each in [*chapters, *gone] if before.get(each.code) != each]
            if written:
                await store.keep_chapters([(id_, each) for each in written], self._clock())
                uow.audit.record(
                    "textbook.chapters_replaced",
                    str(id_),
                    before=list(before),
                    after=list(wanted),
                )
            return await uow.commit(await _contents(store, id_))


def _check(chapters: Sequence[Chapter]) -> None:
    at = {chapter.code: place for place, chapter in enumerate(chapters)}
    errors = [
        {
            "pointer": f"#/chapters/{place}/code",
            "detail": worded("Another chapter has this code.", "与另一章节的代码重复。"),
        }
        for place, chapter in enumerate(chapters)
        if at[chapter.code] != place
    ]
    errors += [
        {"pointer": f"#/chapters/{at[flaw.code]}/{flaw.field}", "detail": flaw.advice}
        for flaw in chapter_flaws(chapters)
    ]
    if errors:
        raise ChaptersRefused(
            "Correct the chapters named in errors.", zh="请更正 errors 所列章节。", errors=errors
        )


async def _contents(store: TextbookStore, id_: UUID) -> Contents:
    version, chapters = _found(await store.chapters([id_]), id_)
    active = [each for each in chapters.values() if each.state is State.ACTIVE]
    return Contents(id_, version, depth_first(active))


def _found(
    chapters: Mapping[UUID, tuple[int, Mapping[str, Chapter]]], id_: UUID
) -> tuple[int, Mapping[str, Chapter]]:
    if id_ not in chapters:
        raise NotFound("There is no textbook with that id.", zh="没有该教材。")
    return chapters[id_]


def _existing(textbook: Textbook | None) -> Textbook:
    if textbook is None:
        raise NotFound("There is no textbook with that id.", zh="没有该教材。")
    return textbook
