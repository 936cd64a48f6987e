import json
from collections.abc import AsyncIterator, Callable
from typing import Any
from uuid import UUID

import asyncpg
import httpx2
import pytest
from fastapi import FastAPI

from services.identity.settings import Settings
from shared.ids import uuid7
from tests.service.house import Token
from tests.service.identity.people import SCOPES, V1, World, build_people, make_world, problem

LINKS = f"{V1}/guardianships"
STUDENT_NUMBER = "L610113201609010001"


@pytest.fixture
def build() -> Callable[[Settings], FastAPI]:
    return build_people


@pytest.fixture
async def world(
    app: FastAPI, client: httpx2.AsyncClient, owner: asyncpg.Connection, token: Token
) -> AsyncIterator[World]:
    yield await make_world(app, client, owner, token)
    app.state.runtime.reader.close()


@pytest.fixture
async def child(world: World) -> dict[str, Any]:
    return await world.active(
        world.room,
        "张小伟",
        birth_date="2016-09-01",
        identifiers=[{"kind": "student_number", "value": STUDENT_NUMBER}],
    )


@pytest.fixture
async def mother(world: World) -> dict[str, Any]:
    return await world.active(world.school, "李梅", kind="other", birth_date="1985-05-05")


async def claim(
    world: World, guardian: dict[str, Any], child: dict[str, Any], **fields: Any
) -> httpx2.Response:
    return await world.client.post(
        f"{LINKS}/claims",
        headers=world.person(guardian),
        json={
            "child_code": child["code"],
            "identifier": {"kind": "student_number", "value": STUDENT_NUMBER},
            "relation": "mother",
            **fields,
        },
    )


async def create(
    world: World, guardian: dict[str, Any], child: dict[str, Any], **fields: Any
) -> httpx2.Response:
    return await world.client.post(
        LINKS,
        headers=world.admin(world.school),
        json={
            "guardian_id": guardian["id"],
            "child_id": child["id"],
            "relation": "mother",
            **fields,
        },
    )


async def reads(world: World, guardian: dict[str, Any], child: dict[str, Any]) -> int:
    answer = await world.client.get(f"{V1}/people/{child['id']}", headers=world.person(guardian))
    return answer.status_code


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ""),
        ("POST", ""),
        ("POST", "/claims"),
        ("GET", "/{id}"),
        ("POST", "/{id}/verify"),
        ("PATCH", "/{id}"),
        ("DELETE", "/{id}"),
    ],
)
async def test_nobody_anonymous(client: httpx2.AsyncClient, method: str, path: str) -> None:
    answer = await client.request(method, LINKS + path.format(id=uuid7()))
    assert answer.status_code == 401


async def test_who_guesses_numbers_is_slowed_down_and_nobody_else(
    world: World, mother: dict[str, Any], child: dict[str, Any]
) -> None:
    wrong = {"kind": "student_number", "value": "L610113201609010002"}
    for _ in range(10):
        answer = await claim(world, mother, child, identifier=wrong)
        assert problem(answer) == (422, "child-not-matched")
    answer = await claim(world, mother, child)
    assert problem(answer) == (429, "too-many-attempts")
    assert answer.json()["retry_after"] > 0
    father = await world.active(world.school, "张强", kind="other")
    assert (await claim(world, father, child, relation="father")).status_code == 201


async def test_somebody_elses_families_are_unknown(
    world: World, mother: dict[str, Any], child: dict[str, Any]
) -> None:
    link = (await create(world, mother, child)).json()
    stranger = await world.active(world.school, kind="other")
    for headers in (world.admin(world.other_school), world.person(stranger)):
        headers["if-match"] = '"v1"'
        url = f"{LINKS}/{link['id']}"
        answers = [
            await world.client.get(url, headers=headers),
            await world.client.post(f"{url}/verify", headers=headers),
            await world.client.patch(url, headers=headers, json={"restricted": True}),
            await world.client.delete(url, headers=headers),
            await world.client.get(f"{LINKS}?child={child['id']}", headers=headers),
        ]
        assert {each.status_code for each in answers} == {404}
    body = {"guardian_id": mother["id"], "child_id": child["id"], "relation": "mother"}
    answer = await world.client.post(LINKS, headers=world.admin(world.other_school), json=body)
    assert answer.status_code == 404


