"""The shape of metadata, and its form in the national standard."""

from typing import Any
from uuid import UUID

import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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
        ({"title": "题\u202e"}, "#/metadata/title"),
        ({"description": "一\x0c二"}, "#/metadata/description"),
        ({"cataloguer": {"organisation": "第一小学"}}, "#/metadata/cataloguer/name"),
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


REFUSED_BY_BOTH: list[dict[str, Any]] = [
    {"title": " "},
    {"title": "一\n二"},
    {"description": "铃\a"},
    {"keywords": ["\t"]},
    {"relations": [{"relationship": "related"}]},
    {"relations": [{"relationship": "related", "identifier": "x", "version": 1}]},
    {
        "relations": [
            {"relationship": "related", "identifier": "x", "resource_id": str(UUID(int=1))},
        ]
    },
    {"cataloguer": {"name": ""}},
    {"edition_statement": "一\n二"},
    {"title": "\ue000"},
    {"title": "\U000f0000"},
    {"title": "\ufeff"},
    {"title": "\u200b\u200d"},
    {"title": " \u3164\ufe0f"},
    {"title": f" {'字' * 1000} "},
    {"description": "\u2060"},
    {"relations": [{"relationship": "related", "resource_id": str(UUID(int=1)), "version": "1"}]},
    {"relations": [{"relationship": "related", "resource_id": str(UUID(int=1)), "version": True}]},
    {"relations": [{"relationship": "related", "resource_id": str(UUID(int=1)), "version": 1.5}]},
]
TAKEN_BY_BOTH: list[dict[str, Any]] = [
    {"title": "第一课　分数\N{NO-BREAK SPACE}一"},
    {"title": "می\N{ZERO WIDTH NON-JOINER}خواهم"},
    {"description": "一\n\t二\r\n三"},
    {"relations": [{"relationship": "related", "identifier": "x", "resource_id": None}]},
    {"contributors": [{"name": "张", "role": "author", "person_id": str(UUID(int=1))}]},
    {"edition_statement": " 第二版 "},
    {"title": "葛\U000e0100城"},
    {"title": f" {'字' * 998} "},
    {"relations": [{"relationship": "related", "resource_id": str(UUID(int=1)), "version": 1.0}]},
]

TEXTS = st.one_of(
    st.text(max_size=60),
    st.text(
        st.sampled_from(
            "字a 　\t\n\x85\u00ad\u200b\u200d\u2028\u202e\u3164\ufe0f\ufeff\ue000\U0010ffff"
        )
    ),
    st.integers(48, 52).map(lambda size: f" {'字' * size} "),
    st.integers(996, 1002).map(lambda size: f" {'字' * size} "),
)
NUMBERS = st.one_of(
    st.integers(-1, 3),
    st.sampled_from([1.0, 1.5, 2.0**31, 1e300, True, "1", None]),
)
IDS = st.sampled_from([str(UUID(int=1)), UUID(int=1).hex, f"{{{UUID(int=1)}}}", "x", None])
FLAGS = st.sampled_from([True, False, None, 0, 1, "true"])
RELATIONS = st.fixed_dictionaries(
    {"relationship": st.sampled_from(["related", "contains", "else"])},
    optional={"resource_id": IDS, "version": NUMBERS, "identifier": TEXTS, "description": TEXTS},
)
DRAFTS = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(("title", "description", "edition_statement", "copyright"), TEXTS),
        **dict.fromkeys(("audience", "stage"), TEXTS | st.from_regex("[A-Za-z0-9]{1,70}\\n?")),
        "keywords": st.lists(TEXTS, max_size=2),
        "relations": st.lists(RELATIONS, max_size=2),
        "accessibility": st.fixed_dictionaries({}, optional={"captions": FLAGS}),
        "cataloguer": st.fixed_dictionaries({"name": TEXTS}, optional={"person_id": IDS}),
    },
)


@settings(max_examples=300, deadline=None)
@given(DRAFTS)
def test_the_published_schema_takes_what_the_service_takes_and_nothing_else(
    value: dict[str, Any],
) -> None:
    try:
        parse(value)
    except DraftMalformed:
        taken = False
    else:
        taken = True
    published = jsonschema_rs.Draft202012Validator(schema(), validate_formats=True)
    assert published.is_valid(value) is taken


@pytest.mark.parametrize("value", REFUSED_BY_BOTH)
def test_what_is_refused_the_published_schema_refuses(value: dict[str, Any]) -> None:
    assert not jsonschema_rs.Draft202012Validator(schema()).is_valid(value)
    with pytest.raises(DraftMalformed):
        parse(value)


@pytest.mark.parametrize("value", TAKEN_BY_BOTH)
def test_what_is_taken_the_published_schema_takes(value: dict[str, Any]) -> None:
    jsonschema_rs.Draft202012Validator(schema()).validate(value)
    assert parse(value)


def test_rules_that_no_schema_can_carry_are_told_beside_it() -> None:
    rules = schema()["x-rules"]
    assert {each["pointer"] for each in rules} >= {"/rights_basis"}
    assert all(each["detail"] and each["detail_zh"] for each in rules)


def test_every_element_of_the_table_is_in_the_schema_with_its_number() -> None:
    properties = schema()["properties"]
    for element in ELEMENTS:
        described = properties[element.name]["description"]
        assert element.number.split(".")[0] in described or not element.number, element


def test_terms_are_found_wherever_they_stand() -> None:
    told: dict[str, Any] = {
        "stage": "primary",
        "grades": ["G1", "G2"],
        "rights_basis": {"kind": "own_work"},
    }
    told["accessibility"] = {"languages_of_parts": ["en"]}
    assert list(terms_used(told)) == [
        ("/stage", "stage", "primary"),
        ("/grades/0", "grade", "G1"),
        ("/grades/1", "grade", "G2"),
        ("/rights_basis/kind", "rights_basis", "own_work"),
        ("/accessibility/languages_of_parts/0", "language", "en"),
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


def test_whoever_catalogued_it_is_told_by_name_and_organisation() -> None:
    by = {"name": "李四", "organisation": "第一小学", "person_id": str(UUID(int=1))}
    [told] = national({"cataloguer": by}, DESCRIBED)["3.1 contribute"]
    assert told["entity"] == {"fn": "李四", "org": "第一小学", "uid": str(UUID(int=1))}
    assert (told["role"], told["date"]) == ("创建者", "2026-11-22")
    [told] = national({}, DESCRIBED)["3.1 contribute"]
    assert told["entity"] == {"uid": DESCRIBED.creator}


def test_contributors_are_told_with_their_organisations() -> None:
    by = [
        {"name": "张三", "role": "author", "organisation": "第一小学"},
        {"name": "出版社", "role": "publisher"},
    ]
    assert national({"contributors": by}, DESCRIBED)["2.2 contribute"] == [
        {"contributor": "张三", "organisation": "第一小学", "role": "作者"},
        {"contributor": "出版社", "role": "出版者"},
    ]


def test_a_pinned_relation_names_its_version() -> None:
    relation = {"relationship": "contains", "resource_id": "x", "version": 2}
    [told] = national({"relations": [relation]}, DESCRIBED)["7 relation"]
    assert (told["7.1 relationship"], told["7.2.1 identifier"]) == ("包含", "x?version=2")
