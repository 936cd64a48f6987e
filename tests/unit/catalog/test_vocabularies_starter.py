"""The starter set that comes with the product."""

import csv
from pathlib import Path

import services.catalog
from services.catalog.domain.metadata import grades_of
from services.catalog.domain.vocabularies import Dictionary, Lexicon, Term, term_flaws
from services.catalog.domain.vocabularies_plans import TERM_COLUMNS, plan_terms
from services.catalog.domain.vocabularies_tables import read_table
from tests.unit.catalog.test_vocabularies import NOW

STARTER = Path(services.catalog.__file__).parent / "starter"
REVIEW_CRITERIA = ["政治性", "导向性", "科学性", "适用性", "规范性", "时效性", "公益性"]


def starter() -> dict[str, list[Term]]:
    with (STARTER / "dictionaries.csv").open(encoding="utf-8", newline="") as file:
        dictionaries = {
            each["code"]: Lexicon(
                Dictionary(
                    each["code"],
                    each["title_zh"],
                    each["title_en"],
                    each["hierarchical"] == "true",
                    1,
                    NOW,
                ),
                (),
            )
            for each in csv.DictReader(file)
        }
    content = (STARTER / "terms.csv").read_bytes()
    table = read_table(content, "utf-8", TERM_COLUMNS, TERM_COLUMNS)
    plan = plan_terms(table.rows, dictionaries)
    assert plan.defects == []
    found: dict[str, list[Term]] = {code: [] for code in dictionaries}
    for each in plan.added:
        found[each.dictionary].append(each.term)
    for code, terms in found.items():
        by_code = {term.code: term for term in terms}
        assert not term_flaws(dictionaries[code].dictionary, terms, by_code)
    return found


def test_the_starter_set_imports_without_a_defect_and_fills_every_dictionary() -> None:
    assert all(starter().values())


def test_the_seven_review_criteria_come_in_the_order_of_the_rules() -> None:
    assert [term.name_zh for term in starter()["review_criterion"]] == REVIEW_CRITERIA


def test_every_resource_type_of_the_second_level_has_a_first_and_a_crosswalk() -> None:
    types = {term.code: term for term in starter()["resource_type"]}
    assert len([term for term in types.values() if term.parent is None]) == 8
    assert all("CELTS-41" in term.crosswalk for term in types.values())
    assert all(types[t.parent].parent is None for t in types.values() if t.parent)


def test_stages_say_which_grades_they_have_and_leave_none_out() -> None:
    found = starter()
    told = {each.code: grades_of(each) or frozenset() for each in found["stage"]}
    grades = {each.code for each in found["grade"]}
    assert set().union(*told.values()) - {"none"} == grades
    assert told["primary-54"] == told["primary"] - {"G6"}
    assert told["junior-54"] == told["junior"] | {"G6"}
    assert not told["preschool"] & grades
    assert not told["special"]


def test_subjects_of_2022_have_codes_of_their_own_or_are_aliases() -> None:
    subjects = Lexicon(Dictionary("subject", "", "", True, 1, NOW), starter()["subject"])
    for name in ("道德与法治", "劳动", "信息科技", "生物学", "思想政治"):
        assert len(subjects.matches(name)) == 1
