"""Invitations that administrators issue: for whom, by whom, and what the link does."""

import json
from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import asyncpg
import httpx2
import pytest
from fastapi import FastAPI

from services.identity.domain.grants import SEPARATED
from services.identity.settings import Settings
from shared.ids import uuid7
from tests.service.house import Token
from tests.service.identity.authentication import (
    ACCOUNT,
    LOGIN,
    Browser,
    House,
    build_authentication,
    house_of,
)
from tests.service.identity.people import Place, World, make_world
from tests.service.identity.test_account import set_up

NEW = "the stork went over the bridge"
ACTIVATE = "/identity/activate"


@pytest.fixture
def build() -> Callable[[Settings], FastAPI]:
    return build_authentication


@pytest.fixture
async def house(app: FastAPI, owner: asyncpg.Connection) -> House:
    return house_of(app, owner)


class TestHelpFromAnAdministrator:
    @pytest.fixture
    async def world(
        self, app: FastAPI, client: httpx2.AsyncClient, owner: asyncpg.Connection, token: Token
    ) -> World:
        return await make_world(app, client, owner, token)

    async def ask(
        self, world: World, person_id: str, headers: dict[str, str], **body: object
    ) -> httpx2.Response:
        path = f"/identity/v1/people/{person_id}/invitations"
        return await world.client.post(path, headers=headers, json=body)

    async def pupil(self, world: World) -> str:
        invited = await world.invite(world.room)
        return str(invited["id"])

    async def test_nobody_anonymous(self, world: World) -> None:
        assert (await self.ask(world, await self.pupil(world), {})).status_code == 401

    async def test_no_teacher_and_no_administrator_of_another_school(self, world: World) -> None:
        pupil = await self.pupil(world)
        for headers in (world.as_role("teacher", world.school), world.admin(world.other_school)):
            assert (await self.ask(world, pupil, headers)).status_code == 404

    async def test_no_administrator_who_does_not_reach_every_role(
        self, world: World, house: House
    ) -> None:
        pupil = await self.pupil(world)
        await world.grant({"id": pupil}, "student", world.other_school)
        answer = await self.ask(world, pupil, world.admin(world.school))
        assert answer.status_code == 403
        assert (await self.ask(world, pupil, world.admin(world.county))).status_code == 201

    @pytest.mark.parametrize(
        ("held", "governor"),
        [
            ("teacher", "administrator"),
            ("reviewer", "security_administrator"),
            ("integrator", "security_administrator"),
            ("administrator", "administrator"),
            ("security_administrator", "security_administrator"),
            ("auditor", "auditor"),
        ],
    )
    async def test_who_may_not_give_an_office_does_not_open_the_account_of_its_holder(
        self, world: World, held: str, governor: str
    ) -> None:
        person = await world.invite(world.school, kind="staff")
        assert (await world.grant(person, held, world.school)).status_code == 201
        for role in ("administrator", "security_administrator", "auditor"):
            headers = world.as_role(role, world.county)
            for removes in (False, True):
                answer = await self.ask(world, person["id"], headers, removes_factors=removes)
                assert answer.status_code == (201 if role == governor else 403), (role, removes)

    @pytest.mark.parametrize("office", sorted(SEPARATED))
    async def test_the_three_are_helped_from_above_and_not_by_a_peer(
        self, world: World, office: str
    ) -> None:
        lower, peer = world.as_role(office, world.school), world.as_role(office, world.county)
        above = world.as_role(office, world.province)
        person = await world.invite(world.school, kind="staff")
        assert (await world.grant(person, office, world.county)).status_code == 201
        for headers, status in ((lower, 403), (peer, 403), (above, 201)):
            answer = await self.ask(world, person["id"], headers, removes_factors=True)
            assert answer.status_code == status, answer.text

    async def test_the_three_of_an_institution_are_helped_from_the_province(
        self, world: World
    ) -> None:
        person = await world.invite(world.studio, kind="staff")
        assert (await world.grant(person, "administrator", world.studio)).status_code == 201
        for place, status in ((world.studio, 403), (world.province, 201)):
            answer = await self.ask(world, person["id"], world.admin(place))
            assert answer.status_code == status, answer.text

    @pytest.mark.parametrize(
        ("office", "place", "helper"),
        [("reviewer", "school", "auditor"), ("auditor", "province", "administrator")],
    )
    async def test_where_it_takes_two_one_ends_a_role_and_another_helps(
        self, world: World, office: str, place: str, helper: str
    ) -> None:
        at: Place = getattr(world, place)
        person = await world.invite(at, kind="staff")
        if office == "reviewer":
            assert (await world.grant(person, "auditor", at)).status_code == 201
        granted = await world.grant(person, office, at)
        assert granted.status_code == 201
        for role in SEPARATED:
            headers = world.as_role(role, world.province) | {"accept-language": "en"}
            refused = await self.ask(world, person["id"], headers)
            assert refused.status_code == 403
            assert "have a security administrator end the role first" in refused.json()["detail"]
        ended = await world.client.delete(
            f"/identity/v1/role-grants/{granted.json()['id']}",
            headers=world.security(world.province),
        )
        assert ended.status_code == 204
        helped = await self.ask(world, person["id"], world.as_role(helper, world.province))
        assert helped.status_code == 201
        assert (await world.grant(person, office, at)).status_code == 201

    @pytest.mark.parametrize("held", ["security_administrator", "auditor"])
    async def test_no_administrator_closes_the_account_of_another_office(
        self, world: World, held: str
    ) -> None:
        person = await world.invite(world.school, kind="staff")
        grant = await world.grant(person, held, world.school)
        for action in ("suspend", "leave", "erase"):
            answer = await world.act(person, action)
            assert answer.status_code == 403
            assert "先由安全管理员撤销其岗位" in answer.json()["detail"]
        offered = {each["action"]: each for each in (await world.read(person["id"]))["actions"]}
        assert offered["erase"]["reason"] == "separated"
        ended = await world.client.delete(
            f"/identity/v1/role-grants/{grant.json()['id']}",
            headers=world.security(world.province),
        )
        assert ended.status_code == 204
        assert (await world.act(person, "erase")).status_code == 200

    async def test_the_factors_of_a_guardian_are_removed_by_a_security_administrator(
        self, world: World
    ) -> None:
        child, guardian = await self.pupil(world), await world.invite(world.school, kind="other")
        link = await world.client.post(
            "/identity/v1/guardianships",
            headers=world.admin(world.school),
            json={"guardian_id": guardian["id"], "child_id": child, "relation": "mother"},
        )
        assert link.status_code == 201, link.text
        school, security = world.admin(world.school), world.security(world.school)
        for headers, removes, status in (
            (school, False, 201),
            (school, True, 403),
            (security, False, 403),
            (security, True, 201),
        ):
            answer = await self.ask(world, guardian["id"], headers, removes_factors=removes)
            assert answer.status_code == status, (headers, removes)

    async def test_nobody_for_themselves(self, world: World) -> None:
        pupil = await self.pupil(world)
        headers = world.as_role("administrator", world.school, pupil)
        assert (await self.ask(world, pupil, headers)).status_code == 403

    async def test_nobody_unknown(self, world: World) -> None:
        answer = await self.ask(world, str(uuid7()), world.admin(world.province))
        assert answer.status_code == 404

    async def test_the_link_lets_the_person_set_a_password(
        self, world: World, house: House
    ) -> None:
        pupil = await self.pupil(world)
        answer = await self.ask(world, pupil, world.admin(world.school))
        assert answer.status_code == 201, answer.text
        address = urlsplit(answer.json()["address"])
        browser = house.browser()
        await browser.open(f"{address.path}?{address.query}")
        answer = await browser.submit(ACTIVATE, password=NEW, again=NEW)
        assert answer.status_code == 303
        assert await house.owner.fetchval("SELECT state FROM people") == "ACTIVE"

    async def test_forgotten_passwords_are_replaced_and_second_factors_removed_if_asked(
        self, world: World, house: House
    ) -> None:
        browser, person_id = await house.signed_in()
        await set_up(house, browser)
        await house.owner.execute(
            "INSERT INTO memberships (id, person_id, organisation_id, kind, valid_from, version,"
            " created_at) VALUES (gen_random_uuid(), $1, $2, 'staff', '2026-01-01', 1, now())",
            person_id,
            world.school.id,
        )
        for removes, after in ((False, f"{LOGIN}/second-factor"), (True, ACCOUNT)):
            stolen = await house.allowed_offline(person_id)
            answer = await self.ask(
                world, str(person_id), world.admin(world.school), removes_factors=removes
            )
            [token] = parse_qs(urlsplit(answer.json()["address"]).query)["token"]
            helped = house.browser()
            await helped.open(f"{ACTIVATE}?token={token}")
            await helped.submit(ACTIVATE, password=NEW, again=NEW)
            assert not await browser.is_signed_in()
            assert await house.has_ended(stolen)
            assert (await helped.sign_in("zhangwei", NEW)).headers["location"] == after

    async def staff(self, world: World, house: House) -> tuple[Browser, str]:
        """Somebody of the school who signed in with a password alone."""
        browser, person_id = await house.signed_in()
        await house.owner.execute(
            "INSERT INTO memberships (id, person_id, organisation_id, kind, valid_from, version,"
            " created_at) VALUES (gen_random_uuid(), $1, $2, 'staff', '2026-01-01', 1, now())",
            person_id,
            world.school.id,
        )
        return browser, str(person_id)

    async def used(self, house: House, issued: httpx2.Response) -> int:
        assert issued.status_code == 201, issued.text
        [token] = parse_qs(urlsplit(issued.json()["address"]).query)["token"]
        browser = house.browser()
        await browser.open(f"{ACTIVATE}?token={token}")
        return (await browser.submit(ACTIVATE, password=NEW, again=NEW)).status_code

    async def linked(self, world: World, guardian: str, child: str) -> None:
        link = await world.client.post(
            "/identity/v1/guardianships",
            headers=world.admin(world.county),
            json={"guardian_id": guardian, "child_id": child, "relation": "mother"},
        )
        assert link.status_code == 201, link.text

    @pytest.mark.parametrize("removes", [False, True])
    async def test_no_school_takes_the_account_of_a_guardian_with_a_password_alone(
        self, world: World, house: House, removes: bool
    ) -> None:
        browser, guardian = await self.staff(world, house)
        await self.linked(world, guardian, await self.pupil(world))
        refused = await self.ask(
            world, guardian, world.admin(world.school), removes_factors=removes
        )
        assert refused.status_code == 403
        assert await browser.is_signed_in()
        security = world.security(world.school)
        issued = await self.ask(world, guardian, security, removes_factors=removes)
        assert await self.used(house, issued) == 303
        assert not await browser.is_signed_in()
        told = house.browser()
        await told.sign_in("zhangwei", NEW)
        assert "An administrator&#39;s link replaced it" in (await told.open(ACCOUNT)).text
        [entry] = await house.audited("invitation.used")
        assert json.loads(entry["facts"])["issued_by"]

    async def test_who_does_not_reach_the_children_does_not_invite_the_guardian(
        self, world: World
    ) -> None:
        guardian = await world.invite(world.school, kind="other")
        child = await world.invite(world.other_school)
        await self.linked(world, guardian["id"], str(child["id"]))
        for place, status in ((world.school, 403), (world.county, 201)):
            answer = await self.ask(world, guardian["id"], world.admin(place))
            assert answer.status_code == status

    async def test_a_guardian_who_belongs_nowhere_is_invited_where_the_child_belongs(
        self, world: World, house: House
    ) -> None:
        guardian = await world.invite(world.school, kind="other")
        await self.linked(world, guardian["id"], await self.pupil(world))
        await house.owner.execute("DELETE FROM memberships WHERE kind = 'other'")
        for place, status in ((world.other_school, 404), (world.school, 201)):
            answer = await self.ask(world, guardian["id"], world.admin(place))
            assert answer.status_code == status

    async def test_a_link_from_before_the_office_does_not_open_it(
        self, world: World, house: House
    ) -> None:
        _, person_id = await self.staff(world, house)
        issued = await self.ask(world, person_id, world.admin(world.school))
        granted = await world.grant({"id": person_id}, "auditor", world.school)
        assert granted.status_code == 201, granted.text
        assert await self.used(house, issued) == 410

    async def test_a_link_from_before_the_person_was_a_guardian_does_not_open_that(
        self, world: World, house: House
    ) -> None:
        _, person_id = await self.staff(world, house)
        issued = await self.ask(world, person_id, world.admin(world.school))
        await self.linked(world, person_id, await self.pupil(world))
        assert await self.used(house, issued) == 410

    @pytest.mark.parametrize(
        ("office", "keeper"),
        [
            ("administrator", "administrator"),
            ("security_administrator", "security_administrator"),
            ("auditor", "auditor"),
            ("reviewer", "security_administrator"),
        ],
    )
    async def test_the_letter_of_a_new_account_does_not_open_an_office_given_since(
        self, world: World, house: House, office: str, keeper: str
    ) -> None:
        person = await world.invite(world.school, kind="staff")
        assert (await world.grant(person, office, world.school)).status_code == 201
        browser = house.browser()
        await browser.open(f"{ACTIVATE}?token={person['invitation']}")
        answer = await browser.submit(ACTIVATE, password=NEW, again=NEW)
        assert answer.status_code == 410
        issued = await self.ask(world, person["id"], world.as_role(keeper, world.county))
        assert await self.used(house, issued) == 303
