from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
import httpx2
import pytest
from fastapi import FastAPI

from services.identity.domain.guardians import GATED_SCOPES
from services.identity.domain.people import PersonDisabled
from services.identity.settings import Settings
from shared.ids import uuid7
from tests.service.house import Token
from tests.service.identity.people import V1, World, build_people, crowd, make_world

PUPIL_ID_NUMBER = "110105201406010019"


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
def asked(world: World, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, tuple[Any, ...]]]:
    """The statements that the reader has sent, with their parameters."""
    sent: list[tuple[str, tuple[Any, ...]]] = []
    reader = world.app.state.runtime.reader
    fetchrow = reader.fetchrow

    async def noting(statement: str, *parameters: Any) -> Any:
        sent.append((statement, parameters))
        return await fetchrow(statement, *parameters)

    monkeypatch.setattr(reader, "fetchrow", noting)
    return sent


@pytest.mark.parametrize(
    "login",
    ["Zhang.Wei", "138 0000 8000", "zhang@example.cn", f"g{PUPIL_ID_NUMBER}", "t-1001"],
)
async def test_every_identifier_that_signs_in_finds_the_account_in_one_statement(
    world: World, asked: list[tuple[str, tuple[Any, ...]]], login: str
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
    assert str(await world.known_by(login)) == pupil["id"]
    assert len(asked) == 1


async def test_an_account_tells_what_signing_in_asks(world: World) -> None:
    number = [{"kind": "student_number", "value": f"G{PUPIL_ID_NUMBER}"}]
    pupil = await world.active(world.school, identifiers=number)
    account = await world.part.directory.account(UUID(pupil["id"]))
    assert account is not None
    assert (account.state, account.is_minor, account.locale) == ("ACTIVE", True, "zh-CN")


async def test_an_id_number_and_an_unverified_address_sign_nobody_in(world: World) -> None:
    await world.active(
        world.school,
        identifiers=[
            {"kind": "email", "value": "zhang@example.cn"},
            {"kind": "id_number", "value": PUPIL_ID_NUMBER},
        ],
    )
    for login in ("zhang@example.cn", PUPIL_ID_NUMBER, "nobody"):
        assert await world.known_by(login) is None


async def test_among_thousands_signing_in_looks_up_an_index(
    world: World, asked: list[tuple[str, tuple[Any, ...]]]
) -> None:
    await crowd(world.owner, world.room, 5000)
    assert await world.known_by("zhangwei") is None
    ((statement, parameters),) = asked
    plan = await world.owner.fetch(f"EXPLAIN {statement}", *parameters)
    told = "\n".join(row[0] for row in plan)
    assert "uq_identifiers_kind" in told
    assert "Seq Scan on identifiers" not in told
    assert "Seq Scan on people" not in told


async def test_claims_are_those_of_the_scopes(world: World) -> None:
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
    assert await directory.userinfo(person["id"], frozenset({"openid"})) == {"sub": person["id"]}
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


async def test_nothing_is_told_of_an_account_that_is_not_active(world: World) -> None:
    pupil = await world.active(world.school)
    await world.act(pupil, "suspend")
    directory = world.part.directory
    for asked in (
        directory.userinfo(pupil["id"], frozenset({"profile"})),
        directory.grants(pupil["id"]),
        directory.allowed_scopes(pupil["id"], frozenset({"openid"}), third_party=False),
        directory.grants(uuid7()),
    ):
        with pytest.raises(PersonDisabled):
            await asked
    account = await directory.account(pupil["id"])
    assert account is not None
    assert account.state == "SUSPENDED"
    assert await directory.account(uuid7()) is None


async def test_what_a_token_says_holds_until_the_first_role_in_it_ends(world: World) -> None:
    teacher = await world.active(world.school, kind="staff")
    person_id, now = UUID(teacher["id"]), world.clock()
    soon, later = now + timedelta(minutes=5), now + timedelta(days=1)
    assert await world.part.directory.holds_until(person_id, now) is None
    for role, ends in (("teacher", later), ("reviewer", soon)):
        granted = await world.grant(teacher, role, world.school, valid_until=ends.isoformat())
        assert granted.status_code == 201, granted.text
    assert await world.part.directory.holds_until(person_id, now) == soon
    assert await world.part.directory.holds_until(person_id, soon) == later
    assert await world.part.directory.holds_until(person_id, later) is None


async def test_who_is_to_be_enrolled_and_of_unknown_age_is_a_minor_already(world: World) -> None:
    place = {"organisation_id": world.school.ref, "kind": "student", "valid_from": "2027-09-01"}
    pupil = await world.active(world.school, membership=place, roles=["student"])
    assert pupil["minor"] is True
    account = await world.part.directory.account(UUID(pupil["id"]))
    assert account is not None
    assert account.is_minor
    assert not await world.part.directory.allowed_scopes(
        UUID(pupil["id"]), GATED_SCOPES, third_party=False
    )
    [future] = pupil["memberships"]
    cancelled = await world.client.delete(
        f"{V1}/memberships/{future['id']}",
        headers={**world.admin(world.school), "if-match": '"v1"'},
    )
    assert cancelled.status_code == 204
    assert (await world.read(pupil["id"]))["minor"] is False
    allowed = await world.part.directory.allowed_scopes(
        UUID(pupil["id"]), GATED_SCOPES, third_party=False
    )
    assert allowed == GATED_SCOPES


async def test_an_enrolment_to_come_gates_tokens_at_once(world: World) -> None:
    person = await world.active(world.school, kind="staff")
    enrolled = await world.client.post(
        f"{V1}/people/{person['id']}/memberships",
        headers=world.admin(world.school),
        json={"organisation_id": world.school.ref, "kind": "student", "valid_from": "2026-09-02"},
    )
    assert enrolled.status_code == 201, enrolled.text
    assert world.seams.revoked == [("consent", person["id"])]
    assert not await world.part.directory.allowed_scopes(
        UUID(person["id"]), GATED_SCOPES, third_party=False
    )
