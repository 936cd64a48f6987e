"""Verdicts, opinions, and the policies that say who judges."""

from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.catalog.domain.policies import (
    Kind,
    Policy,
    PolicyRefused,
    Step,
    chain_of,
    default,
    heightened,
    prevailing,
)
from services.catalog.domain.reviews import (
    CRITERIA,
    Criterion,
    Decision,
    Importance,
    Judgement,
    Level,
    ReasonCode,
    VerdictRefused,
    check_verdict,
    outcome,
)

PATH = "P0.C1.X1.S1"
A, C, R = Decision.APPROVE, Decision.REQUEST_CHANGES, Decision.REJECT
PASSED = dict.fromkeys(Criterion, Judgement.PASS)
NORMAL, IMPORTANT = Importance


def policy(path: str = "P0", *steps: Step, **others: object) -> Policy:
    made = Policy(path, None, NORMAL, steps or (Step(Kind.PROVINCE),))
    return replace(made, **others)  # type: ignore[arg-type]  # names of its fields


def kinds(path: str, *policies: Policy, importance: Importance = NORMAL) -> list[str]:
    found = prevailing(policies, path, ["video"], importance)
    return [each.kind for each in chain_of(found, path)]


def test_one_opinion_settles_a_level_of_one() -> None:
    level = Level("SCHOOL", PATH)
    assert outcome(level, []) is None
    assert [outcome(level, [each]) for each in Decision] == list(Decision)


def test_two_of_three_approve_or_it_is_settled_otherwise() -> None:
    level = Level("COMMITTEE", "P0", needed=2, seats=3)
    assert outcome(level, [A, R]) is None
    assert outcome(level, [A, R, A]) is A
    assert outcome(level, [R, R]) is R
    assert outcome(level, [C, R]) is C
    assert outcome(level, [A, C, R]) is C


@pytest.mark.parametrize(("needed", "seats"), [(1, 3), (2, 3), (3, 3), (3, 5)])
def test_every_sequence_of_opinions_settles_a_level_once(needed: int, seats: int) -> None:
    level = Level("COMMITTEE", "P0", needed=needed, seats=seats)
    for opinions in product(Decision, repeat=seats):
        results = [outcome(level, opinions[:count]) for count in range(seats + 1)]
        settled = [each for each in results if each is not None]
        assert results[-1] is not None
        first = settled[0]
        assert (first is A) == (opinions.count(A) >= needed and first is A)
        if first is A:
            assert opinions.count(A) >= needed


def test_approval_judges_each_criterion_and_fails_none() -> None:
    check_verdict(A, PASSED, None, "", 0, is_named=False)
    with pytest.raises(VerdictRefused) as refused:
        check_verdict(A, {Criterion.POLITICAL: Judgement.FAIL}, None, "", 0, is_named=False)
    assert len(refused.value.members["errors"]) == len(CRITERIA)


def test_whom_the_metadata_names_does_not_approve_but_may_refuse() -> None:
    with pytest.raises(VerdictRefused) as refused:
        check_verdict(A, PASSED, None, "", 0, is_named=True)
    assert [each["pointer"] for each in refused.value.members["errors"]] == ["#/decision"]
    for decision in (C, R):
        check_verdict(decision, PASSED, ReasonCode.OTHER, "不合适。", 1, is_named=True)


@pytest.mark.parametrize("decision", [C, R])
def test_anything_but_approval_gives_a_reason_and_words(decision: Decision) -> None:
    check_verdict(decision, PASSED, ReasonCode.OTHER, "不合适。", 1, is_named=False)
    with pytest.raises(VerdictRefused) as refused:
        check_verdict(decision, PASSED, None, "  ", 1, is_named=False)
    assert [each["pointer"] for each in refused.value.members["errors"]] == [
        "#/reason_code",
        "#/comment",
    ]


def test_who_asks_for_changes_says_what_to_change() -> None:
    check_verdict(R, PASSED, ReasonCode.OTHER, "不合适。", 0, is_named=False)
    with pytest.raises(VerdictRefused) as refused:
        check_verdict(C, PASSED, ReasonCode.OTHER, "不合适。", 0, is_named=False)
    assert [each["pointer"] for each in refused.value.members["errors"]] == ["#/items"]


def test_without_a_policy_school_and_county_judge_and_all_levels_what_is_important() -> None:
    assert kinds(PATH) == ["SCHOOL", "COUNTY"]
    assert kinds(PATH, importance=IMPORTANT) == list(Kind)
    assert [each.path for each in chain_of(prevailing([], PATH, [], NORMAL), PATH)] == [
        "P0.C1.X1.S1",
        "P0.C1.X1",
    ]


def test_where_no_level_of_the_policy_is_the_nearest_that_judges_does_and_never_a_class() -> None:
    county = policy("P0", Step(Kind.COUNTY))
    for path in ("P0.C1.S1", "P0.C1.S1.G1", "P0.C1.S1.G1.K1"):
        [level] = chain_of(county, path)
        assert (level.kind, level.path) == (Kind.SCHOOL, "P0.C1.S1")
    [above] = chain_of(county, "P0.C1")
    assert (above.kind, above.path) == (Kind.CITY, "P0.C1")


