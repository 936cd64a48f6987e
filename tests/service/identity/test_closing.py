"""What ends with an organisation that is closed, beside its place in the tree."""

import asyncio
from dataclasses import dataclass
from datetime import date
from uuid import UUID

import asyncpg
import httpx2
import pytest
from fastapi import FastAPI

from services.identity.domain.organisations import Kind
from shared.ids import uuid7
from tests.service.house import Token
from tests.service.identity.people import SCOPES, Place, add_place

V1 = "/identity/v1"


@dataclass
class Closing:
    """A school with a class, to be closed by its province."""

    client: httpx2.AsyncClient
    owner: asyncpg.Connection
    token: Token
    province: Place
    school: Place
    room: Place

    async def close(self, *also: str) -> httpx2.Response:
        """By an administrator of the province with these grants beside."""
        grants = (f"administrator@{self.province.path}", *also)
        return await self.client.post(
            f"{V1}/organisations/{self.school.ref}/close",
            headers={**self.token(str(uuid7()), SCOPES, grants), "if-match": '"v1"'},
            json={"below": True},
        )

    def holder(self, role: str, at: Place, person: UUID | None = None) -> dict[str, str]:
        return self.token(str(person or uuid7()), SCOPES, (f"{role}@{at.path}",))

    async def person(self) -> UUID:
        person: UUID = await self.owner.fetchval(
            "INSERT INTO people (id, code, state, version, created_at, updated_at)"
            " VALUES ($1, $2, 'ACTIVE', 1, now(), now()) RETURNING id",
            *(uuid7(), str(uuid7())),
        )
        return person

    async def holding(self, role: str, at: Place, until: str = "NULL") -> UUID:
        """Somebody who holds a role there and belongs nowhere."""
        person = await self.person()
        await self.owner.execute(
            "INSERT INTO role_grants (id, person_id, role, organisation_id, valid_from,"  # noqa: S608 - constant
            f" valid_until, granted_by, created_at) VALUES ($1, $2, $3, $4, '2026-01-01', {until},"
            " 'somebody', now())",
            *(uuid7(), person, role, at.id),
        )
        return person

    async def belonging(self, valid_from: date, valid_until: date) -> None:
        """Somebody who belongs to the school between those days."""
        await self.owner.execute(
            "INSERT INTO memberships (id, person_id, organisation_id, kind, valid_from,"
            " valid_until, version, created_at) VALUES ($1, $2, $3, 'student', $4, $5, 1, now())",
            *(uuid7(), await self.person(), self.school.id, valid_from, valid_until),
        )

    async def application(self, state: str, at: Place) -> UUID:
        client: UUID = await self.owner.fetchval(
            "INSERT INTO clients (id, organisation_id, name, purpose, application_type,"
            " auth_method, redirect_uris, post_logout_redirect_uris, scopes, grant_types,"
            " pkce_required, trusted, quota_class, state, requested_by, version, created_at,"
            " updated_at) VALUES ($1, $2, '听书', '朗读课文', 'web', 'client_secret_basic', '{}',"
            " '{}', '{}', '{client_credentials}', true, false, 'trial', $3, 'somebody', 1, now(),"
            " now()) RETURNING id",
            *(uuid7(), at.id, state),
        )
        return client

    async def revoked(self) -> set[tuple[str, str]]:
        rows = await self.owner.fetch("SELECT kind, value FROM revocations")
        return {(row["kind"], row["value"]) for row in rows}

    async def events(self) -> list[str]:
        rows = await self.owner.fetch("SELECT type FROM outbox ORDER BY id")
        return [row["type"] for row in rows]


@pytest.fixture
async def closing(
    app: FastAPI, client: httpx2.AsyncClient, owner: asyncpg.Connection, token: Token
) -> Closing:
    province = await add_place(owner, Kind.PROVINCE, "陕西省", None)
    school = await add_place(owner, Kind.SCHOOL, "第一小学", province)
    room = await add_place(owner, Kind.CLASS, "一班", school)
    return Closing(client, owner, token, province, school, room)


async def test_roles_held_there_end_with_the_tokens_that_carry_them(closing: Closing) -> None:
    guardian = await closing.holding("guardian", closing.room)
    reviewer = await closing.holding("reviewer", closing.school)
    elsewhere = await closing.holding("reviewer", closing.province)
    over = await closing.holding("teacher", closing.school, "'2026-02-01'")
    assert (await closing.close()).status_code == 200
    rows = await closing.owner.fetch("SELECT person_id FROM role_grants WHERE valid_until IS NULL")
    assert [row["person_id"] for row in rows] == [elsewhere]
    assert await closing.revoked() == {("person", str(each)) for each in (guardian, reviewer)}
    assert over not in {UUID(value) for _, value in await closing.revoked()}
    assert (await closing.events()).count("identity.role.revoked.v1") == 2


