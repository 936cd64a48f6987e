"""Spaces over HTTP: whose they are, what is shown there, and who may know."""

import asyncio
from typing import Any
from uuid import UUID

import asyncpg
import httpx2
import pytest
from fastapi import FastAPI

from shared.ids import uuid7
from tests.service.house import Token
from tests.service.learning.school import (
    CLASS,
    OTHER_CLASS,
    OTHER_SCHOOL,
    PROVINCE,
    SCHOOL,
    School,
    organisation_id,
)

URL = "/learning/v1/spaces"


@pytest.fixture
async def school(app: FastAPI, token: Token) -> School:
    school = School(app, token)
    await school.found()
    return school


def of(path: str, rest: str = "") -> str:
    return f"{URL}/{organisation_id(path)}{rest}"


def picked(resource_id: str, **others: Any) -> dict[str, Any]:
    return {"resource_id": resource_id, "title": "分数的初步认识", **others}


async def arrange(
    anonymous: httpx2.AsyncClient,
    url: str,
    headers: dict[str, str],
    version: int,
    *resources: dict[str, Any],
) -> httpx2.Response:
    return await anonymous.put(
        f"{url}/resources",
        headers={**headers, "if-match": f'"v{version}"'},
        json={"resources": list(resources)},
    )


async def test_nobody_sees_spaces_anonymously_or_those_of_others(
    school: School, anonymous: httpx2.AsyncClient
) -> None:
    pupil = await school.enrol()
    reads = ("", "/resources", "/members")
    for url in (of(CLASS), f"{URL}/{pupil}"):
        for rest in reads:
            assert (await anonymous.get(url + rest)).status_code == 401
        strangers = (
            school.someone("teacher", OTHER_SCHOOL),
            school.someone("student", OTHER_CLASS),
            school.as_(str(uuid7())),
            school.as_(await school.consent(str(uuid7()))),
        )
        for headers in strangers:
            for rest in reads:
                assert (await anonymous.get(url + rest, headers=headers)).status_code == 404
            tag = {**headers, "if-match": '"v0"'}
            changed = await anonymous.patch(url, headers=tag, json={"introduction": "一"})
            assert changed.status_code == 404
            assert (await arrange(anonymous, url, headers, 0)).status_code == 404
    assert (await anonymous.get(URL)).status_code == 401


async def test_ones_own_space_comes_first_then_the_institutions_from_the_province_down(
    school: School, anonymous: httpx2.AsyncClient
) -> None:
    pupil = await school.enrol()
    headers = school.as_(pupil, f"student@{CLASS}")
    answer = (await anonymous.get(URL, headers=headers)).json()
    kinds = [each["kind"] for each in answer["items"]]
    assert kinds == ["PERSONAL", "REGION", "REGION", "SCHOOL", "GRADE", "CLASS"]
    assert answer["items"][0] == {
        "id": pupil,
        "kind": "PERSONAL",
        "name": "我的空间",
        "organisation": None,
        "roles": ["student"],
    }
    found, cursor = [], ""
    while cursor is not None:
        page = (await anonymous.get(f"{URL}?limit=2{cursor}", headers=headers)).json()
        found += page["items"]
        cursor = page["next"] and f"&cursor={page['next']}"
    assert found == answer["items"]


async def test_a_guardian_sees_the_childs_space_and_class_and_changes_neither(
    school: School, anonymous: httpx2.AsyncClient
) -> None:
    child = await school.enrol()
    guardian = school.as_(await school.consent(child))
    listed = (await anonymous.get(URL, headers=guardian)).json()["items"]
    assert listed[-1]["id"] == str(organisation_id(CLASS))
    for url in (of(CLASS), f"{URL}/{child}"):
        seen = await anonymous.get(url, headers=guardian)
        assert seen.status_code == 200
        assert not seen.json()["editable"]
        assert (await arrange(anonymous, url, guardian, 0)).status_code == 403
    assert (await anonymous.get(of(OTHER_CLASS), headers=guardian)).status_code == 404


async def test_a_pupil_who_left_the_class_sees_it_no_more(
    school: School, anonymous: httpx2.AsyncClient
) -> None:
    membership = uuid7()
    pupil = await school.enrol(membership_id=membership)
    headers = school.as_(pupil)
    assert (await anonymous.get(of(CLASS), headers=headers)).status_code == 200
    await school.enrol(
        person=pupil, valid_until="2026-10-01", what="ended", membership_id=membership
    )
    assert (await anonymous.get(of(CLASS), headers=headers)).status_code == 404


async def test_a_teacher_introduces_the_class_and_a_late_writer_is_told(
    school: School, anonymous: httpx2.AsyncClient
) -> None:
    teacher, pupil = school.someone("teacher", CLASS), school.as_(await school.enrol())
    first = await anonymous.get(of(CLASS), headers=teacher)
    assert (first.headers["etag"], first.json()["editable"]) == ('"v0"', True)
    missing = await anonymous.patch(of(CLASS), headers=teacher, json={"introduction": "一"})
    assert missing.status_code == 428
    tag = {**teacher, "if-match": '"v0"'}
    changed = await anonymous.patch(of(CLASS), headers=tag, json={"introduction": "三年级二班"})
    assert (changed.status_code, changed.headers["etag"]) == (200, '"v1"')
    stale = await anonymous.patch(of(CLASS), headers=tag, json={"introduction": "二"})
    assert stale.status_code == 412
    forbidden = await anonymous.patch(
        of(CLASS), headers={**pupil, "if-match": '"v1"'}, json={"introduction": "二"}
    )
    assert forbidden.status_code == 403
    assert (await anonymous.get(of(CLASS), headers=pupil)).json()["introduction"] == "三年级二班"


