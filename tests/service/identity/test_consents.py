from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import httpx2
import pytest
from fastapi import FastAPI

from services.identity.application.consents import Consents
from services.identity.settings import Settings
from shared.ids import uuid7
from tests.service.house import Token
from tests.service.identity.people import V1, World, build_people, make_world, problem

PURPOSES = f"{V1}/consent-purposes"
EVERYTHING = frozenset({"openid", "profile", "learning.read", "learning.write", "catalog.write"})


@pytest.fixture
def build() -> Callable[[Settings], FastAPI]:
    return build_people


@pytest.fixture
async def world(
    app: FastAPI, client: httpx2.AsyncClient, owner: asyncpg.Connection, token: Token
) -> AsyncIterator[World]:
    world = await make_world(app, client, owner, token)
    runtime, part = app.state.runtime, app.state.part
    await Consents(runtime.new_uow, part.stores, runtime.clock, 14, world.seams).settle()
    yield world
    app.state.runtime.reader.close()


@pytest.fixture
async def child(world: World) -> dict[str, Any]:
    return await world.active(world.room, "张小伟", birth_date="2016-09-01")


@pytest.fixture
async def mother(world: World, child: dict[str, Any]) -> dict[str, Any]:
    return await guardian(world, child, "李梅")


async def guardian(world: World, child: dict[str, Any], name: str, **fields: Any) -> dict[str, Any]:
    """A verified one."""
    found = await world.active(world.school, name, kind="other", birth_date="1985-05-05")
    body = {"guardian_id": found["id"], "child_id": child["id"], "relation": "other", **fields}
    answer = await world.client.post(
        f"{V1}/guardianships", headers=world.admin(world.school), json=body
    )
    assert answer.status_code == 201, answer.text
    found["guardianship"] = answer.json()
    return found


async def consent(
    world: World,
    by: dict[str, Any],
    child: dict[str, Any],
    purpose: str = "homework",
    version: int = 1,
) -> httpx2.Response:
    return await world.client.post(
        f"{V1}/people/{child['id']}/consents",
        headers=world.person(by),
        json={"purpose": purpose, "version": version},
    )


async def withdraw(world: World, by: dict[str, Any], consent_id: str) -> httpx2.Response:
    return await world.client.post(f"{V1}/consents/{consent_id}/withdraw", headers=world.person(by))


async def scopes(world: World, child: dict[str, Any]) -> set[str]:
    return set(
        await world.part.directory.allowed_scopes(child["id"], EVERYTHING, third_party=False)
    )


async def holds_until(world: World, person: dict[str, Any]) -> datetime | None:
    return await world.part.directory.holds_until(UUID(person["id"]), world.clock())


async def publish(world: World, **fields: Any) -> httpx2.Response:
    return await world.client.post(
        PURPOSES,
        headers=world.security(world.province),
        json={
            "purpose": "homework",
            "title_zh": "提交作业",
            "title_en": "Homework",
            "text_zh": "新的说明。",
            "text_en": "A new text.",
            "scopes": ["learning.read"],
            **fields,
        },
    )


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/people/{id}/consents"),
        ("POST", "/people/{id}/consents"),
        ("POST", "/consents/{id}/withdraw"),
        ("POST", "/consent-purposes"),
    ],
)
async def test_nobody_anonymous(client: httpx2.AsyncClient, method: str, path: str) -> None:
    answer = await client.request(method, V1 + path.format(id=uuid7()))
    assert answer.status_code == 401


async def test_somebody_elses_child_is_unknown(
    world: World, mother: dict[str, Any], child: dict[str, Any]
) -> None:
    given = (await consent(world, mother, child)).json()
    stranger = await world.active(world.school, kind="other", birth_date="1985-05-05")
    assert (await consent(world, stranger, child)).status_code == 404
    assert (await withdraw(world, stranger, given["id"])).status_code == 404
    for headers in (world.person(stranger), world.admin(world.other_school)):
        answer = await world.client.get(f"{V1}/people/{child['id']}/consents", headers=headers)
        assert answer.status_code == 404


async def test_a_minor_without_consent_gets_openid_alone(
    world: World, child: dict[str, Any]
) -> None:
    assert await scopes(world, child) == {"openid"}