async def test_a_claim_opens_nothing_until_the_school_has_verified_it(
    world: World, mother: dict[str, Any], child: dict[str, Any]
) -> None:
    claimed = await claim(world, mother, child)
    assert claimed.json()["state"] == "CLAIMED"
    assert await reads(world, mother, child) == 404
    (own,) = (await world.client.get(LINKS, headers=world.person(mother))).json()["items"]
    assert (own["child_code"], own["child_name"]) == (None, None)

    (seen,) = (
        await world.client.get(f"{LINKS}?child={child['id']}", headers=world.admin(world.school))
    ).json()["items"]
    assert (seen["guardian_name"], seen["child_name"]) == ("李梅", "张小伟")
    verified = await world.client.post(
        f"{LINKS}/{claimed.json()['id']}/verify",
        headers={**world.admin(world.school), "if-match": claimed.headers["etag"]},
    )
    assert verified.json()["state"] == "VERIFIED"
    assert await reads(world, mother, child) == 200
    (own,) = (await world.client.get(LINKS, headers=world.person(mother))).json()["items"]
    assert own["child_name"] == "张小伟"
    me = (await world.client.get(f"{V1}/me", headers=world.person(mother))).json()
    assert [each["name"] for each in me["children"]] == ["张小伟"]


async def test_code_and_number_must_be_of_the_same_child(
    world: World, mother: dict[str, Any], child: dict[str, Any]
) -> None:
    other = await world.active(world.room, "王小明")
    for attempt in (
        await claim(world, mother, other),
        await claim(
            world,
            mother,
            child,
            identifier={"kind": "student_number", "value": f"L{'0' * 18}"},
        ),
        await claim(world, mother, {"code": "A-0000-0000-0"}),
    ):
        assert attempt.status_code == 422
    assert problem(await claim(world, child, child)) == (409, "guardian-unfit")


@pytest.mark.parametrize("known", [{"birth_date": "2009-09-02"}, {}])
async def test_a_minor_is_nobody_s_guardian(
    world: World, child: dict[str, Any], known: dict[str, str]
) -> None:
    brother = await world.active(world.school, "张大伟", **known)
    for refused in (await claim(world, brother, child), await create(world, brother, child)):
        assert problem(refused) == (409, "guardian-unfit")


async def test_who_turns_out_to_be_a_minor_guards_no_more(
    world: World, child: dict[str, Any]
) -> None:
    mother = await world.active(world.school, "李梅", kind="other")
    assert (await create(world, mother, child)).json()["state"] == "VERIFIED"
    assert await reads(world, mother, child) == 200
    await world.owner.execute(
        "UPDATE memberships SET kind = 'student' WHERE person_id = $1", UUID(mother["id"])
    )
    assert await reads(world, mother, child) == 404
    consent = await world.client.post(
        f"{V1}/people/{child['id']}/consents",
        headers=world.person(mother),
        json={"purpose": "learning", "version": 1},
    )
    assert problem(consent) == (403, "not-guardian")


async def test_a_classmate_of_age_is_no_guardian(world: World, child: dict[str, Any]) -> None:
    grown = await world.active(world.room, "张老大", birth_date="2000-01-01")
    assert problem(await create(world, grown, child)) == (409, "guardian-unfit")
    assert problem(await claim(world, grown, child)) == (422, "child-not-matched")


async def test_an_adult_has_no_guardian(world: World, mother: dict[str, Any]) -> None:
    grown = await world.active(
        world.school,
        "成年人",
        birth_date="2008-09-01",
        identifiers=[{"kind": "student_number", "value": STUDENT_NUMBER}],
    )
    assert problem(await claim(world, mother, grown)) == (422, "child-not-matched")


async def test_a_guardian_reads_no_more_when_the_child_is_of_age(
    world: World, mother: dict[str, Any], child: dict[str, Any]
) -> None:
    await create(world, mother, child)
    world.clock.set(world.clock().replace(year=2034, month=8, day=31, hour=12))
    assert await reads(world, mother, child) == 200
    world.clock.set(world.clock().replace(hour=16))
    assert await reads(world, mother, child) == 404


async def test_several_guardians_and_a_restricted_one(
    world: World, mother: dict[str, Any], child: dict[str, Any]
) -> None:
    father = await world.active(world.school, "张强", kind="other", birth_date="1983-03-03")
    assert (await create(world, mother, child)).status_code == 201
    limited = await create(world, father, child, relation="father", restricted=True)
    assert limited.status_code == 201
    assert await reads(world, mother, child) == 200
    assert await reads(world, father, child) == 404


