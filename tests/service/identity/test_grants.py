import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from uuid import UUID

import asyncpg
import httpx2
import pytest
from fastapi import FastAPI

from services.identity.settings import Settings
from shared.access import Role
from shared.ids import uuid7
from tests.service.house import Token
from tests.service.identity.conftest import waiting_for_locks
from tests.service.identity.people import SCOPES, V1, World, build_people, make_world, problem

GRANTS = f"{V1}/role-grants"


@pytest.fixture
def build() -> Callable[[Settings], FastAPI]:
    return build_people


@pytest.fixture
async def world(
    app: FastAPI, client: httpx2.AsyncClient, owner: asyncpg.Connection, token: Token
) -> AsyncIterator[World]:
    yield await make_world(app, client, owner, token)
    app.state.runtime.reader.close()


@pytest.mark.parametrize(("method", "path"), [("GET", ""), ("POST", ""), ("DELETE", "/{id}")])
async def test_nobody_anonymous(client: httpx2.AsyncClient, method: str, path: str) -> None:
    answer = await client.request(method, GRANTS + path.format(id=uuid7()))
    assert answer.status_code == 401


async def test_somebody_elses_people_are_unknown(world: World) -> None:
    teacher = await world.active(world.school, kind="staff")
    body = {"person_id": teacher["id"], "role": "teacher", "organisation_id": world.school.ref}
    given = await world.client.post(GRANTS, headers=world.security(world.other_school), json=body)
    assert given.status_code == 404
    made = await world.grant(teacher, "teacher", world.school)
    for headers in (world.security(world.other_school), world.admin(world.other_school)):
        url = f"{GRANTS}/{made.json()['id']}"
        assert (await world.client.delete(url, headers=headers)).status_code == 404
        listed = await world.client.get(f"{GRANTS}?person={teacher['id']}", headers=headers)
        assert listed.status_code == 404
        listed = await world.client.get(
            f"{GRANTS}?organisation={world.school.ref}", headers=headers
        )
        assert listed.status_code == 403


@pytest.mark.parametrize("role", Role)
async def test_administrators_give_ordinary_roles_and_security_administrators_all(
    world: World, role: Role
) -> None:
    person = await world.active(world.school, kind="student" if role == "student" else "staff")
    body = {"person_id": person["id"], "role": role, "organisation_id": world.school.ref}
    body |= {"subject": "14"} if role == "subject_expert" else {}
    given = await world.client.post(GRANTS, headers=world.admin(world.school), json=body)
    if role in ("student", "teacher", "guardian"):
        assert given.status_code == 201
    else:
        assert problem(given) == (403, "grant-beyond-reach")
        given = await world.client.post(GRANTS, headers=world.security(world.school), json=body)
        assert given.status_code == 201, given.text


async def test_a_role_is_given_where_the_givers_own_role_holds(world: World) -> None:
    person = await world.active(world.school, kind="staff")
    body = {"person_id": person["id"], "role": "reviewer", "organisation_id": world.county.ref}
    given = await world.client.post(GRANTS, headers=world.security(world.school), json=body)
    assert problem(given) == (403, "grant-beyond-reach")
    # Being an administrator there does not widen what one gives as security administrator below.
    both = world.token(
        str(uuid7()),
        SCOPES,
        (f"administrator@{world.county.path}", f"security_administrator@{world.school.path}"),
    )
    given = await world.client.post(GRANTS, headers=both, json=body)
    assert problem(given) == (403, "grant-beyond-reach")


async def test_nobody_gives_a_role_to_themselves(world: World) -> None:
    person = await world.active(world.school, kind="staff")
    own = world.as_role("security_administrator", world.province, person["id"])
    body = {"person_id": person["id"], "role": "reviewer", "organisation_id": world.school.ref}
    given = await world.client.post(GRANTS, headers=own, json=body)
    assert problem(given) == (403, "own-grant")


async def test_a_role_is_carried_from_its_day_until_its_day(world: World) -> None:
    person = await world.active(world.school, kind="staff")
    now = world.clock()
    begins, ends = now + timedelta(days=1), now + timedelta(days=2)
    made = await world.grant(
        person,
        "subject_expert",
        world.county,
        subject="14",
        valid_from=begins.isoformat(),
        valid_until=ends.isoformat(),
    )
    assert made.status_code == 201, made.text
    carried = f"subject_expert@{world.county.path}#14"
    for at, grants in (
        (begins - timedelta(microseconds=1), ()),
        (begins, (carried,)),
        (ends - timedelta(microseconds=1), (carried,)),
        (ends, ()),
    ):
        world.clock.set(at)
        assert await world.part.directory.grants(person["id"]) == grants


