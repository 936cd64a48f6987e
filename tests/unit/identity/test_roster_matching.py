"""Whom a roster's line means, and what it does not tell of people beyond reach."""

from dataclasses import replace
from datetime import date

import pytest

from services.identity.domain.identifiers import IdentifierKey
from services.identity.domain.imports import Outcome
from services.identity.domain.people import Profile
from services.identity.domain.roster_accounts import Account
from services.identity.domain.roster_words import Column
from services.identity.domain.rosters import RosterGuardian
from tests.unit.identity.test_imports import (
    CLASS_1,
    ELSEWHERE,
    ID,
    IN_CLASS_1,
    PHONE,
    STAFF,
    STUDENT,
    account,
    pupil,
    reason,
    reconciling,
)

OTHER_PHONE = replace(PHONE, value="13900139000")


def born(account: Account, birth_date: date) -> Account:
    profile = replace(account.person.profile or Profile(""), birth_date=birth_date)
    account.person = replace(account.person, profile=profile)
    return account


@pytest.mark.parametrize("name", ["李明", "王芳"])
@pytest.mark.parametrize("key", [PHONE, STAFF, ID, STUDENT])
def test_whether_a_name_fits_somebody_beyond_reach_is_not_told(
    name: str, key: IdentifierKey
) -> None:
    work = reconciling(account(key, at=(ELSEWHERE,)))
    assert reason(work.take(pupil(key, name=name), IN_CLASS_1)) == "belongs-elsewhere"


@pytest.mark.parametrize("name", ["李明", "王芳"])
def test_whether_a_name_fits_the_number_inside_another_is_not_told_either(name: str) -> None:
    work = reconciling(account(STUDENT, at=(ELSEWHERE,)))
    assert reason(work.take(pupil(ID, name=name), IN_CLASS_1)) == "belongs-elsewhere"


def test_whose_the_numbers_are_is_not_told_of_people_beyond_reach() -> None:
    work = reconciling(account(PHONE), account(ID, at=(ELSEWHERE,)))
    assert reason(work.take(pupil(ID, PHONE), IN_CLASS_1)) == "belongs-elsewhere"


def test_whom_a_refused_line_was_compared_with_is_known() -> None:
    there = account(PHONE, name="王芳")
    work = reconciling(there)
    assert reason(work.take(pupil(PHONE), IN_CLASS_1)) == "taken"
    assert [each.id for each in work.compared] == [there.person.id]


@pytest.mark.parametrize("name", ["李强", "王芳"])
@pytest.mark.parametrize("at", [ELSEWHERE, CLASS_1])
def test_a_minor_is_nobody_s_guardian_whether_or_not_the_name_fits(name: str, at: object) -> None:
    brother = born(account(PHONE, name="李强", at=(at,)), date(2009, 9, 2))  # type: ignore[arg-type]
    line = pupil(guardians=(RosterGuardian(name, PHONE.value, "other"),))
    assert reason(reconciling(brother).take(line, IN_CLASS_1)) == "taken"


def test_a_pupil_whose_birth_date_nobody_knows_is_no_guardian() -> None:
    line = pupil(guardians=(RosterGuardian("李强", PHONE.value, "other"),))
    work = reconciling(account(PHONE, name="李强"))
    assert reason(work.take(line, IN_CLASS_1)) == "taken"


def test_an_adult_of_unknown_birth_date_is_a_guardian() -> None:
    line = pupil(guardians=(RosterGuardian("李强", PHONE.value, "father"),))
    work = reconciling(account(PHONE, name="李强", kind="staff", role="teacher"))
    assert work.take(line, IN_CLASS_1).outcome is Outcome.CREATED


def test_a_classmate_of_any_age_is_no_guardian() -> None:
    grown = born(account(PHONE, name="李强"), date(2000, 1, 1))
    work = reconciling(grown, account(ID))
    line = pupil(guardians=(RosterGuardian("李强", PHONE.value, "other"),))
    assert reason(work.take(line, IN_CLASS_1)) == "taken"


def test_whoever_was_named_a_guardian_does_not_become_a_minor() -> None:
    work = reconciling()
    line = pupil(guardians=(RosterGuardian("李强", PHONE.value, "other"),))
    assert work.take(line, IN_CLASS_1).outcome is Outcome.CREATED
    assert reason(work.take(pupil(PHONE, name="李强"), IN_CLASS_1)) == "is-guardian"


def test_a_guardian_without_a_phone_is_left_out_and_the_pupil_is_not() -> None:
    work = reconciling()
    line = pupil(
        guardians=(RosterGuardian("李强", OTHER_PHONE.value, "father"),),
        phoneless=(Column.SECOND_GUARDIAN_PHONE,),
    )
    result = work.take(line, IN_CLASS_1)
    assert result.outcome is Outcome.CREATED
    assert [(each.column, each.reason) for each in result.defects] == [
        (Column.SECOND_GUARDIAN_PHONE, "guardian-left-out")
    ]
    assert len(work.batch.guardianships) == 1