async def test_consent_opens_its_scopes_and_withdrawal_closes_them_at_once(
    world: World, mother: dict[str, Any], child: dict[str, Any]
) -> None:
    given = await consent(world, mother, child)
    assert given.status_code == 201
    assert await scopes(world, child) == {"openid", "learning.read", "learning.write"}
    assert world.seams.revoked == []
    withdrawn = await withdraw(world, mother, given.json()["id"])
    assert withdrawn.json()["withdrawn_at"] == "2026-09-01T00:00:00Z"
    assert await scopes(world, child) == {"openid"}
    assert world.seams.revoked == [("consent", child["id"])]
    assert [e for e in await world.events() if e.startswith("consent")] == [
        "consent.given",
        "consent.withdrawn",
    ]
    (kept,) = (
        await world.client.get(f"{V1}/people/{child['id']}/consents", headers=world.person(mother))
    ).json()["items"]
    assert kept["withdrawn_at"] is not None
    again = await withdraw(world, mother, given.json()["id"])
    assert problem(again) == (409, "consent-over")


async def test_another_guardian_may_withdraw(
    world: World, mother: dict[str, Any], child: dict[str, Any]
) -> None:
    given = (await consent(world, mother, child)).json()
    grandmother = await guardian(world, child, "王芳")
    assert (await withdraw(world, grandmother, given["id"])).status_code == 200
    assert await scopes(world, child) == {"openid"}


async def test_the_consent_of_one_guardian_is_enough(
    world: World, mother: dict[str, Any], child: dict[str, Any]
) -> None:
    grandmother = await guardian(world, child, "王芳")
    given = (await consent(world, mother, child)).json()
    await consent(world, grandmother, child)
    await withdraw(world, mother, given["id"])
    assert "learning.write" in await scopes(world, child)


async def test_a_restricted_guardian_neither_consents_nor_withdraws(
    world: World, mother: dict[str, Any], child: dict[str, Any]
) -> None:
    given = (await consent(world, mother, child)).json()
    father = await guardian(world, child, "张强", restricted=True)
    assert problem(await consent(world, father, child)) == (403, "not-guardian")
    assert (await withdraw(world, father, given["id"])).status_code == 404


@pytest.mark.parametrize("how", ["restricted", "ended"])
async def test_what_a_guardian_consented_to_falls_with_the_link(
    world: World, mother: dict[str, Any], child: dict[str, Any], how: str
) -> None:
    await consent(world, mother, child)
    url = f"{V1}/guardianships/{mother['guardianship']['id']}"
    headers = {**world.admin(world.school), "if-match": '"v1"'}
    if how == "restricted":
        answer = await world.client.patch(url, headers=headers, json={"restricted": True})
    else:
        answer = await world.client.delete(url, headers=headers)
    assert answer.is_success
    assert await scopes(world, child) == {"openid"}
    assert world.seams.revoked == [("consent", child["id"])]
    link = "verified" if how == "restricted" else "ended"
    assert (await world.events())[-2:] == ["consent.withdrawn", f"guardianship.{link}"]


async def test_a_version_that_there_is_not_is_called_no_newer_one(
    world: World, mother: dict[str, Any], child: dict[str, Any]
) -> None:
    answer = await consent(world, mother, child, version=99)
    assert problem(answer) == (409, "purpose-outdated")
    assert "已有新版本" not in answer.text
    assert "请阅读第 1 版说明后再同意" in answer.text


async def test_a_later_version_asks_anew_when_it_takes_effect(
    world: World, mother: dict[str, Any], child: dict[str, Any]
) -> None:
    await consent(world, mother, child)
    later = world.clock() + timedelta(days=7)
    published = await publish(world, effective_at=later.isoformat())
    assert published.json()["version"] == 2
    assert problem(await consent(world, mother, child, version=2)) == (409, "purpose-outdated")
    assert "learning.write" in await scopes(world, child)
    assert await holds_until(world, child) == later
    assert await holds_until(world, mother) is None
    world.clock.set(later)
    assert await scopes(world, child) == {"openid"}
    outdated = await consent(world, mother, child)
    assert problem(outdated) == (409, "purpose-outdated")
    assert outdated.json()["version"] == 2
    assert (await consent(world, mother, child, version=2)).status_code == 201
    assert await scopes(world, child) == {"openid", "learning.read"}


async def test_a_version_in_force_now_cuts_what_was_issued_under_the_one_before(
    world: World, mother: dict[str, Any], child: dict[str, Any]
) -> None:
    await consent(world, mother, child)
    await publish(world, purpose="learning-space")
    assert (await publish(world)).status_code == 201
    assert world.seams.revoked == [("consent", child["id"])]
    assert await scopes(world, child) == {"openid"}


async def test_the_same_version_is_consented_to_once(
    world: World, mother: dict[str, Any], child: dict[str, Any]
) -> None:
    await consent(world, mother, child)
    assert problem(await consent(world, mother, child)) == (409, "consent-given")


async def test_an_unknown_purpose_is_refused(
    world: World, mother: dict[str, Any], child: dict[str, Any]
) -> None:
    answer = await consent(world, mother, child, "selling-data")
    assert problem(answer) == (422, "purpose-unknown")