def test_whoever_is_below_the_top_takes_no_level_from_what_is_important() -> None:
    lax = policy(PATH, Step(Kind.SCHOOL, hours=9), importance=IMPORTANT)
    assert kinds(PATH, lax, importance=IMPORTANT) == list(Kind)
    told = policy("P0", Step(Kind.COUNTY), importance=IMPORTANT)
    assert kinds(PATH, told, importance=IMPORTANT) == ["COUNTY"]
    assert kinds(PATH, told, lax, importance=IMPORTANT) == ["SCHOOL", "COUNTY"]
    assert kinds(PATH, policy(PATH, Step(Kind.SCHOOL))) == ["SCHOOL"]


def test_levels_that_a_place_does_not_have_fall_away_but_somebody_always_judges() -> None:
    assert kinds("P0.C1.S1") == ["SCHOOL"]
    assert kinds("P0") == ["PROVINCE"]
    assert kinds("P0.C1") == ["CITY"]
    assert kinds("P0.C1.N1") == ["SCHOOL"]
    assert kinds("P0.C1.S1.G1.K1") == ["SCHOOL"]


def test_the_nearest_policy_counts_and_one_for_the_type_before_one_for_all() -> None:
    city = policy("P0.C1", Step(Kind.CITY))
    province = policy("P0", Step(Kind.PROVINCE))
    video = policy("P0.C1", Step(Kind.SCHOOL), Step(Kind.CITY), resource_type="video")
    other = policy("P0.C1.X1", Step(Kind.COUNTY), resource_type="audio")
    assert kinds(PATH, city, province) == ["CITY"]
    assert kinds(PATH, city, province, video, other) == ["SCHOOL", "CITY"]
    assert kinds("P0.C2.S9", city, province) == ["PROVINCE"]


def test_what_is_important_after_all_is_judged_by_the_levels_above_its_last() -> None:
    chain, important = (chain_of(default(PATH, each), PATH) for each in (NORMAL, IMPORTANT))
    raised = heightened(chain, important)
    assert list(raised[:2]) == list(chain)
    assert [each.kind for each in raised] == list(Kind)
    assert list(heightened(important, important)) == list(important)


def test_a_mandatory_policy_from_above_prevails() -> None:
    lax = policy("P0.C1.X1.S1", Step(Kind.SCHOOL))
    strict = policy("P0", Step(Kind.CITY), Step(Kind.PROVINCE), mandatory=True)
    own = policy("P0.C1", Step(Kind.CITY), mandatory=True)
    assert kinds(PATH, lax, strict, own) == ["CITY", "PROVINCE"]


@pytest.mark.parametrize(
    "steps",
    [
        (Step(Kind.CITY), Step(Kind.SCHOOL)),
        (Step(Kind.CITY), Step(Kind.CITY)),
        (Step(Kind.CITY, needed=3, seats=2),),
    ],
)
def test_levels_out_of_order_twice_or_without_enough_seats_are_refused(
    steps: tuple[Step, ...],
) -> None:
    with pytest.raises(PolicyRefused):
        policy("P0", *steps).checked()


@pytest.mark.parametrize("path", [f"{PATH}.G1", f"{PATH}.G1.K1"])
def test_a_grade_or_a_class_has_no_policy_of_its_own(path: str) -> None:
    with pytest.raises(PolicyRefused):
        policy(path, Step(Kind.SCHOOL)).checked()
    policy(PATH, Step(Kind.SCHOOL)).checked()


STEPS = st.lists(
    st.builds(
        lambda kind, needed, more, hours, skippable: Step(
            kind, needed, needed + more, hours, skippable
        ),
        *(st.sampled_from(Kind), st.integers(1, 3), st.integers(0, 2), st.integers(1, 99)),
        st.booleans(),
    ),
    min_size=1,
    max_size=5,
    unique_by=lambda each: each.kind,
).map(lambda steps: sorted(steps, key=lambda each: list(Kind).index(each.kind)))
POLICIES = st.lists(
    st.builds(
        Policy,
        st.sampled_from(["P0", "P0.C1", PATH]),
        st.sampled_from([None, "a", "b", "c"]),
        st.just(NORMAL),
        STEPS,
        st.booleans(),
    ),
    max_size=8,
    unique_by=lambda each: (each.path, each.resource_type),
)


@given(
    POLICIES,
    st.lists(st.sampled_from("abc"), min_size=1, unique=True),
    st.sampled_from("abc"),
    st.booleans(),
)
def test_another_type_takes_no_level_away_and_makes_none_easier(
    policies: list[Policy], types: list[str], more: str, first: bool
) -> None:
    def steps(types: list[str]) -> dict[Kind, Step]:
        found = prevailing(policies, PATH, types, NORMAL).checked()
        return {each.kind: each for each in found.steps}

    before, after = steps(types), steps([more, *types] if first else [*types, more])
    assert before.keys() <= after.keys()
    for kind, step in before.items():
        harder = after[kind]
        assert harder.needed >= step.needed
        assert harder.seats - harder.needed <= step.seats - step.needed
        assert harder.hours <= step.hours
        assert step.skippable or not harder.skippable
