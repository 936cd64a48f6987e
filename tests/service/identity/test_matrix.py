"""Every guarded operation × every role × every place: nobody reaches what is not theirs.

Each operation gets a target that exists, at a school, and a request that would succeed in the right
hands. Public operations admit everybody and are not asked; the protocols beside the API have tests
of their own.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx2
import pytest
from fastapi import FastAPI

from services.identity.adapters.imports import ImportRepository
from services.identity.domain.imports import Format, Import, State
from services.identity.settings import Settings
from shared.access import Role
from shared.contract import openapi_document
from shared.encryption import KeyRing
from shared.ids import uuid7
from shared.testing.matrix import Place as Where
from shared.testing.matrix import cells, operations
from tests.conftest import Stack
from tests.service.house import MASTER_KEY, Token, own_bucket, own_database
from tests.service.identity.people import V1, Place, World, make_world


@dataclass(frozen=True)
class Target:
    """A request's path behind its version, its body, and the organisation that it is about: the
    first school unless given."""

    path: str
    body: Any = None
    here: Place | None = None


ON_NO_ORGANISATION = {
    "upload_roster": "the address is the caller's own; the import names the organisation",
    "roster_template": "the empty template tells of nobody",
    "find_duplicates": "numbers are compared everywhere, people told within reach",
    "list_clients": "the list is limited to the caller's organisations",
}

EXCEPTIONS: Mapping[tuple[str, Role, Where], str] = {
    ("issue_invitation", role, "here"): "ordinary accounts are an administrator's to help"
    for role in (Role.SECURITY_ADMINISTRATOR, Role.AUDITOR)
}
"""Cells that answer otherwise than their operation's rule says, each with the reason."""


@pytest.fixture
async def settings(stack: Stack, owner: asyncpg.Connection) -> Settings:
    return Settings.model_validate(
        {
            **(await own_database(stack, "identity", owner)),
            **own_bucket(stack, "identity"),
        }
    )


@pytest.fixture
async def world(
    app: FastAPI, client: httpx2.AsyncClient, owner: asyncpg.Connection, token: Token
) -> World:
    world = await make_world(app, client, owner, token)
    await made(world, world.security(world.province), "/consent-purposes", PURPOSE)
    return world


PURPOSE = {
    "purpose": "learning-space",
    "title_zh": "学习空间",
    "title_en": "Learning space",
    "text_zh": "平台记录孩子的学习进度。",
    "text_en": "The platform records the child's progress.",
    "scopes": ["profile"],
}
CLIENT = {
    "name": "听书",
    "purpose": "朗读课文",
    "auth_method": "client_secret_basic",
    "scopes": ["catalog.read"],
    "grant_types": ["client_credentials"],
}
DESCRIPTION = {"name": "听书", "purpose": "朗读课文"}
TERMS = {"scopes": ["catalog.read"], "grant_types": ["client_credentials"]}
DUPLICATE = {"name": "张伟", "birth_date": "2017-05-01"}