async def test_nothing_is_gated_from_the_fourteenth_birthday_on(
    world: World, child: dict[str, Any]
) -> None:
    world.clock.set(world.clock().replace(year=2030, month=8, day=31, hour=15))
    assert await scopes(world, child) == {"openid"}
    world.clock.set(world.clock().replace(hour=16))
    assert await scopes(world, child) == EVERYTHING


async def test_a_pupil_of_unknown_age_is_gated_and_staff_is_not(world: World) -> None:
    pupil = await world.active(world.room)
    teacher = await world.active(world.room, kind="staff")
    assert await scopes(world, pupil) == {"openid"}
    assert await scopes(world, teacher) == EVERYTHING


async def test_a_corrected_birth_date_cuts_what_was_issued_before(world: World) -> None:
    pupil = await world.active(world.room, birth_date="2010-09-01")
    answer = await world.client.patch(
        f"{V1}/people/{pupil['id']}",
        headers={**world.admin(world.school), "if-match": f'"v{pupil["version"]}"'},
        json={"birth_date": "2016-09-01"},
    )
    assert answer.json()["minor"] is True
    assert world.seams.revoked == [("consent", pupil["id"])]


async def test_consents_stay_as_evidence_when_the_child_is_erased(
    world: World, mother: dict[str, Any], child: dict[str, Any]
) -> None:
    await consent(world, mother, child)
    left = (await world.act(child, "leave")).json()
    assert (await world.act(left, "erase")).status_code == 200
    row = await world.owner.fetchrow("SELECT * FROM consents")
    assert row is not None
    assert (str(row["child_id"]), row["withdrawn_at"]) == (child["id"], world.clock())
    link = await world.owner.fetchrow("SELECT * FROM guardianships")
    assert link is not None
    assert link["state"] == "ENDED"


class TestPurposes:
    async def test_anybody_reads_them_in_both_languages(self, world: World) -> None:
        found = (await world.client.get(PURPOSES)).json()["items"]
        assert {each["purpose"] for each in found} == {
            "learning-space",
            "homework",
            "publish-works",
            "third-party-application",
            "analytics",
        }
        assert all(each["current"] and each["title_zh"] and each["text_en"] for each in found)

    async def test_what_a_province_published_survives_the_next_start(self, world: World) -> None:
        await publish(world)
        runtime, part = world.app.state.runtime, world.part
        await Consents(runtime.new_uow, part.stores, runtime.clock, 14, world.seams).settle()
        found = (await world.client.get(PURPOSES)).json()["items"]
        versions = [(e["version"], e["current"]) for e in found if e["purpose"] == "homework"]
        assert versions == [(1, False), (2, True)]

    async def test_a_planned_version_is_overtaken_by_none_that_does_not_say_so(
        self, world: World
    ) -> None:
        def after(days: int) -> str:
            return (world.clock() + timedelta(days=days)).isoformat()

        assert (await publish(world, effective_at=after(30))).json()["version"] == 2
        for sooner in ({}, {"effective_at": after(7)}, {"effective_at": after(30)}):
            refused = await publish(world, **sooner)
            assert problem(refused) == (409, "purpose-planned")
            assert refused.json()["versions"] == [2]
        assert (await publish(world, effective_at=after(60))).json()["version"] == 3
        urgent = await publish(world, effective_at=after(7), overtakes_planned=True)
        assert urgent.json()["version"] == 4
        assert (await publish(world, effective_at=after(8))).json()["version"] == 5
        world.clock.set(world.clock() + timedelta(days=90))
        found = (await world.client.get(PURPOSES)).json()["items"]
        assert [e["version"] for e in found if e["purpose"] == "homework" and e["current"]] == [5]

    async def test_only_the_provinces_security_administrator_publishes(self, world: World) -> None:
        body = {
            "purpose": "trips",
            "title_zh": "出游",
            "title_en": "Trips",
            "text_zh": "…",
            "text_en": "…",
            "scopes": [],
        }
        for headers in (world.security(world.county), world.admin(world.province)):
            answer = await world.client.post(PURPOSES, headers=headers, json=body)
            assert answer.status_code == 403
        assert (await publish(world, purpose="trips")).json()["version"] == 1

    async def test_no_purpose_opens_what_consent_does_not_gate(self, world: World) -> None:
        answer = await publish(world, scopes=["learning.read", "integrate", "identity.audit"])
        assert answer.status_code == 422
        pointers = [each["pointer"] for each in answer.json()["errors"]]
        assert pointers == ["#/scopes/1", "#/scopes/2"]
