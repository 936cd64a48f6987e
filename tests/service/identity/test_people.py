import asyncio
from collections.abc import Callable
from typing import Any

import asyncpg
import httpx2
import pytest
from fastapi import FastAPI

from services.identity.domain.identifiers import IdentifierKind, identify
from services.identity.domain.people import PersonDisabled
from services.identity.settings import Settings
from shared.ids import uuid7
from tests.service.identity.conftest import Token
from tests.service.identity.people import SCOPES, V1, World, build_people, make_world

ID_NUMBER = "11010519491231002X"
PUPIL_ID_NUMBER = "110105201406010019"
PEOPLE = f"{V1}/people"


@pytest.fixture
def build() -> Callable[[Settings], FastAPI]:
    return build_people


@pytest.fixture
async def world(
    app: FastAPI, client: httpx2.AsyncClient, owner: asyncpg.Connection, token: Token
) -> World:
    return await make_world(app, client, owner, token)


def problem(answer: httpx2.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"].removeprefix("urn:shuyuan:problem:identity/")


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

    async def test_a_repeated_request_invites_once(self, world: World) -> None:
        body = {
            "name": "张伟",
            "membership": {"organisation_id": world.school.ref, "kind": "student"},
        }
        headers = {**world.admin(world.school), "idempotency-key": "0192f0c1"}
        first, second = [
            await world.client.post(PEOPLE, headers=headers, json=body) for _ in range(2)
        ]
        assert first.json() == second.json()
        assert await world.owner.fetchval("SELECT count(*) FROM people") == 1

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
        assert await world.part.directory.find_by_login("ZhangWei") is not None
        etag = put.headers["etag"]
        gone = await world.client.delete(url, headers={**headers, "if-match": etag})
        assert gone.status_code == 204
        assert await world.part.directory.find_by_login("zhangwei") is None
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
        directory = rotated.state.part.directory
        found = await directory.find_by_login("13800008000")
        assert str(found.person_id) == pupil["id"]
        async with rotated.state.runtime.new_uow() as uow:
            people = rotated.state.part.stores(uow.connection).people
            (holder,) = await people.holders([identify(IdentifierKind.PHONE, "13800008000")])
            assert str(holder.person_id) == pupil["id"]
        await rotated.state.runtime.engine.dispose()


class TestLife:
    async def test_the_api_says_what_may_be_done_now_and_why_not_the_rest(
        self, world: World
    ) -> None:
        pupil = await world.active(world.school)
        answer = await world.client.get(
            f"{PEOPLE}/{pupil['id']}", headers=world.admin(world.school)
        )
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

    async def test_from_invitation_to_erasure(self, world: World) -> None:
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

    async def test_a_suspended_account_is_cut_off(self, world: World) -> None:
        pupil = await world.active(world.school, roles=["student"])
        assert (await world.act(pupil, "suspend")).status_code == 200
        assert world.seams.revoked == [("person", pupil["id"])]

    async def test_an_action_that_the_state_does_not_allow_changes_nothing(
        self, world: World
    ) -> None:
        pupil = await world.active(world.school)
        answer = await world.act(pupil, "erase")
        assert problem(answer) == (409, "person-action-refused")
        assert answer.json()["state"] == "ACTIVE"
        assert (await world.read(pupil["id"]))["version"] == pupil["version"]

    async def test_of_two_administrators_at_once_one_acts(self, world: World) -> None:
        pupil = await world.active(world.school)
        answers = await asyncio.gather(world.act(pupil, "suspend"), world.act(pupil, "leave"))
        assert sorted(each.status_code for each in answers) == [200, 412]

    async def test_leaving_ends_memberships_and_roles_and_keeps_the_history(
        self, world: World
    ) -> None:
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

    async def test_erasing_leaves_a_pseudonym_and_the_evidence(self, world: World) -> None:
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
        assert await world.part.directory.find_by_login("zhangwei") is None
        kept = await world.client.get(f"{PEOPLE}/{pupil['id']}", headers=world.admin(world.school))
        assert kept.json()["name"] is None
        assert [each["reason"] for each in kept.json()["actions"]] == ["invitation", *["state"] * 5]
        assert len(await world.audited("person.erase")) == 1

    async def test_an_erased_account_takes_no_new_data(self, world: World) -> None:
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
        self, world: World
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


class TestMembershipsAndTransfer:
    async def transfer(
        self,
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

    async def join(
        self, world: World, person: dict[str, Any], at: str, **fields: str
    ) -> httpx2.Response:
        return await world.client.post(
            f"{PEOPLE}/{person['id']}/memberships",
            headers=world.admin(world.province),
            json={"organisation_id": at, "kind": "student", **fields},
        )

    async def test_a_transfer_moves_school_and_ordinary_roles_and_keeps_the_history(
        self, world: World
    ) -> None:
        pupil = await world.active(world.school, roles=["student"])
        await self.join(world, pupil, world.room.ref)
        await world.grant(pupil, "reviewer", world.school)
        pupil = await world.read(pupil["id"])
        moved = await self.transfer(world, pupil, world.admin(world.county))
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

    async def test_a_transfer_may_be_for_a_later_day(self, world: World) -> None:
        pupil = await world.active(world.school, roles=["student"])
        moved = await self.transfer(world, pupil, world.admin(world.county), on="2027-02-01")
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

    async def test_neither_school_moves_a_pupil_alone(self, world: World) -> None:
        pupil = await world.active(world.school)
        assert (await self.transfer(world, pupil, world.admin(world.school))).status_code == 403
        pulled = await self.transfer(world, pupil, world.admin(world.other_school))
        assert pulled.status_code == 404

    async def test_a_transfer_leads_elsewhere(self, world: World) -> None:
        pupil = await world.active(world.school)
        answer = await self.transfer(
            world, pupil, world.admin(world.county), organisation_id=world.school.ref
        )
        assert problem(answer) == (422, "membership-dates-refused")

    async def test_nobody_joins_an_organisation_of_somebody_elses(self, world: World) -> None:
        pupil = await world.active(world.school)
        answer = await world.client.post(
            f"{PEOPLE}/{pupil['id']}/memberships",
            headers=world.admin(world.school),
            json={"organisation_id": world.other_school.ref, "kind": "student"},
        )
        assert answer.status_code == 403

    async def test_the_same_place_is_joined_once_at_a_time(self, world: World) -> None:
        pupil = await world.active(world.school)
        answer = await self.join(world, pupil, world.school.ref)
        assert problem(answer) == (409, "membership-overlaps")
        first, second = await asyncio.gather(
            *(self.join(world, pupil, world.room.ref) for _ in range(2))
        )
        assert sorted((first.status_code, second.status_code)) == [201, 409]

    async def test_ending_a_membership_ends_the_roles_held_there(self, world: World) -> None:
        teacher = await world.active(world.school, kind="staff", roles=["teacher"])
        (membership,) = teacher["memberships"]
        url = f"{V1}/memberships/{membership['id']}"
        read = await world.client.get(url, headers=world.admin(world.school))
        headers = {**world.admin(world.school), "if-match": read.headers["etag"]}
        assert (await world.client.delete(url, headers=headers)).status_code == 204
        assert await world.part.directory.grants(teacher["id"]) == ()
        assert ("person", teacher["id"]) in world.seams.revoked
        assert (await world.events())[-2:] == ["membership.ended", "role.revoked"]

    async def test_roles_stay_where_another_membership_carries_them(self, world: World) -> None:
        teacher = await world.active(world.school, kind="staff", roles=["teacher"])
        joined = (await self.join(world, teacher, world.room.ref)).json()
        answer = await world.client.delete(
            f"{V1}/memberships/{joined['id']}",
            headers={**world.admin(world.school), "if-match": '"v1"'},
        )
        assert answer.status_code == 204
        grants = await world.part.directory.grants(teacher["id"])
        assert grants == (f"teacher@{world.school.path}",)

    async def test_days_are_corrected_at_the_version_that_was_read(self, world: World) -> None:
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
        backwards = await world.client.patch(
            url, headers=headers, json={"valid_until": "2026-08-01"}
        )
        assert problem(backwards) == (422, "membership-dates-refused")
        opened = await world.client.patch(url, headers=headers, json={"valid_until": None})
        assert opened.json()["valid_until"] is None

    async def test_a_membership_elsewhere_is_unknown(self, world: World) -> None:
        pupil = await world.active(world.school)
        url = f"{V1}/memberships/{pupil['memberships'][0]['id']}"
        headers = {**world.admin(world.other_school), "if-match": '"v1"'}
        answers = [
            await world.client.get(url, headers=headers),
            await world.client.patch(url, headers=headers, json={"valid_until": "2026-12-01"}),
            await world.client.delete(url, headers=headers),
        ]
        assert [each.status_code for each in answers] == [404, 404, 404]


class TestLists:
    async def page(
        self, world: World, headers: dict[str, str] | None = None, **query: str
    ) -> httpx2.Response:
        query.setdefault("organisation", world.school.ref)
        return await world.client.get(
            PEOPLE, headers=headers or world.admin(world.province), params=query
        )

    async def test_everybody_comes_once_with_the_memberships_there(self, world: World) -> None:
        pupil = await world.invite(world.school)
        for place in (world.room, world.other_school):
            await world.client.post(
                f"{PEOPLE}/{pupil['id']}/memberships",
                headers=world.admin(world.province),
                json={"organisation_id": place.ref, "kind": "student"},
            )
        await world.invite(world.other_school)
        answer = await self.page(world)
        (found,) = answer.json()["items"]
        assert found["id"] == pupil["id"]
        paths = {each["path"] for each in found["memberships"]}
        assert paths == {world.school.path, world.room.path}

    async def test_pages_go_through_the_tree_and_miss_nobody(self, world: World) -> None:
        invited = [
            (await world.invite(place, f"学生{number}"))["id"]
            for number, place in enumerate((world.room, world.school, world.other_school) * 3)
        ]
        seen: list[str] = []
        query = {"organisation": world.county.code, "limit": "2"}
        while True:
            answer = (await self.page(world, None, **query)).json()
            seen += [each["id"] for each in answer["items"]]
            assert len(answer["items"]) <= 2
            if answer["next"] is None:
                break
            query["cursor"] = answer["next"]
        assert sorted(seen) == sorted(invited)

    async def test_a_cursor_of_another_list_is_refused(self, world: World) -> None:
        for name in ("甲", "乙"):
            await world.invite(world.school, name)
        cursor = (await self.page(world, limit="1")).json()["next"]
        answer = await self.page(world, limit="1", cursor=cursor, organisation=world.county.ref)
        assert answer.status_code == 400

    @pytest.mark.parametrize("typed", ["欧阳 娜娜", "nana", "13800008000", "CODE"])
    async def test_people_are_found_by_whole_name_code_or_identifier(
        self, world: World, typed: str
    ) -> None:
        await world.invite(world.school)
        wanted = await world.invite(
            world.school,
            "欧阳娜娜",
            identifiers=[
                {"kind": "username", "value": "nana"},
                {"kind": "phone", "value": "13800008000"},
            ],
        )
        q = wanted["code"].lower() if typed == "CODE" else typed
        answer = await self.page(world, q=q)
        assert [each["id"] for each in answer.json()["items"]] == [wanted["id"]]
        assert (await self.page(world, q="nobody")).json()["items"] == []

    async def test_who_left_comes_when_asked_for(self, world: World) -> None:
        pupil = await world.active(world.school)
        await world.act(pupil, "leave")
        assert (await self.page(world)).json()["items"] == []
        (left,) = (await self.page(world, state="LEFT")).json()["items"]
        assert left["id"] == pupil["id"]

    async def test_a_teacher_lists_the_class_that_the_role_names(self, world: World) -> None:
        await world.invite(world.room)
        teacher = world.as_role("teacher", world.room)
        assert len((await self.page(world, teacher, organisation=world.room.ref)).json()["items"])
        for place in (world.school, world.other_school):
            answer = await self.page(world, teacher, organisation=place.ref)
            assert answer.status_code == 403
        elsewhere = await self.page(
            world, world.as_role("teacher", world.school), organisation=world.room.ref
        )
        assert elsewhere.status_code == 403

    async def test_a_security_administrator_lists_whom_to_give_roles(self, world: World) -> None:
        await world.invite(world.room)
        security = world.security(world.school)
        assert (await self.page(world, security)).status_code == 200
        other = await self.page(world, security, organisation=world.other_school.ref)
        assert other.status_code == 403

    async def test_an_unknown_organisation_is_not_found(self, world: World) -> None:
        answer = await self.page(world, organisation=str(uuid7()))
        assert answer.status_code == 404

    async def test_the_number_of_statements_does_not_grow_with_the_page(
        self, world: World, statements: list[str]
    ) -> None:
        for number in range(12):
            await world.invite(world.room, f"学生{number}", birth_date="2016-01-01")
        counts = []
        for limit in ("2", "10", "100"):
            await self.page(world)
            statements.clear()
            answer = await self.page(world, limit=limit)
            assert len(answer.json()["items"]) == min(int(limit), 12)
            counts.append(len(statements))
        assert counts == [5, 5, 5]


class TestDuplicates:
    async def find(self, world: World, **probe: str) -> list[dict[str, Any]]:
        answer = await world.client.post(
            f"{PEOPLE}/duplicates", headers=world.admin(world.school), json=probe
        )
        assert answer.status_code == 200, answer.text
        items: list[dict[str, Any]] = answer.json()["items"]
        return items

    async def test_numbers_are_compared_everywhere_and_strangers_stay_strangers(
        self, world: World
    ) -> None:
        await world.invite(
            world.other_school,
            "欧阳娜娜",
            identifiers=[{"kind": "student_number", "value": f"G{PUPIL_ID_NUMBER}"}],
        )
        (found,) = await self.find(world, id_number=PUPIL_ID_NUMBER)
        assert found == {
            "person_id": None,
            "code": None,
            "masked_name": "欧***",
            "reasons": ["id_number_in_student_number"],
        }
        assert len(await world.audited("people.duplicates.search")) == 1

    async def test_the_surest_comes_first(self, world: World) -> None:
        namesake = await world.invite(world.school, "张伟", birth_date="2015-01-01")
        same = await world.invite(
            world.school,
            "张伟",
            birth_date="2014-06-01",
            identifiers=[{"kind": "phone", "value": "13800008000"}],
        )
        found = await self.find(
            world, name="张 伟", birth_date="2014-06-01", phone="+8613800008000"
        )
        assert [(each["person_id"], each["reasons"]) for each in found] == [
            (same["id"], ["phone", "name_and_birth_date"]),
            (namesake["id"], ["name"]),
        ]

    async def test_mere_namesakes_elsewhere_are_not_told(self, world: World) -> None:
        await world.invite(world.other_school, "张伟", birth_date="2014-06-01")
        assert await self.find(world, name="张伟") == []
        (found,) = await self.find(world, name="张伟", birth_date="2014-06-01")
        assert found["person_id"] is None

    async def test_something_must_be_known(self, world: World) -> None:
        answer = await world.client.post(
            f"{PEOPLE}/duplicates", headers=world.admin(world.school), json={}
        )
        assert answer.status_code == 422

    async def test_only_administrators_look(self, world: World) -> None:
        answer = await world.client.post(
            f"{PEOPLE}/duplicates",
            headers=world.as_role("teacher", world.school),
            json={"phone": "13800008000"},
        )
        assert answer.status_code == 403


class TestDirectory:
    @pytest.mark.parametrize(
        "login",
        ["Zhang.Wei", "138 0000 8000", "zhang@example.cn", f"g{PUPIL_ID_NUMBER}", "t-1001"],
    )
    async def test_every_identifier_that_signs_in_finds_the_account_in_one_statement(
        self, world: World, statements: list[str], login: str
    ) -> None:
        pupil = await world.active(
            world.school,
            identifiers=[
                {"kind": "username", "value": "zhang.wei"},
                {"kind": "phone", "value": "13800008000"},
                {"kind": "email", "value": "zhang@example.cn", "verified": True},
                {"kind": "student_number", "value": f"G{PUPIL_ID_NUMBER}"},
                {"kind": "staff_number", "value": "T-1001"},
            ],
        )
        statements.clear()
        account = await world.part.directory.find_by_login(login)
        assert account is not None
        assert str(account.person_id) == pupil["id"]
        assert (account.state, account.is_minor, account.locale) == ("ACTIVE", True, "zh-CN")
        assert len(statements) == 1

    async def test_an_id_number_and_an_unverified_address_sign_nobody_in(
        self, world: World
    ) -> None:
        await world.active(
            world.school,
            identifiers=[
                {"kind": "email", "value": "zhang@example.cn"},
                {"kind": "id_number", "value": PUPIL_ID_NUMBER},
            ],
        )
        for login in ("zhang@example.cn", PUPIL_ID_NUMBER, "nobody"):
            assert await world.part.directory.find_by_login(login) is None

    async def test_the_search_by_login_stands_on_an_index(self, world: World) -> None:
        await world.owner.execute("SET enable_seqscan = off")
        plan = await world.owner.fetch(
            "EXPLAIN SELECT p.id FROM unnest($1::text[], $2::bytea[]) AS typed (kind, search_hash)"
            " JOIN identifiers i USING (kind, search_hash) JOIN people p ON p.id = i.person_id",
            ["phone"],
            [b"x"],
        )
        told = "\n".join(row[0] for row in plan)
        assert "uq_identifiers_kind" in told
        assert "Seq Scan on identifiers" not in told

    async def test_claims_are_those_of_the_scopes(self, world: World) -> None:
        person = await world.active(
            world.school,
            "张伟",
            kind="staff",
            family_name="张",
            given_name="伟",
            birth_date="1980-01-02",
            sex="1",
            address="雁塔路一号",
            identifiers=[
                {"kind": "username", "value": "zhangwei"},
                {"kind": "phone", "value": "13800008000", "verified": True},
                {"kind": "email", "value": "zhang@example.cn"},
            ],
        )
        directory = world.part.directory
        assert await directory.userinfo(person["id"], frozenset({"openid"})) == {
            "sub": person["id"]
        }
        everything = frozenset({"openid", "profile", "email", "phone", "address"})
        assert await directory.userinfo(person["id"], everything) == {
            "sub": person["id"],
            "name": "张伟",
            "family_name": "张",
            "given_name": "伟",
            "preferred_username": "zhangwei",
            "gender": "male",
            "birthdate": "1980-01-02",
            "zoneinfo": "Asia/Shanghai",
            "locale": "zh-CN",
            "updated_at": int(world.clock().timestamp()),
            "email": "zhang@example.cn",
            "email_verified": False,
            "phone_number": "+8613800008000",
            "phone_number_verified": True,
            "address": {"formatted": "雁塔路一号"},
        }

    async def test_nothing_is_told_of_an_account_that_is_not_active(self, world: World) -> None:
        pupil = await world.active(world.school)
        await world.act(pupil, "suspend")
        directory = world.part.directory
        for asked in (
            directory.userinfo(pupil["id"], frozenset({"profile"})),
            directory.grants(pupil["id"]),
            directory.allowed_scopes(pupil["id"], frozenset({"openid"})),
            directory.grants(uuid7()),
        ):
            with pytest.raises(PersonDisabled):
                await asked
        account = await directory.account(pupil["id"])
        assert account is not None
        assert account.state == "SUSPENDED"
        assert await directory.account(uuid7()) is None


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
