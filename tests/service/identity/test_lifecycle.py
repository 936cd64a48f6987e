import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import timedelta

import asyncpg
import httpx2
import pytest
from fastapi import FastAPI

from services.identity.settings import Settings
from tests.service.house import Token
from tests.service.identity.people import (
    V1,
    World,
    build_people,
    make_world,
    problem,
)

PEOPLE = f"{V1}/people"


@pytest.fixture
def build() -> Callable[[Settings], FastAPI]:
    return build_people


@pytest.fixture
async def world(
    app: FastAPI, client: httpx2.AsyncClient, owner: asyncpg.Connection, token: Token
) -> AsyncIterator[World]:
    yield await make_world(app, client, owner, token)
    app.state.runtime.reader.close()


async def test_the_api_says_what_may_be_done_now_and_why_not_the_rest(world: World) -> None:
    pupil = await world.active(world.school)
    answer = await world.client.get(f"{PEOPLE}/{pupil['id']}", headers=world.admin(world.school))
    offered = {each["action"]: each["reason"] for each in answer.json()["actions"]}
    assert offered == {
        "activate": "invitation",
        "transfer": None,
        "suspend": None,
        "resume": "state",
        "leave": None,
        "erase": "state",
    }
    own = await world.client.get(f"{PEOPLE}/{pupil['id']}", headers=world.person(pupil))
    assert {each["reason"] for each in own.json()["actions"]} == {"invitation", "own_account"}


async def test_from_invitation_to_erasure(world: World) -> None:
    pupil = await world.active(
        world.school, roles=["student"], identifiers=[{"kind": "username", "value": "zhangwei"}]
    )
    states = []
    for action in ("suspend", "resume", "leave", "resume", "leave", "erase"):
        answer = await world.act(pupil, action)
        assert answer.status_code == 200, answer.text
        pupil = answer.json()
        states.append(pupil["state"])
    assert states == ["SUSPENDED", "ACTIVE", "LEFT", "ACTIVE", "LEFT", "ERASED"]
    assert [e for e in await world.events() if e.startswith("person")] == [
        "person.activated",
        "person.suspended",
        "person.activated",
        "person.left",
        "person.activated",
        "person.left",
        "person.erased",
    ]


async def test_a_suspended_account_is_cut_off(world: World) -> None:
    pupil = await world.active(world.school, roles=["student"])
    assert (await world.act(pupil, "suspend")).status_code == 200
    assert world.seams.revoked == [("person", pupil["id"])]
    assert [str(each) for each in world.seams.disabled] == [pupil["id"]]


async def test_the_answer_to_an_action_tells_a_minor_s_memberships_and_is_noted(
    world: World,
) -> None:
    pupil = await world.active(world.school)
    before = len(await world.audited("person.read"))
    suspended = (await world.act(pupil, "suspend")).json()
    assert suspended["memberships"]
    assert (await world.act(suspended, "resume")).status_code == 200
    noted = (await world.audited("person.read"))[before:]
    assert [each["target"] for each in noted] == [pupil["id"]] * 2


async def test_erasing_is_audited_where_the_person_left(world: World) -> None:
    pupil = await world.active(world.other_school)
    [membership] = pupil["memberships"]
    world.clock.advance(timedelta(days=1))
    moved = await world.client.post(
        f"{PEOPLE}/{pupil['id']}/transfer",
        headers={**world.admin(world.county), "if-match": f'"v{pupil["version"]}"'},
        json={"membership_id": membership["id"], "organisation_id": world.school.ref},
    )
    assert moved.status_code == 200, moved.text
    world.clock.advance(timedelta(days=1))
    left = (await world.act(moved.json(), "leave", world.admin(world.school))).json()
    erased = await world.act(left, "erase", world.admin(world.school))
    assert erased.status_code == 200, erased.text
    [entry] = await world.audited("person.erase")
    assert entry["organisation"] == world.school.path


async def test_an_action_that_the_state_does_not_allow_changes_nothing(world: World) -> None:
    pupil = await world.active(world.school)
    answer = await world.act(pupil, "erase")
    assert problem(answer) == (409, "person-action-refused")
    assert answer.json()["state"] == "ACTIVE"
    assert (await world.read(pupil["id"]))["version"] == pupil["version"]


