from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.identity.domain.grants import (
    GIVEN_BY,
    ORDINARY,
    SEPARATED,
    GrantDatesRefused,
    RoleAlreadyHeld,
    RoleGrant,
    RolesSeparated,
    check_given,
    governor_of,
    keeper_of,
    may_give,
)
from shared.access import Grant, Role
from shared.ids import uuid7

NOW = datetime(2026, 9, 1, tzinfo=UTC)
INSTANTS = st.timedeltas(timedelta(days=-300), timedelta(days=300)).map(lambda by: NOW + by)
PERSON, SCHOOL = uuid7(), uuid7()


def grant(
    role: str = "teacher", valid_from: datetime = NOW, valid_until: datetime | None = None
) -> RoleGrant:
    return RoleGrant(
        id=uuid7(),
        person_id=PERSON,
        role=role,
        organisation_id=SCHOOL,
        path="P1.S1",
        subject=None,
        valid_from=valid_from,
        valid_until=valid_until,
        granted_by="somebody",
    )


ROLES = sorted(Role)


@st.composite
def grants(draw: st.DrawFn, roles: Sequence[str] = ROLES) -> RoleGrant:
    first, last = sorted((draw(INSTANTS), draw(INSTANTS)))
    return grant(draw(st.sampled_from(roles)), first, draw(st.sampled_from([None, last])))


@given(grants(), INSTANTS)
def test_a_grant_is_in_force_within_its_dates_alone(held: RoleGrant, at: datetime) -> None:
    within = held.valid_from <= at and (held.valid_until is None or at < held.valid_until)
    assert held.in_force(at) == within


@given(grants(), INSTANTS, st.timedeltas(timedelta(0), timedelta(days=900)))
def test_what_is_over_is_never_in_force_again(
    held: RoleGrant, at: datetime, later: timedelta
) -> None:
    if held.over(at):
        assert not held.in_force(at + later)


@given(grants(), INSTANTS, st.timedeltas(timedelta(0), timedelta(days=900)))
def test_an_ended_grant_is_over_from_then_on(
    held: RoleGrant, at: datetime, later: timedelta
) -> None:
    assert not held.ended(at).in_force(at + later)


@given(grants(), grants())
def test_two_overlap_where_an_instant_is_in_both(one: RoleGrant, two: RoleGrant) -> None:
    starts = (one.valid_from, two.valid_from)
    shared = any(one.in_force(at) and two.in_force(at) for at in starts)
    assert one.overlaps(two) == two.overlaps(one) == shared


@given(st.lists(grants(sorted(SEPARATED)), max_size=8), INSTANTS)
def test_no_one_is_ever_two_of_the_three_administrators(
    wanted: list[RoleGrant], at: datetime
) -> None:
    held: list[RoleGrant] = []
    for each in wanted:
        try:
            check_given(held, each)
        except (RolesSeparated, RoleAlreadyHeld):
            continue
        held.append(each)
    instants = [at, *(each.valid_from for each in held)]
    for instant in instants:
        assert len({each.role for each in held if each.in_force(instant)} & SEPARATED) <= 1


def test_the_three_may_follow_one_another() -> None:
    first = grant("administrator", NOW, NOW + timedelta(days=30))
    check_given([first], grant("auditor", NOW + timedelta(days=30)))
    with pytest.raises(RolesSeparated):
        check_given([first], grant("auditor", NOW + timedelta(days=29)))


def test_one_of_the_three_may_also_teach() -> None:
    check_given([grant("auditor")], grant("teacher"))


def test_the_same_role_is_given_once_at_a_time() -> None:
    with pytest.raises(RoleAlreadyHeld):
        check_given([grant()], grant())
    check_given([grant()], replace(grant(), subject="14"))
    check_given([grant()], replace(grant(), organisation_id=uuid7()))


def test_a_grant_does_not_end_before_it_begins() -> None:
    with pytest.raises(GrantDatesRefused):
        grant(valid_until=NOW - timedelta(seconds=1))


def test_it_reads_as_tokens_carry_it() -> None:
    held = replace(grant("subject_expert"), subject="14")
    assert str(held) == "subject_expert@P1.S1#14"
    assert Grant.parse(str(held)) == Grant(Role.SUBJECT_EXPERT, "P1.S1", "14")


@pytest.mark.parametrize("role", Role)
def test_administrators_give_ordinary_roles_and_security_administrators_all(role: Role) -> None:
    assert may_give("administrator", role) == (role in ORDINARY)
    assert may_give("security_administrator", role)
    assert not any(may_give(other, role) for other in Role if other not in GIVEN_BY)


@pytest.mark.parametrize("role", Role)
def test_who_may_not_give_a_role_does_not_keep_the_account_of_its_holder(role: Role) -> None:
    keeper = keeper_of([role, "teacher"])
    assert keeper is not None
    assert may_give(keeper, role) or keeper == role in SEPARATED


@pytest.mark.parametrize("role", sorted(SEPARATED))
def test_the_three_keep_and_govern_their_like_alone(role: str) -> None:
    assert governor_of(["teacher", role]) == keeper_of([role, "teacher"]) == role
    assert keeper_of([role], guardian=True) == role


def test_nobody_alone_keeps_an_account_of_offices_that_two_give() -> None:
    assert keeper_of(["auditor", "reviewer"]) is None
    assert keeper_of(["security_administrator", "reviewer"]) == "security_administrator"


def test_administrators_govern_and_keep_everybody_else() -> None:
    assert governor_of([]) == governor_of(["reviewer"]) == keeper_of([]) == "administrator"
    assert keeper_of(ORDINARY, guardian=True) == "security_administrator"


def test_every_role_that_has_a_rule_exists() -> None:
    assert {*SEPARATED, *ORDINARY, *GIVEN_BY} <= set(Role)
