"""Whatever is kept, its export imports back without a change."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from services.catalog.application.knowledge import Graph
from services.catalog.application.vocabularies_imports import COLUMNS, Exports, Kind, Stores
from services.catalog.domain.knowledge import Point, plan_points
from services.catalog.domain.textbooks import Chapter, Facet, Textbook
from services.catalog.domain.textbooks_plans import meant, plan_chapters, plan_textbooks, resolved
from services.catalog.domain.vocabularies import State, Term
from services.catalog.domain.vocabularies_plans import Plan, plan_terms
from services.catalog.domain.vocabularies_tables import Row, read_table
from tests.unit.catalog.test_textbooks_plans import LEXICONS
from tests.unit.catalog.test_vocabularies import SUBJECTS, lexicon

MARKS = st.sampled_from("语文数学ab1 =+-@'\"＝,;:（）·\u3000")
SAID = st.text(MARKS, max_size=12)
NAMES = st.text(MARKS, min_size=1, max_size=12).map(str.strip).filter(bool)
CODES = st.from_regex("[A-Za-z0-9][A-Za-z0-9._-]{0,5}", fullmatch=True)
STATES = st.sampled_from(State)
POSITIONS = st.integers(0, 999_999)


class FakeStores:
    """The three stores in memory, and the unit of work that they are read in."""

    connection = None

    def __init__(self, **answers: Any) -> None:
        self._answers = answers

    async def __aenter__(self) -> "FakeStores":
        return self

    async def __aexit__(self, *_: object) -> None:
        return None

    def __getattr__(self, name: str) -> Callable[..., Any]:
        async def answer(*_: object) -> Any:
            return self._answers[name]

        return answer


def exported(kind: Kind, **answers: Any) -> Sequence[Row]:
    kept: Any = FakeStores(**answers)
    stores = Stores(*[lambda _connection: kept] * 3)
    content = asyncio.run(Exports(lambda: kept, stores).table(kind))
    return read_table(content, None, *COLUMNS[kind]).rows


def assert_nothing_changes(plan: Plan[Any], count: int) -> None:
    assert not plan.has_errors, plan.defects
    assert (plan.written, plan.unchanged) == ([], count)


@given(
    st.lists(
        st.builds(
            Term,
            code=CODES,
            name_zh=NAMES,
            name_en=st.one_of(st.just(""), NAMES),
            aliases=st.lists(NAMES, max_size=3, unique=True).map(tuple),
            crosswalk=st.dictionaries(NAMES.filter(lambda name: "=" not in name), NAMES),
            position=POSITIONS,
            state=STATES,
        ),
        max_size=8,
        unique_by=lambda term: term.code,
    )
)
def test_terms(terms: list[Term]) -> None:
    kept = {"stage": lexicon("stage", *terms)}
    rows = exported(Kind.TERMS, codes=list(kept), current=kept)
    assert_nothing_changes(plan_terms(rows, kept), len(terms))


TEXTS = st.fixed_dictionaries(dict.fromkeys(Facet, SAID))


@given(
    st.lists(
        st.builds(
            lambda id_, title, texts, **rest: Textbook(
                id_, title, texts, resolved(meant(texts, None, LEXICONS)), **rest
            ),
            id_=st.uuids(),
            title=SAID.filter(str.strip),
            texts=TEXTS,
            publisher=SAID,
            size=st.one_of(st.none(), st.integers(0, 1 << 50)),
            source=SAID,
            state=STATES,
            version=st.integers(1, 9),
        ),
        max_size=8,
        unique_by=lambda book: book.id,
    )
)
def test_textbooks(books: list[Textbook]) -> None:
    rows = exported(Kind.TEXTBOOKS, all=books)
    assert_nothing_changes(plan_textbooks(rows, books, LEXICONS, lambda: UUID(int=0)), len(books))


@given(st.dictionaries(CODES, st.builds(Chapter, code=st.just(""), title=NAMES), max_size=8))
def test_chapters(titles: dict[str, Chapter]) -> None:
    book = UUID(int=1)
    chapters: dict[str, Chapter] = {}
    for code, each in titles.items():  # each below the one before it
        above = next(reversed(chapters), None)
        chapters[code] = Chapter(code, each.title, above, len(chapters))
    rows = exported(Kind.CHAPTERS, all_chapters=[(book, each) for each in chapters.values()])
    assert_nothing_changes(plan_chapters(rows, {book: chapters}), len(chapters))


@given(st.lists(CODES, max_size=8, unique=True), NAMES, STATES)
def test_knowledge_points(codes: list[str], name: str, state: State) -> None:
    points = {
        code: Point(
            code,
            name,
            parent=codes[place - 1] if place else None,
            prerequisites=tuple(sorted(codes[:place])),
            position=place,
            state=state,
        )
        for place, code in enumerate(codes)
    }
    graphs = {"13": Graph("13", 1, points)} if points else {}
    rows = exported(Kind.KNOWLEDGE, graphs=graphs)
    assert_nothing_changes(plan_points(rows, {"13": points}, SUBJECTS), len(points))
