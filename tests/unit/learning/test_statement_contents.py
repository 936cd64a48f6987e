"""What statements hold, when two are the same, and what is counted of them."""

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

import pytest

from services.learning.domain.xapi.aggregates import Tally
from services.learning.domain.xapi.contents import (
    COMPLETED,
    PASSED,
    PROGRESS,
    Figures,
    comparable,
    figures_of,
    identifier_of,
    merged_definition,
    moment_of,
    with_lists,
)
from services.learning.domain.xapi.telling import in_words_of, preferred, with_ids_only
from services.learning.domain.xapi.values import LANGUAGE, milliseconds, to_hundredths
from shared.ids import uuid7, uuid7_time
from tests.unit.learning.statements import spoilt, statement


def same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return comparable(one) == comparable(other)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("id", "0193a000-0000-7000-8000-000000000009"),
        ("verb/display", {"en": "answered"}),
        ("object/definition", {}),
        ("result/duration", "PT1M3.509S"),
        ("stored", "2026-11-22T00:00:00Z"),
        ("timestamp", "2026-11-22T08:00:00.001+08:00"),
        ("authority", {"mbox": "mailto:a@b.cn"}),
        ("version", "1.0.3"),
    ],
)
def test_what_only_describes_makes_no_other_statement(path: str, value: Any) -> None:
    assert same(spoilt("result/duration", "PT1M3.50S"), spoilt(path, value)) or same(
        statement(), spoilt(path, value)
    )


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("actor/mbox", "mailto:b@b.cn"),
        ("verb/id", "https://v.example"),
        ("object/id", "https://o.example"),
        ("result/success", False),
        ("result/duration", "PT1M3.6S"),
        ("context/platform", "电脑"),
    ],
)
def test_what_says_something_else_is_another_statement(path: str, value: Any) -> None:
    assert not same(statement(), spoilt(path, value))


def test_a_single_context_activity_becomes_a_list() -> None:
    found = statement()
    with_lists(found)
    assert found["context"]["contextActivities"] == {
        "parent": [{"id": "https://lessons.example/1"}]
    }


def test_an_address_is_the_same_whatever_the_case_of_its_host() -> None:
    assert identifier_of({"mbox": "mailto:A@B.cn"}) == identifier_of({"mbox": "mailto:A@b.CN"})
    assert identifier_of({"mbox": "mailto:a@b.cn"}) != identifier_of({"mbox": "mailto:A@b.cn"})
    assert identifier_of({"objectType": "Group", "member": []}) is None


def test_definitions_are_merged_language_by_language() -> None:
    known = {"name": {"zh": "课"}, "type": "https://a.example"}
    new = {"name": {"en": "lesson"}, "type": "https://b.example"}
    assert merged_definition(known, new) == {
        "name": {"zh": "课", "en": "lesson"},
        "type": "https://b.example",
    }


def test_the_day_of_an_id_is_that_of_its_making() -> None:
    made = uuid7()
    assert moment_of(made) == uuid7_time(made)
    assert moment_of(UUID(int=0)) is None
    assert moment_of(UUID("ffffffff-ffff-7fff-bfff-ffffffffffff")) is None


@pytest.mark.parametrize(
    ("changes", "figures"),
    [
        ({"result": None}, Figures(None, None, False, None, None)),
        ({"result": None, "verb": {"id": COMPLETED}}, Figures(None, None, True, None, None)),
        ({"result": None, "verb": {"id": PASSED}}, Figures(None, None, False, True, None)),
        (
            {"result": {"score": {"raw": 3, "min": 0, "max": 4}}},
            Figures(0.75, None, False, None, None),
        ),
        ({"result": {"extensions": {PROGRESS: 40}}}, Figures(None, 40, False, None, None)),
        ({"result": {"extensions": {PROGRESS: 101}}}, Figures(None, None, False, None, None)),
        (
            {"result": {"duration": "PT2S", "success": False}},
            Figures(None, None, False, False, 2000),
        ),
    ],
)
def test_figures_are_read_from_result_and_verb(changes: dict[str, Any], figures: Figures) -> None:
    assert figures_of(statement(**changes)) == figures


def test_the_order_of_arrival_is_nothing_to_what_is_counted() -> None:
    chance = Random(7)
    people, activities = [uuid7() for _ in range(3)], [uuid7() for _ in range(3)]
    start = datetime(2026, 11, 22, 15, 30, tzinfo=UTC)
    given = [
        (
            chance.choice(people),
            chance.choice(activities),
            start + timedelta(minutes=chance.randrange(120)),
            Figures(
                chance.choice([None, chance.random()]),
                chance.choice([None, chance.randrange(101)]),
                chance.random() < 0.3,
                chance.choice([None, True, False]),
                chance.choice([None, chance.randrange(1000)]),
            ),
        )
        for _ in range(200)
    ]
    one, other = Tally(), Tally()
    for each in given:
        one.add(*each)
    chance.shuffle(given)
    for each in given:
        other.add(*each)
    assert one.progress == other.progress
    assert one.days == other.days
    assert len({day for _, day in one.days}) == 2  # midnight in China is at 16:00 UTC


def test_durations_are_counted_in_milliseconds_and_cut_at_hundredths() -> None:
    assert milliseconds("P1DT1H1M1.5S") == 90_061_500
    assert milliseconds("P1W") == 604_800_000
    assert to_hundredths("PT0.129S") == "PT0.12S"
    assert to_hundredths("PT1H") == "PT1H"


@pytest.mark.parametrize("tag", ["zh", "zh-CN", "zh-Hans-CN", "en-US", "x-private", "i-klingon"])
def test_language_tags_are_those_of_rfc_5646(tag: str) -> None:
    assert LANGUAGE.fullmatch(tag)


def test_ids_alone_are_told_when_asked_for() -> None:
    found = with_ids_only(statement())
    assert found["actor"] == {"objectType": "Agent", "mbox": "mailto:yutong@school.example"}
    assert found["verb"] == {"id": "http://adlnet.gov/expapi/verbs/answered"}
    assert found["object"] == {"id": "https://lessons.example/1/questions/2"}


def test_the_language_that_is_wished_most_is_chosen() -> None:
    words = {"en": "other", "en-GB": "lesson", "zh-CN": "课"}
    for wish, chosen in (
        ("en-GB,zh;q=0.5", "en-GB"),
        ("zh", "zh-CN"),
        ("fr", "en"),
        ("en-US", "en"),
    ):
        found = in_words_of(spoilt("verb/display", dict(words)), preferred(wish))
        assert list(found["verb"]["display"]) == [chosen]
