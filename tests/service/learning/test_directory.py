"""What is kept of what identity and the catalogue tell."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import date
from uuid import UUID

import pytest
from fastapi import FastAPI

from services.learning.adapters.directory import DirectoryRepository
from services.learning.application.directory import Directory, path_named, teaches
from services.learning.domain.directory import Standing
from shared.errors import Forbidden
from shared.ids import uuid7
from shared.principal import Principal
from tests.service.house import Token
from tests.service.learning.school import (
    CLASS,
    OTHER_CLASS,
    OTHER_SCHOOL,
    SCHOOL,
    School,
    organisation_id,
)

TODAY = date(2026, 11, 22)


@pytest.fixture
def school(app: FastAPI, token: Token) -> School:
    return School(app, token)


@asynccontextmanager
async def reading(school: School) -> AsyncIterator[Directory]:
    async with school.app.state.runtime.new_uow() as uow:
        yield DirectoryRepository(uow.connection)


def caller(*grants: str) -> Principal:
    return Principal("somebody", "tests", frozenset(), {"grants": list(grants)})


async def test_the_pupils_of_a_class_are_those_whose_membership_holds_that_day(
    school: School,
) -> None:
    await school.found()
    pupil = await school.enrol()
    await school.enrol(kind="staff")
    await school.enrol(OTHER_CLASS)
    gone = await school.enrol(valid_until="2026-11-22")
    leaving = await school.enrol(valid_until="2026-11-23")
    coming = await school.enrol(valid_from="2026-11-23")
    async with reading(school) as directory:
        assert await directory.class_members(CLASS, TODAY) == sorted([pupil, leaving])
        tomorrow = await directory.class_members(CLASS, date(2026, 11, 23))
        assert tomorrow == sorted([pupil, coming])
        assert await directory.is_member(pupil, SCHOOL, TODAY)
        assert not await directory.is_member(gone, SCHOOL, TODAY)
        assert not await directory.is_member(pupil, OTHER_CLASS, TODAY)
        assert await directory.has_member([gone, pupil], CLASS, TODAY)
        assert not await directory.has_member([], CLASS, TODAY)


async def test_a_membership_that_is_told_to_end_ends(school: School) -> None:
    await school.found()
    membership = uuid7()
    pupil = await school.enrol(membership_id=membership)
    await school.enrol(
        person=pupil, valid_until="2026-10-01", what="ended", membership_id=membership
    )
    async with reading(school) as directory:
        assert not await directory.is_member(pupil, CLASS, TODAY)


async def test_whoever_belongs_to_a_class_moves_with_it(school: School) -> None:
    await school.found()
    pupil = await school.enrol()
    moved = f"{OTHER_SCHOOL}.G2.K1"
    await school.organise("moved", moved, old_path=CLASS)
    async with reading(school) as directory:
        assert await directory.class_members(moved, TODAY) == [pupil]
        assert await directory.class_members(CLASS, TODAY) == []
        assert await directory.is_member(pupil, OTHER_SCHOOL, TODAY)
        found = await directory.organisation(organisation_id(CLASS))
        assert found is not None
        assert found.path == moved


async def test_a_closed_organisation_has_no_members_and_no_name_to_be_found_by(
    school: School,
) -> None:
    await school.found()
    pupil = await school.enrol()
    await school.organise("closed", SCHOOL)
    async with reading(school) as directory:
        assert not await directory.is_member(pupil, CLASS, TODAY)
        assert await directory.path_of("K1") is None
        found = await directory.organisation_at(CLASS)
        assert found is not None
        assert not found.open


async def test_an_organisation_is_named_by_code_or_path_and_strangers_learn_nothing(
    school: School,
) -> None:
    await school.found()
    async with reading(school) as directory:
        assert await path_named(directory, caller(), "k-1") == CLASS
        unheard = caller("teacher@P0.C1.S9")
        assert await path_named(directory, unheard, "P0.C1.S9") == "P0.C1.S9"
        with pytest.raises(Forbidden):
            await path_named(directory, caller(), "S9")


async def test_members_are_listed_page_by_page(school: School) -> None:
    await school.found()
    people = sorted([await school.enrol(), await school.enrol(OTHER_CLASS)])
    async with reading(school) as directory:
        first = await directory.members(SCHOOL, TODAY, 1, ("", UUID(int=0)))
        rest = await directory.members(SCHOOL, TODAY, 5, (first[0].person, first[0].key))
    assert [each.person for each in (*first, *rest)] == people


async def test_homes_are_where_people_belong_or_hold_a_role(school: School) -> None:
    await school.found()
    teacher = await school.enrol(SCHOOL, "staff")
    await school.appoint("teacher", OTHER_CLASS, teacher)
    async with reading(school) as directory:
        homes = await directory.homes([teacher], TODAY)
    assert [each.path for each in homes] == [SCHOOL, OTHER_CLASS]


async def test_a_guardian_is_who_is_verified_whether_or_not_a_consent_stands(
    school: School,
) -> None:
    child = str(uuid7())
    guardian = await school.guard(child)

    async def known() -> tuple[Sequence[str], Sequence[str]]:
        async with reading(school) as directory:
            return await directory.children(guardian), await directory.guardians(child)

    assert await known() == ([child], [guardian])
    await school.consent(child, guardian)
    await school.withdraw(child, guardian)
    assert await known() == ([child], [guardian])
    await school.guard(child, guardian, restricted=True)
    assert await known() == ([], [])
    await school.guard(child, guardian)
    assert await known() == ([child], [guardian])
    await school.guard(child, guardian, "ended")
    assert await known() == ([], [])


async def test_nothing_is_known_of_who_was_erased(school: School) -> None:
    await school.found()
    child = await school.enrol()
    guardian = await school.consent(child)
    await school.appoint("student", CLASS, child)
    await school.erase(child)
    async with reading(school) as directory:
        assert await directory.class_members(CLASS, TODAY) == []
        assert await directory.homes([child], TODAY) == []
        assert await directory.children(guardian) == []


async def test_a_resource_keeps_its_versions_whatever_becomes_of_it(school: School) -> None:
    resource = UUID(await school.publish())
    await school.publish(resource, 3)
    await school.publish(resource, 3)
    unknown = uuid7()
    for what, standing in (
        ("suspended", Standing.SUSPENDED),
        ("restored", Standing.LIVE),
        ("retired", Standing.RETIRED),
    ):
        await school.take_down(str(resource), what)
        async with reading(school) as directory:
            known = await directory.resource_state([resource, unknown])
        assert list(known) == [resource]
        assert known[resource].standing is standing
        assert (known[resource].live, list(known[resource].published)) == (3, [1, 3])


def test_a_teacher_teaches_where_a_grant_reaches_and_its_subject_allows() -> None:
    assert teaches(caller(f"teacher@{SCHOOL}"), CLASS)
    assert teaches(caller(f"teacher@{CLASS}#14"), CLASS, "14")
    assert not teaches(caller(f"teacher@{CLASS}#13"), CLASS, "14")
    assert not teaches(caller(f"teacher@{CLASS}"), SCHOOL)
    assert not teaches(caller(f"administrator@{SCHOOL}"), CLASS)