async def test_of_two_administrators_at_once_one_acts(world: World) -> None:
    pupil = await world.active(world.school)
    answers = await asyncio.gather(world.act(pupil, "suspend"), world.act(pupil, "leave"))
    assert sorted(each.status_code for each in answers) == [200, 412]


async def test_leaving_ends_memberships_and_roles_and_keeps_the_history(world: World) -> None:
    teacher = await world.active(world.school, kind="staff", roles=["teacher"])
    left = (await world.act(teacher, "leave")).json()
    (membership,) = left["memberships"]
    assert membership["valid_until"] == "2026-09-01"
    grants = await world.client.get(
        f"{V1}/role-grants?person={teacher['id']}", headers=world.security(world.province)
    )
    (grant,) = grants.json()["items"]
    assert grant["valid_until"] == "2026-09-01T00:00:00Z"
    assert ("person", teacher["id"]) in world.seams.revoked


async def test_erasing_leaves_a_pseudonym_and_the_evidence(world: World) -> None:
    pupil = await world.active(
        world.school, identifiers=[{"kind": "username", "value": "zhangwei"}]
    )
    left = (await world.act(pupil, "leave")).json()
    erased = (await world.act(left, "erase")).json()
    assert erased["code"] == pupil["code"]
    row = await world.owner.fetchrow("SELECT * FROM people")
    assert row is not None
    assert (row["profile"], row["name_hash"]) == (None, None)
    assert row["erased_at"] is not None
    assert await world.owner.fetchval("SELECT count(*) FROM identifiers") == 0
    assert [str(each) for each in world.seams.forgotten] == [pupil["id"]]
    assert await world.known_by("zhangwei") is None
    kept = await world.client.get(f"{PEOPLE}/{pupil['id']}", headers=world.admin(world.school))
    assert kept.json()["name"] is None
    assert [each["reason"] for each in kept.json()["actions"]] == ["invitation", *["state"] * 5]
    assert len(await world.audited("person.erase")) == 1


async def test_an_erased_account_takes_no_new_data(world: World) -> None:
    pupil = await world.invite(world.school)
    erased = (await world.act(pupil, "erase")).json()
    headers = {**world.admin(world.province), "if-match": f'"v{erased["version"]}"'}
    url = f"{PEOPLE}/{pupil['id']}"
    named = await world.client.patch(url, headers=headers, json={"name": "李四"})
    called = await world.client.put(
        f"{url}/identifiers/username", headers=headers, json={"value": "lisi"}
    )
    assert problem(named) == problem(called) == (409, "person-action-refused")


async def test_an_account_that_opens_more_is_not_for_the_administrator_of_a_part(
    world: World,
) -> None:
    teacher = await world.active(world.school, kind="staff")
    assert (await world.grant(teacher, "reviewer", world.county)).status_code == 201
    headers = {**world.admin(world.school), "if-match": f'"v{teacher["version"]}"'}
    url = f"{PEOPLE}/{teacher['id']}"
    for answer in (
        await world.act(teacher, "suspend", world.admin(world.school)),
        await world.client.put(
            f"{url}/identifiers/email", headers=headers, json={"value": "me@example.cn"}
        ),
    ):
        assert problem(answer) == (403, "account-beyond-reach")
    read = await world.client.get(url, headers=world.admin(world.school))
    reasons = {each["action"]: each["reason"] for each in read.json()["actions"]}
    assert reasons["suspend"] == "beyond_reach"
    assert reasons["transfer"] is None
    assert (await world.act(teacher, "suspend", world.admin(world.county))).status_code == 200


async def test_who_belongs_nowhere_is_the_provinces_whatever_roles_they_hold(
    world: World,
) -> None:
    person = await world.active(world.school, kind="staff", roles=["teacher"])
    await world.owner.execute("DELETE FROM memberships")
    for place, status in ((world.school, 404), (world.province, 200)):
        assert (await world.act(person, "suspend", world.admin(place))).status_code == status
