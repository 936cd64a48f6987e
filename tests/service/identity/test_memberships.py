import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

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


async def transfer(
    world: World,
    person: dict[str, Any],
    headers: dict[str, str],
    **fields: str,
) -> httpx2.Response:
    return await world.client.post(
        f"{PEOPLE}/{person['id']}/transfer",
        headers={**headers, "if-match": f'"v{person["version"]}"'},
        json={
            "membership_id": person["memberships"][0]["id"],
            "organisation_id": world.other_school.ref,
            **fields,
        },
    )


async def join(world: World, person: dict[str, Any], at: str, **fields: str) -> httpx2.Response:
    return await world.client.post(
        f"{PEOPLE}/{person['id']}/memberships",
        headers=world.admin(world.province),
        json={"organisation_id": at, "kind": "student", **fields},
    )


async def test_a_transfer_moves_school_and_ordinary_roles_and_keeps_the_history(
    world: World,
) -> None:
    pupil = await world.active(world.school, roles=["student"])
    await join(world, pupil, world.room.ref)
    pupil = await world.read(pupil["id"])
    moved = await transfer(world, pupil, world.admin(world.county))
    assert moved.status_code == 200, moved.text
    held = [(each["path"], each["valid_until"]) for each in moved.json()["memberships"]]
    assert held == [
        (world.school.path, "2026-09-01"),
        (world.room.path, "2026-09-01"),
        (world.other_school.path, None),
    ]
    grants = await world.part.directory.grants(pupil["id"])
    assert grants == (f"student@{world.other_school.path}",)
    assert ("person", pupil["id"]) in world.seams.revoked
    read = await world.client.get(f"{PEOPLE}/{pupil['id']}", headers=world.admin(world.school))
    assert read.status_code == 404


async def test_a_transfer_may_be_for_a_later_day(world: World) -> None:
    pupil = await world.active(world.school, roles=["student"])
    moved = await transfer(world, pupil, world.admin(world.county), on="2027-02-01")
    assert moved.status_code == 200
    before = (f"student@{world.school.path}",)
    assert await world.part.directory.grants(pupil["id"]) == before
    assert world.seams.revoked == []
    for school in (world.school, world.other_school):
        read = await world.client.get(f"{PEOPLE}/{pupil['id']}", headers=world.admin(school))
        assert read.status_code == 200
    world.clock.set(world.clock().replace(year=2027, month=2, day=2))
    after = (f"student@{world.other_school.path}",)
    assert await world.part.directory.grants(pupil["id"]) == after


async def test_neither_school_moves_a_pupil_alone(world: World) -> None:
    pupil = await world.active(world.school)
    assert (await transfer(world, pupil, world.admin(world.school))).status_code == 403
    pulled = await transfer(world, pupil, world.admin(world.other_school))
    assert pulled.status_code == 404


async def test_a_transfer_leads_elsewhere(world: World) -> None:
    pupil = await world.active(world.school)
    answer = await transfer(
        world, pupil, world.admin(world.county), organisation_id=world.school.ref
    )
    assert problem(answer) == (422, "membership-dates-refused")


async def test_nobody_joins_an_organisation_of_somebody_elses(world: World) -> None:
    pupil = await world.active(world.school)
    answer = await world.client.post(
        f"{PEOPLE}/{pupil['id']}/memberships",
        headers=world.admin(world.school),
        json={"organisation_id": world.other_school.ref, "kind": "student"},
    )
    assert answer.status_code == 403


async def test_the_same_place_is_joined_once_at_a_time(world: World) -> None:
    pupil = await world.active(world.school)
    answer = await join(world, pupil, world.school.ref)
    assert problem(answer) == (409, "membership-overlaps")
    first, second = await asyncio.gather(*(join(world, pupil, world.room.ref) for _ in range(2)))
    assert sorted((first.status_code, second.status_code)) == [201, 409]


async def test_ending_a_membership_ends_the_roles_held_there(world: World) -> None:
    teacher = await world.active(world.school, kind="staff", roles=["teacher"])
    (membership,) = teacher["memberships"]
    url = f"{V1}/memberships/{membership['id']}"
    read = await world.client.get(url, headers=world.admin(world.school))
    headers = {**world.admin(world.school), "if-match": read.headers["etag"]}
    assert (await world.client.delete(url, headers=headers)).status_code == 204
    assert await world.part.directory.grants(teacher["id"]) == ()
    assert ("person", teacher["id"]) in world.seams.revoked
    assert (await world.events())[-2:] == ["membership.ended", "role.revoked"]