async def made(world: World, headers: dict[str, str], path: str, body: Any = None) -> Any:
    answer = await world.client.post(f"{V1}{path}", headers=headers, json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()


def joining(place: Place) -> dict[str, str]:
    return {"organisation_id": place.ref, "kind": "student"}


async def pupil(world: World) -> dict[str, Any]:
    return await world.invite(world.school, birth_date="2017-05-01")


async def grade(world: World) -> dict[str, Any]:
    body = {"parent": world.school.ref, "kind": "grade", "name": f"年级 {uuid7()}"}
    created: dict[str, Any] = await made(world, world.admin(world.school), "/organisations", body)
    return created


async def link(world: World) -> dict[str, Any]:
    """A verified guardianship at the school."""
    child, guardian = await pupil(world), await world.invite(world.school, kind="other")
    body = {"guardian_id": guardian["id"], "child_id": child["id"], "relation": "mother"}
    found: dict[str, Any] = await made(world, world.admin(world.school), "/guardianships", body)
    return found


async def application(world: World) -> str:
    body = {**CLIENT, "organisation_id": world.school.ref}
    return str((await made(world, world.admin(world.school), "/clients", body))["id"])


async def started_import(world: World) -> UUID:
    now = datetime.now(UTC)
    import_ = Import(
        id=uuid7(),
        organisation_id=world.school.id,
        path=world.school.path,
        format=Format.CSV,
        dry_run=True,
        state=State.COMPARED,
        object_key="rosters/tests",
        requested_by=str(uuid4()),
        client=None,
        request_id="-",
        lines=0,
        position=0,
        attempts=0,
        failure=None,
        version=1,
        created_at=now,
        updated_at=now,
    )
    async with world.app.state.runtime.new_uow() as uow:
        await ImportRepository(uow.connection, KeyRing.parse(MASTER_KEY)).add(import_)
        await uow.commit()
    return import_.id


Make = Callable[[World], Awaitable[Target]]


def at(path: str, body: Any = None) -> Make:
    """A target that is there from the start; `{school}` stands for the school's id."""

    async def make(world: World) -> Target:
        return Target(path.replace("{school}", world.school.ref), body)

    return make


def person(rest: str = "", body: Any = None) -> Make:
    async def make(world: World) -> Target:
        return Target(f"/people/{(await pupil(world))['id']}{rest}", body)

    return make


def guardianship(rest: str = "", body: Any = None) -> Make:
    async def make(world: World) -> Target:
        return Target(f"/guardianships/{(await link(world))['id']}{rest}", body)

    return make


def organisation(rest: str = "", body: Any = None) -> Make:
    async def make(world: World) -> Target:
        return Target(f"/organisations/{(await grade(world))['id']}{rest}", body)

    return make


def client_(rest: str = "", body: Any = None) -> Make:
    async def make(world: World) -> Target:
        return Target(f"/clients/{await application(world)}{rest}", body)

    return make


def imported(rest: str = "") -> Make:
    async def make(world: World) -> Target:
        return Target(f"/imports/{await started_import(world)}{rest}")

    return make


async def create_organisation(world: World) -> Target:
    body = {"parent": world.school.ref, "kind": "grade", "name": "五年级"}
    return Target("/organisations", body)


async def move_organisation(world: World) -> Target:
    room = {"parent": (await grade(world))["id"], "kind": "class", "name": "一班"}
    moved = await made(world, world.admin(world.school), "/organisations", room)
    return Target(f"/organisations/{moved['id']}/move", {"parent": (await grade(world))["id"]})


async def invite_person(world: World) -> Target:
    return Target("/people", {"name": "李娜", "membership": joining(world.school)})


async def list_people(world: World) -> Target:
    return Target(f"/people?organisation={world.room.ref}", here=world.room)


async def start_membership(world: World) -> Target:
    return Target(f"/people/{(await pupil(world))['id']}/memberships", joining(world.room))


async def transfer_person(world: World) -> Target:
    moving = await pupil(world)
    [membership] = moving["memberships"]
    body = {"membership_id": membership["id"], "organisation_id": world.room.ref}
    return Target(f"/people/{moving['id']}/transfer", body)


def membership(body: Any = None) -> Make:
    async def make(world: World) -> Target:
        [held] = (await pupil(world))["memberships"]
        return Target(f"/memberships/{held['id']}", body)

    return make


async def list_role_grants(world: World) -> Target:
    return Target(f"/role-grants?organisation={world.school.ref}")


async def grant_role(world: World) -> Target:
    holder = (await pupil(world))["id"]
    body = {"person_id": holder, "role": "student", "organisation_id": world.school.ref}
    return Target("/role-grants", body)


async def revoke_role(world: World) -> Target:
    body = (await grant_role(world)).body
    given = await made(world, world.admin(world.school), "/role-grants", body)
    return Target(f"/role-grants/{given['id']}")


async def list_guardianships(world: World) -> Target:
    return Target(f"/guardianships?child={(await link(world))['child_id']}")


async def create_guardianship(world: World) -> Target:
    child, guardian = await pupil(world), await world.invite(world.school, kind="other")
    body = {"guardian_id": guardian["id"], "child_id": child["id"], "relation": "father"}
    return Target("/guardianships", body)


async def claim_guardianship(world: World) -> Target:
    identifier = {"kind": "phone", "value": "13800000000"}
    body = {"child_code": (await pupil(world))["code"], "identifier": identifier}
    return Target("/guardianships/claims", {**body, "relation": "mother"})


async def withdraw_consent(world: World) -> Target:
    family = await link(world)
    guardian = world.person({"id": family["guardian_id"]})
    body = {"purpose": "learning-space", "version": 1}
    given = await made(world, guardian, f"/people/{family['child_id']}/consents", body)
    return Target(f"/consents/{given['id']}/withdraw")


async def publish_consent_purpose(world: World) -> Target:
    return Target("/consent-purposes", PURPOSE, here=world.province)


async def request_client(world: World) -> Target:
    return Target("/clients", {**CLIENT, "organisation_id": world.school.ref})


async def end_client_secret(world: World) -> Target:
    id_ = await application(world)
    secret = await made(world, world.admin(world.school), f"/clients/{id_}/secrets", {})
    return Target(f"/clients/{id_}/secrets/{secret['id']}")


async def start_import(world: World) -> Target:
    body = {"organisation": world.school.ref, "format": "csv", "upload_id": str(uuid7())}
    return Target("/imports", body)


async def issue_api_key(world: World) -> Target:
    expires_at = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    body = {"name": "夜间同步", "scopes": ["catalog.read"], "expires_at": expires_at}
    return Target(f"/clients/{await application(world)}/api-keys", body)


async def revoke_api_key(world: World) -> Target:
    asked = await issue_api_key(world)
    issued = await made(world, world.admin(world.school), asked.path, asked.body)
    return Target(f"{asked.path}/{issued['id']}")


GRANTED = {"relation": "grandparent"}
TARGETS: Mapping[str, Make] = {
    "list_organisations": at("/organisations"),
    "create_organisation": create_organisation,
    "read_organisation": organisation(),
    "change_organisation": organisation("", {"name": "六年级"}),
    "move_organisation": move_organisation,
    "close_organisation": organisation("/close", {}),
    "list_organisation_changes": organisation("/history"),
    "list_audit_entries": at("/audit?organisation={school}"),
    "export_audit_entries": at("/audit/export?organisation={school}"),
    "invite_person": invite_person,
    "list_people": list_people,
    "find_duplicates": at("/people/duplicates", DUPLICATE),
    "read_person": person(),
    "change_person": person("", {"nickname": "小伟"}),
    "list_identifiers": person("/identifiers"),
    "put_identifier": person("/identifiers/staff_number", {"value": "GH-1"}),
    "remove_identifier": person("/identifiers/username"),
    "transfer_person": transfer_person,
    "suspend_person": person("/suspend"),
    "resume_person": person("/resume"),
    "leave_person": person("/leave"),
    "erase_person": person("/erase"),
    "list_memberships": person("/memberships"),
    "start_membership": start_membership,
    "read_membership": membership(),
    "change_membership": membership({"valid_until": None}),
    "end_membership": membership(),
    "list_role_grants": list_role_grants,
    "grant_role": grant_role,
    "revoke_role": revoke_role,
    "list_guardianships": list_guardianships,
    "create_guardianship": create_guardianship,
    "claim_guardianship": claim_guardianship,
    "read_guardianship": guardianship(),
    "change_guardianship": guardianship("", GRANTED),
    "end_guardianship": guardianship(),
    "verify_guardianship": guardianship("/verify"),
    "list_readings": person("/access-log"),
    "list_consents": person("/consents"),
    "give_consent": person("/consents", {"purpose": "learning-space", "version": 1}),
    "withdraw_consent": withdraw_consent,
    "publish_consent_purpose": publish_consent_purpose,
    "read_me": at("/me"),
    "request_client": request_client,
    "list_clients": at("/clients"),
    "read_client": client_(),
    "describe_client": client_("", DESCRIPTION),
    "set_client_terms": client_("/terms", TERMS),
    "retire_client": client_("/retire"),
    "decide_client": client_("/decisions/approve"),
    "list_client_secrets": client_("/secrets"),
    "add_client_secret": client_("/secrets", {}),
    "end_client_secret": end_client_secret,
    "issue_api_key": issue_api_key,
    "list_api_keys": client_("/api-keys"),
    "revoke_api_key": revoke_api_key,
    "exchange_api_key": at("/api-keys/exchange", {"key": "sy_00000000" + "a" * 44}),
    "introspect_api_key": at("/api-keys/introspect", {"key": "sy_00000000" + "a" * 44}),
    "list_revocations": at("/revocations"),
    "list_sessions": at("/sessions"),
    "end_session_of_mine": at("/sessions/{school}"),
    "issue_invitation": person("/invitations", {}),
    "upload_roster": at("/imports/uploads"),
    "start_import": start_import,
    "read_import": imported(),
    "apply_import": imported("/apply"),
    "list_import_rows": imported("/rows"),
    "roster_template": at("/roster-template?format=csv"),
    "report_import": imported("/report"),
    "export_roster": at("/rosters/{school}?format=csv"),
}


async def test_no_operation_answers_whom_its_rule_refuses(
    world: World, app: FastAPI, token: Token
) -> None:
    found = []
    for operation in operations(openapi_document(app)):
        if operation.access.get("public") or not operation.path.startswith(V1):
            continue
        target = await TARGETS[operation.id](world)
        here = target.here or world.school
        bound = operation.id not in ON_NO_ORGANISATION
        asked = sorted(cells(operation, bound=bound), key=lambda cell: cell.allowed)
        for each in asked:
            excepted = (operation.id, each.role, each.place) in EXCEPTIONS
            cell = replace(each, allowed=not each.allowed) if excepted else each
            grants = cell.grants(here.path, world.other_school.path)
            headers = {} if cell.scopes is None else token(str(uuid7()), cell.scopes, grants)
            answer = await world.client.request(
                operation.method,
                f"{V1}{target.path}",
                headers={**headers, "if-match": '"v1"'},
                json=target.body,
            )
            if wrong := cell.judge(answer.status_code):
                found.append(f"{wrong} {answer.text[:200]}")
    assert not found, "\n".join(found)


OF_A_PERSON = ("", "/identifiers", "/memberships", "/consents", "/access-log")


async def test_people_read_their_own_data_and_nobody_elses(world: World) -> None:
    one, other = await pupil(world), await pupil(world)
    for rest in OF_A_PERSON:
        for reader, status in ((one, 200), (other, 404)):
            answer = await world.client.get(
                f"{V1}/people/{one['id']}{rest}", headers=world.person(reader)
            )
            assert answer.status_code == status, (rest, answer.text)


async def test_a_verified_guardian_reads_the_childs_data_until_restricted(world: World) -> None:
    family, stranger = await link(world), await link(world)

    async def readable(reader: str) -> list[int]:
        headers = world.person({"id": reader})
        urls = [f"{V1}/people/{family['child_id']}{rest}" for rest in OF_A_PERSON]
        return [(await world.client.get(url, headers=headers)).status_code for url in urls]

    assert await readable(family["guardian_id"]) == [200] * len(OF_A_PERSON)
    assert await readable(stranger["guardian_id"]) == [404] * len(OF_A_PERSON)
    answer = await world.client.patch(
        f"{V1}/guardianships/{family['id']}",
        headers={**world.admin(world.school), "if-match": f'"v{family["version"]}"'},
        json={"restricted": True},
    )
    assert answer.status_code == 200, answer.text
    assert await readable(family["guardian_id"]) == [404] * len(OF_A_PERSON)


async def test_a_teacher_lists_the_class_of_the_role_and_no_more(world: World) -> None:
    teacher = world.as_role("teacher", world.room)
    for place, status in ((world.room, 200), (world.school, 403), (world.other_school, 403)):
        answer = await world.client.get(f"{V1}/people?organisation={place.ref}", headers=teacher)
        assert answer.status_code == status, answer.text
