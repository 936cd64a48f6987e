"""Looking terms up, and what imports make of rows."""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from services.catalog.application.vocabularies import Use, Vocabulary
from services.catalog.domain.vocabularies import Dictionary, Fault, Lexicon, State, Term
from services.catalog.domain.vocabularies_plans import plan_terms
from services.catalog.domain.vocabularies_tables import Row

NOW = datetime(2026, 9, 1, tzinfo=UTC)


def lexicon(code: str, *terms: Term, version: int = 1) -> Lexicon:
    return Lexicon(Dictionary(code, "题", "title", True, version, NOW), terms)


SUBJECTS = lexicon(
    "subject",
    Term("13", "语文"),
    Term("26", "信息技术(高中)", aliases=("信息技术",)),
    Term("61", "信息技术(小/初)", aliases=("信息技术",)),
    Term("12", "思想品德", state=State.RETIRED),
    Term("L12", "思想政治", aliases=("思想品德",)),
)


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("13", ["13"]),
        (" 语文 ", ["13"]),
        ("信息技术（高中）", ["26"]),
        ("信息技术", ["26", "61"]),
        ("思想品德", ["L12"]),
        ("12", ["12"]),
        ("语", []),
        ("", []),
    ],
)
def test_a_text_is_the_code_name_or_alias_of_terms_and_nothing_near_it(
    text: str, codes: list[str]
) -> None:
    assert [term.code for term in SUBJECTS.matches(text)] == codes


class FakeTerms:
    """A `TermReader` in memory that counts what it is asked."""

    def __init__(self, *lexicons: Lexicon) -> None:
        self.lexicons = {each.dictionary.code: each for each in lexicons}
        self.asked = 0

    async def versions(self, codes: Collection[str]) -> Mapping[str, int]:
        self.asked += 1
        return {c: self.lexicons[c].dictionary.version for c in codes if c in self.lexicons}

    async def current(self, codes: Collection[str]) -> Mapping[str, Lexicon]:
        self.asked += 1
        return {code: self.lexicons[code] for code in codes}


CONNECTION: Any = None


async def test_uses_of_terms_are_checked_with_one_statement_once_they_are_known() -> None:
    terms = FakeTerms(SUBJECTS, lexicon("stage", Term("primary", "小学")))
    vocabulary = Vocabulary(lambda _connection: terms)
    uses = [
        Use("#/stage", "stage", "primary"),
        Use("#/subject", "subject", "12"),
        Use("#/subject", "subject", "99"),
        Use("#/colour", "colour", "red"),
    ]
    for asked in (2, 3):
        defects = await vocabulary.require(CONNECTION, uses)
        assert [each["pointer"] for each in defects] == ["#/subject", "#/subject", "#/colour"]
        assert "已停用" in defects[0]["detail"]
        assert terms.asked == asked


async def test_a_dictionary_that_changed_is_read_again() -> None:
    terms = FakeTerms(lexicon("stage", Term("primary", "小学")))
    vocabulary = Vocabulary(lambda _connection: terms)
    assert await vocabulary.resolve(CONNECTION, "stage", "junior") is None
    terms.lexicons["stage"] = lexicon("stage", Term("junior", "初中"), version=2)
    found = await vocabulary.resolve(CONNECTION, "stage", "junior")
    assert found is not None
    assert found.name_zh == "初中"


def row(line: int, **cells: str) -> Row:
    return Row(line, {"dictionary": "stage", **cells})


def test_a_row_that_leans_on_a_refused_one_is_refused_too() -> None:
    rows = [
        row(2, code="a", name_zh="甲", parent="", position="x"),
        row(3, code="b", name_zh="乙", parent="a"),
        row(4, code="c", name_zh="丙", parent="b"),
        row(5, code="d", name_zh="丁", parent=""),
    ]
    plan = plan_terms(rows, {"stage": lexicon("stage")})
    assert [each.term.code for each in plan.added] == ["d"]
    assert [each.line for each in plan.defects] == [2, 3, 4]


def test_a_long_chain_below_a_refused_row_has_an_end() -> None:
    rows = [row(n, code=f"c{n}", name_zh=f"名{n}", parent=f"c{n - 1}") for n in range(2, 1000)]
    plan = plan_terms(rows, {"stage": lexicon("stage")})
    assert not plan.written
    assert len(plan.defects) == len(rows)
    assert plan.defects[-1].code is Fault.UNKNOWN


def test_a_column_that_the_file_lacks_leaves_what_is_there() -> None:
    old = Term("a", "甲", "A", aliases=("甲甲",), crosswalk={"x": "1"}, position=7)
    plan = plan_terms([row(2, code="a", name_en="B")], {"stage": lexicon("stage", old)})
    (changed,) = plan.changed
    assert changed.term == Term("a", "甲", "B", None, ("甲甲",), {"x": "1"}, 7)


@pytest.mark.parametrize("cell", ["x", "x=", "=1", "x=1|x=2"])
def test_a_crosswalk_that_can_be_read_two_ways_is_refused(cell: str) -> None:
    plan = plan_terms([row(2, code="a", name_zh="甲", crosswalk=cell)], {"stage": lexicon("stage")})
    assert [(each.column, each.code) for each in plan.defects] == [("crosswalk", Fault.MALFORMED)]


def test_rows_without_a_code_are_each_told() -> None:
    rows = [row(2, code="", name_zh="甲"), row(3, code="", name_zh="乙")]
    plan = plan_terms(rows, {"stage": lexicon("stage")})
    assert [(each.line, each.code) for each in plan.defects] == [
        (2, Fault.MISSING),
        (3, Fault.MISSING),
    ]