@pytest.mark.parametrize(
    "office", ["reviewer", "subject_expert", "administrator", "security_administrator", "auditor"]
)
async def test_only_who_gives_an_office_ends_it(world: World, office: str) -> None:
    person = await world.active(world.school, kind="staff", roles=["teacher"])
    expert = {"subject": "14"} if office == "subject_expert" else {}
    granted = await world.grant(person, office, world.school, **expert)
    url = f"{V1}/memberships/{person['memberships'][0]['id']}"
    headers = {**world.admin(world.province), "if-match": '"v1"'}
    answers = [
        await transfer(world, person, world.admin(world.county)),
        await world.client.patch(url, headers=headers, json={"valid_until": "2026-12-01"}),
        await world.client.delete(url, headers=headers),
    ]
    assert [problem(each) for each in answers] == [(403, "grant-beyond-reach")] * 3
    held = await world.part.directory.grants(person["id"])
    told = f"{office}@{world.school.path}{'#14' if expert else ''}"
    assert set(held) == {told, f"teacher@{world.school.path}"}
    grant = f"{V1}/role-grants/{granted.json()['id']}"
    await world.client.delete(grant, headers=world.security(world.school))
    moved = await transfer(world, person, world.admin(world.county))
    assert moved.status_code == 200, moved.text


async def test_roles_stay_where_another_membership_carries_them(world: World) -> None:
    known = {"birth_date": "1990-01-01"}
    teacher = await world.active(world.school, kind="staff", roles=["teacher"], **known)
    joined = (await join(world, teacher, world.room.ref)).json()
    answer = await world.client.delete(
        f"{V1}/memberships/{joined['id']}",
        headers={**world.admin(world.school), "if-match": '"v1"'},
    )
    assert answer.status_code == 204
    grants = await world.part.directory.grants(teacher["id"])
    assert grants == (f"teacher@{world.school.path}",)


async def test_days_are_corrected_at_the_version_that_was_read(world: World) -> None:
    pupil = await world.active(world.school)
    (membership,) = pupil["memberships"]
    url = f"{V1}/memberships/{membership['id']}"
    headers = world.admin(world.school)
    body = {"valid_from": "2026-08-15", "valid_until": "2027-07-01"}
    assert (await world.client.patch(url, headers=headers, json=body)).status_code == 428
    headers["if-match"] = '"v1"'
    changed = await world.client.patch(url, headers=headers, json=body)
    assert changed.json() | body == changed.json()
    assert (await world.client.patch(url, headers=headers, json=body)).status_code == 412
    headers["if-match"] = changed.headers["etag"]
    backwards = await world.client.patch(url, headers=headers, json={"valid_until": "2026-08-01"})
    assert problem(backwards) == (422, "membership-dates-refused")
    opened = await world.client.patch(url, headers=headers, json={"valid_until": None})
    assert opened.json()["valid_until"] is None


async def test_a_membership_elsewhere_is_unknown(world: World) -> None:
    pupil = await world.active(world.school)
    url = f"{V1}/memberships/{pupil['memberships'][0]['id']}"
    headers = {**world.admin(world.other_school), "if-match": '"v1"'}
    answers = [
        await world.client.get(url, headers=headers),
        await world.client.patch(url, headers=headers, json={"valid_until": "2026-12-01"}),
        await world.client.delete(url, headers=headers),
    ]
    assert [each.status_code for each in answers] == [404, 404, 404]


async def test_who_left_is_resumed_before_joining_anew(world: World) -> None:
    pupil = await world.active(world.school)
    pupil |= {"version": (await world.act(pupil, "leave")).json()["version"]}
    assert problem(await join(world, pupil, world.room.ref)) == (409, "person-action-refused")
    assert (await world.act(pupil, "resume")).json()["state"] == "ACTIVE"
    assert (await join(world, pupil, world.room.ref)).status_code == 201


async def test_an_erased_account_joins_nothing(world: World) -> None:
    pupil = await world.active(world.school)
    for action in ("leave", "erase"):
        pupil |= {"version": (await world.act(pupil, action)).json()["version"]}
    assert problem(await join(world, pupil, world.room.ref)) == (409, "person-action-refused")
    url = f"{V1}/memberships/{pupil['memberships'][0]['id']}"
    reopened = await world.client.patch(
        url, headers={**world.admin(world.school), "if-match": '"v2"'}, json={"valid_until": None}
    )
    assert problem(reopened) == (409, "person-action-refused")