async def test_of_two_at_once_one_is_kept(school: School, anonymous: httpx2.AsyncClient) -> None:
    teacher = {**school.someone("teacher", CLASS), "if-match": '"v0"'}
    answers = await asyncio.gather(
        *(
            anonymous.patch(of(CLASS), headers=teacher, json={"introduction": f"第{n}"})
            for n in range(4)
        )
    )
    assert sorted(each.status_code for each in answers) == [200, 412, 412, 412]


async def test_resources_keep_their_order_and_a_taken_down_one_is_shown_as_such(
    school: School, anonymous: httpx2.AsyncClient
) -> None:
    teacher = school.someone("teacher", CLASS)
    first, second = await school.publish(), await school.publish(version=4)
    chosen = (picked(first, version=1, note="先看"), picked(second))
    put = await arrange(anonymous, of(CLASS), teacher, 0, *chosen)
    assert (put.status_code, put.json()["version"]) == (200, 1)
    again = await arrange(anonymous, of(CLASS), teacher, 1, *chosen)
    assert again.json()["version"] == 1
    await school.take_down(first)
    reader = school.as_(await school.enrol())
    shown = (await anonymous.get(of(CLASS, "/resources"), headers=reader)).json()["items"]
    assert [each["availability"] for each in shown] == ["SUSPENDED", "AVAILABLE"]
    assert [each["live_version"] for each in shown] == [None, 4]
    kept = await arrange(anonymous, of(CLASS), teacher, 1, picked(second), chosen[0])
    assert kept.status_code == 200
    page = await anonymous.get(of(CLASS, "/resources?limit=1"), headers=reader)
    rest = f"/resources?cursor={page.json()['next']}"
    (last,) = (await anonymous.get(of(CLASS, rest), headers=reader)).json()["items"]
    assert (last["position"], last["resource_id"]) == (1, first)


async def test_every_bad_reference_is_told_at_once_and_none_is_kept(
    school: School, anonymous: httpx2.AsyncClient
) -> None:
    teacher = school.someone("teacher", CLASS)
    live, gone = await school.publish(), await school.publish()
    await school.take_down(gone, "retired")
    refused = await arrange(
        anonymous,
        of(CLASS),
        teacher,
        0,
        picked(live, version=9),
        picked(gone),
        picked(str(uuid7())),
        picked(live),
    )
    assert refused.status_code == 422
    told = refused.json()
    assert told["type"].endswith("learning/references-refused")
    assert [each["pointer"] for each in told["errors"]] == [
        "#/resources/0/version",
        "#/resources/1/resource_id",
        "#/resources/2/resource_id",
        "#/resources/3/resource_id",
    ]
    assert (await anonymous.get(of(CLASS), headers=teacher)).json()["version"] == 0


async def test_members_are_for_those_who_work_there(
    school: School, anonymous: httpx2.AsyncClient
) -> None:
    pupil, other = await school.enrol(), await school.enrol(OTHER_CLASS)
    url = of(SCHOOL, "/members")
    answer = await anonymous.get(url, headers=school.someone("administrator", PROVINCE))
    assert [each["person"] for each in answer.json()["items"]] == sorted([pupil, other])
    assert answer.json()["items"][0]["kind"] == "student"
    page = (await anonymous.get(f"{url}?limit=1", headers=school.someone("teacher"))).json()
    more = f"{url}?cursor={page['next']}"
    rest = (await anonymous.get(more, headers=school.someone("teacher"))).json()["items"]
    assert [each["person"] for each in rest] == [max(pupil, other)]
    assert (await anonymous.get(url, headers=school.as_(pupil))).status_code == 403


async def test_the_members_of_a_personal_space_are_its_owner_and_the_guardians(
    school: School, anonymous: httpx2.AsyncClient
) -> None:
    child = await school.enrol()
    guardian = await school.consent(child)
    url = f"{URL}/{child}/members"
    for headers in (school.as_(child), school.as_(guardian)):
        items = (await anonymous.get(url, headers=headers)).json()["items"]
        assert {each["person"]: each["kind"] for each in items} == {
            child: "owner",
            guardian: "guardian",
        }


async def test_a_closed_institution_and_a_machine_have_no_space(
    school: School, anonymous: httpx2.AsyncClient
) -> None:
    await school.organise("closed", OTHER_SCHOOL)
    above = school.someone("administrator", PROVINCE)
    assert (await anonymous.get(of(OTHER_SCHOOL), headers=above)).status_code == 404
    machine = school.token("tests", "learning.read", ())
    assert (await anonymous.get(URL, headers=machine)).json()["items"] == []


async def test_what_a_person_wrote_in_their_own_space_goes_when_they_are_erased(
    school: School, anonymous: httpx2.AsyncClient, owner: asyncpg.Connection
) -> None:
    person = await school.enrol()
    resource = await school.publish()
    headers = school.as_(person, f"student@{CLASS}")
    put = await arrange(anonymous, f"{URL}/{person}", headers, 0, picked(resource))
    assert put.status_code == 200
    await school.erase(person)
    for table in ("space_pages", "space_resources"):
        count = await owner.fetchval(
            f"SELECT count(*) FROM {table} WHERE space_id = $1",  # noqa: S608 - constant names
            UUID(person),
        )
        assert count == 0
