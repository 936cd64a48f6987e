"""Whom a roster's lines mean, and what they change: decided without a database."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.identity.domain.grants import RoleGrant
from services.identity.domain.identifiers import IdentifierKey, IdentifierKind, identify
from services.identity.domain.imports import (
    ATTEMPTS,
    TRANSITIONS,
    Action,
    Format,
    Import,
    ImportActionRefused,
    Outcome,
    RosterLine,
)
from services.identity.domain.imports import State as ImportState
from services.identity.domain.people import Membership, Person, Profile, State
from services.identity.domain.places import Node, Place
from services.identity.domain.reconciliation import Reconciliation
from services.identity.domain.roster_accounts import Account
from services.identity.domain.roster_changes import Result
from services.identity.domain.roster_words import Column, RosterRole
from services.identity.domain.rosters import Line, RosterGuardian
from services.identity.domain.staging import Staging
from shared.ids import uuid7

NOW = datetime(2026, 9, 1, tzinfo=UTC)
ADMINISTRATOR = str(uuid7())

SCHOOL = Node(uuid7(), "P.X.S", "实验小学")
CLASS_1 = Node(uuid7(), "P.X.S.G.K1", "1班")
CLASS_2 = Node(uuid7(), "P.X.S.G.K2", "2班")
ELSEWHERE = Node(uuid7(), "P.X.S2.G.K1", "别处")
IN_CLASS_1 = Place(SCHOOL, CLASS_1)
IN_CLASS_2 = Place(SCHOOL, CLASS_2)
AT_SCHOOL = Place(SCHOOL, SCHOOL)

ID = identify(IdentifierKind.ID_NUMBER, "11010519491231002X")
STUDENT = identify(IdentifierKind.STUDENT_NUMBER, "G11010519491231002X")
PHONE = identify(IdentifierKind.PHONE, "13800138000")
STAFF = identify(IdentifierKind.STAFF_NUMBER, "T-01")


def pupil(*keys: IdentifierKey, name: str = "李明", **fields: object) -> Line:
    line = Line(name, RosterRole.STUDENT, None, None, keys or (ID,))
    return replace(line, **fields)  # type: ignore[arg-type]


def teacher(*subjects: str, **fields: object) -> Line:
    line = Line("赵老师", RosterRole.TEACHER, None, None, (STAFF,), subjects=subjects)
    return replace(line, **fields)  # type: ignore[arg-type]


def account(
    *keys: IdentifierKey,
    name: str = "李明",
    at: tuple[Node, ...] = (CLASS_1,),
    kind: str = "student",
    role: str | None = "student",
    state: State = State.ACTIVE,
) -> Account:
    id_ = uuid7()
    memberships = tuple(
        Membership(uuid7(), id_, each.id, kind, date(2025, 9, 1), None, 1, each.path, each.name)  # type: ignore[arg-type]
        for each in at
    )
    person = Person(id_, "A-1", state, Profile(name), 1, NOW, NOW, memberships)
    grants = [
        RoleGrant(uuid7(), id_, role, each.id, each.path, None, NOW, None, "x")
        for each in at
        if role
    ]
    return Account(person, {key.kind: key for key in keys}, grants)


def reconciling(*accounts: Account, actor: str = ADMINISTRATOR) -> Reconciliation:
    return Reconciliation(
        SCHOOL.path,
        {each.person.id: each for each in accounts},
        {key: each.person.id for each in accounts for key in each.keys.values()},
        {each.person.code: each.person.id for each in accounts},
        actor,
        NOW,
        14,
    )


def reason(result: Result) -> str:
    assert result.outcome is Outcome.REJECTED
    return result.defects[0].reason


def test_a_new_pupil_is_invited_and_belongs_to_the_class() -> None:
    work = reconciling()
    result = work.take(pupil(), IN_CLASS_1)
    assert (result.outcome, result.changes) == (Outcome.CREATED, ("membership", "role"))
    (invited,) = work.batch.invited
    assert invited.person.state is State.INVITED
    assert [each.organisation_id for each in work.batch.started] == [CLASS_1.id]
    assert [(each.role, each.path) for each in work.batch.given] == [("student", CLASS_1.path)]


def test_the_same_line_again_changes_nothing() -> None:
    work = reconciling()
    first = work.take(teacher("13", "14"), IN_CLASS_1)
    again = work.take(teacher("13", "14"), IN_CLASS_1)
    assert again == Result(Outcome.UNCHANGED, first.person_id)


def test_a_teacher_s_second_class_is_another_role_and_no_other_membership() -> None:
    work = reconciling()
    work.take(teacher("13"), IN_CLASS_1)
    assert work.take(teacher("13"), IN_CLASS_2).changes == ("role",)
    assert [each.organisation_id for each in work.batch.started] == [SCHOOL.id]
    assert {each.path for each in work.batch.given} == {CLASS_1.path, CLASS_2.path}


def test_an_id_number_tells_the_person_though_the_name_was_corrected() -> None:
    known = account(ID, name="李名")
    result = reconciling(known).take(pupil(ID), IN_CLASS_1)
    assert (result.outcome, result.changes) == (Outcome.UPDATED, ("name",))
    assert known.person.version == 2


def test_a_formal_student_number_and_the_id_number_in_it_are_one_person_s() -> None:
    known = account(ID)
    result = reconciling(known).take(pupil(STUDENT), IN_CLASS_1)
    assert (result.person_id, result.changes) == (known.person.id, ("student_number",))


@pytest.mark.parametrize("key", [PHONE, STAFF])
def test_a_phone_or_a_staff_number_alone_does_not_tell_who_somebody_is(key: IdentifierKey) -> None:
    assert reason(reconciling(account(key, name="王芳")).take(pupil(key), IN_CLASS_1)) == "taken"


def test_identifiers_of_two_people_are_refused() -> None:
    work = reconciling(account(ID), account(PHONE, name="王芳"))
    assert reason(work.take(pupil(ID, PHONE), IN_CLASS_1)) == "matches-several"


def test_a_pupil_moves_to_another_class_and_loses_the_first_one_s_role() -> None:
    known = account(ID)
    work = reconciling(known)
    assert work.take(pupil(), IN_CLASS_2).changes == ("membership", "role")
    assert [each.organisation_id for each in work.batch.ended] == [CLASS_1.id]
    assert [each.path for each in work.batch.revoked] == [CLASS_1.path]
    assert work.batch.cut_off == {known.person.id}


def test_a_pupil_in_a_class_stays_there_when_the_line_names_the_school_alone() -> None:
    assert reconciling(account(ID)).take(pupil(), AT_SCHOOL).outcome is Outcome.UNCHANGED


def test_who_leaves_their_last_organisation_has_left() -> None:
    known = account(ID)
    result = reconciling(known).take(pupil(leaving=True), IN_CLASS_1)
    assert (result.outcome, result.changes) == (Outcome.LEFT, ("membership", "state"))
    assert known.person.state is State.LEFT


def test_leaving_twice_changes_nothing() -> None:
    known = account(ID)
    work = reconciling(known)
    work.take(pupil(leaving=True), IN_CLASS_1)
    assert work.take(pupil(leaving=True), IN_CLASS_1).outcome is Outcome.UNCHANGED


def test_who_is_not_there_cannot_leave() -> None:
    assert reason(reconciling().take(pupil(leaving=True), IN_CLASS_1)) == "not-here"


def test_who_left_is_taken_back() -> None:
    known = account(ID)
    work = reconciling(known)
    work.take(pupil(leaving=True), IN_CLASS_1)
    assert "state" in work.take(pupil(), IN_CLASS_1).changes
    assert known.person.state is State.ACTIVE


def test_people_of_other_organisations_are_out_of_reach() -> None:
    work = reconciling(account(ID, at=(ELSEWHERE,)))
    assert reason(work.take(pupil(), IN_CLASS_1)) == "belongs-elsewhere"


def test_a_pupil_enrolled_at_two_schools_is_not_moved_by_one() -> None:
    work = reconciling(account(ID, at=(CLASS_1, ELSEWHERE)))
    assert reason(work.take(pupil(), IN_CLASS_2)) == "enrolled-elsewhere"


def test_what_opens_another_school_too_is_not_changed_by_one() -> None:
    known = account(STAFF, name="赵老师", at=(SCHOOL, ELSEWHERE), kind="staff", role="teacher")
    work = reconciling(known)
    assert reason(work.take(teacher(keys=(STAFF, PHONE)), AT_SCHOOL)) == "beyond-reach"
    assert work.take(teacher(), AT_SCHOOL).outcome is Outcome.UNCHANGED


def test_a_guardian_s_account_is_taken_in_only_where_a_ward_is_within_reach() -> None:
    parent = account(PHONE, name="赵老师", at=(), role=None)
    line = teacher(keys=(PHONE,))
    assert reason(reconciling(parent).take(line, AT_SCHOOL)) == "belongs-elsewhere"
    parent.guards_here = True
    assert reconciling(parent).take(line, AT_SCHOOL).outcome is Outcome.UPDATED


def test_nobody_changes_their_own_account_by_import() -> None:
    known = account(STAFF, name="赵老师", at=(SCHOOL,), kind="staff", role="teacher")
    own = str(known.person.id)
    assert reconciling(known, actor=own).take(teacher(), AT_SCHOOL).outcome is Outcome.UNCHANGED
    for line, place in ((teacher("13"), AT_SCHOOL), (teacher(leaving=True), AT_SCHOOL)):
        assert reason(reconciling(known, actor=own).take(line, place)) == "own-account"


FATHER = RosterGuardian("李强", PHONE.value, "father")


def test_siblings_share_one_guardian() -> None:
    work = reconciling()
    sister = identify(IdentifierKind.USERNAME, "li.hong")
    work.take(pupil(guardians=(FATHER,)), IN_CLASS_1)
    work.take(pupil(sister, name="李红", guardians=(FATHER,)), IN_CLASS_1)
    assert len(work.batch.invited) == 3
    assert len({each.guardian_id for each in work.batch.guardianships}) == 1


def test_a_guardian_named_again_changes_nothing() -> None:
    work = reconciling()
    work.take(pupil(guardians=(FATHER,)), IN_CLASS_1)
    assert work.take(pupil(guardians=(FATHER,)), IN_CLASS_1).outcome is Outcome.UNCHANGED


def test_a_refused_line_leaves_no_trace() -> None:
    work = reconciling(account(PHONE, name="王芳"))
    result = work.take(pupil(guardians=(FATHER,)), IN_CLASS_1)
    assert reason(result) == "taken"
    assert work.batch == reconciling().batch


def staged(*cells: Mapping[Column, str]) -> list[str | None]:
    """The reason for which each line is refused."""
    staging = Staging()
    read = [staging.take(RosterLine(row, each)) for row, each in enumerate(cells, start=2)]
    return [each.defects[0].reason if each.defects else None for each in read]


ROW = {Column.NAME: "李明", Column.ROLE: "学生", Column.ID_NUMBER: ID.value}
TEACHER_ROW = {Column.NAME: "赵老师", Column.ROLE: "教师", Column.STAFF_NUMBER: "T-01"}


def test_pupils_stand_in_a_roster_once_and_teachers_once_a_class() -> None:
    twin = {Column.NAME: "李明", Column.STUDENT_NUMBER: STUDENT.value}
    assert staged(ROW, ROW, twin) == [None, "repeated", "repeated"]
    assert staged(TEACHER_ROW, {**TEACHER_ROW, Column.SUBJECT: "语文"}) == [None, None]


def test_nobody_in_a_roster_has_what_is_somebody_else_s() -> None:
    assert staged(ROW, {**ROW, Column.NAME: "王芳"}) == [None, "repeated"]
    guardian = {**ROW, Column.GUARDIAN_NAME: "李强", Column.GUARDIAN_PHONE: "13800138000"}
    other = {**TEACHER_ROW, Column.PHONE: "13800138000"}
    assert staged(guardian, other) == [None, "repeated"]


def an_import(state: ImportState) -> Import:
    return Import(
        *(uuid7(), uuid7(), "P", Format.CSV, True, state, "key", "x", None, "r"),
        *(0, 0, 0, None, 1, NOW, NOW),
    )


@given(st.sampled_from(ImportState), st.sampled_from(Action))
def test_an_import_takes_the_ways_of_the_table_and_no_other(
    state: ImportState, action: Action
) -> None:
    target = TRANSITIONS.get((state, action))
    if target is None:
        with pytest.raises(ImportActionRefused):
            an_import(state).after(action, NOW)
    else:
        assert an_import(state).after(action, NOW).state is target


def test_an_import_whose_step_keeps_failing_fails() -> None:
    tried = an_import(ImportState.APPLYING)
    for _ in range(ATTEMPTS - 1):
        tried = tried.tried(NOW)
        assert tried.state is ImportState.APPLYING
    assert tried.tried(NOW).state is ImportState.FAILED


LINES = st.builds(
    lambda number, place, leaving: (number, place, leaving),
    st.integers(0, 4),
    st.sampled_from([IN_CLASS_1, IN_CLASS_2, AT_SCHOOL]),
    st.booleans(),
)


@given(st.lists(LINES, max_size=12))
def test_whatever_is_imported_a_pupil_is_in_one_place_at_most(
    told: list[tuple[int, Place, bool]],
) -> None:
    work = reconciling()
    found: set[UUID] = set()
    for number, place, leaving in told:
        key = IdentifierKey(IdentifierKind.USERNAME, f"pupil.{number}")
        result = work.take(pupil(key, name=f"学生{number}", leaving=leaving), place)
        again = work.take(pupil(key, name=f"学生{number}", leaving=leaving), place)
        assert again.outcome in (Outcome.UNCHANGED, Outcome.REJECTED)
        found |= {result.person_id} - {None}  # type: ignore[arg-type]
    for id_ in found:
        held = work.accounts[id_]
        current = [each for each in held.person.memberships if not each.ended(NOW.date())]
        assert len(current) <= 1
        assert {each.path for each in held.grants} <= {each.path for each in current}


def test_a_class_that_is_over_ends_on_its_day_and_the_pupil_stays() -> None:
    account_ = account(ID)
    work = reconciling(account_)
    over = work.take(pupil(ended_on=date(2026, 7, 1)), IN_CLASS_1)
    assert (over.outcome, over.changes) == (Outcome.UPDATED, ("membership",))
    (ended,) = work.batch.ended
    assert ended.valid_until == date(2026, 7, 1)
    assert [each.path for each in work.batch.revoked] == [CLASS_1.path]
    assert account_.person.state is State.ACTIVE
    assert work.take(pupil(), AT_SCHOOL).changes == ("membership", "role")
    assert work.take(pupil(ended_on=date(2026, 7, 1)), IN_CLASS_1).outcome is Outcome.UNCHANGED


def test_a_subject_that_is_over_ends_that_role_alone() -> None:
    work = reconciling()
    work.take(teacher("13", "14"), AT_SCHOOL)
    over = work.take(teacher("13", ended_on=date(2026, 7, 1)), AT_SCHOOL)
    assert over.changes == ("role",)
    assert [each.subject for each in work.batch.revoked] == ["13"]
    assert work.batch.ended == []


def test_what_is_over_for_somebody_unknown_changes_nothing() -> None:
    result = reconciling().take(pupil(ended_on=date(2026, 7, 1)), IN_CLASS_1)
    assert result == Result(Outcome.UNCHANGED)


@pytest.mark.parametrize("office", ["reviewer", "administrator", "auditor"])
def test_an_import_ends_no_office(office: str) -> None:
    held = account(STAFF, name="赵老师", at=(SCHOOL,), kind="staff", role=office)
    work = reconciling(held)
    assert reason(work.take(teacher(leaving=True), AT_SCHOOL)) == "office-held"
    assert not work.batch.ended
    assert not work.batch.revoked


@pytest.mark.parametrize("office", ["reviewer", "administrator", "security_administrator"])
@pytest.mark.parametrize(
    "line",
    [
        teacher(keys=(STAFF, PHONE)),
        teacher(birth_date=date(2020, 2, 2)),
        pupil(STAFF, name="赵老师"),
    ],
    ids=["phone", "birth date", "enrolment"],
)
def test_an_import_touches_no_office_through_its_holder(office: str, line: Line) -> None:
    held = account(STAFF, name="赵老师", at=(SCHOOL,), kind="staff", role=office)
    work = reconciling(held)
    assert reason(work.take(line, AT_SCHOOL)) == "office-held"
    assert work.batch == reconciling().batch
    assert work.take(teacher(birth_date=date(1980, 2, 2)), AT_SCHOOL).outcome is Outcome.UPDATED


def test_whoever_still_holds_a_role_keeps_the_account() -> None:
    held = account(STAFF, name="赵老师", at=(SCHOOL,), kind="staff", role="teacher")
    held.grants.append(replace(held.grants[0], id=uuid7(), role="guardian", path=ELSEWHERE.path))
    work = reconciling(held)
    assert work.take(teacher(leaving=True), AT_SCHOOL).changes == ("membership",)
    assert held.person.state is State.ACTIVE
    assert [each.role for each in work.batch.revoked] == ["teacher"]


def test_an_import_makes_no_teacher_of_a_minor() -> None:
    assert reason(reconciling().take(teacher(birth_date=date(2010, 1, 1)), AT_SCHOOL)) == "minor"
    work = reconciling(account(STAFF, name="赵老师", role=None))
    assert reason(work.take(teacher(), AT_SCHOOL)) == "minor"
    assert work.take(teacher(birth_date=date(1990, 1, 1)), AT_SCHOOL).outcome is Outcome.UPDATED


def test_who_becomes_a_minor_by_a_roster_is_told_apart() -> None:
    staff = account(STAFF, name="赵老师", at=(SCHOOL,), kind="staff", role=None)
    known = account(ID)
    work = reconciling(staff, known)
    work.take(pupil(STAFF, name="赵老师"), IN_CLASS_1)
    work.take(pupil(birth_date=date(2016, 9, 1)), IN_CLASS_1)
    assert work.batch.grown_younger == {staff.person.id}