@pytest.mark.parametrize("office", ["auditor", "security_administrator"])
async def test_closing_puts_no_office_out_that_its_caller_could_not(
    closing: Closing, office: str
) -> None:
    await closing.holding(office, closing.school)
    await closing.holding("administrator", closing.school)
    refused = await closing.close()
    assert refused.status_code == 409
    assert refused.json()["type"].endswith("organisation-still-in-use")
    assert refused.json()["offices"] == 1
    open_ = "SELECT count(*) FROM role_grants WHERE valid_until IS NULL"
    assert await closing.owner.fetchval(open_) == 2
    assert await closing.revoked() == set()
    beside = f"security_administrator@{closing.school.path}"
    assert (await closing.close(beside)).status_code == 200
    assert await closing.owner.fetchval(open_) == 0


async def test_offices_that_are_over_keep_nothing_open(closing: Closing) -> None:
    await closing.holding("auditor", closing.school, "'2026-02-01'")
    await closing.holding("security_administrator", closing.school, "'2026-01-01'")
    assert (await closing.close()).status_code == 200


async def test_a_membership_cancelled_before_it_began_keeps_nothing_open(closing: Closing) -> None:
    day = date(2099, 3, 1)
    await closing.belonging(day, day)
    assert (await closing.close()).status_code == 200


async def test_a_membership_to_come_keeps_the_organisation_open(closing: Closing) -> None:
    await closing.belonging(date(2099, 3, 1), date(2100, 3, 1))
    refused = await closing.close()
    assert (refused.status_code, refused.json()["members"]) == (409, 1)


async def test_its_applications_are_retired_with_their_tokens(closing: Closing) -> None:
    approved = await closing.application("APPROVED", closing.school)
    asked_for = await closing.application("REQUESTED", closing.room)
    rejected = await closing.application("REJECTED", closing.school)
    elsewhere = await closing.application("APPROVED", closing.province)
    assert (await closing.close()).status_code == 200
    rows = await closing.owner.fetch("SELECT id, state FROM clients")
    assert {row["id"]: row["state"] for row in rows} == {
        approved: "RETIRED",
        asked_for: "RETIRED",
        rejected: "REJECTED",
        elsewhere: "APPROVED",
    }
    assert await closing.revoked() == {("client", str(approved))}
    audited = await closing.owner.fetch("SELECT target FROM audit WHERE action = 'client.retire'")
    assert {row["target"] for row in audited} == {str(approved), str(asked_for)}


async def test_many_roles_end_in_time_for_their_tokens(closing: Closing) -> None:
    await closing.owner.execute(
        "WITH crowd AS (INSERT INTO people (id, code, state, version, created_at, updated_at)"
        " SELECT gen_random_uuid(), 'crowd-' || n, 'ACTIVE', 1, now(), now()"
        " FROM generate_series(1, 3000) n RETURNING id)"
        " INSERT INTO role_grants (id, person_id, role, organisation_id, valid_from, granted_by,"
        " created_at) SELECT gen_random_uuid(), id, 'guardian', $1, now(), 'somebody', now()"
        " FROM crowd",
        closing.school.id,
    )
    answer = await closing.close()
    assert answer.status_code == 200, answer.text
    assert len(await closing.revoked()) == 3000


async def test_nothing_begins_there_while_it_is_closed(closing: Closing) -> None:
    person = await closing.holding("teacher", closing.school)
    given = {"person_id": str(person), "role": "reviewer", "organisation_id": closing.school.ref}
    asked = {
        "organisation_id": closing.school.ref,
        "name": "听书",
        "purpose": "朗读课文",
        "application_type": "web",
        "auth_method": "client_secret_basic",
        "scopes": [],
        "grant_types": ["client_credentials"],
    }
    security = closing.holder("security_administrator", closing.province)
    admin = closing.holder("administrator", closing.province)
    await asyncio.gather(
        closing.close(),
        closing.client.post(f"{V1}/role-grants", headers=security, json=given),
        closing.client.post(f"{V1}/clients", headers=admin, json=asked),
    )
    open_ = "SELECT count(*) FROM role_grants WHERE valid_until IS NULL"
    live = "SELECT count(*) FROM clients WHERE state <> 'RETIRED'"
    assert [await closing.owner.fetchval(each) for each in (open_, live)] == [0, 0]
    refused = await closing.client.post(f"{V1}/clients", headers=admin, json=asked)
    assert refused.status_code == 409
