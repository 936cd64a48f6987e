"""Which textbook a row of a directory is of, and what is odd about it."""

from collections.abc import Iterator
from dataclasses import replace
from uuid import UUID

import pytest

from services.catalog.domain.textbooks import Chapter, Facet, Textbook
from services.catalog.domain.textbooks_plans import Lexicons, plan_chapters, plan_textbooks
from services.catalog.domain.vocabularies import Fault, State, Term
from services.catalog.domain.vocabularies_plans import Plan
from services.catalog.domain.vocabularies_tables import Row
from tests.unit.catalog.test_vocabularies import lexicon

LEXICONS = {
    Facet.STAGE: lexicon("stage", Term("primary", "小学", aliases=("小学段",))),
    Facet.SUBJECT: lexicon("subject", Term("13", "语文"), Term("9", "旧科", state=State.RETIRED)),
    Facet.EDITION: lexicon("edition", Term("renjiao", "人教版")),
    Facet.GRADE: lexicon("grade", Term("G1", "一年级"), Term("G2", "二年级")),
    Facet.VOLUME: lexicon("volume", Term("upper", "上册"), Term("lower", "下册")),
}
CELLS = {
    "title": "语文一年级上册",
    "stage": "小学",
    "subject": "语文",
    "edition": "人教版",
    "grade": "一年级",
    "volume": "上册",
    "publisher": "人民教育出版社",
    "bytes": "10",
}


def ids() -> Iterator[UUID]:
    yield from (UUID(int=n) for n in range(1, 100))


def planned(
    *rows: dict[str, str],
    known: list[Textbook] | None = None,
    lexicons: Lexicons = LEXICONS,
) -> Plan[Textbook]:
    numbered = [Row(line, cells) for line, cells in enumerate(rows, start=2)]
    new = ids()
    return plan_textbooks(numbered, known or [], lexicons, lambda: next(new))


def a_book() -> Textbook:
    (book,) = planned(CELLS).added
    return book


def test_a_row_of_which_nothing_is_odd_is_told_nothing_of() -> None:
    assert planned(CELLS).defects == []


def test_a_row_that_may_be_a_corrected_book_is_added_and_told() -> None:
    book = a_book()
    corrected = replace(book, texts={**book.texts, Facet.EDITION: "renjiao"})
    plan = planned(CELLS, known=[corrected])
    (defect,) = plan.defects
    assert (defect.column, defect.value, defect.code) == ("edition", "人教版", Fault.REPEATED)
    assert (len(plan.added), defect.odd, str(book.id) in defect.detail) == (1, True, True)
    two = replace(corrected, publisher="")
    assert planned(CELLS, known=[two]).defects == []
    other = replace(corrected, id=UUID(int=9))
    assert planned(CELLS, known=[book, other]).defects == []
    assert planned({**CELLS, "id": str(UUID(int=8))}, known=[corrected]).defects == []


@pytest.mark.parametrize(
    ("change", "column", "fault"),
    [
        ({"edition": "甲版"}, "edition", Fault.UNKNOWN),
        ({"subject": ""}, "subject", Fault.MISSING),
        ({"subject": "旧科"}, "subject", Fault.RETIRED),
        ({"grade": "二年级"}, "grade", Fault.INCONSISTENT),
        ({"volume": "下册"}, "volume", Fault.INCONSISTENT),
        ({"publisher": " "}, "publisher", Fault.MISSING),
        ({"bytes": ""}, "bytes", Fault.MISSING),
        ({"title": "· 语文一年级上册"}, "title", Fault.MALFORMED),
    ],
)
def test_what_is_odd_is_told_and_kept_as_it_stands(
    change: dict[str, str], column: str, fault: Fault
) -> None:
    plan = planned({**CELLS, **change})
    assert [(each.column, each.code, each.odd) for each in plan.defects] == [(column, fault, True)]
    assert len(plan.added) == 1


@pytest.mark.parametrize("change", [{"bytes": "ten"}, {"bytes": "٣"}, {"title": ""}, {"id": "x"}])
def test_what_cannot_be_kept_is_an_error(change: dict[str, str]) -> None:
    plan = planned({**CELLS, **change})
    assert plan.has_errors
    assert not plan.written


def test_two_rows_that_say_the_same_are_two_books_and_stay_two() -> None:
    first = planned(CELLS, CELLS)
    assert len(first.added) == 2
    again = planned(CELLS, CELLS, known=first.added)
    assert (again.unchanged, again.written) == (2, [])
    third = planned(CELLS, CELLS, CELLS, known=first.added)
    assert (third.unchanged, len(third.added)) == (2, 1)


def test_a_row_that_says_something_else_is_of_another_book_unless_it_has_the_id() -> None:
    book = a_book()
    changed = {**CELLS, "bytes": "11"}
    assert len(planned(changed, known=[book]).added) == 1
    plan = planned({**changed, "id": str(book.id)}, known=[book])
    assert plan.changed == [replace(book, size=11, version=2)]


def test_a_book_is_resolved_anew_when_the_dictionary_has_learnt_its_text() -> None:
    known = replace(a_book(), codes={})
    (changed,) = planned(CELLS, known=[known]).changed
    assert changed.codes[Facet.EDITION] == "renjiao"


RENAMED = {**LEXICONS, Facet.EDITION: lexicon("edition", Term("renjiao", "人民教育版"))}


def test_a_book_keeps_its_code_when_the_term_is_renamed() -> None:
    book = a_book()
    for cells in (CELLS, {**CELLS, "id": str(book.id)}):
        plan = planned(cells, known=[book], lexicons=RENAMED)
        assert (plan.unchanged, plan.written, plan.defects) == (1, [], [])


def test_a_change_of_a_book_leaves_the_code_of_a_text_that_it_does_not_touch() -> None:
    book = a_book()
    cells = {"id": str(book.id), "publisher": "甲社"}
    (changed,) = planned(cells, known=[book], lexicons=RENAMED).changed
    assert changed == replace(book, publisher="甲社", version=2)


def test_a_former_name_that_is_now_that_of_another_term_stays_where_it_was() -> None:
    edition = lexicon("edition", Term("renjiao", "人民教育版"), Term("new", "人教版"))
    book = a_book()
    plan = planned(CELLS, known=[book], lexicons={**LEXICONS, Facet.EDITION: edition})
    assert (plan.unchanged, plan.written) == (1, [])


def test_a_text_that_is_written_anew_is_resolved_anew() -> None:
    book = a_book()
    cells = {"id": str(book.id), "edition": "某某版"}
    (changed,) = planned(cells, known=[book], lexicons=RENAMED).changed
    assert Facet.EDITION not in changed.codes


def test_a_retired_chapter_has_no_active_ones_below_it() -> None:
    book = UUID(int=1)
    before = {"1": Chapter("1", "一"), "1.1": Chapter("1.1", "一", "1")}
    row = Row(2, {"textbook": str(book), "code": "1", "state": "RETIRED"})
    plan = plan_chapters([row], {book: before})
    assert [(each.column, each.odd) for each in plan.defects] == [("state", False)]