async def test_a_restriction_outlives_an_ended_link(
    world: World, mother: dict[str, Any], child: dict[str, Any]
) -> None:
    link = await create(world, mother, child, restricted=True)
    url = f"{LINKS}/{link.json()['id']}"
    headers = {**world.admin(world.school), "if-match": link.headers["etag"]}
    assert (await world.client.delete(url, headers=headers)).status_code == 204
    claimed = await claim(world, mother, child)
    assert claimed.status_code == 201
    assert claimed.json()["restricted"] is True
    headers["if-match"] = claimed.headers["etag"]
    verified = await world.client.post(f"{url}/verify", headers=headers)
    assert (verified.json()["state"], verified.json()["restricted"]) == ("VERIFIED", True)
    assert await reads(world, mother, child) == 404


async def test_others_hear_who_may_read_of_a_child(
    world: World, mother: dict[str, Any], child: dict[str, Any]
) -> None:
    claimed = await claim(world, mother, child)
    headers = {**world.admin(world.school), "if-match": claimed.headers["etag"]}
    url = f"{LINKS}/{claimed.json()['id']}"
    headers["if-match"] = (await world.client.post(f"{url}/verify", headers=headers)).headers[
        "etag"
    ]
    body = {"restricted": True}
    changed = await world.client.patch(url, headers=headers, json=body)
    headers["if-match"] = changed.headers["etag"]
    assert (await world.client.delete(url, headers=headers)).status_code == 204
    rows = await world.owner.fetch(
        "SELECT type, aggregate, envelope FROM outbox"
        " WHERE type LIKE 'identity.guardianship.%' ORDER BY id"
    )
    told = [
        (row["type"].split(".")[2], json.loads(row["envelope"])["data"]["restricted"])
        for row in rows
    ]
    assert told == [("verified", False), ("verified", True), ("ended", True)]
    assert {row["aggregate"] for row in rows} == {child["id"]}


async def test_two_are_linked_once(
    world: World, mother: dict[str, Any], child: dict[str, Any]
) -> None:
    await claim(world, mother, child)
    assert problem(await claim(world, mother, child)) == (409, "guardianship-exists")
    assert problem(await create(world, mother, child)) == (409, "guardianship-exists")


async def test_nobody_decides_on_their_own_family(
    world: World, mother: dict[str, Any], child: dict[str, Any]
) -> None:
    claimed = await claim(world, mother, child)
    own = world.as_role("administrator", world.school, mother["id"])
    answer = await world.client.post(
        f"{LINKS}/{claimed.json()['id']}/verify", headers={**own, "if-match": '"v1"'}
    )
    assert problem(answer) == (403, "own-guardianship")
    body = {"guardian_id": child["id"], "child_id": child["id"], "relation": "other"}
    answer = await world.client.post(LINKS, headers=world.admin(world.school), json=body)
    assert problem(answer) == (403, "own-guardianship")


async def test_a_link_is_changed_at_the_version_that_was_read(
    world: World, mother: dict[str, Any], child: dict[str, Any]
) -> None:
    link = await create(world, mother, child)
    url = f"{LINKS}/{link.json()['id']}"
    headers = world.admin(world.school)
    assert (await world.client.patch(url, headers=headers, json={})).status_code == 428
    read = await world.client.get(url, headers=headers)
    headers["if-match"] = read.headers["etag"]
    changed = await world.client.patch(url, headers=headers, json={"relation": "grandparent"})
    assert (changed.json()["relation"], changed.json()["restricted"]) == ("grandparent", False)
    stale = await world.client.patch(url, headers=headers, json={"restricted": True})
    assert stale.status_code == 412
    headers["if-match"] = changed.headers["etag"]
    again = await world.client.post(f"{url}/verify", headers=headers)
    assert problem(again) == (409, "guardianship-action-refused")


