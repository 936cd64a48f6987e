"""Changes that make a minor of somebody, or touch what the holder of an office signs in with: for
whom they are refused, and what they void."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import asyncpg
import httpx2
import pytest
from fastapi import FastAPI

from services.identity.settings import Settings
from tests.service.house import Token
from tests.service.identity.people import V1, World, build_people, make_world, problem

OFFICES = ("auditor", "security_administrator", "administrator", "reviewer", "integrator")


@pytest.fixture
def build() -> Callable[[Settings], FastAPI]:
    return build_people


@pytest.fixture
async def world(
    app: FastAPI, client: httpx2.AsyncClient, owner: asyncpg.Connection, token: Token
) -> AsyncIterator[World]:
    yield await make_world(app, client, owner, token)
    app.state.runtime.reader.close()


async def holder(world: World, office: str) -> dict[str, Any]:
    """Somebody of the school who holds an office in the whole county."""
    person = await world.active(world.school, kind="staff")
    assert (await world.grant(person, office, world.county)).status_code == 201
    return person


async def set_birth_date(
    world: World, person: dict[str, Any], headers: dict[str, str]
) -> httpx2.Response:
    return await world.client.patch(
        f"{V1}/people/{person['id']}",
        headers={**headers, "if-match": f'"v{person["version"]}"'},
        json={"birth_date": "2020-01-01"},
    )


async def enrol(
    world: World, person: dict[str, Any], headers: dict[str, str], **dates: str
) -> httpx2.Response:
    return await world.client.post(
        f"{V1}/people/{person['id']}/memberships",
        headers=headers,
        json={"organisation_id": world.school.ref, "kind": "student", **dates},
    )


@pytest.mark.parametrize("office", OFFICES)
async def test_no_administrator_makes_a_minor_of_the_holder_of_an_office(
    world: World, office: str
) -> None:
    person = await holder(world, office)
    school = world.admin(world.school)
    for refused in (
        await set_birth_date(world, person, school),
        await enrol(world, person, school),
        await enrol(world, person, school, valid_from="2026-10-01"),
    ):
        assert problem(refused) == (409, "holder-unfit")
    read = await world.read(person["id"])
    assert (read["minor"], read["version"]) == (False, person["version"])
    assert world.seams.revoked == []


async def entrust(world: World, guardian: dict[str, Any], child: dict[str, Any]) -> httpx2.Response:
    return await world.client.post(
        f"{V1}/guardianships",
        headers=world.admin(world.school),
        json={"guardian_id": guardian["id"], "child_id": child["id"], "relation": "other"},
    )


async def test_a_colleague_of_unknown_age_is_no_child(world: World) -> None:
    one, other = [await world.active(world.school, kind="staff") for _ in range(2)]
    assert problem(await entrust(world, one, other)) == (409, "guardian-unfit")


@pytest.mark.parametrize("gone", ["child", "guardian"])
async def test_a_closed_account_neither_guards_nor_is_guarded(world: World, gone: str) -> None:
    family = {
        "guardian": await world.active(world.school, kind="other"),
        "child": await world.active(world.room),
    }
    for action in ("leave", "erase"):
        version = (await world.act(family[gone], action)).json()["version"]
        family[gone] |= {"version": version}
        refused = await entrust(world, family["guardian"], family["child"])
        assert problem(refused) == (409, "person-action-refused")


async def test_no_administrator_makes_a_minor_of_a_guardian(world: World) -> None:
    mother = await world.active(world.school, kind="other")
    child = await world.active(world.room)
    link = await entrust(world, mother, child)
    school = world.admin(world.school)
    assert problem(await set_birth_date(world, mother, school)) == (409, "holder-unfit")
    assert problem(await enrol(world, mother, school)) == (409, "holder-unfit")
    url = f"{V1}/guardianships/{link.json()['id']}"
    assert (await world.client.delete(url, headers={**school, "if-match": '"v1"'})).is_success
    assert (await set_birth_date(world, mother, school)).status_code == 200


async def test_what_makes_no_minor_of_the_holder_of_an_office_is_changed_as_ever(
    world: World,
) -> None:
    person = await holder(world, "auditor")
    headers = {**world.admin(world.school), "if-match": f'"v{person["version"]}"'}
    answer = await world.client.patch(
        f"{V1}/people/{person['id']}", headers=headers, json={"birth_date": "1980-01-01"}
    )
    assert answer.status_code == 200, answer.text
    assert (await enrol(world, person, world.admin(world.school))).status_code == 201


async def test_an_enrolment_that_is_over_is_not_reopened_for_the_holder_of_an_office(
    world: World,
) -> None:
    person = await world.active(world.school)
    [once] = person["memberships"]
    url, school = f"{V1}/memberships/{once['id']}", world.admin(world.school)
    assert (await world.client.delete(url, headers={**school, "if-match": '"v1"'})).is_success
    await world.client.post(
        f"{V1}/people/{person['id']}/memberships",
        headers=school,
        json={"organisation_id": world.school.ref, "kind": "staff"},
    )
    assert (await world.grant(person, "auditor", world.school)).status_code == 201
    answer = await world.client.patch(
        url, headers={**school, "if-match": '"v2"'}, json={"valid_until": None}
    )
    assert problem(answer) == (409, "holder-unfit")


async def test_who_becomes_a_minor_by_enrolment_loses_the_tokens_from_before(
    world: World,
) -> None:
    person = await world.active(world.school, kind="staff")
    assert (await enrol(world, person, world.admin(world.school))).status_code == 201
    assert world.seams.revoked == [("consent", person["id"])]
    assert (await enrol(world, person, world.admin(world.county))).status_code == 409
    assert len(world.seams.revoked) == 1


@pytest.mark.parametrize("office", OFFICES)
async def test_no_administrator_changes_what_the_holder_of_another_office_signs_in_with(
    world: World, office: str
) -> None:
    person = await holder(world, office)
    url = f"{V1}/people/{person['id']}/identifiers/phone"
    headers = {**world.admin(world.province), "if-match": f'"v{person["version"]}"'}
    answer = await world.client.put(url, headers=headers, json={"value": "13800138000"})
    assert answer.status_code == (200 if office == "administrator" else 403)
