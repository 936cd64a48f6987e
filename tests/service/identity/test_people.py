from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import asyncpg
import httpx2
import pytest
from fastapi import FastAPI

from services.identity.domain.identifiers import IdentifierKind, identify
from services.identity.settings import Settings
from shared.ids import uuid7
from tests.service.house import Token
from tests.service.identity.people import (
    SCOPES,
    V1,
    World,
    build_people,
    make_world,
    problem,
)

ID_NUMBER = "11010519491231002X"
PUPIL_ID_NUMBER = "110105201406010019"
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


class TestWhoMay:
    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("GET", "?organisation=P-0000-0000-0"),
            ("POST", ""),
            ("POST", "/duplicates"),
            ("GET", "/{id}"),
            ("PATCH", "/{id}"),
            ("GET", "/{id}/identifiers"),
            ("PUT", "/{id}/identifiers/phone"),
            ("DELETE", "/{id}/identifiers/phone"),
            ("GET", "/{id}/memberships"),
            ("POST", "/{id}/transfer"),
            ("POST", "/{id}/suspend"),
            ("POST", "/{id}/erase"),
            ("GET", "/{id}/access-log"),
        ],
    )
    async def test_nobody_anonymous(
        self, client: httpx2.AsyncClient, method: str, path: str
    ) -> None:
        answer = await client.request(method, PEOPLE + path.format(id=uuid7()))
        assert answer.status_code == 401

    async def test_an_administrator_elsewhere_learns_of_nobody(self, world: World) -> None:
        pupil = await world.active(world.school)
        headers = {**world.admin(world.other_school), "if-match": f'"v{pupil["version"]}"'}
        unknown = f"{PEOPLE}/{uuid7()}"
        known = f"{PEOPLE}/{pupil['id']}"
        for method, path, body in (
            ("GET", "", None),
            ("PATCH", "", {"nickname": "小伟"}),
            ("GET", "/identifiers", None),
            ("PUT", "/identifiers/phone", {"value": "13800008000"}),
            ("DELETE", "/identifiers/phone", None),
            ("GET", "/memberships", None),
            ("POST", "/suspend", None),
            ("POST", "/leave", None),
            ("POST", "/erase", None),
            ("GET", "/access-log", None),
        ):
            answers = [
                await world.client.request(method, base + path, headers=headers, json=body)
                for base in (known, unknown)
            ]
            assert [each.status_code for each in answers] == [404, 404], (method, path)
            assert answers[0].json()["detail"] == answers[1].json()["detail"]

    async def test_a_role_without_the_right_is_no_help(self, world: World) -> None:
        pupil = await world.active(world.school)
        for role in ("student", "teacher", "guardian", "reviewer", "auditor", "integrator"):
            answer = await world.client.get(
                f"{PEOPLE}/{pupil['id']}", headers=world.as_role(role, world.school)
            )
            assert answer.status_code == 404, role

    async def test_a_token_without_the_scope_is_refused(self, world: World) -> None:
        grant = f"administrator@{world.school.path}"
        headers = world.token(str(uuid7()), "openid", (grant,))
        answer = await world.client.get(f"{PEOPLE}/{uuid7()}", headers=headers)
        assert answer.status_code == 403

    async def test_people_read_themselves_and_change_little(self, world: World) -> None:
        pupil = await world.active(world.school)
        headers = world.person(pupil)
        read = await world.client.get(f"{PEOPLE}/{pupil['id']}", headers=headers)
        assert read.json()["name"] == "张伟"
        conditional = {**headers, "if-match": read.headers["etag"]}
        allowed = await world.client.patch(
            f"{PEOPLE}/{pupil['id']}", headers=conditional, json={"nickname": "小伟"}
        )
        assert allowed.json()["nickname"] == "小伟"
        conditional["if-match"] = allowed.headers["etag"]
        for body in ({"name": "李四"}, {"birth_date": "2000-01-01"}, {"sex": "1"}):
            answer = await world.client.patch(
                f"{PEOPLE}/{pupil['id']}", headers=conditional, json=body
            )
            assert answer.status_code == 403
        assert (await world.act(pupil, "suspend", headers)).status_code in (403, 412)

    async def test_people_of_an_institution_beside_the_provinces_are_the_provinces(
        self, world: World
    ) -> None:
        artist = await world.invite(world.studio, kind="other")
        for place, status in ((world.province, 200), (world.county, 404)):
            answer = await world.client.get(f"{PEOPLE}/{artist['id']}", headers=world.admin(place))
            assert answer.status_code == status