async def test_giving_voids_no_token_and_revoking_does(world: World) -> None:
    person = await world.active(world.school, kind="staff")
    made = (await world.grant(person, "reviewer", world.school)).json()
    assert world.seams.revoked == []
    answer = await world.client.delete(
        f"{GRANTS}/{made['id']}", headers=world.security(world.school)
    )
    assert answer.status_code == 204
    assert world.seams.revoked == [("person", person["id"])]
    assert await world.part.directory.grants(person["id"]) == ()
    assert (await world.events())[-2:] == ["role.granted", "role.revoked"]
    (granted,), (revoked,) = [await world.audited(f"role.{each}") for each in ("grant", "revoke")]
    assert granted["organisation"] == revoked["organisation"] == world.school.path
    again = await world.client.delete(
        f"{GRANTS}/{made['id']}", headers=world.security(world.school)
    )
    assert again.status_code == 204
    assert len(world.seams.revoked) == 1


async def test_an_administrator_does_not_revoke_what_they_could_not_give(world: World) -> None:
    person = await world.active(world.school, kind="staff")
    made = (await world.grant(person, "auditor", world.school)).json()
    answer = await world.client.delete(f"{GRANTS}/{made['id']}", headers=world.admin(world.school))
    assert problem(answer) == (403, "grant-beyond-reach")


async def test_roles_of_a_closed_organisation_are_not_carried(world: World) -> None:
    person = await world.active(world.school, kind="staff", roles=["teacher"])
    await world.owner.execute(
        "UPDATE organisations SET state = 'CLOSED' WHERE id = $1", world.school.id
    )
    assert await world.part.directory.grants(person["id"]) == ()
    refused = await world.grant(person, "reviewer", world.school)
    assert problem(refused) == (422, "organisation-not-joinable")


async def test_no_one_is_two_of_the_three_administrators(world: World) -> None:
    person = await world.active(world.county, kind="staff")
    until = world.clock() + timedelta(days=30)
    first = await world.grant(person, "administrator", world.school, valid_until=until.isoformat())
    assert first.status_code == 201
    for role in ("security_administrator", "auditor"):
        refused = await world.grant(person, role, world.county)
        assert problem(refused) == (409, "roles-separated")
    after = await world.grant(person, "auditor", world.county, valid_from=until.isoformat())
    assert after.status_code == 201


async def test_nor_when_all_three_are_given_at_the_same_moment(world: World) -> None:
    person = await world.active(world.county, kind="staff")
    roles = ("administrator", "security_administrator", "auditor")
    async with world.owner.transaction():
        # All three stand before the person's row when it is let go.
        await world.owner.execute("SELECT FROM people FOR UPDATE")
        gifts = [asyncio.create_task(world.grant(person, each, world.county)) for each in roles]
        await waiting_for_locks(world.owner, len(gifts))
    answers = await asyncio.gather(*gifts)
    assert sorted(each.status_code for each in answers) == [201, 409, 409]
    assert await world.owner.fetchval("SELECT count(*) FROM role_grants") == 1


async def test_the_same_role_is_given_once_at_a_time(world: World) -> None:
    person = await world.active(world.school, kind="staff", roles=["teacher"])
    assert problem(await world.grant(person, "teacher", world.school)) == (409, "role-already-held")
    assert (await world.grant(person, "teacher", world.school, subject="14")).status_code == 201


async def test_a_grant_that_ends_before_it_begins_is_refused(world: World) -> None:
    person = await world.active(world.school, kind="staff")
    ends = (world.clock() - timedelta(days=1)).isoformat()
    answer = await world.grant(person, "teacher", world.school, valid_until=ends)
    assert problem(answer) == (422, "grant-dates-refused")


async def test_a_repeated_request_gives_once(world: World) -> None:
    person = await world.active(world.school, kind="staff")
    body = {"person_id": person["id"], "role": "teacher", "organisation_id": world.school.ref}
    headers = {**world.admin(world.school), "idempotency-key": "0192f0c1"}
    first, second = [await world.client.post(GRANTS, headers=headers, json=body) for _ in range(2)]
    assert first.json() == second.json()
    assert second.headers["idempotency-replayed"] == "true"


async def test_grants_are_listed_by_organisation_page_by_page(world: World) -> None:
    people = [await world.active(world.school, kind="staff", roles=["teacher"]) for _ in range(3)]
    seen: list[str] = []
    query = {"organisation": world.school.ref, "limit": "2"}
    while True:
        answer = await world.client.get(GRANTS, headers=world.security(world.school), params=query)
        seen += [each["person_id"] for each in answer.json()["items"]]
        if answer.json()["next"] is None:
            break
        query["cursor"] = answer.json()["next"]
    assert seen == [each["id"] for each in people]


async def test_people_list_their_own(world: World) -> None:
    person = await world.active(world.school, kind="staff", roles=["teacher"])
    for path in (GRANTS, f"{GRANTS}?person={person['id']}"):
        answer = await world.client.get(path, headers=world.person(person))
        assert [each["role"] for each in answer.json()["items"]] == ["teacher"]