class TestAccessLog:
    async def log(
        self, world: World, reader: dict[str, Any], child: dict[str, Any], **query: str
    ) -> httpx2.Response:
        return await world.client.get(
            f"{V1}/people/{child['id']}/access-log", headers=world.person(reader), params=query
        )

    async def test_every_reading_of_a_minor_is_listed_for_the_guardian(
        self, world: World, mother: dict[str, Any], child: dict[str, Any]
    ) -> None:
        link = (await create(world, mother, child)).json()
        teacher = await world.active(world.room, "王老师", kind="staff", birth_date="1980-01-01")
        before = len((await self.log(world, mother, child)).json()["items"])
        await world.grant(child, "student", world.room)
        own_class = world.as_role("teacher", world.room, teacher["id"])
        await world.client.get(f"{V1}/people?organisation={world.room.ref}", headers=own_class)
        read = {
            f"/people/{child['id']}": "profile",
            f"/people/{child['id']}/identifiers": "identifiers",
            f"/people/{child['id']}/memberships": "memberships",
            f"/people/{child['id']}/consents": "consents",
            f"/memberships/{child['memberships'][0]['id']}": "memberships",
            f"/role-grants?person={child['id']}": "roles",
            f"/role-grants?organisation={world.room.ref}": "roles",
            f"/guardianships?child={child['id']}": "guardians",
            f"/guardianships/{link['id']}": "guardians",
        }
        for path in read:
            answer = await world.client.get(f"{V1}{path}", headers=world.admin(world.school))
            assert answer.status_code == 200, (path, answer.text)
        found = (await self.log(world, mother, child)).json()["items"]
        fresh = found[: len(found) - before]
        assert [each["fields"] for each in reversed(fresh)] == [
            ["name"],
            *([field] for field in read.values()),
        ]
        by_teacher = fresh[-1]
        assert by_teacher["reader_code"] == teacher["code"]
        assert by_teacher["reader_masked_name"] == "王**"
        assert by_teacher["organisation"] == world.room.path
        assert by_teacher["client"] == "tests"

    async def test_what_an_application_reads_with_the_token_of_a_minor_is_listed(
        self, world: World, mother: dict[str, Any], child: dict[str, Any]
    ) -> None:
        await create(world, mother, child)
        own = f"/people/{child['id']}"
        for path in ("/me", own, f"{own}/identifiers", f"{own}/memberships", "/role-grants"):
            answer = await world.client.get(f"{V1}{path}", headers=world.person(child))
            assert answer.status_code == 200, (path, answer.text)
        found = (await self.log(world, mother, child)).json()["items"]
        assert [each["fields"] for each in reversed(found[:5])] == [
            ["profile", "identifiers", "roles"],
            ["profile"],
            ["identifiers"],
            ["memberships"],
            ["roles"],
        ]
        assert {each["client"] for each in found[:5]} == {"tests"}
        noted = (await world.audited("person.read"))[-1]
        assert (noted["actor"], noted["on_behalf_of"]) == ("tests", child["id"])

    async def test_reading_of_an_adult_is_not_noted(
        self, world: World, mother: dict[str, Any]
    ) -> None:
        before = len(await world.audited("person.read"))
        for headers in (world.person(mother), world.admin(world.school)):
            await world.client.get(f"{V1}/people/{mother['id']}", headers=headers)
        assert len(await world.audited("person.read")) == before

    async def test_reading_in_the_childs_name_is_noted(
        self, world: World, child: dict[str, Any]
    ) -> None:
        teacher = str(uuid7())
        headers = world.token(child["id"], SCOPES, act={"sub": teacher})
        await world.client.get(f"{V1}/people/{child['id']}", headers=headers)
        noted = (await world.audited("person.read"))[-1]
        assert (noted["actor"], noted["on_behalf_of"]) == (teacher, child["id"])

    async def test_it_is_paged(
        self, world: World, mother: dict[str, Any], child: dict[str, Any]
    ) -> None:
        await create(world, mother, child)
        for _ in range(5):
            await world.read(child["id"])
        total = len((await self.log(world, mother, child)).json()["items"])
        query, seen = {"limit": "2"}, 0
        while True:
            page = (await self.log(world, child, child, **query)).json()
            seen += len(page["items"])
            if page["next"] is None:
                break
            query["cursor"] = page["next"]
        assert seen == total

    async def test_nobody_else_sees_it(
        self, world: World, mother: dict[str, Any], child: dict[str, Any]
    ) -> None:
        assert (await self.log(world, mother, child)).status_code == 404
        admin = await world.client.get(
            f"{V1}/people/{child['id']}/access-log", headers=world.admin(world.province)
        )
        assert admin.status_code == 404
