"""The shape of metadata, and its form in the national standard."""

from typing import Any

import jsonschema_rs
import pytest

from services.catalog.application.metadata import parse, schema
from services.catalog.domain.metadata import ELEMENTS, Described, national, terms_used
from services.catalog.domain.resources import DraftMalformed
from services.catalog.domain.vocabularies import Term

TERMS = {
    ("subject", "L11"): Term("L11", "道德与法治", crosswalk={"GB/T 33782 ZXXKC": "11"}),
    ("stage", "primary"): Term("primary", "小学"),
    ("audience", "student"): Term("student", "学生"),
}
DESCRIBED = Described("R-1", "https://x/1", ("application/pdf",), 7, "2026-11-22", "张", TERMS)


def test_what_is_empty_is_not_kept() -> None:
    assert parse({"title": " 题 ", "keywords": [], "volume": None}) == {"title": "题"}


@pytest.mark.parametrize(
    ("value", "pointer"),
    [
        ({"title": ""}, "#/metadata/title"),
        ({"title": "一\n二"}, "#/metadata/title"),
        ({"description": "铃\a"}, "#/metadata/description"),
        ({"languages": "zh"}, "#/metadata/languages"),
        ({"grades": ["../1"]}, "#/metadata/grades/0"),
        ({"contributors": [{"name": "张", "role": "友"}]}, "#/metadata/contributors/0/role"),
        ({"relations": [{"relationship": "related"}]}, "#/metadata/relations/0"),
        ({"textbook_id": "x"}, "#/metadata/textbook_id"),
    ],
)
def test_a_defect_of_shape_is_told_by_its_place(value: dict[str, Any], pointer: str) -> None:
    with pytest.raises(DraftMalformed) as caught:
        parse(value)
    assert [each["pointer"] for each in caught.value.members["errors"]] == [pointer]


def test_prose_keeps_its_lines() -> None:
    assert parse({"description": "一\n\t二"})["description"] == "一\n\t二"


def test_the_published_schema_is_valid_and_takes_what_is_kept() -> None:
    validator = jsonschema_rs.Draft202012Validator(schema())
    kept = parse({"title": "题", "rights_basis": {"kind": "own_work", "valid_from": "2026-01-01"}})
    validator.validate(kept)
    assert not validator.is_valid({"title": 1})


def test_every_element_of_the_table_is_in_the_schema_with_its_number() -> None:
    properties = schema()["properties"]
    for element in ELEMENTS:
        described = properties[element.name]["description"]
        assert element.number.split(".")[0] in described or not element.number, element


def test_terms_are_found_wherever_they_stand() -> None:
    told = {"stage": "primary", "grades": ["G1", "G2"], "rights_basis": {"kind": "own_work"}}
    assert list(terms_used(told)) == [
        ("/stage", "stage", "primary"),
        ("/grades/0", "grade", "G1"),
        ("/grades/1", "grade", "G2"),
        ("/rights_basis/kind", "rights_basis", "own_work"),
    ]


def test_the_national_form_leaves_out_what_is_unknown() -> None:
    told = national({"title": "题"}, DESCRIBED)
    assert told["1.2.1 proper-title"] == "题"
    assert not {"1.4 description", "5.2.1 audience", "8.1 curriculum-name"} & told.keys()


def test_the_national_form_tells_names_and_the_standards_own_codes() -> None:
    said = {"stage": "primary", "grades": ["G1"], "subject": "L11", "audience": "student"}
    told = national(said, DESCRIBED)
    assert told["5.2.2 grade-level"] == ["小学", "G1"]
    assert told["5.2.1 audience"] == "学生"
    assert told["8.1 curriculum-name"] == "11"


def test_a_pinned_relation_names_its_version() -> None:
    relation = {"relationship": "contains", "resource_id": "x", "version": 2}
    [told] = national({"relations": [relation]}, DESCRIBED)["7 relation"]
    assert (told["7.1 relationship"], told["7.2.1 identifier"]) == ("包含", "x?version=2")