class TestInviting:
    async def test_an_account_begins_invited_with_a_code_and_an_invitation(
        self, world: World
    ) -> None:
        invited = await world.invite(world.school, roles=["student"])
        assert invited["state"] == "INVITED"
        assert invited["code"].startswith("A-")
        assert invited["invitation"] == f"invitation-of-{invited['id']}"
        assert await world.events() == ["membership.started", "role.granted"]

    async def test_only_where_the_caller_administers(self, world: World) -> None:
        answer = await world.client.post(
            PEOPLE,
            headers=world.admin(world.school),
            json={
                "name": "张伟",
                "membership": {"organisation_id": world.other_school.ref, "kind": "student"},
            },
        )
        assert answer.status_code == 403

    async def test_not_into_an_organisation_that_is_closed(self, world: World) -> None:
        await world.owner.execute(
            "UPDATE organisations SET state = 'CLOSED' WHERE id = $1", world.school.id
        )
        answer = await world.client.post(
            PEOPLE,
            headers=world.admin(world.school),
            json={
                "name": "张伟",
                "membership": {"organisation_id": world.school.ref, "kind": "student"},
            },
        )
        assert problem(answer) == (422, "organisation-not-joinable")

    async def test_every_malformed_identifier_is_told_at_once(self, world: World) -> None:
        answer = await world.client.post(
            PEOPLE,
            headers=world.admin(world.school),
            json={
                "name": "张伟",
                "membership": {"organisation_id": world.school.ref, "kind": "student"},
                "identifiers": [
                    {"kind": "phone", "value": "12345678901"},
                    {"kind": "username", "value": "zhangwei"},
                    {"kind": "id_number", "value": "110105194912310021"},
                ],
            },
        )
        assert answer.status_code == 422
        pointers = [each["pointer"] for each in answer.json()["errors"]]
        assert pointers == ["#/identifiers/0", "#/identifiers/2"]
        assert "110105194912310021" not in answer.text

    async def test_an_identifier_of_somebody_else_is_refused_and_nothing_is_kept(
        self, world: World
    ) -> None:
        phone = [{"kind": "phone", "value": "13800008000"}]
        await world.invite(world.other_school, identifiers=phone)
        answer = await world.client.post(
            PEOPLE,
            headers=world.admin(world.school),
            json={
                "name": "李四",
                "membership": {"organisation_id": world.school.ref, "kind": "student"},
                "identifiers": phone,
            },
        )
        assert problem(answer) == (409, "identifier-taken")
        assert await world.owner.fetchval("SELECT count(*) FROM people") == 1

    async def test_a_username_that_another_signs_in_with_otherwise_is_refused(
        self, world: World
    ) -> None:
        await world.invite(
            world.other_school, identifiers=[{"kind": "staff_number", "value": "T1001"}]
        )
        answer = await world.client.post(
            PEOPLE,
            headers=world.admin(world.school),
            json={
                "name": "李四",
                "membership": {"organisation_id": world.school.ref, "kind": "staff"},
                "identifiers": [{"kind": "username", "value": "t1001"}],
            },
        )
        assert problem(answer) == (409, "identifier-taken")

    async def test_a_repeated_request_invites_once_and_the_invitation_is_not_kept(
        self, world: World
    ) -> None:
        body = {
            "name": "张伟",
            "membership": {"organisation_id": world.school.ref, "kind": "student"},
        }
        headers = {**world.admin(world.school), "idempotency-key": "0192f0c1"}
        first, second = [
            await world.client.post(PEOPLE, headers=headers, json=body) for _ in range(2)
        ]
        assert first.json()["invitation"]
        assert second.json() == {**first.json(), "invitation": None}
        assert await world.owner.fetchval("SELECT count(*) FROM people") == 1

    async def test_the_answer_kept_for_a_repeat_names_nobody(
        self, world: World, owner: asyncpg.Connection
    ) -> None:
        headers = {**world.admin(world.school), "idempotency-key": "once"}
        membership = {"organisation_id": world.school.ref, "kind": "student"}
        body = {"name": "Zhang Wei", "birth_date": "2014-06-01", "membership": membership}
        first = await world.client.post(PEOPLE, headers=headers, json=body)
        kept = await owner.fetchval("SELECT body FROM idempotency")
        assert b"Zhang" not in kept
        assert b"2014" not in kept
        again = await world.client.post(PEOPLE, headers=headers, json=body)
        assert again.headers["idempotency-replayed"] == "true"
        assert again.json()["id"] == first.json()["id"]
        assert again.json()["name"] == "Zhang Wei"

    async def test_a_birth_date_is_taken_from_the_id_number(self, world: World) -> None:
        invited = await world.invite(
            world.school, identifiers=[{"kind": "id_number", "value": PUPIL_ID_NUMBER}]
        )
        assert invited["birth_date"] == "2014-06-01"
        assert invited["minor"] is True

    async def test_a_student_number_with_another_id_number_warns(self, world: World) -> None:
        invited = await world.invite(
            world.school,
            identifiers=[
                {"kind": "id_number", "value": PUPIL_ID_NUMBER},
                {"kind": "student_number", "value": f"G{ID_NUMBER}"},
            ],
        )
        (warning,) = invited["warnings"]
        assert "学籍号" in warning