async def test_an_auditor_reads_grants_and_gives_none(world: World) -> None:
    person = await world.active(world.school, kind="staff", roles=["teacher"])
    auditor = world.as_role("auditor", world.county)
    listed = await world.client.get(f"{GRANTS}?person={person['id']}", headers=auditor)
    assert len(listed.json()["items"]) == 1
    body = {"person_id": person["id"], "role": "student", "organisation_id": world.school.ref}
    given = await world.client.post(GRANTS, headers=auditor, json=body)
    assert given.status_code == 404


@pytest.mark.parametrize("state", ["LEFT", "ERASED"])
@pytest.mark.parametrize("role", ["student", "teacher", "administrator"])
async def test_a_closed_account_is_given_no_role(world: World, role: str, state: str) -> None:
    person = await world.active(world.school, birth_date="1990-01-01", kind="staff")
    for action in ("leave", "erase")[: 1 + (state == "ERASED")]:
        person |= {"version": (await world.act(person, action)).json()["version"]}
    assert problem(await world.grant(person, role, world.school)) == (409, "person-action-refused")


async def test_whoever_leaves_while_a_role_is_given_ends_without_it(world: World) -> None:
    for _ in range(5):
        person = await world.active(world.school, kind="staff")
        left, given = await asyncio.gather(
            world.act(person, "leave"), world.grant(person, "reviewer", world.school)
        )
        assert given.status_code in (201, 409)
        still_open = await world.owner.fetchval(
            "SELECT count(*) FROM role_grants WHERE person_id = $1 AND valid_until IS NULL",
            UUID(person["id"]),
        )
        assert still_open == (0 if left.status_code == 200 else 1)


CHILDREN = [{"birth_date": "2018-01-01"}, {"birth_date": "2009-01-01"}, {}]
"""Of eight, of seventeen, and of an age that nobody told."""


@pytest.mark.parametrize("child", CHILDREN, ids=["eight", "seventeen", "unknown"])
@pytest.mark.parametrize("role", sorted({*Role} - {"student"}))
async def test_a_minor_holds_no_role_but_that_of_a_student(
    world: World, role: str, child: dict[str, str]
) -> None:
    pupil = await world.active(world.room, **child)
    given = await world.grant(pupil, role, world.school, subject="14")
    assert problem(given) == (409, "holder-unfit")
    assert (await world.grant(pupil, "student", world.school)).status_code == 201


async def test_a_student_is_enrolled_or_of_a_known_age(world: World) -> None:
    person = await world.active(world.school, kind="other")
    assert problem(await world.grant(person, "student", world.school)) == (409, "holder-unfit")
    known = await world.active(world.school, kind="other", birth_date="2000-01-01")
    assert (await world.grant(known, "student", world.school)).status_code == 201
    unknown = {"birth_date": None}
    headers = {**world.admin(world.school), "if-match": f'"v{known["version"]}"'}
    answer = await world.client.patch(f"{V1}/people/{known['id']}", headers=headers, json=unknown)
    assert problem(answer) == (409, "holder-unfit")


async def test_who_is_enrolled_no_more_is_no_student_either(world: World) -> None:
    pupil = await world.active(world.school, roles=["student"])
    await world.client.post(
        f"{V1}/people/{pupil['id']}/memberships",
        headers=world.admin(world.school),
        json={"organisation_id": world.school.ref, "kind": "other"},
    )
    url = f"{V1}/memberships/{pupil['memberships'][0]['id']}"
    ended = await world.client.delete(
        url, headers={**world.admin(world.school), "if-match": '"v1"'}
    )
    assert ended.status_code == 204
    assert await world.part.directory.grants(UUID(pupil["id"])) == ()


@pytest.mark.parametrize("role", sorted({*Role} - {"student", "teacher", "guardian"}))
async def test_no_office_is_held_at_a_class(world: World, role: str) -> None:
    person = await world.active(world.school, kind="staff")
    given = await world.grant(person, role, world.room, subject="14")
    assert problem(given) == (422, "grant-terms-refused")


async def test_an_expert_is_one_of_a_subject(world: World) -> None:
    person = await world.active(world.school, kind="staff")
    given = await world.grant(person, "subject_expert", world.school)
    assert problem(given) == (422, "grant-terms-refused")
    given = await world.grant(person, "subject_expert", world.school, subject="zzzz")
    assert given.status_code == 422
    for subject in ("14", "L61"):
        given = await world.grant(person, "subject_expert", world.school, subject=subject)
        assert given.status_code == 201


async def test_a_grant_that_is_over_is_not_given(world: World) -> None:
    person = await world.active(world.school, kind="staff")
    past = {"valid_from": "2020-01-01T00:00:00Z", "valid_until": "2021-01-01T00:00:00Z"}
    given = await world.grant(person, "teacher", world.school, **past)
    assert problem(given) == (422, "grant-dates-refused")


async def test_grants_are_listed_by_the_code_of_the_organisation(world: World) -> None:
    person = await world.active(world.school, kind="staff", roles=["teacher"])
    url = f"{GRANTS}?organisation={world.school.code.lower()}"
    listed = await world.client.get(url, headers=world.admin(world.school))
    assert [each["person_id"] for each in listed.json()["items"]] == [person["id"]]
