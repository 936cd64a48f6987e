"""Applications that organisations allow, over HTTP."""

from typing import Any

import httpx2
import pytest
from fastapi import FastAPI

from shared.ids import uuid7
from tests.service.house import Token
from tests.service.learning.school import (
    CLASS,
    OTHER_SCHOOL,
    PROVINCE,
    SCHOOL,
    School,
)
from tests.service.learning.test_spaces import URL, of

READER = {
    "record_number": "教APP备3300088号",
    "name": "一起读书",
    "developer": "某某公司",
    "url": "https://reading.example.cn/",
    "levels": ["junior", "primary"],
    "categories": ["reading"],
}


@pytest.fixture
async def school(app: FastAPI, token: Token) -> School:
    school = School(app, token)
    await school.found()
    return school


async def allow(
    anonymous: httpx2.AsyncClient, headers: dict[str, str], path: str = SCHOOL, **others: Any
) -> dict[str, Any]:
    url = of(path, "/applications")
    answer = await anonymous.post(url, headers=headers, json={**READER, **others})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    assert answer.headers["location"] == f"{url}/{made['id']}"
    return made


async def test_nobody_allows_anonymously_or_without_administering_there(
    school: School, anonymous: httpx2.AsyncClient
) -> None:
    url = of(SCHOOL, "/applications")
    assert (await anonymous.post(url, json=READER)).status_code == 401
    assert (await anonymous.get(url)).status_code == 401
    stranger = school.someone("administrator", OTHER_SCHOOL)
    assert (await anonymous.post(url, headers=stranger, json=READER)).status_code == 404
    assert (await anonymous.get(url, headers=stranger)).status_code == 404
    for headers in (school.someone("teacher"), school.someone("administrator", CLASS)):
        assert (await anonymous.post(url, headers=headers, json=READER)).status_code == 403
    person = str(uuid7())
    mine = f"{URL}/{person}/applications"
    headers = school.as_(person, f"administrator@{SCHOOL}")
    assert (await anonymous.post(mine, headers=headers, json=READER)).status_code == 403
    assert (await anonymous.get(mine, headers=headers)).status_code == 403


async def test_what_is_allowed_above_is_allowed_below_and_kept_there(
    school: School, anonymous: httpx2.AsyncClient
) -> None:
    above, head = school.someone("administrator", PROVINCE), school.someone("administrator")
    inherited = await allow(anonymous, above, PROVINCE)
    own = await allow(anonymous, head, categories=["homework"])
    assert inherited["levels"] == ["primary", "junior"]
    pupil = school.as_(await school.enrol())
    url = of(CLASS, "/applications")
    items = (await anonymous.get(url, headers=pupil)).json()["items"]
    assert [each["id"] for each in items] == [own["id"], inherited["id"]]
    assert [each["organisation"] for each in items] == [SCHOOL, PROVINCE]
    for query, found in (
        ("?category=reading", [inherited["id"]]),
        ("?level=senior", []),
        ("?limit=1", [own["id"]]),
    ):
        page = (await anonymous.get(url + query, headers=pupil)).json()
        assert [each["id"] for each in page["items"]] == found
    rest = (await anonymous.get(f"{url}?limit=1", headers=pupil)).json()["next"]
    last = (await anonymous.get(f"{url}?cursor={rest}", headers=pupil)).json()["items"]
    assert [each["id"] for each in last] == [inherited["id"]]
    here = of(SCHOOL, f"/applications/{inherited['id']}")
    assert (await anonymous.get(here, headers=head)).status_code == 200
    changed = await anonymous.patch(
        here, headers={**head, "if-match": '"v1"'}, json={"name": "别名"}
    )
    assert changed.status_code == 404
    elsewhere = of(PROVINCE, f"/applications/{own['id']}")
    assert (await anonymous.get(elsewhere, headers=above)).status_code == 404


async def test_a_record_number_is_registered_once_at_each_organisation(
    school: School, anonymous: httpx2.AsyncClient
) -> None:
    head = school.someone("administrator")
    await allow(anonymous, head)
    again = await anonymous.post(of(SCHOOL, "/applications"), headers=head, json=READER)
    assert again.status_code == 409
    assert again.json()["type"].endswith("learning/already-allowed")
    await allow(anonymous, school.someone("administrator", OTHER_SCHOOL), OTHER_SCHOOL)


@pytest.mark.parametrize("number", ["教app备3300088号", " 教ＡＰＰ备 ３３０００８８ 号"])
async def test_a_record_number_is_the_same_however_it_is_typed(
    school: School, anonymous: httpx2.AsyncClient, number: str
) -> None:
    head = school.someone("administrator")
    made = await allow(anonymous, head, record_number=number)
    assert made["record_number"] == READER["record_number"]
    again = await anonymous.post(of(SCHOOL, "/applications"), headers=head, json=READER)
    assert again.json()["type"].endswith("learning/already-allowed")
    bad = {**READER, "record_number": "x"}
    answer = await anonymous.post(of(SCHOOL, "/applications"), headers=head, json=bad)
    assert answer.status_code == 422
    assert answer.json()["errors"] == [
        {"pointer": "#/record_number", "detail": "备案号形如“教APP备3300088号”。"}
    ]