class TestPersonalData:
    async def test_nothing_personal_stands_in_the_database_in_clear(self, world: World) -> None:
        await world.invite(
            world.school,
            "欧阳娜娜",
            address="雁塔路一号",
            identifiers=[
                {"kind": "username", "value": "ouyangnana"},
                {"kind": "phone", "value": "13800008000"},
                {"kind": "email", "value": "nana@example.cn"},
                {"kind": "id_number", "value": PUPIL_ID_NUMBER},
            ],
        )
        tables = await world.owner.fetch(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
        )
        dumped = [
            str(dict(row))
            for each in tables
            for row in await world.owner.fetch(f'SELECT * FROM "{each["tablename"]}"')  # noqa: S608 - names of our own tables
        ]
        for secret in ("欧阳", "雁塔路", "ouyangnana", "13800008000", "nana@", PUPIL_ID_NUMBER):
            assert not any(secret in row for row in dumped), secret

    async def test_identifiers_are_shown_masked(self, world: World) -> None:
        invited = await world.invite(
            world.school,
            identifiers=[
                {"kind": "phone", "value": "13800008000", "verified": True},
                {"kind": "id_number", "value": PUPIL_ID_NUMBER},
            ],
        )
        answer = await world.client.get(
            f"{PEOPLE}/{invited['id']}/identifiers", headers=world.admin(world.school)
        )
        assert answer.json()["items"] == [
            {"kind": "id_number", "masked": "110**************9", "verified": False},
            {"kind": "phone", "masked": "138****8000", "verified": True},
        ]

    async def test_an_identifier_is_replaced_at_the_version_that_was_read(
        self, world: World
    ) -> None:
        pupil = await world.active(world.school)
        url = f"{PEOPLE}/{pupil['id']}/identifiers/username"
        headers = world.admin(world.school)
        body = {"value": "zhangwei"}
        missing = await world.client.put(url, headers=headers, json=body)
        assert missing.status_code == 428
        stale = await world.client.put(url, headers={**headers, "if-match": '"v9"'}, json=body)
        assert stale.status_code == 412
        etag = f'"v{pupil["version"]}"'
        put = await world.client.put(url, headers={**headers, "if-match": etag}, json=body)
        assert put.json() == {
            "kind": "username",
            "masked": "zh******",
            "verified": False,
            "warnings": [],
        }
        assert await world.known_by("ZhangWei") is not None
        etag = put.headers["etag"]
        gone = await world.client.delete(url, headers={**headers, "if-match": etag})
        assert gone.status_code == 204
        assert await world.known_by("zhangwei") is None
        etag = gone.headers["etag"]
        again = await world.client.delete(url, headers={**headers, "if-match": etag})
        assert again.status_code == 404

    async def test_a_malformed_identifier_is_told_where_it_stands(self, world: World) -> None:
        pupil = await world.active(world.school)
        answer = await world.client.put(
            f"{PEOPLE}/{pupil['id']}/identifiers/phone",
            headers={**world.admin(world.school), "if-match": '"v2"'},
            json={"value": "12345"},
        )
        assert problem(answer) == (422, "invalid-identifier")
        assert answer.json()["errors"][0]["pointer"] == "#/value"

    async def test_the_old_key_of_the_ring_still_finds_and_still_refuses(
        self, world: World, settings: Settings
    ) -> None:
        phone = [{"kind": "phone", "value": "13800008000"}]
        pupil = await world.active(world.school, identifiers=phone)
        rotated = build_people(
            settings.model_copy(
                update={"master_keys": type(settings.master_keys)(f"{'b7' * 32},{'5a' * 32}")}
            )
        )
        found = await replace(world, app=rotated).known_by("13800008000")
        assert str(found) == pupil["id"]
        async with rotated.state.runtime.new_uow() as uow:
            people = rotated.state.part.stores(uow.connection).people
            (holder,) = await people.holders([identify(IdentifierKind.PHONE, "13800008000")])
            assert str(holder.person_id) == pupil["id"]
        rotated.state.runtime.reader.close()
        await rotated.state.runtime.close()


class TestMe:
    async def test_people_see_their_own(self, world: World) -> None:
        teacher = await world.active(
            world.school,
            kind="staff",
            roles=["teacher"],
            identifiers=[{"kind": "phone", "value": "13800008000"}],
        )
        answer = await world.client.get(f"{V1}/me", headers=world.person(teacher))
        me = answer.json()
        assert answer.headers["etag"] == f'"v{teacher["version"]}"'
        assert (me["name"], me["children"]) == ("张伟", [])
        assert [each["role"] for each in me["grants"]] == ["teacher"]
        assert [each["masked"] for each in me["identifiers"]] == ["138****8000"]
        assert len(me["memberships"]) == 1

    async def test_a_client_is_nobody(self, world: World, token: Token) -> None:
        answer = await world.client.get(f"{V1}/me", headers=token("learning-space", SCOPES))
        assert answer.status_code == 404
