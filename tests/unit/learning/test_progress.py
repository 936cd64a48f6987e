import random
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from services.learning.domain.progress import (
    HALF_LIFE,
    Mastery,
    Point,
    estimate,
    point_of,
    points_of,
    score_of,
    weight,
)
from services.learning.domain.xapi.aggregates import Tally
from services.learning.domain.xapi.contents import Figures, key_of
from services.learning.domain.xapi.rules import Json
from shared.ids import uuid7

NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)
ADDRESS = "https://shuyuan.example/catalog/v1/knowledge/MATH/points/F-1"


def figures(scaled: float | None = None, passed: bool | None = None) -> Figures:
    return Figures(scaled, None, False, passed, None)


def after(*scores: int, at: datetime = NOW) -> Mastery:
    made = Mastery(at)
    for each in scores:
        made.add(at, each)
    return made


def test_without_evidence_mastery_is_as_likely_as_not() -> None:
    assert estimate(Mastery(NOW), NOW) == 0.5


def test_evidence_moves_the_estimate_but_never_to_certainty() -> None:
    right = [estimate(after(*[1000] * n), NOW) for n in (1, 2, 10, 1000)]
    wrong = [estimate(after(*[0] * n), NOW) for n in (1, 2, 10, 1000)]
    assert right == sorted(right)
    assert wrong == sorted(wrong, reverse=True)
    assert 0.99 < right[-1] < 1
    assert 0 < wrong[-1] < 0.01
    assert right[1] == 0.75


def test_evidence_fades_to_half_in_a_half_life() -> None:
    later = NOW + HALF_LIFE
    assert estimate(after(1000, 1000), later) == estimate(after(1000), NOW)
    assert estimate(after(*[1000] * 10), NOW + 40 * HALF_LIFE) == pytest.approx(0.5)


def test_a_new_try_weighs_more_than_an_old_one() -> None:
    old = NOW - 4 * HALF_LIFE
    better, worse = after(0, at=old), after(1000, at=old)
    better.add(NOW, 1000)
    worse.add(NOW, 0)
    assert estimate(better, NOW) > 0.5 > estimate(worse, NOW)


@pytest.mark.parametrize("year", [1, 1970, 2019], ids=str)
def test_what_happened_before_all_weighs_one(year: int) -> None:
    assert weight(datetime(year, 1, 1, tzinfo=UTC)) == 1


def test_statistics_are_the_same_in_any_order() -> None:
    chance = random.Random(7)
    people, points = [uuid7(), uuid7()], [uuid7() for _ in range(3)]
    given: list[tuple[UUID, list[UUID], datetime, Figures]] = [
        (
            chance.choice(people),
            chance.sample(points, chance.randrange(3)),
            NOW - timedelta(days=chance.randrange(3000)),
            figures(chance.choice([None, chance.random()]), chance.choice([None, True, False])),
        )
        for _ in range(300)
    ]
    one, other = Tally(), Tally()
    for each in given:
        one.learn(*each)
    chance.shuffle(given)
    for each in given:
        other.learn(*each)
    assert len(one.mastery) == 6
    assert one.mastery == other.mastery


@pytest.mark.parametrize(
    ("told", "score"),
    [
        (figures(), None),
        (figures(passed=True), 1000),
        (figures(passed=False), 0),
        (figures(0.8125, passed=False), 812),
        (figures(-1.0), 0),
    ],
    ids=["nothing", "success", "failure", "score", "negative"],
)
def test_a_try_is_scored_by_its_score_or_else_by_its_success(
    told: Figures, score: int | None
) -> None:
    assert score_of(told) == score


def test_knowledge_points_are_addresses_of_the_catalogue() -> None:
    assert point_of(ADDRESS) == Point("MATH", "F-1")
    for other in ("https://x.example/1", ADDRESS + "/x", ADDRESS + "?x", "mailto:" + ADDRESS):
        assert point_of(other) is None


def test_a_statement_names_its_points_in_any_part_of_its_context_once() -> None:
    other = ADDRESS.replace("F-1", "F-2")
    activities = {
        "category": [{"id": ADDRESS}, {"id": "https://lessons.example/1"}],
        "grouping": [{"id": other}, {"id": ADDRESS}],
    }
    assert points_of({"context": {"contextActivities": activities}}) == sorted(
        [key_of(ADDRESS), key_of(other)]
    )
    statements: list[Json] = [{}, {"context": {}}, {"context": {"contextActivities": {}}}]
    assert not any(map(points_of, statements))
