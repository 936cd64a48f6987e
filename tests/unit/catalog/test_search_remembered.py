from dataclasses import replace

from services.catalog.adapters.search_remembered import Remembered
from services.catalog.domain.changes import BEGINNING
from services.catalog.domain.search import Alternative, Facet, Field, Found, Hit, Query, Sort

QUERY = Query(((Alternative(Field.WORDS, ("分数",)),),), 1)
FOUND = Found(1, [Hit("a", 1, "分数", "", "")], {}, BEGINNING)


def test_an_answer_is_remembered_for_its_own_question_alone() -> None:
    remembered = Remembered()
    remembered.put("now", QUERY, FOUND)
    assert remembered.get("now", replace(QUERY)) is FOUND
    for other in (
        replace(QUERY, units=()),
        replace(QUERY, required=0),
        replace(QUERY, filters={Facet.GRADE: ("G1",)}),
        replace(QUERY, preferred={Facet.GRADE: ("G1",)}),
        replace(QUERY, excluded=frozenset({"a"})),
        replace(QUERY, facets=(Facet.GRADE,)),
        replace(QUERY, sort=Sort.NEWEST),
        replace(QUERY, offset=20),
        replace(QUERY, limit=1),
    ):
        assert remembered.get("now", other) is None


def test_nothing_is_remembered_of_another_state_of_the_index() -> None:
    remembered = Remembered()
    remembered.put("before", QUERY, FOUND)
    assert remembered.get("after", QUERY) is None


def test_the_least_recently_asked_is_forgotten_and_long_texts_are_not_kept() -> None:
    remembered = Remembered()
    for n in range(500):
        remembered.put(n, QUERY, FOUND)
    assert remembered.get(0, QUERY) is FOUND
    remembered.put(500, QUERY, FOUND)
    assert remembered.get(1, QUERY) is None
    assert remembered.get(0, QUERY) is FOUND
    long = replace(FOUND, hits=[Hit("a", 1, "", "", "字" * 100_001)])
    remembered.put("long", QUERY, long)
    assert remembered.get("long", QUERY) is None