async def test_what_is_suspended_above_is_not_allowed_below(
    school: School, anonymous: httpx2.AsyncClient
) -> None:
    above, head = school.someone("administrator", PROVINCE), school.someone("administrator")
    own = await allow(anonymous, head)
    inherited = await allow(anonymous, above, PROVINCE)
    url = of(CLASS, "/applications")
    pupil = school.as_(await school.enrol())

    async def allowed() -> dict[str, bool]:
        items = (await anonymous.get(url, headers=pupil)).json()["items"]
        return {each["id"]: each["allowed"] for each in items}

    assert await allowed() == {own["id"]: True, inherited["id"]: True}
    act = of(PROVINCE, f"/applications/{inherited['id']}")
    tag = {**above, "if-match": '"v1"'}
    assert (await anonymous.post(f"{act}/suspend", headers=tag)).status_code == 200
    assert await allowed() == {own["id"]: False, inherited["id"]: False}
    other = school.someone("administrator", OTHER_SCHOOL)
    refused = await anonymous.post(of(OTHER_SCHOOL, "/applications"), headers=other, json=READER)
    assert refused.status_code == 409
    assert refused.json()["type"].endswith("learning/held-above")
    resume = of(SCHOOL, f"/applications/{own['id']}/resume")
    held = await anonymous.post(resume, headers={**head, "if-match": '"v1"'})
    assert held.json()["detail"] == "上级机构已暂停或取消准入，请与其联系。"
    tag["if-match"] = '"v2"'
    assert (await anonymous.post(f"{act}/resume", headers=tag)).status_code == 200
    assert await allowed() == {own["id"]: True, inherited["id"]: True}
    await allow(anonymous, other, OTHER_SCHOOL)


async def test_every_defect_of_a_registration_is_told_at_once(
    school: School, anonymous: httpx2.AsyncClient
) -> None:
    bad = {**READER, "url": "http://a.cn", "levels": [], "categories": ["games"], "name": " "}
    answer = await anonymous.post(
        of(SCHOOL, "/applications"), headers=school.someone("administrator"), json=bad
    )
    assert answer.status_code == 422
    pointers = {each["pointer"] for each in answer.json()["errors"]}
    assert pointers == {"#/url", "#/levels", "#/categories/0", "#/name"}


async def test_it_is_suspended_resumed_and_withdrawn_and_its_state_decides(
    school: School, anonymous: httpx2.AsyncClient
) -> None:
    head = school.someone("administrator")
    made = await allow(anonymous, head)
    url = of(SCHOOL, f"/applications/{made['id']}")
    missing = await anonymous.post(f"{url}/suspend", headers=head)
    assert missing.status_code == 428
    version = 1
    for action, state in (
        ("suspend", "SUSPENDED"),
        ("resume", "ALLOWED"),
        ("withdraw", "WITHDRAWN"),
    ):
        tag = {**head, "if-match": f'"v{version}"'}
        answer = await anonymous.post(f"{url}/{action}", headers=tag)
        assert (answer.status_code, answer.json()["state"]) == (200, state)
        stale = await anonymous.post(f"{url}/{action}", headers=tag)
        assert stale.status_code == 412
        version += 1
    over = await anonymous.post(f"{url}/resume", headers={**head, "if-match": f'"v{version}"'})
    assert over.status_code == 409
    assert over.json()["detail"] == "当前为 WITHDRAWN，可进行的操作：无。"
    assert (await anonymous.get(url, headers=head)).json()["actions"] == []


async def test_what_may_be_done_is_told_to_those_who_may(
    school: School, anonymous: httpx2.AsyncClient
) -> None:
    head = school.someone("administrator")
    made = await allow(anonymous, head)
    for reader, place, actions in (
        (head, SCHOOL, ["suspend", "withdraw"]),
        (head, CLASS, []),
        (school.someone("teacher", CLASS), SCHOOL, []),
    ):
        listed = await anonymous.get(of(place, "/applications"), headers=reader)
        read = await anonymous.get(of(place, f"/applications/{made['id']}"), headers=reader)
        assert [each["actions"] for each in (*listed.json()["items"], read.json())] == [actions] * 2


async def test_its_description_changes_and_it_moves_with_the_school(
    school: School, anonymous: httpx2.AsyncClient
) -> None:
    head = school.someone("administrator")
    made = await allow(anonymous, head)
    url = of(SCHOOL, f"/applications/{made['id']}")
    tag = {**head, "if-match": '"v1"'}
    changed = await anonymous.patch(url, headers=tag, json={"name": "阅读", "levels": ["senior"]})
    assert (changed.status_code, changed.headers["etag"]) == (200, '"v2"')
    assert (changed.json()["name"], changed.json()["levels"]) == ("阅读", ["senior"])
    assert changed.json()["categories"] == ["reading"]
    await school.organise("moved", "P0.C2.S1", old_path=SCHOOL)
    after = school.someone("administrator", "P0.C2.S1")
    assert (await anonymous.get(url, headers=after)).json()["organisation"] == "P0.C2.S1"
